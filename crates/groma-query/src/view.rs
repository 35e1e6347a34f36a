//! One database at one version, with what is derived from it: all that a statement sees of it.

use std::fmt;
use std::sync::Arc;

use groma_store::{Database, Snapshot};

use crate::derive::Derived;
use crate::settings::Accounting;

/// One database at one version. A statement pins one view per database that it names.
pub(crate) struct View {
    database: Database,
    derived: Arc<Derived>,
    accounting: Accounting,
}

impl View {
    pub(crate) fn new(database: Database, derived: Arc<Derived>, accounting: Accounting) -> View {
        View { database, derived, accounting }
    }

    /// The database as the store keeps it.
    pub(crate) fn world_database(&self) -> &Database {
        &self.database
    }

    /// How the session counts the volume of traffic.
    pub(crate) fn accounting(&self) -> Accounting {
        self.accounting
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        self.database.snapshot()
    }
}

/// What costs more than a scan is asked of the derived.
impl std::ops::Deref for View {
    type Target = Derived;

    fn deref(&self) -> &Derived {
        &self.derived
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.database.name(), self.database.version())
    }
}
