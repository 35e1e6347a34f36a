//! Stories in SQL: `tests/slt/**/*.slt`. `GROMA_UPDATE=1` fills in the answers; people read the diff.
//!
//! A file starts with a `WORLD` statement: one line per entity (`kind id attribute=value ...`) or per
//! message (`message time process send|receive peer id=.. tx=.. [parent=..] [bytes=..] ...`).
//! `connection NAME` enters the database of that name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod deep;
mod dice;
mod handover;
mod manual;
mod suspended;
mod what_if;
mod world;
mod written;

use std::path::PathBuf;

use sqllogictest::{DBOutput, DefaultColumnType, Runner, default_validator};

use world::{Asker, WorldHandle};

#[test]
fn sql_stories() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slt"));
    let mut files = Vec::new();
    collect(&folder, &mut files);
    assert!(!files.is_empty(), "there are stories");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut failures = Vec::new();
    for file in files {
        let world = WorldHandle::new();
        let mut runner = Runner::new(move || {
            let world = world.clone();
            async move { Ok(Asker::new(world)) }
        });
        let outcome = if std::env::var_os("GROMA_UPDATE").is_some() {
            runtime
                .block_on(runner.update_test_file(
                    &file,
                    " ",
                    default_validator,
                    sqllogictest::default_normalizer,
                    sqllogictest::default_column_validator,
                ))
                .map_err(|error| error.to_string())
        } else {
            runtime
                .block_on(runner.run_file_async(&file))
                .map_err(|error| error.display(false).to_string())
        };
        if let Err(error) = outcome {
            failures.push(format!("{}\n{error}", file.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn collect(folder: &std::path::Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            files.push(path);
        }
    }
}

pub(crate) type Answer = DBOutput<DefaultColumnType>;
