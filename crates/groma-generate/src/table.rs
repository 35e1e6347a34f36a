//! Groma's plain CSV: one file per kind, one row per observation.
//!
//! `id`, the attributes that occur, in the order of the schema, and `valid_from`, `valid_to` where
//! something holds for a time only. An empty cell says nothing; a list is joined by commas.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use groma_model::{Interval, Kind, Observation, Raw, Schema, Timestamp};

use crate::GenerateError;

/// Writes `folder/<kind>.csv` for every kind that occurs.
pub(crate) fn write(observations: &[Observation], folder: &Path) -> Result<(), GenerateError> {
    fs::create_dir_all(folder).map_err(GenerateError::writing(folder))?;
    let schema = Schema::builtin();
    let mut by_kind: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        by_kind.entry(&observation.kind).or_default().push(observation);
    }
    for (name, observations) in by_kind {
        let Some(kind) = schema.find(name) else { continue };
        let path = folder.join(format!("{name}.csv"));
        write_kind(kind, &observations, &path)
            .map_err(|error| GenerateError::Write { path: path.clone(), source: error.into() })?;
    }
    Ok(())
}

fn write_kind(kind: &Kind, observations: &[&Observation], path: &Path) -> Result<(), csv::Error> {
    let says = |name: &str| {
        observations.iter().any(|one| one.attributes.iter().any(|(said, _)| said == name))
    };
    let columns: Vec<&str> = (kind.attributes.iter().map(|attribute| &*attribute.name))
        .filter(|name| says(name))
        .collect();
    let for_a_time = observations.iter().any(|one| one.valid != Interval::ALWAYS);
    let mut out = csv::Writer::from_path(path)?;
    let mut row: Vec<String> = vec!["id".into()];
    row.extend(columns.iter().map(|name| name.to_string()));
    if for_a_time {
        row.extend(["valid_from".into(), "valid_to".into()]);
    }
    out.write_record(&row)?;
    for one in observations {
        row.clear();
        row.push(one.key.clone());
        for column in &columns {
            let said = one.attributes.iter().find(|(name, _)| name == column);
            row.push(said.map_or_else(String::new, |(_, value)| text(value)));
        }
        if for_a_time {
            row.push(edge(one.valid.from, Timestamp::MIN));
            row.push(edge(one.valid.to, Timestamp::MAX));
        }
        out.write_record(&row)?;
    }
    out.flush()?;
    Ok(())
}

fn edge(time: Timestamp, unbounded: Timestamp) -> String {
    if time == unbounded { String::new() } else { time.to_string() }
}

fn text(value: &Raw) -> String {
    match value {
        Raw::Absent => String::new(),
        Raw::Text(text) => text.clone(),
        Raw::Integer(number) => number.to_string(),
        Raw::Float(number) => number.to_string(),
        Raw::Boolean(truth) => truth.to_string(),
        Raw::List(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
    }
}
