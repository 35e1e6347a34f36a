//! The journal on disk: one redb file, one table from sequence to entry.
//!
//! An entry is one transaction of redb, made durable before [`RedbJournal::append`] returns. After a
//! crash redb checks the whole file and takes a torn transaction back; [`RepairReport`] tells of it.

use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use groma_store::{Journal, JournalError, JournalReader};
use redb::{
    Builder, Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, RepairSession,
    TableDefinition, TableError,
};

const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");

/// Pages that redb may keep in memory, in bytes: entries are read once, at the start.
const CACHE_BYTES: usize = 16 << 20;

/// The journal in a file, held by this process until it is dropped.
pub struct RedbJournal {
    database: Database,
    path: String,
    repair: Option<RepairReport>,
}

/// The file had not been closed: the process or the machine had stopped in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairReport {
    /// Whether a write was torn and was taken back. It had not been acknowledged.
    pub torn: bool,
}

impl fmt::Display for RepairReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the journal had not been closed; ")?;
        f.write_str(if self.torn {
            "a torn write, never acknowledged, was taken back"
        } else {
            "all of it was checked and found whole"
        })
    }
}

impl RedbJournal {
    /// Opens the file, making it if it is not there, and checks all of it.
    /// Cost: reads the file; a few milliseconds for a small one.
    ///
    /// # Errors
    /// [`JournalError::InUse`]: another process holds it. [`JournalError::Damaged`]: it is no journal,
    /// or broken beyond repair; it is left as it is. [`JournalError::Failed`]: the machine's errors.
    pub fn open(path: &Path) -> Result<RedbJournal, JournalError> {
        let shown = path.display().to_string();
        // redb panics on some damage that it cannot have done itself, and we must not.
        let opened = catch_unwind(AssertUnwindSafe(|| open(path, &shown)));
        opened.unwrap_or_else(|_| Err(damaged(&shown, "it is not laid out as it should be")))
    }

    /// What was repaired when it was opened. `None`: it had been closed properly.
    pub fn repair_report(&self) -> Option<RepairReport> {
        self.repair
    }
}

impl Journal for RedbJournal {
    fn reader(&self) -> Result<Box<dyn JournalReader>, JournalError> {
        let transaction = self.database.begin_read();
        let transaction =
            transaction.map_err(|error| failure(&self.path, "reading", error.into()))?;
        Ok(Box::new(RedbReader { transaction, path: self.path.clone() }))
    }

    fn append(&self, entry: &[u8]) -> Result<u64, JournalError> {
        write(&self.database, entry)
            .map_err(|error| failure(&self.path, "appending an entry to", error))
    }

    fn rewrite(&mut self, entries: &[(u64, Vec<u8>)]) -> Result<(), JournalError> {
        rewrite(&self.database, entries).map_err(|error| failure(&self.path, "rewriting", error))
    }

    fn shrink(&mut self) {
        // While somebody reads old entries it has to wait.
        if let Err(error) = self.database.compact() {
            tracing::info!(%error, "the file of the journal keeps its size for now");
        }
    }

    fn repair(&self) -> Option<String> {
        self.repair.map(|report| report.to_string())
    }
}

/// The entries as they were when it was made: a transaction of redb that only reads.
struct RedbReader {
    transaction: ReadTransaction,
    path: String,
}

impl JournalReader for RedbReader {
    fn read(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let failed = |error: redb::Error| failure(&self.path, "reading", error);
        let table = self.transaction.open_table(ENTRIES).map_err(|error| failed(error.into()))?;
        for entry in table.range(from..).map_err(|error| failed(error.into()))? {
            let (sequence, bytes) = entry.map_err(|error| failed(error.into()))?;
            if each(sequence.value(), bytes.value()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn open(path: &Path, shown: &str) -> Result<RedbJournal, JournalError> {
    let failed = |error: redb::Error| failure(shown, "opening", error);
    let phase = Arc::new(AtomicU8::new(CLOSED_PROPERLY));
    let noted = Arc::clone(&phase);
    let mut database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .set_repair_callback(move |session| note(&noted, session))
        .create(path)
        .map_err(|error| failed(error.into()))?;
    // Only now: asked for together with opening, it would pass for a repair.
    database.check_integrity().map_err(|error| failed(error.into()))?;
    let repair = match phase.load(Ordering::Relaxed) {
        CLOSED_PROPERLY => None,
        phase => Some(RepairReport { torn: phase == TORN }),
    };
    make_table(&database).map_err(failed)?;
    Ok(RedbJournal { database, path: shown.to_owned(), repair })
}

const CLOSED_PROPERLY: u8 = 0;
const CHECKED: u8 = 1;
const TORN: u8 = 2;

/// redb says where it is in its repair: below one half it has found that the newest state of the
/// file does not hold together, and goes back to the one before.
fn note(phase: &AtomicU8, session: &RepairSession) {
    let seen = if (0.2..0.5).contains(&session.progress()) { TORN } else { CHECKED };
    phase.fetch_max(seen, Ordering::Relaxed);
}

/// If it is not there: a reader needs one.
fn make_table(database: &Database) -> Result<(), redb::Error> {
    match database.begin_read()?.open_table(ENTRIES) {
        Ok(_) => return Ok(()),
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let transaction = database.begin_write()?;
    transaction.open_table(ENTRIES)?;
    transaction.commit()?;
    Ok(())
}

/// Behind the last entry; its sequence.
fn write(database: &Database, entry: &[u8]) -> Result<u64, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let sequence = {
        let mut table = transaction.open_table(ENTRIES)?;
        let sequence = table.last()?.map_or(1, |(last, _)| last.value() + 1);
        table.insert(sequence, entry)?;
        sequence
    };
    transaction.commit()?;
    Ok(sequence)
}

fn rewrite(database: &Database, entries: &[(u64, Vec<u8>)]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    {
        let mut table = transaction.open_table(ENTRIES)?;
        for (sequence, entry) in entries {
            table.insert(sequence, entry.as_slice())?;
        }
    }
    transaction.commit()?;
    Ok(())
}

fn failure(path: &str, tried: &str, error: redb::Error) -> JournalError {
    match error {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            JournalError::InUse { store: path.to_owned() }
        }
        redb::Error::Io(source) if source.kind() != std::io::ErrorKind::InvalidData => {
            JournalError::Failed { tried: format!("{tried} {path}"), source: source.into() }
        }
        redb::Error::Io(source) => damaged(path, &source.to_string()),
        redb::Error::Corrupted(reason) => damaged(path, &reason),
        redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_) => damaged(path, &error.to_string()),
        other => JournalError::Failed { tried: format!("{tried} {path}"), source: other.into() },
    }
}

fn damaged(path: &str, reason: &str) -> JournalError {
    JournalError::Damaged { store: path.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
