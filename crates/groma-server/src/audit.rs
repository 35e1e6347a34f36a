//! The audit on disk: a line of JSON per statement that changed something or was refused.
//!
//! Two files of bounded size: when the newer one is full it becomes the older one, and what was the
//! older one is gone. A line is handed to the system before the statement is answered, so that it
//! outlives the process. A thread syncs all lines of a second at once, so that a statement need not wait
//! for the disk twice: a power failure takes that second at most. What it may take is text, door and
//! address; who committed what, and when, is synced with the commit itself, in the journal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use groma_model::Timestamp;
use groma_query::{Audit, AuditEntry, QueryError};
use serde::{Deserialize, Serialize};

const FILE: &str = "audit.jsonl";
const OLDER_FILE: &str = "audit.older.jsonl";
/// Most bytes of each of the two files.
pub const AUDIT_FILE_BYTES_MAX: u64 = 16 << 20;

/// How long after it was written a line is synced.
pub(crate) const AUDIT_SYNC_DELAY: Duration = Duration::from_secs(1);

/// The audit of a data folder. What is not synced yet is when it is dropped.
pub(crate) struct AuditLog {
    files: Arc<Files>,
    syncing: Option<JoinHandle<()>>,
}

struct Files {
    path: PathBuf,
    older: PathBuf,
    bytes_max: u64,
    state: Mutex<State>,
    /// There is something to sync, or the end has come.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `None`: it could not be opened, and is tried again with the next entry.
    file: Option<File>,
    /// The file with lines that are not synced.
    unsynced: Option<File>,
    is_ending: bool,
}

impl AuditLog {
    pub(crate) fn new(folder: &Path) -> AuditLog {
        AuditLog::bounded(folder, AUDIT_FILE_BYTES_MAX)
    }

    fn bounded(folder: &Path, bytes_max: u64) -> AuditLog {
        let (path, older) = (folder.join(FILE), folder.join(OLDER_FILE));
        let (state, changed) = (Mutex::default(), Condvar::new());
        let files = Arc::new(Files { path, older, bytes_max, state, changed });
        let of_thread = Arc::clone(&files);
        let syncing = thread::Builder::new().name("audit".into()).spawn(move || of_thread.sync());
        if let Err(error) = &syncing {
            tracing::error!(%error, "the audit will not be synced");
        }
        AuditLog { files, syncing: syncing.ok() }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.files.state().is_ending = true;
        self.files.changed.notify_one();
        if let Some(syncing) = self.syncing.take() {
            drop(syncing.join());
        }
    }
}

impl Files {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, state: &mut State, entry: AuditEntry) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line::from(entry))?;
        line.push(b'\n');
        let mut file = match state.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        let bytes = file.metadata()?.len();
        if bytes > 0 && bytes + line.len() as u64 > self.bytes_max {
            file.sync_data()?;
            state.unsynced = None;
            fs::rename(&self.path, &self.older)?;
            file = self.open()?;
        }
        file.write_all(&line)?;
        if state.unsynced.is_none() {
            state.unsynced = Some(file.try_clone()?);
            self.changed.notify_one();
        }
        state.file = Some(file);
        Ok(())
    }

    /// A line that a crash cut off is ended, so that the next one is whole.
    fn open(&self) -> io::Result<File> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        if fs::read(&self.path)?.last().is_some_and(|byte| *byte != b'\n') {
            file.write_all(b"\n")?;
        }
        // That there is such a file is told by the folder.
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(file)
    }

    /// Syncs what is written, until the end.
    fn sync(&self) {
        loop {
            let mut state = self.state();
            while state.unsynced.is_none() && !state.is_ending {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let more = self.changed.wait_timeout_while(state, AUDIT_SYNC_DELAY, |s| !s.is_ending);
            let (mut state, _) = more.unwrap_or_else(PoisonError::into_inner);
            let (written, is_ending) = (state.unsynced.take(), state.is_ending);
            drop(state);
            if let Some(Err(error)) = written.map(|file| file.sync_data()) {
                tracing::error!(%error, file = %self.path.display(), "the audit could not be synced");
            }
            if is_ending {
                return;
            }
        }
    }
}

impl Audit for AuditLog {
    fn note(&self, entry: AuditEntry) {
        let mut state = self.files.state();
        if let Err(error) = self.files.append(&mut state, entry) {
            let file = self.files.path.display();
            tracing::error!(%error, %file, "the audit could not be written");
        }
    }

    fn entries(&self) -> Result<Vec<AuditEntry>, QueryError> {
        let failed = |path: &Path, error: io::Error| {
            let message = format!("cannot read {}: {error}", path.display());
            QueryError::new(QueryError::IO, message)
        };
        // Whoever writes waits only until the files are open, of which one may become the other.
        let quiet = self.files.state();
        let mut opened = Vec::new();
        for path in [&self.files.older, &self.files.path] {
            match File::open(path).and_then(|file| Ok((file.metadata()?.len(), file))) {
                Ok((bytes, file)) => opened.push((path, file.take(bytes))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(path, error)),
            }
        }
        drop(quiet);
        let mut entries = Vec::new();
        for (path, lines) in opened {
            read(lines, &mut entries).map_err(|error| failed(path, error))?;
        }
        Ok(entries)
    }
}

/// Lines that a crash cut are passed over.
fn read(lines: impl io::Read, entries: &mut Vec<AuditEntry>) -> io::Result<()> {
    for line in BufReader::new(lines).split(b'\n') {
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
    fn lines_are_synced_after_a_while_and_at_the_end() {
        let folder = TempDir::new().unwrap();
        let log = AuditLog::new(folder.path());
        let files = Arc::clone(&log.files);
        log.note(entry(0));
        let began = std::time::Instant::now();
        while files.state().unsynced.is_some() {
            assert!(began.elapsed() < AUDIT_SYNC_DELAY * 60, "nobody syncs");
            thread::sleep(AUDIT_SYNC_DELAY / 20);
        }
        log.note(entry(1));
        drop(log);
        assert!(files.state().unsynced.is_none());
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
