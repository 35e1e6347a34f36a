//! One engine per process: the world, what was derived from it, and how statements reach both.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use groma_store::{Database, LIVE, World};

use crate::derive::DerivedCache;
use crate::settings::Accounting;
use crate::{QueryError, Session, View};

/// What an engine may use and where it finds files.
#[derive(Clone, Default)]
pub struct EngineOptions {
    /// Reads files for `import(...)`. `None`: the function says that it is not offered.
    pub importer: Option<Arc<dyn Importer>>,
    /// Folder of trace segments. `None`: there are none.
    pub segments_folder: Option<PathBuf>,
    /// Most memory that queries may use together, in bytes. `None`: no bound.
    pub memory_bytes_max: Option<usize>,
}

/// Reads files of any form it knows into the world; called on a thread that may block.
pub trait Importer: Send + Sync {
    /// Imports a file or folder into `live`. What is reported is durable. `source` is the name that
    /// the facts carry; `None`: made from the importer and the file.
    fn import(
        &self,
        world: &Arc<Mutex<World>>,
        path: &Path,
        source: Option<&str>,
    ) -> Result<ImportReport, QueryError>;
}

/// What an import did, file by file.
#[derive(Debug, Clone, Default)]
pub struct ImportReport {
    /// In the order in which they were read.
    pub files: Vec<ImportedFile>,
}

/// What came out of one file.
#[derive(Debug, Clone)]
pub struct ImportedFile {
    /// The file.
    pub path: String,
    /// Name of the importer that knew its form; empty if none did.
    pub importer: String,
    /// `facts`, `messages` or `unknown`.
    pub kind: &'static str,
    /// Entities it spoke of.
    pub entities: u64,
    /// Facts it gave.
    pub facts: u64,
    /// Message records it gave.
    pub messages: u64,
    /// Places that could not be understood; they are rows of `model.problems`.
    pub problems: u64,
}

/// Answers statements over all databases of a world. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    world: Arc<Mutex<World>>,
    options: EngineOptions,
    derived: DerivedCache,
}

impl Engine {
    /// Over a world that others may commit to as well.
    pub fn new(world: Arc<Mutex<World>>, options: EngineOptions) -> Engine {
        Engine { inner: Arc::new(Inner { world, options, derived: DerivedCache::default() }) }
    }

    /// Opens a session inside a database, for one connection. Errors: there is no such database.
    pub fn session(&self, database: &str, user: &str) -> Result<Session, QueryError> {
        self.world().database(database)?;
        Session::new(self.clone(), database, user)
    }

    /// All databases, `live` first.
    pub fn databases(&self) -> Vec<Database> {
        let mut databases: Vec<Database> = self.world().databases().cloned().collect();
        databases.sort_by_key(|database| database.template().is_some());
        databases
    }

    /// The world, for a moment: hold it only as long as a commit takes.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.inner.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shared_world(&self) -> &Arc<Mutex<World>> {
        &self.inner.world
    }

    pub(crate) fn options(&self) -> &EngineOptions {
        &self.inner.options
    }

    /// A database as it is now.
    pub(crate) fn view(
        &self,
        database: &str,
        accounting: Accounting,
    ) -> Result<Arc<View>, QueryError> {
        let (database, live) = {
            let world = self.world();
            (world.database(database)?.clone(), world.database(LIVE)?.clone())
        };
        let derived =
            self.inner.derived.of(&database, &live, self.options().segments_folder.as_deref());
        Ok(Arc::new(View::new(self.clone(), database, derived, accounting)))
    }
}
