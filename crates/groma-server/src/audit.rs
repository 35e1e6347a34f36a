//! The audit on disk: a line of JSON per statement that changed something or was refused.
//!
//! Two files of bounded size: when the newer one is full it becomes the older one, and what was the
//! older one is gone. A line is handed to the system before the statement is answered, so that it
//! outlives the process; it is not synced, so that the last moments before a power failure may lack.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use groma_model::Timestamp;
use groma_query::{Audit, AuditEntry, QueryError};
use serde::{Deserialize, Serialize};

const FILE: &str = "audit.jsonl";
const OLDER_FILE: &str = "audit.older.jsonl";
/// Most bytes of each of the two files.
pub const AUDIT_FILE_BYTES_MAX: u64 = 16 << 20;

/// The audit of a data folder.
pub(crate) struct AuditLog {
    path: PathBuf,
    older: PathBuf,
    bytes_max: u64,
    /// `None`: it could not be opened, and is tried again with the next entry.
    file: Mutex<Option<File>>,
}

impl AuditLog {
    pub(crate) fn new(folder: &Path) -> AuditLog {
        AuditLog::bounded(folder, AUDIT_FILE_BYTES_MAX)
    }

    fn bounded(folder: &Path, bytes_max: u64) -> AuditLog {
        let (path, older) = (folder.join(FILE), folder.join(OLDER_FILE));
        AuditLog { path, older, bytes_max, file: Mutex::new(None) }
    }

    fn append(&self, held: &mut Option<File>, entry: AuditEntry) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line::from(entry))?;
        line.push(b'\n');
        let mut file = match held.take() {
            Some(file) => file,
            None => self.open()?,
        };
        let bytes = file.metadata()?.len();
        if bytes > 0 && bytes + line.len() as u64 > self.bytes_max {
            fs::rename(&self.path, &self.older)?;
            file = self.open()?;
        }
        file.write_all(&line)?;
        *held = Some(file);
        Ok(())
    }

    /// A line that a crash cut off is ended, so that the next one is whole.
    fn open(&self) -> io::Result<File> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        if fs::read(&self.path)?.last().is_some_and(|byte| *byte != b'\n') {
            file.write_all(b"\n")?;
        }
        Ok(file)
    }
}

impl Audit for AuditLog {
    fn note(&self, entry: AuditEntry) {
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.append(&mut held, entry) {
            tracing::error!(%error, file = %self.path.display(), "the audit could not be written");
        }
    }

    fn entries(&self) -> Result<Vec<AuditEntry>, QueryError> {
        let _quiet = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Vec::new();
        for path in [&self.older, &self.path] {
            match File::open(path) {
                Ok(file) => read(file, &mut entries),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
            .map_err(|error| {
                let message = format!("cannot read {}: {error}", path.display());
                QueryError::new(QueryError::IO, message)
            })?;
        }
        Ok(entries)
    }
}

/// Lines that a crash cut are passed over.
fn read(file: File, entries: &mut Vec<AuditEntry>) -> io::Result<()> {
    for line in BufReader::new(file).split(b'\n') {
        let line: Result<Line, _> = serde_json::from_slice(&line?);
        entries.extend(line.ok().and_then(Line::entry));
    }
    Ok(())
}

/// An entry as it stands in the file.
#[derive(Serialize, Deserialize)]
struct Line {
    /// UTC nanoseconds.
    at: i64,
    user: String,
    role: String,
    door: String,
    client: String,
    database: String,
    statement: String,
    outcome: String,
    version: Option<u64>,
}

impl From<AuditEntry> for Line {
    fn from(entry: AuditEntry) -> Line {
        Line {
            at: entry.at.0,
            user: entry.user,
            role: entry.role.to_string(),
            door: entry.door,
            client: entry.client,
            database: entry.database,
            statement: entry.statement,
            outcome: entry.outcome,
            version: entry.version,
        }
    }
}

impl Line {
    fn entry(self) -> Option<AuditEntry> {
        Some(AuditEntry {
            at: Timestamp(self.at),
            user: self.user,
            role: self.role.parse().ok()?,
            door: self.door,
            client: self.client,
            database: self.database,
            statement: self.statement,
            outcome: self.outcome,
            version: self.version,
        })
    }
}

#[cfg(test)]
mod tests {
    use groma_query::Role;
    use tempfile::TempDir;

    use super::*;

    fn entry(number: i64) -> AuditEntry {
        AuditEntry {
            at: Timestamp(number),
            user: "ann".into(),
            role: Role::Operator,
            door: "wire".into(),
            client: "10.0.0.1".into(),
            database: "live".into(),
            statement: "DELETE FROM\nservice.farm".into(),
            outcome: "done".into(),
            version: Some(7),
        }
    }

    #[test]
    fn entries_are_there_after_a_crash_that_cut_the_last_one() {
        let folder = TempDir::new().unwrap();
        AuditLog::new(folder.path()).note(entry(1));
        let path = folder.path().join(FILE);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"at\":2,\"us");
        fs::write(&path, bytes).unwrap();
        let log = AuditLog::new(folder.path());
        log.note(entry(3));
        assert_eq!(log.entries().unwrap(), [entry(1), entry(3)]);
    }

    #[test]
    fn two_files_of_bounded_size_hold_the_newest() {
        let folder = TempDir::new().unwrap();
        let log = AuditLog::bounded(folder.path(), 1000);
        (0..100).for_each(|number| log.note(entry(number)));
        let kept = log.entries().unwrap();
        assert!((4..20).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.last(), Some(&entry(99)));
        assert!(fs::metadata(folder.path().join(FILE)).unwrap().len() <= 1000);
    }
}
