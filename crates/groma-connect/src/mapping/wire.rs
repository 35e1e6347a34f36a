//! Cables by rule: port `i` of each leaf goes to port `j` of each spine.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use groma_model::{Observation, Problem, Raw, Timestamp};
use regex::Regex;
use serde_json::Value;

use super::template::{Field, Fields, Hole, Template};
use crate::Heard;

/// Most combinations that one rule may try.
pub(crate) const WIRES_MAX: u64 = 50_000_000;

const PORT: &str = "physical.port";

/// A rule.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) variables: Vec<(String, Variable)>,
    /// Templates that must be equal.
    pub(super) equal: Vec<(Template, Template)>,
    pub(super) a: Template,
    pub(super) b: Template,
    pub(super) attributes: Vec<(String, Raw)>,
    pub(super) make_ports: bool,
}

/// What a rule goes through.
#[derive(Debug)]
pub(super) enum Variable {
    /// Whole numbers, both ends included.
    Range(i64, i64),
    /// Entities that were mapped.
    Entities {
        kind: String,
        /// What its key must look like; groups of it are fields.
        key: Option<Regex>,
        /// Attributes that must have a value.
        wanted: Vec<(String, String)>,
        /// Attribute within whose values the ordinal counts.
        by: Option<String>,
    },
}

/// What was mapped, as far as rules ask for it.
pub(super) struct Kept {
    kinds: BTreeSet<String>,
    entities: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
}

/// One value of a variable.
struct Bound {
    key: String,
    ordinal: usize,
    fields: BTreeMap<String, String>,
}

impl Kept {
    pub(super) fn of(wires: &[Wire]) -> Kept {
        let mut kinds = BTreeSet::new();
        for wire in wires {
            kinds.insert(PORT.to_owned());
            for (_, variable) in &wire.variables {
                if let Variable::Entities { kind, .. } = variable {
                    kinds.insert(kind.clone());
                }
            }
        }
        Kept { kinds, entities: BTreeMap::new() }
    }

    pub(super) fn note(&mut self, seen: &Observation) {
        if !self.kinds.contains(&*seen.kind) {
            return;
        }
        let of_kind = self.entities.entry(seen.kind.to_string()).or_default();
        let entity = of_kind.entry(seen.key.clone()).or_default();
        if seen.kind != PORT {
            let shown = seen.attributes.iter().map(|(name, raw)| (name.to_string(), text(raw)));
            entity.extend(shown);
        }
    }
}

fn text(raw: &Raw) -> String {
    match raw {
        Raw::Text(text) => text.clone(),
        other => other.shown(),
    }
}

/// The variables of a rule with one value each.
struct Binding<'a> {
    names: &'a [(String, Variable)],
    values: Vec<&'a Bound>,
}

impl Fields for Binding<'_> {
    fn field(&self, hole: &Hole) -> Option<Cow<'_, Value>> {
        let (name, field) = hole.variable();
        let at = self.names.iter().position(|(variable, _)| variable == name)?;
        let bound = self.values.get(at)?;
        let text = match field {
            Field::Whole => bound.key.clone(),
            Field::Ordinal => bound.ordinal.to_string(),
            Field::Name(name) => bound.fields.get(name)?.clone(),
            Field::Pointer(_) => return None,
        };
        Some(Cow::Owned(Value::String(text)))
    }
}

impl Wire {
    /// Makes the cables. A port that is not there, a rule that gives none, is a problem.
    pub(super) fn apply(&self, place: &str, kept: &mut Kept, at: Timestamp, heard: &mut Heard) {
        let rule = format!("{} to {}", self.a.text(), self.b.text());
        let problem = |reason: String| Problem::new(place, &rule, reason);
        let too_many = |tries: u64| {
            problem(format!("the rule has {tries} combinations, more than {WIRES_MAX}"))
        };
        // Ranges tell without being written out.
        let ranges = product(self.variables.iter().map(|(_, variable)| variable.range_length()));
        if ranges > WIRES_MAX {
            return heard.problems.push(too_many(ranges));
        }
        let lists: Vec<Vec<Bound>> =
            self.variables.iter().map(|(_, variable)| variable.values(kept)).collect();
        let tries = product(lists.iter().map(|list| list.len() as u64));
        if tries > WIRES_MAX {
            return heard.problems.push(too_many(tries));
        }
        let mut cables = BTreeSet::new();
        let mut missing: BTreeMap<String, u64> = BTreeMap::new();
        for number in 0..tries {
            let binding = self.binding(&lists, number);
            match self.cable(&binding) {
                Ok(Some((a, b))) => drop(cables.insert(if a < b { (a, b) } else { (b, a) })),
                Ok(None) => {}
                Err(reason) => return heard.problems.push(problem(reason)),
            }
        }
        if cables.is_empty() {
            heard.problems.push(problem("the rule makes no cable".into()));
        }
        for (a, b) in cables {
            for end in [&a, &b] {
                let ports = kept.entities.entry(PORT.into()).or_default();
                if ports.contains_key(end) {
                    continue;
                }
                match end.split_once(':').filter(|_| self.make_ports) {
                    Some((device, name)) => {
                        ports.insert(end.clone(), BTreeMap::new());
                        let port = Observation::new(PORT, end.clone(), at);
                        heard.observations.push(port.with("device", device).with("name", name));
                    }
                    None => *missing.entry(end.clone()).or_default() += 1,
                }
            }
            let mut link = Observation::new("physical.link", format!("{a}--{b}"), at)
                .with("a", a)
                .with("b", b);
            let attributes =
                self.attributes.iter().map(|(n, value)| (n.clone().into(), value.clone()));
            link.attributes.extend(attributes);
            if !self.attributes.iter().any(|(name, _)| name == "evidence") {
                link = link.with("evidence", "cabling");
            }
            heard.observations.push(link);
        }
        if let Some((first, _)) = missing.first_key_value() {
            let reason = format!(
                "{} ports of its cables were not mapped, the first is {first}; say make_ports = true to make them",
                missing.len()
            );
            heard.problems.push(problem(reason));
        }
    }

    /// The combination of this number.
    fn binding<'a>(&'a self, lists: &'a [Vec<Bound>], mut number: u64) -> Binding<'a> {
        let values = lists.iter().map(|list| {
            let length = list.len() as u64;
            let value = &list[(number % length) as usize];
            number /= length;
            value
        });
        Binding { names: &self.variables, values: values.collect() }
    }

    fn cable(&self, binding: &Binding<'_>) -> Result<Option<(String, String)>, String> {
        for (left, right) in &self.equal {
            let (left, right) = (left.fill(binding)?, right.fill(binding)?);
            if left.is_none() || left != right {
                return Ok(None);
            }
        }
        Ok(match (self.a.fill(binding)?, self.b.fill(binding)?) {
            (Some(a), Some(b)) if a != b => Some((a, b)),
            _ => None,
        })
    }
}

fn product(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(1, u64::saturating_mul)
}

impl Variable {
    /// How many values a range has; 1 for entities, of which only who looks at them knows.
    fn range_length(&self) -> u64 {
        match self {
            Variable::Range(first, last) if last < first => 0,
            Variable::Range(first, last) => last.abs_diff(*first).saturating_add(1),
            Variable::Entities { .. } => 1,
        }
    }

    fn values(&self, kept: &Kept) -> Vec<Bound> {
        let (kind, key, wanted, by) = match self {
            Variable::Range(first, last) => {
                let bound = |(ordinal, number): (usize, i64)| Bound {
                    key: number.to_string(),
                    ordinal,
                    fields: BTreeMap::new(),
                };
                return (*first..=*last).enumerate().map(bound).collect();
            }
            Variable::Entities { kind, key, wanted, by } => (kind, key, wanted, by),
        };
        let Some(entities) = kept.entities.get(kind) else { return Vec::new() };
        let mut values = Vec::new();
        for (name, attributes) in entities {
            if wanted.iter().any(|(attribute, value)| attributes.get(attribute) != Some(value)) {
                continue;
            }
            let mut fields = attributes.clone();
            if let Some(regex) = key {
                let Some(captures) = regex.captures(name) else { continue };
                let names = regex.capture_names().enumerate();
                for (index, group) in names.skip(1) {
                    let name = group.map_or_else(|| index.to_string(), str::to_owned);
                    let text = captures.get(index).map_or("", |found| found.as_str());
                    fields.insert(name, text.to_owned());
                }
            }
            values.push(Bound { key: name.clone(), ordinal: 0, fields });
        }
        values.sort_by_cached_key(|bound| natural(&bound.key));
        let mut counts: HashMap<Option<String>, usize> = HashMap::new();
        for bound in &mut values {
            let group = by.as_ref().and_then(|by| bound.fields.get(by).cloned());
            let count = counts.entry(group).or_default();
            bound.ordinal = *count;
            *count += 1;
        }
        values
    }
}

/// Sorts `leaf2` before `leaf10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(digits);
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(end);
        parts.push((word.to_owned(), number.parse().unwrap_or(u64::MAX)));
        rest = after;
    }
    parts
}
