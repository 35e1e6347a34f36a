//! From what a source said in its own words to changes of the model.

use std::collections::HashMap;
use std::sync::Arc;

use groma_model::{EntityRef, Fact, Observation, Problem, Schema, Source, Timestamp, Value};

use crate::Change;

/// Reads observations of one source against the schema. What does not fit becomes a problem whose
/// place is the entity; the rest of the observation is kept. Cost: linear.
pub fn identify(
    schema: &Schema,
    source: &Source,
    observations: &[Observation],
    heard_at: Timestamp,
) -> (Vec<Change>, Vec<Problem>) {
    let mut changes = Vec::with_capacity(observations.len() * 4);
    let mut problems = Vec::new();
    let mut keys: HashMap<&str, Arc<str>> = HashMap::new();
    for observation in observations {
        let place = || format!("{} {}", observation.kind, observation.key);
        let Some(kind) = schema.find(&observation.kind) else {
            problems.push(Problem::new(
                place(),
                &observation.kind,
                "there is no kind of this name",
            ));
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
                problems.push(Problem::new(
                    place(),
                    name,
                    format!("{kind} has no attribute of this name"),
                ));
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
    (changes, problems)
}
