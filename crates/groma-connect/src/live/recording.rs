//! What a live source answered, byte by byte, so that it can be kept and heard again.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use groma_model::{Problem, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Importer, Input, importers, whole};

/// Most bytes of one recording, in memory and on disk.
pub const RECORDING_SIZE_MAX: u64 = 1 << 30;

/// Name of the file that says what a folder of recorded parts is.
pub const MANIFEST: &str = "groma-recording.json";

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Name of its file: lower case letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// What was answered.
    pub bytes: Vec<u8>,
}

/// All answers of one fetch.
#[derive(Clone)]
pub struct Recording {
    /// Who was asked, as people write it.
    pub name: String,
    /// Name of the source for its facts.
    pub source: String,
    /// Who reads it.
    pub importer: &'static Importer,
    /// When it was asked.
    pub at: Timestamp,
    parts: Vec<Part>,
    size: u64,
    lacks: Vec<Problem>,
}

/// Who was asked and how much there is; not what.
impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, parts, lacks) = (&self.name, self.parts.len(), self.lacks.len());
        write!(f, "Recording({name}: {parts} parts of {} bytes, {lacks} lacks)", self.size)
    }
}

/// What the manifest says.
#[derive(Serialize, Deserialize)]
struct Manifest {
    name: String,
    source: String,
    importer: String,
    at: String,
    parts: Vec<String>,
    lacks: Vec<Lack>,
}

#[derive(Serialize, Deserialize)]
struct Lack {
    place: String,
    text: String,
    reason: String,
}

impl Recording {
    /// With nothing in it yet.
    pub fn new(name: &str, source: String, importer: &'static Importer, at: Timestamp) -> Self {
        let (parts, lacks) = (Vec::new(), Vec::new());
        Recording { name: name.into(), source, importer, at, parts, size: 0, lacks }
    }

    /// Adds an answer. `false`: it is not added, since there would be more than [`RECORDING_SIZE_MAX`].
    #[must_use]
    pub fn add(&mut self, name: impl Into<String>, bytes: Vec<u8>) -> bool {
        let size = self.size + bytes.len() as u64;
        if size > RECORDING_SIZE_MAX {
            return false;
        }
        self.size = size;
        self.parts.push(Part { name: name.into(), bytes });
        true
    }

    /// Notes that something could not be had. Absence then says nothing of a thing.
    pub fn lack(&mut self, problem: Problem) {
        self.lacks.push(problem);
    }

    /// The answers, in the order in which they came.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The answer of this name.
    pub fn part(&self, name: &str) -> Option<&[u8]> {
        self.parts.iter().find(|part| part.name == name).map(|part| &*part.bytes)
    }

    /// What could not be had; empty: it is complete.
    pub fn lacks(&self) -> &[Problem] {
        &self.lacks
    }

    /// As something to decode.
    pub fn into_input(self) -> Input {
        let (importer, source) = (self.importer, self.source.clone());
        Input { importer, source, paths: Vec::new(), recording: Some(Arc::new(self)) }
    }

    /// Writes it to a folder, which is made if it is not there, and must have no recording yet.
    /// The manifest comes last: a folder that has one is whole.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        if folder.join(MANIFEST).exists() {
            let reason = format!("{} holds a recording already", folder.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        for part in &self.parts {
            fs::write(folder.join(&part.name), &part.bytes)?;
        }
        let lack = |problem: &Problem| Lack {
            place: problem.place.clone(),
            text: problem.text.clone(),
            reason: problem.reason.clone(),
        };
        let manifest = Manifest {
            name: self.name.clone(),
            source: self.source.clone(),
            importer: self.importer.name.into(),
            at: self.at.to_string(),
            parts: self.parts.iter().map(|part| part.name.clone()).collect(),
            lacks: self.lacks.iter().map(lack).collect(),
        };
        let text = serde_json::to_string_pretty(&manifest).map_err(io::Error::other)?;
        fs::write(folder.join(MANIFEST), text + "\n")
    }

    /// Reads a folder that [`write`](Recording::write) made.
    ///
    /// # Errors
    /// A problem: it is not such a folder, or a part is missing.
    pub fn read(folder: &Path) -> Result<Recording, Problem> {
        let path = folder.join(MANIFEST);
        let place = path.display().to_string();
        let wrong = |reason: String| Problem::new(place.clone(), "", reason);
        let manifest: Manifest = serde_json::from_slice(&whole::read(&path)?)
            .map_err(|error| wrong(format!("not the manifest of a recording: {error}")))?;
        let importer = importers()
            .find(|importer| importer.name == manifest.importer)
            .ok_or_else(|| wrong(format!("no importer is named {}", manifest.importer)))?;
        let at = Timestamp::parse(&manifest.at).map_err(|error| wrong(error.to_string()))?;
        let mut recording = Recording::new(&manifest.name, manifest.source, importer, at);
        for name in manifest.parts {
            if !is_part_name(&name) {
                return Err(wrong(format!("\"{name}\" is no name of a part")));
            }
            let part = folder.join(&name);
            if part.is_symlink() {
                return Err(wrong(format!("\"{name}\" is a link, and a part lies in its folder")));
            }
            let bytes = whole::read(&part)?;
            if !recording.add(name, bytes) {
                let reason = format!("the parts have more than {RECORDING_SIZE_MAX} bytes");
                return Err(wrong(reason));
            }
        }
        for lack in manifest.lacks {
            recording.lack(Problem::new(lack.place, &lack.text, lack.reason));
        }
        Ok(recording)
    }
}

/// A part lies in its folder, nowhere else.
fn is_part_name(name: &str) -> bool {
    !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_part_that_is_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let importer = &crate::netbox::IMPORTER;
        let mut recording = Recording::new("a", "a".into(), importer, Timestamp(0));
        assert!(recording.add("part.json", b"{}".to_vec()));
        recording.write(folder.path()).unwrap();
        assert!(Recording::read(folder.path()).is_ok());
        let part = folder.path().join("part.json");
        fs::rename(&part, folder.path().join("other.json")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("other.json"), &part).unwrap();
        let problem = Recording::read(folder.path()).map(drop).unwrap_err();
        assert!(problem.reason.contains("is a link"), "{}", problem.reason);
    }

    #[test]
    fn a_recording_takes_no_more_than_its_bound() {
        let importer = &crate::netbox::IMPORTER;
        let mut recording = Recording::new("a", "a".into(), importer, Timestamp(0));
        // Zeros that nobody touches take no memory.
        assert!(recording.add("most", vec![0; RECORDING_SIZE_MAX as usize - 1]));
        assert!(!recording.add("too-much", vec![0; 2]));
        assert!(recording.add("the-rest", vec![0]));
        assert!(!recording.add("one-more", vec![0]));
        let names: Vec<_> = recording.parts().iter().map(|part| &*part.name).collect();
        assert_eq!(names, ["most", "the-rest"]);
        assert!(recording.add("nothing", Vec::new()));
    }
}
