//! Rules, as attributes and `[[rule]]` state them.

use toml::Spanned;

use super::super::file::{AttributeText, RuleText};
use super::{File, Reader, Wrong, attribute_names, unknown};
use crate::{AttributeIndex, Bounds, Demand, Kind, KindId, Raw, Rule, Value, ValueType};

/// What is demanded, as it is written.
struct Demands {
    required: bool,
    unique: bool,
    targets: (Option<u64>, Option<u64>),
    referrers: (Option<u64>, Option<u64>),
}

impl Demands {
    fn each(&self) -> Result<Vec<Demand>, Wrong> {
        let mut demands = Vec::new();
        demands.extend(self.required.then_some(Demand::Required));
        demands.extend(self.unique.then_some(Demand::Unique));
        demands.extend(bounds(self.targets)?.map(Demand::Targets));
        demands.extend(bounds(self.referrers)?.map(Demand::Referrers));
        Ok(demands)
    }
}

fn bounds((least, most): (Option<u64>, Option<u64>)) -> Result<Option<Bounds>, Wrong> {
    if least.is_none() && most.is_none() {
        return Ok(None);
    }
    let bounds = Bounds { at_least: least.unwrap_or(0), at_most: most.unwrap_or(u64::MAX) };
    if bounds.at_most < bounds.at_least {
        let Bounds { at_least, at_most } = bounds;
        return Err(format!("at least {at_least} and at most {at_most} cannot both be").into());
    }
    Ok(Some(bounds))
}

impl Reader {
    /// The rules that an attribute states itself; it is the last of its kind.
    pub(super) fn attribute_rules(&mut self, file: &File<'_>, id: KindId, text: &AttributeText) {
        let demands = Demands {
            required: text.required,
            unique: text.unique,
            targets: (text.at_least, text.at_most),
            referrers: (text.referrers_at_least, text.referrers_at_most),
        };
        let kind = self.schema.kind(id);
        let (name, attribute) = (kind.name.to_string(), kind.attributes.len() - 1);
        let rules = demands.each().and_then(|demands| {
            let rule = |demand| Rule {
                kind: id,
                attributes: vec![attribute],
                demand,
                unless: Vec::new(),
                reason: None,
                origin: file.origin.clone(),
            };
            let rules: Vec<_> = demands.into_iter().map(rule).collect();
            rules.iter().try_for_each(|rule| fits(rule, kind))?;
            Ok(rules)
        });
        match rules {
            Ok(rules) => self.schema.rules.extend(rules),
            Err(wrong) => self.wrong(file, &text.name, &name, Some(text.name.get_ref()), wrong),
        }
    }

    /// A `[[rule]]`.
    pub(super) fn rule(&mut self, file: &File<'_>, text: &RuleText) {
        match self.read_rule(file, text) {
            Ok(rule) => self.schema.rules.push(rule),
            Err((attribute, wrong)) => {
                let at: &Spanned<String> = &text.kind;
                self.wrong(file, at, at.get_ref(), attribute.as_deref(), wrong);
            }
        }
    }

    fn read_rule(&self, file: &File<'_>, text: &RuleText) -> Result<Rule, (Option<String>, Wrong)> {
        let Some(kind) = self.schema.find(text.kind.get_ref()) else {
            return Err((None, unknown("kind", text.kind.get_ref(), self.kind_names(), false)));
        };
        let place = |name: &String| match kind.attribute(name) {
            Some(place) => Ok(place),
            None => {
                let wrong = unknown("attribute", name, attribute_names(kind), true);
                Err((Some(name.clone()), wrong))
            }
        };
        let attributes: Vec<AttributeIndex> =
            text.attributes.iter().map(place).collect::<Result<_, _>>()?;
        let mut unless = Vec::new();
        for (name, value) in &text.unless {
            let place = place(name)?;
            let value = Value::read(&raw(value), &kind.attributes[place], &self.schema)
                .map_err(|error| (Some(name.clone()), format!("unless {error}").into()))?;
            unless.extend(value.map(|value| (place, value)));
        }
        let demands = Demands {
            required: text.required,
            unique: text.unique,
            targets: (text.at_least, text.at_most),
            referrers: (text.referrers_at_least, text.referrers_at_most),
        };
        let demands = demands.each().map_err(|wrong| (None, wrong))?;
        let ([demand], false) = (demands.as_slice(), attributes.is_empty()) else {
            let hint = "Write attributes = [...] and one of required = true, unique = true, at_least or at_most, referrers_at_least or referrers_at_most.";
            let reason = "a rule demands one thing of some attributes".into();
            return Err((None, Wrong { reason, hint: Some(hint.into()) }));
        };
        let rule = Rule {
            kind: kind.id,
            attributes,
            demand: *demand,
            unless,
            reason: text.reason.as_deref().map(Into::into),
            origin: file.origin.clone(),
        };
        fits(&rule, kind).map_err(|wrong| (None, wrong))?;
        Ok(rule)
    }
}

/// Whether the attributes are of types of which this can be demanded.
fn fits(rule: &Rule, kind: &Kind) -> Result<(), Wrong> {
    for attribute in rule.attributes.iter().map(|place| &kind.attributes[*place]) {
        let (fits, wanted) = match rule.demand {
            Demand::Required | Demand::Unique => (true, ""),
            Demand::Targets(_) => {
                let list = matches!(
                    attribute.of,
                    ValueType::References(_) | ValueType::Texts | ValueType::Integers
                );
                (list, "at_least and at_most belong to a list")
            }
            Demand::Referrers(_) => {
                (!attribute.of.targets().is_empty(), "only a reference makes referrers")
            }
        };
        if !fits {
            return Err(format!("{wanted}, and {} is none", attribute.name).into());
        }
    }
    Ok(())
}

/// A value of a schema file as a source would say it.
fn raw(value: &toml::Value) -> Raw {
    match value {
        toml::Value::String(text) => Raw::Text(text.clone()),
        toml::Value::Integer(number) => Raw::Integer(*number),
        toml::Value::Float(number) => Raw::Float(*number),
        toml::Value::Boolean(truth) => Raw::Boolean(*truth),
        toml::Value::Array(items) => Raw::List(items.iter().map(raw).collect()),
        toml::Value::Datetime(time) => Raw::Text(time.to_string()),
        // Nothing reads as a table.
        toml::Value::Table(_) => Raw::List(vec![Raw::Absent]),
    }
}
