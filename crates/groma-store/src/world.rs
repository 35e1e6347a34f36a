//! All databases of one store, over one journal.
//!
//! ```text
//! Writer: commit, fork, drop, schema --> entry --> Journal (durable) --> take --> databases
//!                                     open: Journal, from the start ------^
//! ```
//!
//! **Invariant:** what is in memory is what [`World::open`] would read from the journal: both ways go
//! through `Databases::take`. A [`Version`] names one commit of the whole world.

mod commit;
mod compacting;
mod shared;
mod writer;

use std::ops::ControlFlow;
use std::sync::Arc;

use groma_model::{Schema, SchemaError, SchemaText, Timestamp, Version};

use crate::codec::{self, Entry};
use crate::databases::Databases;
use crate::past::{Past, PastReader};
use crate::schemas::Schemas;
use crate::{
    CommitRow, Database, History, Journal, MemoryJournal, ProblemRow, SchemaRow, SegmentRow,
    Snapshot, SourceRow, StoreError,
};

pub use commit::{Commit, MergedFrom};
pub use shared::{SharedWorld, Turn};
pub use writer::Writer;

/// Name of the database that holds what the sources say.
pub const LIVE: &str = "live";

/// How many databases there may be.
pub const DATABASES_MAX: usize = 10_000;

/// Longest name of a database, in bytes; PostgreSQL's limit.
pub const NAME_BYTES_MAX: usize = 63;

/// Largest entry of the journal, in bytes. A commit of a million facts takes some 20 MB.
pub const ENTRY_BYTES_MAX: usize = 1 << 30;

/// All databases of one store.
pub struct World {
    schemas: Arc<Schemas>,
    journal: Box<dyn Journal>,
    databases: Databases,
    past: Past,
    torn_tail: Option<String>,
    /// Why nothing more can be committed.
    broken: Option<String>,
}

impl World {
    /// Reads the journal from its start, under `base`, the schema that ships, with what the site's
    /// schema adds to it. Facts that the schema has no place for are set aside: they stay in the
    /// journal, and are problems. Cost: O(entries and their changes).
    ///
    /// # Errors
    /// The journal fails, or an entry that was acknowledged cannot be read.
    pub fn open(base: Arc<Schema>, mut journal: Box<dyn Journal>) -> Result<World, StoreError> {
        let schemas = Arc::new(Schemas::read(base, journal.as_mut())?);
        let mut world = World {
            databases: Databases::empty(Arc::clone(&schemas.schema)),
            past: Past::default(),
            schemas,
            journal,
            torn_tail: None,
            broken: None,
        };
        world.replay()?;
        Ok(world)
    }

    /// The schema of all its databases.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schemas.schema
    }

    /// The schemas that the site has given, the oldest first; the last is in force.
    pub fn schemas(&self) -> &[SchemaRow] {
        &self.schemas.rows
    }

    /// What the site's schema says that this groma does not understand, or has itself by now; it is
    /// left out.
    pub fn schema_errors(&self) -> &[SchemaError] {
        &self.schemas.errors
    }

    /// The schema that ships with what these files would add to it, in place of the site's.
    ///
    /// # Errors
    /// [`StoreError::Schema`]: something in it is wrong.
    pub fn schema_with(&self, files: &[SchemaText]) -> Result<Schema, StoreError> {
        let (schema, mut errors) = self.schemas.base.extended(files);
        if errors.is_empty() {
            return Ok(schema);
        }
        let first = errors.remove(0);
        Err(StoreError::Schema { first: Box::new(first), others: errors })
    }

    /// Makes a schema visible that was written, in all databases.
    fn take_schema(
        &mut self,
        entry: &Entry,
        row: SchemaRow,
        sequence: u64,
    ) -> Result<(), StoreError> {
        let (before, version) = (Arc::clone(self.schema()), row.version);
        self.take(entry, sequence)?;
        Arc::make_mut(&mut self.schemas).add(row);
        if !self.databases.take_schema(&self.schemas.schema, &before) {
            return self.read_anew();
        }
        self.past.forget(version);
        Ok(())
    }

    /// Reads the whole journal under the schema of today.
    fn read_anew(&mut self) -> Result<(), StoreError> {
        let journal = std::mem::replace(&mut self.journal, Box::new(MemoryJournal::default()));
        match World::open(Arc::clone(&self.schemas.base), journal) {
            Ok(anew) => {
                *self = World { torn_tail: self.torn_tail.take(), ..anew };
                Ok(())
            }
            Err(error) => {
                self.broken = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// The last commit in any database.
    pub fn version(&self) -> Version {
        self.databases.version()
    }

    /// What was wrong with the last entry, if it was torn when the world was opened. It had not been
    /// acknowledged.
    pub fn torn_tail(&self) -> Option<&str> {
        self.torn_tail.as_deref()
    }

    /// What had to be repaired when the world was opened, for people: a torn entry, or what the
    /// journal says of itself. `None`: nothing.
    pub fn repair(&self) -> Option<String> {
        let torn = self.torn_tail.as_ref();
        torn.map(|reason| format!("the last entry was torn and is left out: {reason}"))
            .or_else(|| self.journal.repair())
    }

    /// All databases by name.
    pub fn databases(&self) -> impl ExactSizeIterator<Item = &Database> {
        self.databases.all()
    }

    /// One database. Clone it to go on reading while the world changes.
    pub fn database(&self, name: &str) -> Result<&Database, StoreError> {
        self.databases.get(name)
    }

    /// A database as it was known at a version; of a fork before it was made, that is its template.
    /// Cost: see [`PastReader::read`].
    ///
    /// # Errors
    /// There is no such database now; the version is still to come, or is no longer kept; the journal
    /// cannot be read.
    pub fn database_at(&self, name: &str, version: Version) -> Result<Database, StoreError> {
        self.past(name, version)?.read()
    }

    /// The way to a database as it was known at a version, to be read without the world.
    ///
    /// # Errors
    /// As [`World::database_at`], but for those of reading.
    pub fn past(&self, name: &str, version: Version) -> Result<PastReader, StoreError> {
        self.past.of(&self.databases, name, version, &self.schemas, self.journal.as_ref())
    }

    /// The way to the commits of a database from a version on, to be read without the world.
    ///
    /// # Errors
    /// The version is no longer kept, or the journal cannot be read. 0 is what there is: of commits
    /// before the oldest version kept, what has not been replaced since.
    /// `database` may be one of the past: then none is later than it.
    pub fn history(&self, database: Database, since: Version) -> Result<History, StoreError> {
        let (oldest, heard_at) = self.oldest_version();
        if Version(0) < since && since < oldest {
            let asked = since.to_string();
            return Err(StoreError::Compacted { asked, oldest, since: heard_at });
        }
        let (start, start_version) = self.past.start_of(since);
        let schemas = Arc::clone(&self.schemas);
        let reader = self.journal.reader()?;
        Ok(History { database, schemas, reader, since, start, start_version })
    }

    /// The last version that had been heard at a time, in any database; 0: none had.
    ///
    /// # Errors
    /// The versions of that time are no longer kept.
    pub fn version_at(&self, heard_at: Timestamp) -> Result<Version, StoreError> {
        self.past.version_at(heard_at)
    }

    /// A time of our clock for the next commit: not before the last one, also if the clock was set back,
    /// so that what was known at a time stays so.
    pub fn not_before_last(&self, now: Timestamp) -> Timestamp {
        self.past.last_heard_at().map_or(now, |last| last.max(now))
    }

    /// The oldest version that can be asked for, and when it was heard. 0: all of them can be.
    pub fn oldest_version(&self) -> (Version, Timestamp) {
        self.past.oldest()
    }

    /// Gives back the memory that the past takes; what is asked of it again is read from the journal.
    pub fn forget_past(&mut self) {
        self.past.forget(self.version());
    }

    /// The model in a database.
    pub fn snapshot(&self, database: &str) -> Result<Snapshot, StoreError> {
        self.database(database).map(|database| database.snapshot().clone())
    }

    /// What could not be understood; see [`Database::problems`].
    pub fn problems(&self, database: &str) -> Result<impl Iterator<Item = ProblemRow>, StoreError> {
        self.database(database).map(Database::problems)
    }

    /// Who spoke; see [`Database::sources`].
    pub fn sources(&self, database: &str) -> Result<Vec<SourceRow>, StoreError> {
        self.database(database).map(Database::sources)
    }

    /// The history; see [`Database::commits`].
    pub fn commits(&self, database: &str) -> Result<impl Iterator<Item = &CommitRow>, StoreError> {
        self.database(database).map(Database::commits)
    }

    /// The segments that a database can see.
    pub fn segments(
        &self,
        database: &str,
    ) -> Result<impl Iterator<Item = &SegmentRow>, StoreError> {
        self.database(database).map(Database::segments)
    }

    /// Notes that a database was asked; forgotten when the process ends.
    pub fn note_used(&self, database: &str, at: Timestamp) {
        self.databases.note_used(database, at);
    }

    /// Makes an entry durable; its sequence.
    fn write(&self, entry: &Entry) -> Result<u64, StoreError> {
        if let Some(reason) = &self.broken {
            return Err(StoreError::ReadOnly { reason: reason.clone() });
        }
        let bytes = codec::encode(entry, self.schema())?;
        if bytes.len() > ENTRY_BYTES_MAX {
            let (size_bytes, max_bytes) = (bytes.len(), ENTRY_BYTES_MAX);
            return Err(StoreError::TooLarge { size_bytes, max_bytes });
        }
        Ok(self.journal.append(&bytes)?)
    }

    /// Makes visible what was written. What `encode` took, this takes: the writer looked both databases
    /// up before.
    fn take(&mut self, entry: &Entry, sequence: u64) -> Result<(), StoreError> {
        let past = &mut self.past;
        self.databases
            .take(entry, &mut |before, entry| past.note_change(before, entry))
            .map_err(|reason| StoreError::Damaged { sequence, reason })?;
        self.past.note(entry, sequence);
        Ok(())
    }

    fn replay(&mut self) -> Result<(), StoreError> {
        // An entry that cannot be read may be the torn last one; if another follows it is not.
        let mut unread: Option<(u64, String)> = None;
        let mut is_last = true;
        let (databases, past) = (&mut self.databases, &mut self.past);
        self.journal.replay(&mut |sequence, bytes| {
            if unread.is_some() {
                is_last = false;
                return ControlFlow::Break(());
            }
            let mut changing = |before: &Database, entry: &Entry| past.note_change(before, entry);
            match databases.read(bytes, &self.schemas, &mut changing) {
                Ok(entry) => past.note(&entry, sequence),
                Err(reason) => unread = Some((sequence, reason)),
            }
            ControlFlow::Continue(())
        })?;
        let Some((sequence, reason)) = unread else { return Ok(()) };
        if !(is_last && self.journal.cut_torn_tail(sequence)?) {
            return Err(StoreError::Damaged { sequence, reason });
        }
        self.torn_tail = Some(reason);
        Ok(())
    }
}
