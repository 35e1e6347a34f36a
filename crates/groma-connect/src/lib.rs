//! How we hear: one file per outside system.
//!
//! ```text
//! a file or a folder --discover--> inputs, each with the importer that knows its form
//! a name of a live source --open, fetch--> the same (see [`live`])
//! input --decode--> Heard (facts, messages, problems), a batch at a time
//! ```
//!
//! To add an importer: one file with a `pub(crate) static IMPORTER`, and its line in [`TOPOLOGY`] or [`TRACES`].
//! Decoding never fails as a whole. What cannot be read becomes a [`Problem`] and the rest goes on;
//! memory is bounded by [`lines::LINE_LENGTH_MAX`] for lines and by [`whole::FILE_SIZE_MAX`] for files
//! that make sense only as a whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use groma_model::{Decoded, Observation, Problem, Timestamp};
use groma_trace::MessageRecord;

pub mod lines;
pub mod live;
pub mod traces;
pub mod whole;

mod ansible;
mod batfish;
mod cables;
mod cabling_csv;
mod csv_lines;
mod discover;
mod etc_hosts;
mod graphviz;
mod host_name;
mod interface_name;
mod kind_csv;
mod machine;
mod mapping;
pub mod netbox;
mod probe;
mod site_schema;
mod snmp;
mod suzieq;

pub use discover::{DiscoverError, Discovered, discover};
pub use kind_csv::{KindRow, Said, write_kind_csv};
use live::Recording;

/// Importers of what the data center consists of, in the order in which they are asked.
pub static TOPOLOGY: &[&Importer] = &[
    &kind_csv::IMPORTER,
    &cabling_csv::IMPORTER,
    &suzieq::IMPORTER,
    &machine::IMPORTER,
    &probe::IMPORTER,
    &mapping::IMPORTER,
    &site_schema::IMPORTER,
    &netbox::IMPORTER,
    &snmp::IMPORTER,
    &batfish::IMPORTER,
    &graphviz::IMPORTER,
    &ansible::IMPORTER,
    &etc_hosts::IMPORTER,
];

/// Importers of messages and spans, in the order in which they are asked, after [`TOPOLOGY`].
pub static TRACES: &[&Importer] = &[
    &traces::message_log_parquet::IMPORTER,
    &traces::message_log_json::IMPORTER,
    &traces::message_log_csv::IMPORTER,
    &traces::nezha::IMPORTER,
    &traces::otlp_json::IMPORTER,
    &traces::zipkin::IMPORTER,
];

/// All importers.
pub fn importers() -> impl Iterator<Item = &'static Importer> {
    TOPOLOGY.iter().chain(TRACES).copied()
}

/// Something that reads one form of input.
pub struct Importer {
    /// Short name, lower case; the first part of a source's name.
    pub name: &'static str,
    /// One sentence for the manual.
    pub doc: &'static str,
    /// Which files make one input.
    pub takes: Takes,
    /// Whether a file is of this form, from its path and its first [`FIRST_BYTES_MAX`] bytes.
    pub recognises: fn(&Path, &[u8]) -> bool,
    /// Reads an input and gives what it heard, batch by batch. The time is that of the observation
    /// where the input itself does not say when it was made.
    pub decode: fn(&Input, Timestamp, &mut dyn FnMut(Heard)),
}

/// Which files make one input.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// Each file for itself.
    File,
    /// All files of this form in one folder together, since they only make sense together.
    Folder,
    /// A file that names others, which are then not looked at for themselves. Gives those that it names.
    FileWithOthers(fn(&Path) -> Vec<PathBuf>),
}

/// How many bytes of a file an importer sees to recognise it.
pub const FIRST_BYTES_MAX: usize = 4096;

/// One thing to read.
#[derive(Clone)]
pub struct Input {
    /// Who reads it.
    pub importer: &'static Importer,
    /// Name of the source for the facts: importer and file or folder, such as `suzieq:eos`.
    pub source: String,
    /// Its files, sorted; one for [`Takes::File`].
    pub paths: Vec<PathBuf>,
    /// What a live source answered; then there are no paths.
    pub recording: Option<Arc<Recording>>,
}

impl Input {
    /// Of files.
    pub fn of_files(importer: &'static Importer, source: String, paths: Vec<PathBuf>) -> Input {
        Input { importer, source, paths, recording: None }
    }

    /// Reads it, calling `sink` with each batch. Cost: once over the files.
    /// The time is not used for a recording, which has its own.
    pub fn decode(&self, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
        let mut at = observed_at;
        if let Some(recording) = &self.recording {
            at = recording.at;
            sink(Heard { problems: recording.lacks().to_vec(), ..Heard::default() });
        }
        (self.importer.decode)(self, at, sink);
    }

    /// Its files or recorded answers as wholes, as (place for problems, file name, bytes), one after the other.
    /// Those that cannot be read are problems.
    pub(crate) fn each_whole(&self, mut take: impl FnMut(&str, &str, &[u8])) -> Vec<Problem> {
        if let Some(recording) = &self.recording {
            for part in recording.parts() {
                take(&format!("{}/{}", recording.source, part.name), &part.name, &part.bytes);
            }
        }
        let mut problems = Vec::new();
        for path in &self.paths {
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            match whole::read(path) {
                Ok(bytes) => take(&path.display().to_string(), &name, &bytes),
                Err(problem) => problems.push(problem),
            }
        }
        problems
    }
}

/// A batch of what an importer heard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// Facts for the model.
    pub observations: Vec<Observation>,
    /// Records of the message log.
    pub messages: Vec<MessageRecord>,
    /// What could not be understood.
    pub problems: Vec<Problem>,
}

/// How many observations or messages an importer gathers before it gives a batch.
pub const BATCH_LENGTH: usize = 8192;

impl From<Decoded> for Heard {
    fn from(decoded: Decoded) -> Heard {
        let Decoded { observations, problems } = decoded;
        Heard { observations, messages: Vec::new(), problems }
    }
}

impl From<Problem> for Heard {
    fn from(problem: Problem) -> Heard {
        Heard { problems: vec![problem], ..Heard::default() }
    }
}
