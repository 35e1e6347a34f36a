//! All databases of one store, over one journal.
//!
//! ```text
//! commit, fork, drop --> entry --> Journal (durable) --> take --> databases
//!                     open: Journal, from the start ------^
//! ```
//!
//! **Invariant:** what is in memory is what [`World::open`] would read from the journal: both ways go
//! through `Databases::take`. A [`Version`] names one commit of the whole world.

use std::ops::ControlFlow;
use std::sync::Arc;

use groma_model::{Problem, Schema, Source, Timestamp, Version};

use crate::codec::{self, Entry};
use crate::databases::Databases;
use crate::past::{Past, PastReader};
use crate::{
    Change, CommitRow, Database, Fork, Journal, Merge, PROBLEMS_KEPT_MAX, Poll, ProblemRow,
    Segment, SegmentRow, Snapshot, SourceRow, StoreError,
};

/// Name of the database that holds what the sources say.
pub const LIVE: &str = "live";

/// How many databases there may be.
pub const DATABASES_MAX: usize = 10_000;

/// Longest name of a database, in bytes; PostgreSQL's limit.
pub const NAME_BYTES_MAX: usize = 63;

/// Largest entry of the journal, in bytes. A commit of a million facts takes some 20 MB.
pub const ENTRY_BYTES_MAX: usize = 1 << 30;

/// What is to be committed to a database at once: all of it or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Who commits; facts carry their own source.
    pub source: Source,
    /// Our clock.
    pub heard_at: Timestamp,
    /// What changes, in order.
    pub changes: Vec<Change>,
    /// What could not be understood. Those beyond [`PROBLEMS_KEPT_MAX`] are only counted.
    pub problems: Vec<Problem>,
    /// Files of trace messages, already durable.
    pub segments: Vec<Segment>,
    /// What became of asking the source, if it was asked.
    pub poll: Option<Poll>,
    /// What was merged by it, if it is a merge.
    pub merged_from: Option<MergedFrom>,
}

/// A database at a version, all of which a merge has taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedFrom {
    /// Its name at that time.
    pub name: Arc<str>,
    /// Its version.
    pub version: Version,
}

impl Commit {
    /// Without problems and segments.
    pub fn new(source: Source, heard_at: Timestamp, changes: Vec<Change>) -> Commit {
        let (problems, segments) = (Vec::new(), Vec::new());
        Commit { source, heard_at, changes, problems, segments, poll: None, merged_from: None }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.problems.is_empty()
            && self.segments.is_empty()
            && self.poll.is_none()
            && self.merged_from.is_none()
    }
}

/// All databases of one store.
pub struct World {
    schema: Arc<Schema>,
    journal: Box<dyn Journal>,
    databases: Databases,
    past: Past,
    torn_tail: Option<String>,
    /// Why nothing more can be committed.
    broken: Option<String>,
}

impl World {
    /// Reads the journal from its start. Facts of kinds, attributes or values that the schema no
    /// longer has are set aside: they stay in the journal, and a problem counts them.
    /// Cost: O(entries and their changes).
    ///
    /// # Errors
    /// The journal fails, or an entry that was acknowledged cannot be read.
    pub fn open(schema: Arc<Schema>, journal: Box<dyn Journal>) -> Result<World, StoreError> {
        let mut world = World {
            databases: Databases::empty(Arc::clone(&schema)),
            past: Past::default(),
            schema,
            journal,
            torn_tail: None,
            broken: None,
        };
        world.replay()?;
        Ok(world)
    }

    /// The schema of all its databases.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
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
        self.past.of(&self.databases, name, version, &self.schema, self.journal.as_ref())
    }

    /// The last version that had been heard at a time, in any database; 0: none had.
    ///
    /// # Errors
    /// The versions of that time are no longer kept.
    pub fn version_at(&self, heard_at: Timestamp) -> Result<Version, StoreError> {
        self.past.version_at(heard_at)
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

    /// Whether any database can see this file. A file that none can see was never acknowledged, or
    /// belonged to a fork that was dropped. Cost: O(segments).
    pub fn uses_segment(&self, file: &str) -> bool {
        self.databases().any(|database| database.segments().any(|row| &*row.segment.file == file))
    }

    /// Makes a commit durable, then visible. An empty one is none: it gives the database's version.
    ///
    /// # Errors
    /// Nothing has changed, with one exception: after [`StoreError::Journal`] the commit may be
    /// found when the world is opened anew, and until then the world takes no more.
    pub fn commit(&mut self, database: &str, mut commit: Commit) -> Result<Version, StoreError> {
        let database = self.database(database)?;
        if commit.is_empty() {
            return Ok(database.version());
        }
        let problems_not_kept = commit.problems.len().saturating_sub(PROBLEMS_KEPT_MAX) as u64;
        commit.problems.truncate(PROBLEMS_KEPT_MAX);
        let database = Arc::clone(database.name());
        let version = Version(self.version().0 + 1);
        self.append(Entry::Commit { database, version, commit, problems_not_kept })?;
        Ok(version)
    }

    /// Acknowledges files of trace messages, which must be durable already.
    pub fn add_segments(
        &mut self,
        database: &str,
        source: Source,
        segments: Vec<Segment>,
        heard_at: Timestamp,
    ) -> Result<Version, StoreError> {
        let commit = Commit { segments, ..Commit::new(source, heard_at, Vec::new()) };
        self.commit(database, commit)
    }

    /// Makes a frozen database that starts as its template is now; `created_at` is our clock.
    /// Cost: O(1), and one entry of the journal.
    pub fn fork(
        &mut self,
        name: &str,
        template: &str,
        created_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.make_fork(Fork::new(name, template, created_at))
    }

    /// Makes a database that starts as its template. Cost: O(1), and one entry of the journal.
    ///
    /// # Errors
    /// The name is taken or none, or there is no such template; a fork of the past cannot follow it.
    pub fn make_fork(&mut self, mut fork: Fork) -> Result<(), StoreError> {
        check_name(&fork.name)?;
        fork.template = Arc::clone(self.database(&fork.template)?.name());
        if self.databases.contains(&fork.name) {
            return Err(StoreError::DatabaseExists { name: fork.name.to_string() });
        }
        if self.databases.len() >= DATABASES_MAX {
            return Err(StoreError::TooManyDatabases { count: self.databases.len() });
        }
        self.append(Entry::Fork(fork))
    }

    /// Commits a merge that was planned for what both databases hold now.
    /// `None`: there was nothing to merge.
    ///
    /// # Errors
    /// [`StoreError::Conflicts`] if some are not decided, [`StoreError::Moved`] if one of the two has
    /// changed since: plan it anew. See [`World::commit`] for the others.
    pub fn merge(
        &mut self,
        merge: Merge,
        source: Source,
        heard_at: Timestamp,
    ) -> Result<Option<Version>, StoreError> {
        for planned in [&merge.from, &merge.into] {
            if self.database(&planned.name)?.state() != planned.state {
                return Err(StoreError::Moved { name: planned.name.to_string() });
            }
        }
        if merge.conflicts() > 0 {
            return Err(merge.refusal(&self.schema));
        }
        if merge.rows.is_empty() {
            return Ok(None);
        }
        let into = Arc::clone(&merge.into.name);
        self.commit(&into, merge.into_commit(source, heard_at)).map(Some)
    }

    /// Notes that a database was asked; forgotten when the process ends.
    pub fn note_used(&mut self, database: &str, at: Timestamp) {
        self.databases.note_used(database, at);
    }

    /// Drops a fork. Forks that came from it stay as they are.
    pub fn drop_database(&mut self, name: &str) -> Result<(), StoreError> {
        if name == LIVE {
            return Err(StoreError::LiveStays);
        }
        let name = Arc::clone(self.database(name)?.name());
        self.append(Entry::Drop { name })
    }

    /// The one place that commits: durable first, then visible.
    fn append(&mut self, entry: Entry) -> Result<(), StoreError> {
        if let Some(reason) = &self.broken {
            return Err(StoreError::ReadOnly { reason: reason.clone() });
        }
        let bytes = codec::encode(&entry, &self.schema)?;
        if bytes.len() > ENTRY_BYTES_MAX {
            let (size_bytes, max_bytes) = (bytes.len(), ENTRY_BYTES_MAX);
            return Err(StoreError::TooLarge { size_bytes, max_bytes });
        }
        let sequence = match self.journal.append(&bytes) {
            Ok(sequence) => sequence,
            Err(error) => {
                let error = StoreError::from(error);
                self.broken = error.detail();
                return Err(error);
            }
        };
        drop(bytes);
        // What `encode` took, `take` takes: both databases were looked up before.
        let past = &mut self.past;
        self.databases
            .take(&entry, &mut |before, entry| past.note_change(before, entry))
            .map_err(|reason| StoreError::Damaged { sequence, reason })?;
        self.past.note(&entry, sequence);
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
            match databases.read(bytes, &self.schema, &mut changing) {
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

/// `@` names the past, `/` and quotes would need care everywhere.
fn check_name(name: &str) -> Result<(), StoreError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > NAME_BYTES_MAX {
        "it is too long"
    } else if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        "it holds a character that is no letter, digit, -, _ or ."
    } else {
        return Ok(());
    };
    Err(StoreError::BadName { name: name.into(), reason })
}
