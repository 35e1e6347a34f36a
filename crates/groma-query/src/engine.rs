//! One engine per process: the world, what was derived from it, and how statements reach both.

use std::collections::VecDeque;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::execution::runtime_env::RuntimeEnv;
use groma_model::{Source, Timestamp, Version};
use groma_store::{
    Database, Decisions, LIVE, Merge, PastReader, SharedWorld, State, StoreError, Turn, World,
    Writer as _,
};
use tokio::sync::Mutex as AsyncMutex;

use crate::audit::{self, AuditEntry};
use crate::catalog::Asker;
use crate::derive::{DerivedCache, When};
use crate::past::{Known, Moment};
use crate::scans::AllScans;
use crate::{Audit, QueryError, Schedule, Session, Users, View, Who, memory};

/// What an engine may use and where it finds files.
#[derive(Clone, Default)]
pub struct EngineOptions {
    /// Reads files for `import(...)`. `None`: the function says that it is not offered.
    pub importer: Option<Arc<dyn Importer>>,
    /// Asks sources on a schedule. `None`: nobody does.
    pub schedule: Option<Arc<dyn Schedule>>,
    /// Folder of trace segments. `None`: there are none.
    pub segments_folder: Option<PathBuf>,
    /// Most memory that queries may use together, in bytes. `None`: no bound.
    pub memory_bytes_max: Option<usize>,
    /// Most memory that one query may use, in bytes. `None`: no bound.
    pub query_memory_bytes_max: Option<usize>,
    /// How long a statement may take where neither user nor session says. `None`: no bound.
    pub statement_timeout: Option<Duration>,
    /// Where COPY TO a file writes. `None`: it is not offered.
    pub exports_folder: Option<PathBuf>,
    /// Keeps users. `None`: there are none, and statements about them are refused.
    pub users: Option<Arc<dyn Users>>,
    /// Keeps what was changed. `None`: nobody does.
    pub audit: Option<Arc<dyn Audit>>,
}

/// Reads files of any form it knows into the world; called on a thread that may block.
pub trait Importer: Send + Sync {
    /// Imports what is asked for. What is reported is durable.
    ///
    /// # Errors
    /// It cannot be read, or did not answer; the database takes nothing.
    fn import(&self, world: &SharedWorld, import: &Import<'_>) -> Result<ImportReport, QueryError>;
}

/// What to import, and how.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// A file, a folder, or the name of a live source.
    pub path: &'a Path,
    /// Name that the facts carry; `None`: made from the importer and the file.
    pub source: Option<&'a str>,
    /// How much of what the source knows this is; a live source is asked for all.
    pub listing: Listing,
    /// Folder to which what a live source answers is written as well.
    pub record: Option<&'a Path>,
    /// The database that takes it.
    pub database: &'a str,
    /// Who chose the path.
    pub asked_by: AskedBy,
}

/// Who chose what is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// Whoever runs this process: the path may be sent the secrets that stand in its environment.
    Owner,
    /// Somebody whom a server let in: a live source gets only a secret that is bound to its name.
    Client,
}

/// How much of what a source knows is in what is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listing {
    /// Some of it: what is not named stays as it was.
    #[default]
    Partial,
    /// All of it: what the source said before and no longer names has ended.
    Complete,
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

/// How often a merge is thought through beside the world before others have to wait for it.
const MERGES_TRIED_MAX: usize = 2;

/// Answers statements over all databases of a world. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    world: Arc<SharedWorld>,
    options: EngineOptions,
    derived: DerivedCache,
    /// Databases at times of the past, and as they are since something came that was known of before;
    /// the last asked at the end.
    hindsights: Mutex<VecDeque<(HindsightOf, Database)>>,
    runtime: Arc<RuntimeEnv>,
    writing_anew: AsyncMutex<()>,
    scans: AllScans,
}

/// A database as it is known, what was known then, and the time that is asked about.
type HindsightOf = (Arc<str>, State, Version, Timestamp);

/// Most times of the past that are kept ready.
const HINDSIGHTS_KEPT_MAX: usize = 8;

impl Engine {
    /// Over a world that others may commit to as well.
    pub fn new(world: Arc<SharedWorld>, options: EngineOptions) -> Engine {
        let runtime = memory::runtime(options.memory_bytes_max);
        let (derived, hindsights) = (DerivedCache::default(), Mutex::default());
        let (writing_anew, scans) = (AsyncMutex::default(), AllScans::default());
        let inner = Inner { world, options, derived, hindsights, runtime, writing_anew, scans };
        Engine { inner: Arc::new(inner) }
    }

    /// Opens a session inside a database for this process itself, which may do all.
    /// Errors: there is no such database.
    pub fn session(&self, database: &str, user: &str) -> Result<Session, QueryError> {
        self.session_for(database, Who::owner(user))
    }

    /// Opens a session inside a database for somebody. Errors: there is no such database.
    pub fn session_for(&self, database: &str, who: Who) -> Result<Session, QueryError> {
        self.see(&Moment::read(database, crate::clock::now())?)?;
        Session::new(self.clone(), database, who)
    }

    /// Notes in the audit what somebody changed, or was refused.
    pub(crate) fn audit(
        &self,
        who: &Who,
        database: &str,
        text: &str,
        refused: Option<&QueryError>,
    ) {
        let Some(audit) = &self.options().audit else { return };
        audit.note(AuditEntry {
            at: crate::clock::now(),
            user: who.name.clone(),
            role: who.role,
            door: who.door.to_owned(),
            client: who.client.clone(),
            database: database.to_owned(),
            statement: audit::cut(text),
            outcome: refused.map_or("done", QueryError::sqlstate).to_owned(),
            version: refused.is_none().then(|| self.world().version().0),
        });
    }

    pub(crate) fn runtime(&self) -> &Arc<RuntimeEnv> {
        &self.inner.runtime
    }

    /// All databases, `live` first.
    pub fn databases(&self) -> Vec<Database> {
        let mut databases: Vec<Database> = self.world().databases().cloned().collect();
        databases.sort_by_key(|database| database.template().is_some());
        databases
    }

    /// The world as it is, for a moment: changes wait until it is dropped.
    pub(crate) fn world(&self) -> impl Deref<Target = World> {
        self.inner.world.now()
    }

    /// The turn to change the world. Waits for others who change it, and with them for the disk.
    pub(crate) fn turn(&self) -> Turn<'_> {
        self.inner.world.turn()
    }

    /// Where scans find their places.
    pub(crate) fn scans(&self) -> &AllScans {
        &self.inner.scans
    }

    /// Whose turn it is to compute anew what it writes. Others that write wait, so that it gets done.
    pub(crate) fn writing_anew(&self) -> &AsyncMutex<()> {
        &self.inner.writing_anew
    }

    /// Merges one database into another as one commit, and tells what that did.
    ///
    /// # Errors
    /// There are conflicts that the decisions do not decide; then nothing has changed.
    pub(crate) fn merge(
        &self,
        from: &str,
        into: &str,
        decisions: &Decisions,
        source: Source,
    ) -> Result<Merge, QueryError> {
        let commit = |mut turn: Turn<'_>, mut merge: Merge| {
            let now = turn.not_before_last(crate::clock::now());
            let merged = turn.merge(&mut merge, Arc::clone(&source), now);
            merged.map(|_| merge)
        };
        for _ in 0..MERGES_TRIED_MAX {
            let (from, into) = {
                let world = self.world();
                (world.database(from)?.clone(), world.database(into)?.clone())
            };
            // A large one takes a while to think through; others go on meanwhile.
            let merge = Merge::plan(&from, &into, decisions);
            match commit(self.turn(), merge) {
                Err(StoreError::Moved { .. }) => continue,
                merged => return Ok(merged?),
            }
        }
        let turn = self.turn();
        let merge = Merge::plan(turn.database(from)?, turn.database(into)?, decisions);
        Ok(commit(turn, merge)?)
    }

    /// Drops a fork unless it was used since it was looked at; `false`: it stays.
    pub(crate) fn drop_unused(&self, seen: &Database) -> Result<bool, QueryError> {
        let mut turn = self.turn();
        let now = turn.database(seen.name());
        let is_same = now.is_ok_and(|now| {
            (now.state(), now.last_used_at()) == (seen.state(), seen.last_used_at())
        });
        if is_same {
            turn.drop_database(seen.name())?;
        }
        Ok(is_same)
    }

    pub(crate) fn shared_world(&self) -> &Arc<SharedWorld> {
        &self.inner.world
    }

    pub(crate) fn options(&self) -> &EngineOptions {
        &self.inner.options
    }

    /// A database as it is now, or at the time that its name tells. Cost: see [`PastReader::read`].
    pub(crate) fn view(&self, name: &str, asker: Asker) -> Result<Arc<View>, QueryError> {
        let moment = Moment::read(name, crate::clock::now())?;
        let (database, since) = self.see(&moment)?;
        let (live, live_since) = match moment.database {
            LIVE => (database.clone(), since),
            _ => self.see(&Moment { database: LIVE, ..moment })?,
        };
        let when = When { asked: moment.at, since: [since, live_since] };
        let folder = self.options().segments_folder.as_deref();
        let derived = self.inner.derived.of(&database, &live, when, folder);
        let when = (moment.known, moment.at);
        Ok(Arc::new(View::new(self.clone(), database, when, derived, asker)))
    }

    /// A database, and the time since which it has been like that; [`Timestamp::MAX`]: nothing in it is
    /// said to begin or end later than now, so that only a commit changes it.
    fn see(&self, moment: &Moment<'_>) -> Result<(Database, Timestamp), QueryError> {
        let Moment { database: name, known, at } = *moment;
        // What is far back is read without the world, so that others go on meanwhile.
        let (known, then) = {
            let world = self.world();
            world.note_used(name, crate::clock::now());
            let then = at.map(|at| world.version_at(at)).transpose()?;
            let version = match known {
                Known::Now => None,
                Known::At(version) => Some(version),
                Known::Then => then,
            };
            match version {
                None => (PastReader::from(world.database(name)?.clone()), then),
                Some(version) => (world.past(name, version)?, then.map(|then| then.min(version))),
            }
        };
        let known = known.read()?;
        match at.zip(then) {
            None => Ok(self.present(known)),
            Some((at, then)) => Ok((self.look_back(known, name, then, at)?, at)),
        }
    }

    /// A database as it is now, and since when. Cost: O(log), and where something is to come, after
    /// each change and each time at which something came, O(what is to come).
    fn present(&self, known: Database) -> (Database, Timestamp) {
        let now = crate::clock::now();
        let Some(bound) = known.snapshot().bound_before(now) else {
            return (known, Timestamp::MAX);
        };
        // No version of the past is that high.
        let key = (Arc::clone(known.name()), known.state(), Version(u64::MAX), bound);
        let kept = self.kept_hindsight(&key, &known).unwrap_or_else(|| {
            let present = known.as_of(now);
            self.keep_hindsight(key, &present);
            present
        });
        (kept, bound)
    }

    /// A schema that only adds leaves versions as they are, so that it must be that of `known`.
    fn kept_hindsight(&self, key: &HindsightOf, known: &Database) -> Option<Database> {
        let schema = known.snapshot().schema();
        let kept = self.inner.hindsights.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = kept.iter().filter(|(of, _)| of == key).map(|(_, kept)| kept);
        found.find(|kept| Arc::ptr_eq(kept.snapshot().schema(), schema)).cloned()
    }

    fn keep_hindsight(&self, key: HindsightOf, hindsight: &Database) {
        let mut kept = self.inner.hindsights.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= HINDSIGHTS_KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((key, hindsight.clone()));
    }

    /// A database at a time, as it is known; `then` is what was known at that time.
    fn look_back(
        &self,
        known: Database,
        name: &str,
        then: Version,
        at: Timestamp,
    ) -> Result<Database, QueryError> {
        let key = (Arc::clone(known.name()), known.state(), then, at);
        if let Some(kept) = self.kept_hindsight(&key, &known) {
            return Ok(kept);
        }
        let then = match then {
            Version(0) => None,
            then => {
                let past = self.world().past(name, then)?;
                Some(past.read()?)
            }
        };
        let looked_back = known.as_it_was(then.as_ref(), at);
        self.keep_hindsight(key, &looked_back);
        Ok(looked_back)
    }
}
