//! One database at one version, with what is derived from it: all that a statement sees of it.

use std::fmt;
use std::sync::Arc;

use groma_store::{Database, Snapshot};

use crate::Engine;
use crate::derive::Derived;

/// One database at one version. A statement pins one view per database that it names.
pub(crate) struct View {
    engine: Engine,
    database: Database,
    derived: Arc<Derived>,
}

impl View {
    pub(crate) fn new(engine: Engine, database: Database, derived: Arc<Derived>) -> View {
        View { engine, database, derived }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The database as the store keeps it.
    pub(crate) fn world_database(&self) -> &Database {
        &self.database
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
