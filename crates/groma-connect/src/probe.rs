//! What `groma probe --json` prints: one window of one machine per line.
//!
//! Hears how parallel measured programs are, their locks, processes and hosts, as `capacity_record` does
//! from a probe that reports by itself; `--source probe@HOST` continues what such a probe has said. Needs
//! the file. Programs keep their names within a file. It cannot end what is gone: a lock that is no
//! longer there stays until a probe reports by itself.

use std::path::Path;

use groma_capacity::report::{self, Names};
use groma_model::{Problem, Timestamp};

use crate::lines::{self, Line, Lines};
use crate::{BATCH_LENGTH, Heard, Importer, Input, Takes};

pub(crate) static IMPORTER: Importer = Importer {
    name: "probe",
    doc: "What `groma probe --json` measured, as JSON lines.",
    takes: Takes::File,
    recognises,
    decode,
};

fn recognises(_: &Path, first: &[u8]) -> bool {
    let text = String::from_utf8_lossy(first);
    let line = text.trim_start_matches('\u{feff}').trim_start().lines().next().unwrap_or_default();
    line.starts_with('{') && ["\"at\"", "\"processes\""].iter().all(|key| line.contains(key))
}

fn decode(input: &Input, _: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut names = Names::default();
    let mut heard = Heard::default();
    for path in &input.paths {
        match lines::open(path) {
            Ok(mut lines) => {
                while let Some(part) = next_window(&mut lines, &mut names) {
                    heard.observations.extend(part.observations);
                    heard.problems.extend(part.problems);
                    if heard.observations.len() + heard.problems.len() >= BATCH_LENGTH {
                        sink(std::mem::take(&mut heard));
                    }
                }
            }
            Err(problem) => heard.problems.push(problem),
        }
    }
    sink(heard);
}

/// What the next line says; `None`: there is none.
fn next_window<R: std::io::BufRead>(lines: &mut Lines<R>, names: &mut Names) -> Option<Heard> {
    let Line { number, text } = lines.next_line()?;
    let text = match text {
        Ok(text) => text.trim_start_matches('\u{feff}').trim().to_owned(),
        Err(problem) => return Some(problem.into()),
    };
    if text.is_empty() {
        return Some(Heard::default());
    }
    let read = report::read(&text).and_then(|window| report::facts(&window, names));
    Some(match read {
        Ok(observations) => Heard { observations, ..Heard::default() },
        Err(error) => Problem::new(lines.place(number), &text, error.to_string()).into(),
    })
}
