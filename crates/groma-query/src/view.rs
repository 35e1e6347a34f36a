//! One database at one version, with what is derived from it: all that a statement sees of it.

use std::fmt;
use std::sync::Arc;

use groma_graph::Index;
use groma_model::{SchemaError, Timestamp};
use groma_store::{Database, SchemaRow, Snapshot};

use crate::catalog::Asker;
use crate::derive::Derived;
use crate::settings::Accounting;
use crate::{Engine, Who};

/// One database at one version. A statement pins one view per database that it names.
pub(crate) struct View {
    engine: Engine,
    database: Database,
    at: Timestamp,
    derived: Arc<Derived>,
    asker: Asker,
}

impl View {
    pub(crate) fn new(
        engine: Engine,
        database: Database,
        at: Timestamp,
        derived: Arc<Derived>,
        asker: Asker,
    ) -> View {
        View { engine, database, at, derived, asker }
    }

    /// The time of the world that it shows. `Timestamp::MAX`: the latest. Its snapshot holds what held
    /// then, so that only who speaks of time itself has to ask.
    #[expect(dead_code, reason = "for tables that speak of time, such as freshness")]
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// The database as the store keeps it.
    pub(crate) fn world_database(&self) -> &Database {
        &self.database
    }

    /// The schemas that the site has given, as they are now.
    pub(crate) fn schemas(&self) -> Vec<SchemaRow> {
        self.engine.world().schemas().to_vec()
    }

    /// What is wrong in the one in force, by now.
    pub(crate) fn schema_errors(&self) -> Vec<SchemaError> {
        self.engine.world().schema_errors().to_vec()
    }

    /// Who asks.
    pub(crate) fn who(&self) -> &Who {
        &self.asker.who
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// All databases of the store, as they are now.
    pub(crate) fn databases(&self) -> Vec<Database> {
        self.engine.databases()
    }

    /// How the session counts the volume of traffic.
    pub(crate) fn accounting(&self) -> Accounting {
        self.asker.accounting
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        self.database.snapshot()
    }

    /// All references of the model, as a graph to be followed.
    pub(crate) fn graph_index(&self) -> Arc<Index> {
        self.graph_index_at(Timestamp::MAX)
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
