//! Whether a source says what it said before, whenever that was.

use std::fmt::{self, Write as _};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use groma_connect::{Input, Takes};
use groma_model::Timestamp;

use super::Found;

/// A number for what was found: the same one, the same facts. Of a live source all is decoded for
/// it, so that a counter that runs or another order of answers makes no difference; of files their
/// names, sizes and times are looked at.
pub(crate) fn mark(found: &Found) -> u64 {
    let mut sum = 0_u64;
    let mut add = |part: u64| sum = sum.wrapping_add(part);
    for input in &found.discovered.inputs {
        match &input.recording {
            Some(recording) => {
                recording.lacks().iter().for_each(|lack| add(hash_text(lack)));
                // As of one time, so that the clock makes no difference either.
                (input.importer.decode)(input, Timestamp(0), &mut |heard| {
                    heard.observations.iter().for_each(|said| add(hash_text(said)));
                    heard.problems.iter().for_each(|problem| add(hash_text(problem)));
                });
            }
            None => files_of(input).iter().for_each(|path| add(hash_state(path))),
        }
    }
    sum
}

/// All files that an input is made of.
pub(super) fn files_of(input: &Input) -> Vec<PathBuf> {
    let mut files = input.paths.clone();
    if let Takes::FileWithOthers(others) = input.importer.takes {
        files.extend(input.paths.iter().flat_map(|path| others(path)));
    }
    files
}

/// Of a file that is not there too.
fn hash_state(path: &Path) -> u64 {
    let state = fs::metadata(path).map(|meta| (meta.len(), meta.modified().ok()));
    let mut hasher = DefaultHasher::new();
    (path, state.ok()).hash(&mut hasher);
    hasher.finish()
}

fn hash_text(thing: &dyn fmt::Debug) -> u64 {
    let mut hasher = Text(DefaultHasher::new());
    // Hashing cannot fail.
    let _ = write!(hasher, "{thing:?}");
    hasher.0.finish()
}

/// Hashes a text while it is written.
struct Text(DefaultHasher);

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
