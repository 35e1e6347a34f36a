//! From what a source said in its own words to changes of the model.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use groma_model::{
    EntityRef, Fact, Observation, Problem, Schema, Source, Timestamp, Value, nearest,
};

use crate::Change;

/// Reads observations of one source against the schema. What does not fit becomes a problem whose
/// place is the entity; the rest of the observation is kept. A kind or attribute that there is not is
/// one problem, however many entities speak of it. Cost: linear.
pub fn identify(
    schema: &Schema,
    source: &Source,
    observations: &[Observation],
    heard_at: Timestamp,
) -> (Vec<Change>, Vec<Problem>) {
    let mut changes = Vec::with_capacity(observations.len() * 4);
    let mut problems = Vec::new();
    let mut unknown: BTreeMap<(&str, &str), Unknown> = BTreeMap::new();
    let mut keys: HashMap<&str, Arc<str>> = HashMap::new();
    for observation in observations {
        let place = || format!("{} {}", observation.kind, observation.key);
        let Some(kind) = schema.find(&observation.kind) else {
            let names = schema.kinds().iter().map(|kind| &*kind.name);
            let reason = || meant("there is no kind of this name".into(), &observation.kind, names);
            Unknown::note(&mut unknown, (&observation.kind, ""), place, reason);
            continue;
        };
        if observation.key.trim().is_empty() {
            problems.push(Problem::new(place(), "", "an entity needs an id"));
            continue;
        }
        let key = keys.entry(&observation.key).or_insert_with(|| observation.key.as_str().into());
        let entity = EntityRef { kind: kind.id, key: Arc::clone(key) };
        changes.push(Change::Exists { entity: entity.clone() });
        for (name, raw) in &observation.attributes {
            let Some(attribute) = kind.attribute(name) else {
                let names = kind.attributes.iter().map(|attribute| &*attribute.name);
                let reason = || meant(format!("{kind} has no attribute of this name"), name, names);
                Unknown::note(&mut unknown, (&kind.name, name), place, reason);
                continue;
            };
            match Value::read(raw, &kind.attributes[attribute], schema) {
                Ok(value) => {
                    let fact = Fact {
                        value,
                        source: Arc::clone(source),
                        observed_at: observation.observed_at,
                        heard_at,
                        valid: observation.valid,
                    };
                    changes.push(Change::Assert { entity: entity.clone(), attribute, fact });
                }
                Err(error) => problems.push(Problem::new(place(), &raw.shown(), error.to_string())),
            }
        }
    }
    problems.extend(unknown.into_iter().map(Unknown::problem));
    (changes, problems)
}

/// A name that the schema does not have: where it was first heard, and how often.
struct Unknown {
    place: String,
    reason: String,
    count: u64,
}

impl Unknown {
    fn note<'a>(
        unknown: &mut BTreeMap<(&'a str, &'a str), Unknown>,
        name: (&'a str, &'a str),
        place: impl Fn() -> String,
        reason: impl FnOnce() -> String,
    ) {
        let new = || Unknown { place: place(), reason: reason(), count: 0 };
        unknown.entry(name).or_insert_with(new).count += 1;
    }

    fn problem(((kind, attribute), unknown): ((&str, &str), Unknown)) -> Problem {
        let Unknown { place, mut reason, count } = unknown;
        if 1 < count {
            reason.push_str(&format!("; {} more speak of it", count - 1));
        }
        Problem::new(place, if attribute.is_empty() { kind } else { attribute }, reason)
    }
}

fn meant<'a>(reason: String, name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, names) {
        Some(meant) => format!("{reason}; was {meant} meant?"),
        None => reason,
    }
}
