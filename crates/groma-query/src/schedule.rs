//! Sources that are asked again and again, as tables and functions see them.

use std::time::Duration;

use groma_model::Timestamp;

use crate::{ImportReport, QueryError};

/// Who asks sources on a schedule.
pub trait Schedule: Send + Sync {
    /// All sources on it, by name; empty: there is none.
    fn sources(&self) -> Vec<Scheduled>;

    /// Asks a source now and gives what it said, as an import does. Blocks until then; `is_awaited`
    /// is asked now and then, and when it says no the poll goes on for itself.
    ///
    /// # Errors
    /// There is no source of this name, or it did not answer.
    fn poll(&self, name: &str, is_awaited: &dyn Fn() -> bool) -> Result<ImportReport, QueryError>;
}

/// A source on the schedule, and how it stands with it.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// The name that its facts carry.
    pub name: String,
    /// The database that takes what it says.
    pub database: String,
    /// What is asked: a live source, a file or a folder.
    pub path: String,
    /// From the start of one poll to the start of the next, while all is well.
    pub every: Duration,
    /// What goes on now.
    pub doing: Doing,
    /// Polls that failed since the last one that did not.
    pub failures: u32,
    /// Why the last poll failed; `None`: it did not, or there was none.
    pub failure: Option<String>,
    /// When it is asked next, our clock; `None`: it is being asked, or about to be.
    pub next_poll_at: Option<Timestamp>,
}

/// What goes on with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It is not its time yet.
    Waiting,
    /// It is its time, and too many others are being asked.
    Queued,
    /// It is being asked.
    Asking,
}

impl Doing {
    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Doing::Waiting => "waiting",
            Doing::Queued => "queued",
            Doing::Asking => "asking",
        }
    }
}
