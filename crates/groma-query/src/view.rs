//! One database at one version, with what is derived from it: all that a statement sees of it.

use std::fmt;
use std::sync::Arc;

use groma_graph::Index;
use groma_model::{SchemaError, Timestamp};
use groma_store::{Database, SchemaRow, Snapshot};

use crate::catalog::Asker;
use crate::derive::Derived;
use crate::past::Known;
use crate::settings::Accounting;
use crate::{Engine, Who};

/// One database at one version. A statement pins one view per database that it names.
pub(crate) struct View {
    engine: Engine,
    database: Database,
    known: Known,
    at: Option<Timestamp>,
    derived: Arc<Derived>,
    asker: Asker,
}

impl View {
    /// `when`: what was known, and the time that is asked about; `None`: the latest.
    pub(crate) fn new(
        engine: Engine,
        database: Database,
        when: (Known, Option<Timestamp>),
        derived: Arc<Derived>,
        asker: Asker,
    ) -> View {
        let (known, at) = when;
        View { engine, database, known, at, derived, asker }
    }

    /// The time that a question is about, for what depends on it by itself, such as freshness: of
    /// the world that it shows, or now.
    pub(crate) fn time(&self) -> Timestamp {
        self.at.unwrap_or_else(crate::clock::now)
    }

    /// Whether it shows the database as it is now, nothing of the past.
    pub(crate) fn is_now(&self) -> bool {
        self.known == Known::Now && self.at.is_none()
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
