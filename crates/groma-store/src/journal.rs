//! Durability as a trait: what a journal promises, and one in memory.

use std::error::Error;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps entries in the order in which they were appended.
///
/// **Contract:** when [`Journal::append`] has returned a sequence, the entry is there, whole and in
/// its place, after any crash. When it returned an error the entry may be there, torn or not at all;
/// [`World`](crate::World) then takes no more commits until it is opened anew.
pub trait Journal: Send + Sync {
    /// Reads the entries that are there now, on any thread. Cost: O(1), or O(entries) in memory.
    fn reader(&self) -> Result<Box<dyn JournalReader>, JournalError>;

    /// Makes an entry durable, then returns its sequence, which is larger than all before.
    /// One at a time: whoever appends has the turn at the world.
    fn append(&self, entry: &[u8]) -> Result<u64, JournalError>;

    /// Puts entries in the place of those of the same sequence; 0 stands before the first one.
    ///
    /// **Contract:** one durable step. After a crash, and after an error, the journal is as it was
    /// before or as it is to be, never between; after an error nobody knows which.
    fn rewrite(&mut self, entries: &[(u64, Vec<u8>)]) -> Result<(), JournalError>;

    /// Gives back room that is no longer needed, if that can be done now.
    fn shrink(&mut self) {}

    /// Gives every entry with its sequence, in rising order, until `each` breaks off.
    fn replay(
        &mut self,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        self.reader()?.read(0, each)
    }

    /// Forgets the last entry, which could not be read. `false`: refused, because this journal never
    /// tears an entry, so that one which cannot be read was acknowledged and then damaged.
    fn cut_torn_tail(&mut self, _sequence: u64) -> Result<bool, JournalError> {
        Ok(false)
    }

    /// What had to be repaired when it was opened, for people. `None`: nothing.
    fn repair(&self) -> Option<String> {
        None
    }
}

/// The entries of a journal as they were when it was asked for, whatever is appended or rewritten since.
pub trait JournalReader: Send {
    /// Gives every entry from this sequence on, in rising order, until `each` breaks off.
    fn read(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError>;
}

/// A journal could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process holds the store.
    #[error("the store {store} is open in another groma")]
    InUse {
        /// Which store.
        store: String,
    },
    /// What is there is no journal of ours, or it is broken beyond repair.
    #[error("the journal {store} is damaged: {reason}")]
    Damaged {
        /// Which store.
        store: String,
        /// What was found.
        reason: String,
    },
    /// The machine failed us: no space, no permission, an I/O error.
    #[error("{tried} failed")]
    Failed {
        /// What was tried, such as "appending an entry to data/groma.redb".
        tried: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl JournalError {
    /// What to try, as one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            JournalError::InUse { .. } => {
                Some("Ask it through the server that holds it, or stop that server.".into())
            }
            JournalError::Damaged { .. } => Some(
                "Restore the file from a copy; keep the damaged one, it may hold the rest.".into(),
            ),
            JournalError::Failed { .. } => {
                Some("Check free space and permissions of the data folder, then try again.".into())
            }
        }
    }
}

/// A journal that lives as long as the process: for tests and for trying things out.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    entries: Mutex<Entries>,
}

/// By sequence, rising.
type Entries = Vec<(u64, Arc<[u8]>)>;

impl MemoryJournal {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for MemoryJournal {
    fn reader(&self) -> Result<Box<dyn JournalReader>, JournalError> {
        Ok(Box::new(self.entries().clone()))
    }

    fn append(&self, entry: &[u8]) -> Result<u64, JournalError> {
        let mut entries = self.entries();
        let sequence = entries.last().map_or(1, |(last, _)| last + 1);
        entries.push((sequence, entry.into()));
        Ok(sequence)
    }

    fn rewrite(&mut self, rewritten: &[(u64, Vec<u8>)]) -> Result<(), JournalError> {
        let mut entries = self.entries();
        for (sequence, entry) in rewritten {
            let entry = (*sequence, entry.as_slice().into());
            match entries.binary_search_by_key(sequence, |(known, _)| *known) {
                Ok(place) => entries[place] = entry,
                Err(place) => entries.insert(place, entry),
            }
        }
        Ok(())
    }
}

impl JournalReader for Entries {
    fn read(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let start = self.partition_point(|(sequence, _)| *sequence < from);
        for (sequence, entry) in &self[start..] {
            if each(*sequence, entry).is_break() {
                break;
            }
        }
        Ok(())
    }
}
