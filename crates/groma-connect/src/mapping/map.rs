//! From a row to an entity.

use std::borrow::Cow;
use std::collections::BTreeMap;

use groma_model::{Observation, Problem, Raw, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::join::Joins;
use super::rows::Row;
use super::template::{Field, Fields, Hole, Template};
use super::units;
use crate::Heard;

/// How rows of one input become entities of one kind.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) from: String,
    pub(super) kind: String,
    pub(super) key: Template,
    /// Fields with the values of which they must have one.
    pub(super) wanted: Vec<(String, Vec<Value>)>,
    /// Fields with the values of which they must have none.
    pub(super) unless: Vec<(String, Vec<Value>)>,
    /// A list in the row: one entity for each of its items, which is then the row.
    pub(super) each: Option<String>,
    pub(super) joins: Vec<Join>,
    pub(super) observed: Option<Template>,
    pub(super) valid_from: Option<Template>,
    pub(super) valid_to: Option<Template>,
    pub(super) time: TimeForm,
    pub(super) attributes: Vec<(String, Attribute)>,
}

/// Rows of another input that belong to a row.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) name: String,
    pub(super) input: String,
    pub(super) key: Template,
    pub(super) equals: Template,
    pub(super) wanted: Vec<(String, Vec<Value>)>,
    pub(super) take: Take,
}

/// What is done with several rows that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Take {
    /// There must be one at most.
    #[default]
    One,
    /// An entity for each of them; none if there is none.
    Each,
    /// Their fields are lists.
    List,
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimeForm {
    /// `2026-11-20T10:00:00Z`.
    #[default]
    Iso,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMillis,
}

/// Where the value of an attribute comes from.
#[derive(Debug)]
pub(super) enum Attribute {
    Constant(Raw),
    From {
        from: Template,
        /// What stands between the items of a list.
        split: Option<String>,
        /// What each word means; others are a problem, but for `otherwise`.
        values: Option<BTreeMap<String, Raw>>,
        otherwise: Option<Raw>,
        /// Words that say that there is no value.
        absent: Vec<String>,
        scale: Option<f64>,
        time: Option<TimeForm>,
    },
}

impl Attribute {
    pub(super) fn of(from: Template) -> Attribute {
        let (split, values, otherwise, scale, time) = (None, None, None, None, None);
        Attribute::From { from, split, values, otherwise, absent: Vec::new(), scale, time }
    }
}

/// A row with what was joined to it.
struct Joined<'a> {
    row: &'a Value,
    /// The rows of each join; `One` and `Each` have one at most.
    joined: Vec<(&'a Join, Vec<&'a Value>)>,
}

impl Fields for Joined<'_> {
    fn field(&self, hole: &Hole) -> Option<Cow<'_, Value>> {
        let Some(scope) = &hole.scope else {
            return field(self.row, &hole.field).map(Cow::Borrowed);
        };
        let (join, rows) = self.joined.iter().find(|(join, _)| join.name == *scope)?;
        if join.take != Take::List {
            return field(rows.first()?, &hole.field).map(Cow::Borrowed);
        }
        let items = rows.iter().filter_map(|row| field(row, &hole.field)).cloned();
        Some(Cow::Owned(Value::Array(items.collect())))
    }
}

/// A field of a row; a name may also be a JSON pointer.
pub(super) fn field<'a>(row: &'a Value, field: &Field) -> Option<&'a Value> {
    match field {
        Field::Name(name) => row.get(name),
        Field::Pointer(pointer) => row.pointer(pointer),
        Field::Whole | Field::Ordinal => None,
    }
}

/// Whether each field has one of its values; numbers and truths are also compared as texts.
pub(super) fn fits(row: &Value, wanted: &[(String, Vec<Value>)]) -> bool {
    wanted.iter().all(|(name, values)| has_one_of(row, name, values))
}

fn has_one_of(row: &Value, name: &str, values: &[Value]) -> bool {
    let found = if name.starts_with('/') { row.pointer(name) } else { row.get(name) };
    let text = |value: &Value| match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let found = found.map_or(String::new(), text);
    values.iter().any(|value| text(value) == found)
}

impl Map {
    /// Adds what a row says. What does not fit is a problem of the row.
    pub(super) fn apply(
        &self,
        row: &Row<'_>,
        joins: &Joins,
        observed: Timestamp,
        heard: &mut Heard,
    ) {
        if !fits(&row.value, &self.wanted)
            || self.unless.iter().any(|(name, values)| has_one_of(&row.value, name, values))
        {
            return;
        }
        let items = match &self.each {
            None => std::slice::from_ref(&row.value),
            Some(pointer) => match row.value.pointer(pointer) {
                Some(Value::Array(items)) => items.as_slice(),
                None | Some(Value::Null) => &[],
                Some(_) => {
                    return heard.problems.push(row.problem(format!("{pointer} is no list")));
                }
            },
        };
        for item in items {
            if let Err(reason) = self.apply_item(row, item, joins, observed, heard) {
                heard.problems.push(row.problem(format!("{}: {reason}", self.kind)));
            }
        }
    }

    fn apply_item(
        &self,
        row: &Row<'_>,
        item: &Value,
        joins: &Joins,
        observed: Timestamp,
        heard: &mut Heard,
    ) -> Result<(), String> {
        let mut variants = vec![Joined { row: item, joined: Vec::new() }];
        for join in &self.joins {
            let alone = Joined { row: item, joined: Vec::new() };
            let key = join.equals.fill(&alone)?;
            let found = key.map_or(Vec::new(), |key| joins.find(join, &key).collect());
            match join.take {
                Take::One if found.len() > 1 => {
                    return Err(format!("{} rows match the join {}", found.len(), join.name));
                }
                Take::One | Take::List => {
                    variants.iter_mut().for_each(|v| v.joined.push((join, found.clone())));
                }
                Take::Each => {
                    variants = (variants.iter())
                        .flat_map(|variant| found.iter().map(move |row| (variant, *row)))
                        .map(|(variant, row)| {
                            let mut joined = variant.joined.clone();
                            joined.push((join, vec![row]));
                            Joined { row: variant.row, joined }
                        })
                        .collect();
                }
            }
        }
        for fields in variants {
            let observation = self.observe(&fields, observed, row, &mut heard.problems)?;
            heard.observations.push(observation);
        }
        Ok(())
    }

    /// An attribute that cannot be read is a problem and left out; without a key there is no entity.
    fn observe(
        &self,
        fields: &Joined<'_>,
        observed: Timestamp,
        row: &Row<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<Observation, String> {
        let key = self.key.fill(fields)?;
        let key =
            key.ok_or_else(|| format!("a part of the key \"{}\" is empty", self.key.text()))?;
        let mut observation = Observation::new(self.kind.clone(), key, observed);
        let time = |template: &Option<Template>| match template {
            None => Ok(None),
            Some(template) => template.value(fields)?.map(|raw| self.time.read(&raw)).transpose(),
        };
        observation.observed_at = time(&self.observed)?.unwrap_or(observed);
        observation.valid.from = time(&self.valid_from)?.unwrap_or(Timestamp::MIN);
        observation.valid.to = time(&self.valid_to)?.unwrap_or(Timestamp::MAX);
        if observation.valid.to <= observation.valid.from {
            return Err("valid_to is not after valid_from".into());
        }
        for (name, attribute) in &self.attributes {
            match attribute.read(fields) {
                Ok(Some(value)) => observation.attributes.push((name.clone().into(), value)),
                Ok(None) => {}
                Err(reason) => {
                    problems.push(row.problem(format!("{}.{name}: {reason}", self.kind)))
                }
            }
        }
        Ok(observation)
    }
}

impl Attribute {
    fn read(&self, fields: &dyn Fields) -> Result<Option<Raw>, String> {
        let (from, split, values, otherwise, absent, scale, time) = match self {
            Attribute::Constant(value) => return Ok(Some(value.clone())),
            Attribute::From { from, split, values, otherwise, absent, scale, time } => {
                (from, split, values, otherwise, absent, scale, time)
            }
        };
        let Some(value) = from.value(fields)? else { return Ok(otherwise.clone()) };
        let value = match (split, value) {
            (Some(mark), Raw::Text(text)) => {
                let items =
                    text.split(mark.as_str()).map(str::trim).filter(|item| !item.is_empty());
                Raw::List(items.map(Raw::from).collect())
            }
            (_, value) => value,
        };
        each(value, &|value| {
            let text = text_of(&value);
            if text.as_ref().is_some_and(|text| absent.contains(text)) {
                return Ok(Raw::Absent);
            }
            if let Some(values) = values {
                let shown = text.unwrap_or_default();
                return values.get(&shown).or(otherwise.as_ref()).cloned().ok_or_else(|| {
                    let known = values.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                    format!("\"{shown}\" is none of {known}")
                });
            }
            match (scale, time) {
                (Some(scale), _) => scaled(&text.unwrap_or_default(), *scale),
                (None, Some(form)) => form.read(&value).map(|time| Raw::Integer(time.0)),
                (None, None) => Ok(value),
            }
        })
        .map(Some)
    }
}

/// Applies to the value, or to each item of a list.
fn each(value: Raw, change: &dyn Fn(Raw) -> Result<Raw, String>) -> Result<Raw, String> {
    match value {
        Raw::List(items) => items
            .into_iter()
            .map(|item| each(item, change))
            .collect::<Result<_, _>>()
            .map(Raw::List),
        value => change(value),
    }
}

fn text_of(value: &Raw) -> Option<String> {
    match value {
        Raw::Text(text) => Some(text.clone()),
        Raw::Integer(number) => Some(number.to_string()),
        Raw::Float(number) => Some(number.to_string()),
        Raw::Boolean(truth) => Some(truth.to_string()),
        Raw::Absent | Raw::List(_) => None,
    }
}

fn scaled(text: &str, scale: f64) -> Result<Raw, String> {
    let number = units::read(text, scale)
        .ok_or_else(|| format!("\"{text}\" is no number with a unit that is known"))?;
    let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
    Ok(if is_whole { Raw::Integer(number as i64) } else { Raw::Float(number) })
}

impl TimeForm {
    fn read(self, value: &Raw) -> Result<Timestamp, String> {
        let text = text_of(value).unwrap_or_default();
        let per_second = match self {
            TimeForm::Iso => return Timestamp::parse(&text).map_err(|error| error.to_string()),
            TimeForm::Unix => 1e9,
            TimeForm::UnixMillis => 1e6,
        };
        // A whole number keeps all its digits.
        let whole = text.parse::<i64>().ok().and_then(|n| n.checked_mul(per_second as i64));
        let real = || text.parse::<f64>().ok().map(|n| n * per_second).filter(|n| n.abs() < 9.2e18);
        whole
            .or_else(|| real().map(|nanos| nanos as i64))
            .map(Timestamp)
            .ok_or_else(|| format!("\"{text}\" is no time in this form"))
    }
}
