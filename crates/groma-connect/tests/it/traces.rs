//! Hearing traces: the bytes of a file in, messages and problems out.

#![allow(clippy::unwrap_used, reason = "what cannot be had fails the test")]

mod laws;
mod message_log;
mod spans;
mod whole_files;

use std::path::{Path, PathBuf};

use groma_connect::{Heard, discover};
use groma_model::{Observation, Timestamp};
use groma_trace::{Direction, MessageBatch, MessageRecord, Reconstruction, reconstruct};

/// All that is heard from a file or folder.
fn hear(path: &Path) -> Heard {
    let discovered = discover(path).unwrap();
    let mut all = Heard { problems: discovered.problems, ..Heard::default() };
    for input in discovered.inputs {
        input.decode(Timestamp(7), &mut |heard| {
            all.observations.extend(heard.observations);
            all.messages.extend(heard.messages);
            all.problems.extend(heard.problems);
        });
    }
    all
}

/// What is heard from files of one folder.
fn hear_files(files: &[(&str, &[u8])]) -> Heard {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let mut heard = hear(folder.path());
    let prefix = format!("{}/", folder.path().display());
    for problem in &mut heard.problems {
        problem.place = problem.place.replace(&prefix, "");
    }
    heard
}

fn hear_bytes(bytes: impl AsRef<[u8]>) -> Heard {
    hear_files(&[("file", bytes.as_ref())])
}

/// `place: reason` of each problem.
fn problems(heard: &Heard) -> Vec<String> {
    heard.problems.iter().map(|it| format!("{}: {}", it.place, it.reason)).collect()
}

fn of_transaction(heard: &Heard, transaction: u64) -> Vec<&MessageRecord> {
    heard.messages.iter().filter(|it| it.transaction == transaction).collect()
}

/// `process > peer` for what was sent, `process < peer` for what was received, `!` behind a reply.
fn arrow(record: &MessageRecord) -> String {
    let arrow = if record.direction == Direction::Send { '>' } else { '<' };
    let reply = if record.reply { "!" } else { "" };
    format!("{} {arrow} {}{reply}", record.process, record.peer)
}

fn arrows(records: &[&MessageRecord]) -> Vec<String> {
    records.iter().map(|record| arrow(record)).collect()
}

fn entity<'a>(heard: &'a Heard, kind: &str, key: &str) -> Vec<&'a Observation> {
    heard.observations.iter().filter(|it| it.kind == kind && it.key == key).collect()
}

fn reconstructed(messages: &[MessageRecord]) -> Reconstruction {
    let mut batch = MessageBatch::default();
    for message in messages {
        batch.push(message);
    }
    reconstruct(&[batch], &[])
}

/// A file of the shared data, if it is there.
fn shared(path: &str) -> Option<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/traces");
    let path = Path::new(folder).join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}
