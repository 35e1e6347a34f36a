//! Durability as a trait: what a journal promises, and one in memory.

use std::error::Error;
use std::ops::ControlFlow;

/// Keeps entries in the order in which they were appended.
///
/// **Contract:** when [`Journal::append`] has returned a sequence, the entry is there, whole and in
/// its place, after any crash. When it returned an error the entry may be there, torn or not at all;
/// [`World`](crate::World) then takes no more commits until it is opened anew.
pub trait Journal: Send {
    /// Gives every entry with its sequence, in rising order, until `each` breaks off.
    fn replay(
        &mut self,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError>;

    /// Makes an entry durable, then returns its sequence, which is larger than all before.
    fn append(&mut self, entry: &[u8]) -> Result<u64, JournalError>;

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
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    entries: Vec<Vec<u8>>,
}

impl MemoryJournal {
    /// With these entries already in it.
    pub fn with_entries(entries: Vec<Vec<u8>>) -> MemoryJournal {
        MemoryJournal { entries }
    }
}

impl Journal for MemoryJournal {
    fn replay(
        &mut self,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        for (sequence, entry) in (1..).zip(&self.entries) {
            if each(sequence, entry).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn append(&mut self, entry: &[u8]) -> Result<u64, JournalError> {
        self.entries.push(entry.to_vec());
        Ok(self.entries.len() as u64)
    }
}
