//! How many scans may be under way at the same time.
//!
//! A scan has a thread of its own, and keeps it while nobody reads its rows: a portal of which a client
//! took some rows, a cursor between two fetches. The threads that may block are 512, and whoever commits
//! needs one. So scans take a part of them at most, those of a session a part of that, and those of
//! statements that write have a part that no reader can take.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::QueryError;

/// Most scans of one session that may be under way at the same time.
pub const SCANS_OF_SESSION_MAX: usize = 64;
/// Most scans of all that read, together.
pub const SCANS_MAX: usize = 256;
/// Most scans of all statements that write, together.
const SCANS_OF_WRITERS_MAX: usize = 96;

/// What all sessions of an engine share.
#[derive(Clone)]
pub(crate) struct AllScans {
    reading: Arc<Semaphore>,
    writing: Arc<Semaphore>,
}

impl Default for AllScans {
    fn default() -> AllScans {
        let of = |most| Arc::new(Semaphore::new(most));
        AllScans { reading: of(SCANS_MAX), writing: of(SCANS_OF_WRITERS_MAX) }
    }
}

/// Where the scans of a statement find their places.
#[derive(Clone)]
pub(crate) struct Scans {
    session: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// A place, given back when it is dropped.
pub(crate) struct Place(#[expect(dead_code, reason = "held")] [OwnedSemaphorePermit; 2]);

impl Scans {
    /// Of a session that reads.
    pub(crate) fn of_session(all: &AllScans) -> Scans {
        let session = Arc::new(Semaphore::new(SCANS_OF_SESSION_MAX));
        Scans { session, all: Arc::clone(&all.reading) }
    }

    /// Of one statement that writes.
    pub(crate) fn of_writer(all: &AllScans) -> Scans {
        Scans { all: Arc::clone(&all.writing), ..Scans::of_session(all) }
    }

    /// Errors: as many are under way as there may be.
    pub(crate) fn begin(&self) -> Result<Place, QueryError> {
        let place = |of: &Arc<Semaphore>, whose: &str| {
            Arc::clone(of).try_acquire_owned().map_err(|_| {
                let reason = format!("as many scans {whose} are under way as there may be");
                QueryError::new("53400", reason).with_hint(
                    "Read portals and cursors to their end or close them, then try again.",
                )
            })
        };
        Ok(Place([place(&self.session, "of this session")?, place(&self.all, "together")?]))
    }
}
