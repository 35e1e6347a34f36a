//! Any table to kinds, through a mapping file that says how.
//!
//! **Hears** CSV, JSON, JSON lines, YAML and Parquet: whatever an inventory, a script or a database exports. The mapping
//! is a TOML file beside them; `groma import mapping.toml` reads it and the files it names. `docs/sources.md` is the
//! manual, `examples/mapping/` the one to copy.
//!
//! ```text
//! mapping.toml --config.rs--> inputs --rows.rs--> rows --map.rs + template.rs--> observations
//!                                                          \--wire.rs (rules between what was mapped)--> cables
//! ```
//!
//! **Needs** nothing but the files. A wrong mapping is a problem that says where and what would be right, and then
//! nothing is read; a row that does not fit is a problem, and the others are read.
//! **Cannot know** what the columns mean beyond what the mapping says; kinds of a site are checked by the store.
//! **Bounds**: files of JSON and YAML up to [`FILE_SIZE_MAX`](crate::whole::FILE_SIZE_MAX); [`join::JOINED_ROWS_MAX`] rows
//! of an input that others join; [`wire::WIRES_MAX`] cables tried by a rule.

mod config;
mod join;
mod map;
mod rows;
mod template;
mod units;
mod wire;

use std::path::{Path, PathBuf};

use groma_model::{Problem, Timestamp};

use crate::{BATCH_LENGTH, Heard, Importer, Input, Takes, whole};
use config::Mapping;

/// Reads mapping files and what they name.
pub(crate) static IMPORTER: Importer = Importer {
    name: "mapping",
    doc: "CSV, JSON, JSON lines, YAML or Parquet, through a TOML file that says which column is what.",
    takes: Takes::FileWithOthers(named_files),
    recognises: |path, first| {
        path.extension().is_some_and(|extension| extension == "toml")
            && String::from_utf8_lossy(first).lines().any(|line| line.trim() == "[[input]]")
    },
    decode,
};

/// The files that a mapping names, as far as it can be read.
fn named_files(path: &Path) -> Vec<PathBuf> {
    let Ok(bytes) = whole::read(path) else { return Vec::new() };
    let Ok(mapping) = Mapping::parse(&String::from_utf8_lossy(&bytes)) else { return Vec::new() };
    mapping.inputs.iter().flat_map(|input| rows::files(path, &input.file)).collect()
}

fn decode(input: &Input, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    for path in &input.paths {
        let place = path.display().to_string();
        let text = match whole::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(problem) => return sink(problem.into()),
        };
        match Mapping::parse(&text) {
            Ok(mapping) => read(path, &mapping, observed_at, sink),
            Err(errors) => {
                let problems = errors.into_iter().map(|error| {
                    let place = error.line.map_or(place.clone(), |line| format!("{place}:{line}"));
                    Problem::new(place, &error.text, error.reason)
                });
                sink(Heard { problems: problems.collect(), ..Heard::default() });
            }
        }
    }
}

/// Reads each input once; those that are joined first.
fn read(path: &Path, mapping: &Mapping, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut heard = Heard::default();
    let joins = join::index(path, mapping, join::JOINED_ROWS_MAX, &mut heard.problems);
    let mut kept = wire::Kept::of(&mapping.wires);
    for input in &mapping.inputs {
        let maps: Vec<_> = mapping.maps.iter().filter(|map| map.from == input.name).collect();
        if maps.is_empty() {
            continue;
        }
        rows::each(path, input, &mut |row| {
            match row {
                Err(problem) => heard.problems.push(problem),
                Ok(row) => {
                    for map in &maps {
                        let start = heard.observations.len();
                        map.apply(&row, &joins, observed_at, &mut heard);
                        heard.observations[start..].iter().for_each(|seen| kept.note(seen));
                    }
                }
            }
            if heard.observations.len() >= BATCH_LENGTH || heard.problems.len() >= BATCH_LENGTH {
                sink(std::mem::take(&mut heard));
            }
        });
    }
    for wire in &mapping.wires {
        wire.apply(&path.display().to_string(), &mut kept, observed_at, &mut heard);
    }
    sink(heard);
}
