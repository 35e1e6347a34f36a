//! The data folder of one process: the journal, the segments, the engine over both.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use groma_model::Schema;
use groma_query::{Engine, EngineOptions};
use groma_store::{JournalError, SharedWorld, StoreError, World};

use crate::audit::AuditLog;
use crate::schedule::Schedule;
use crate::users::UserBook;
use crate::{FolderImporter, Listener, RedbJournal, Running};

const JOURNAL_FILE: &str = "groma.redb";
const SEGMENTS_FOLDER: &str = "segments";
/// Where COPY TO a file writes.
const EXPORTS_FOLDER: &str = "exports";

/// How a store is opened.
#[derive(Clone, Default)]
pub struct StoreOptions {
    /// Most memory that queries may use together, in bytes. `None`: no bound.
    pub memory_bytes_max: Option<usize>,
    /// Most memory that one query may use, in bytes. `None`: no bound.
    pub query_memory_bytes_max: Option<usize>,
    /// How long a statement may take where neither user nor session says. `None`: no bound.
    pub statement_timeout: Option<Duration>,
    /// Hears how an import goes. `None`: nobody listens.
    pub progress: Option<Listener>,
}

/// A data folder, held by this process until it is dropped.
pub struct Store {
    folder: PathBuf,
    engine: Engine,
    users: Arc<UserBook>,
    schedule: Arc<Schedule>,
    repaired: Option<String>,
}

/// A data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or used.
    #[error("cannot use the data folder {folder}")]
    Folder {
        /// Which one.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process holds it.
    #[error("the data folder {folder} is in use by {holder}")]
    InUse {
        /// Which one.
        folder: PathBuf,
        /// Who.
        holder: String,
        /// What to try.
        hint: String,
    },
    /// The users cannot be read; without them nobody may be let in.
    #[error("cannot read the users in {folder}")]
    Users {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal is damaged or cannot be read.
    #[error("cannot open the store in {folder}")]
    Store {
        /// Which one.
        folder: PathBuf,
        /// Why.
        source: StoreError,
    },
}

impl OpenError {
    /// What to try, as one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            OpenError::Folder { .. } => {
                Some("Name another one with --data, or see who may write there.".into())
            }
            OpenError::InUse { hint, .. } => Some(hint.clone()),
            OpenError::Users { .. } => Some(
                "Restore users.json; or remove it, and add the users anew with groma user add."
                    .into(),
            ),
            OpenError::Store { source, .. } => source.hint(),
        }
    }
}

impl Store {
    /// Opens a data folder, making it if it is not there. Cost: once over the journal.
    ///
    /// # Errors
    /// Another process holds it, it cannot be used, or its journal is damaged.
    pub fn open(folder: &Path, options: StoreOptions) -> Result<Store, OpenError> {
        let segments_folder = folder.join(SEGMENTS_FOLDER);
        fs::create_dir_all(&segments_folder)
            .map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?;
        let refused = |error: StoreError| match error {
            StoreError::Journal(JournalError::InUse { .. }) => in_use(folder),
            source => OpenError::Store { folder: folder.to_owned(), source },
        };
        let journal =
            RedbJournal::open(&folder.join(JOURNAL_FILE)).map_err(|error| refused(error.into()))?;
        let repaired = journal.repair_report().map(|report| report.to_string());
        let world = World::open(Schema::builtin(), Box::new(journal)).map_err(refused)?;
        make_durable(folder)
            .map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?;
        sweep(&segments_folder, &world);

        let repaired = repaired.or_else(|| world.torn_tail().map(str::to_owned));
        let users = UserBook::open(folder)
            .map_err(|source| OpenError::Users { folder: folder.to_owned(), source })?;
        let users = Arc::new(users);
        let world = Arc::new(SharedWorld::new(world));
        let exports_folder = folder.join(EXPORTS_FOLDER);
        let importer = Arc::new(FolderImporter::new(
            folder,
            segments_folder.clone(),
            &exports_folder,
            options.progress,
        ));
        let schedule = Schedule::new(Arc::clone(&world), Arc::clone(&importer));
        let schedule = Arc::new(schedule);
        let engine = Engine::new(
            world,
            EngineOptions {
                importer: Some(importer),
                schedule: Some(Arc::clone(&schedule) as _),
                segments_folder: Some(segments_folder),
                memory_bytes_max: options.memory_bytes_max,
                query_memory_bytes_max: options.query_memory_bytes_max,
                statement_timeout: options.statement_timeout,
                exports_folder: Some(exports_folder),
                users: Some(Arc::clone(&users) as _),
                audit: Some(Arc::new(AuditLog::new(folder))),
            },
        );
        Ok(Store { folder: folder.to_owned(), engine, users, schedule, repaired })
    }

    /// Answers statements over it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Who may come in.
    pub(crate) fn users(&self) -> &Arc<UserBook> {
        &self.users
    }

    /// Who asks sources, once it is told which.
    pub(crate) fn schedule(&self) -> &Arc<Schedule> {
        &self.schedule
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was found and mended if the store had not been closed properly. Nothing that had been
    /// acknowledged is lost.
    pub fn repaired(&self) -> Option<&str> {
        self.repaired.as_deref()
    }
}

fn in_use(folder: &Path) -> OpenError {
    let (holder, hint) = match Running::find(folder) {
        Some(Running { pid, address, .. }) => (
            format!("the server at {address} (process {pid})"),
            format!("Ask it: psql -h {} -p {} -d live.", address.ip(), address.port()),
        ),
        None => (
            "another groma".to_owned(),
            "Wait until it is done, or name another folder with --data.".to_owned(),
        ),
    };
    OpenError::InUse { folder: folder.to_owned(), holder, hint }
}

/// That there is a new file or folder is told by the folder that it lies in: without this, a power
/// failure could take the data folder with all that is synced in it.
fn make_durable(folder: &Path) -> io::Result<()> {
    let folder = folder.canonicalize()?;
    File::open(&folder)?.sync_all()?;
    match folder.parent().map(File::open) {
        Some(Ok(parent)) => parent.sync_all(),
        // Whose folder we may not even list we did not make.
        _ => Ok(()),
    }
}

/// Removes segments that no database knows: an import that was killed left them, unacknowledged,
/// or they belonged to a fork that was dropped. What cannot be removed is tried again next time.
fn sweep(segments_folder: &Path, world: &World) {
    let Ok(entries) = fs::read_dir(segments_folder) else { return };
    let used: HashSet<&str> = (world.databases())
        .flat_map(|database| database.segments())
        .map(|row| &*row.segment.file)
        .collect();
    for entry in entries.flatten() {
        if !entry.file_name().to_str().is_some_and(|name| used.contains(name)) {
            tracing::info!(file = %entry.path().display(), "removing a segment that nobody knows");
            let _ = fs::remove_file(entry.path());
        }
    }
}
