//! All databases of one store, over one journal.
//!
//! ```text
//! commit, fork, drop --> entry --> Journal (durable) --> take --> databases
//!                     open: Journal, from the start ------^
//! ```
//!
//! **Invariant:** what is in memory is what [`World::open`] would read from the journal: both ways go
//! through `take`. A [`Version`] names one commit of the whole world.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use groma_model::{Problem, Schema, Source, Timestamp, Version};

use crate::codec::{self, Entry, SetAside};
use crate::{
    Change, CommitRow, Database, Journal, MemoryJournal, PROBLEMS_KEPT_MAX, Poll, ProblemRow,
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

/// Source of the problems that the store finds while it reads its journal.
const JOURNAL_SOURCE: &str = "groma:journal";

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
}

impl Commit {
    /// Without problems and segments.
    pub fn new(source: Source, heard_at: Timestamp, changes: Vec<Change>) -> Commit {
        Commit { source, heard_at, changes, problems: Vec::new(), segments: Vec::new(), poll: None }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.problems.is_empty()
            && self.segments.is_empty()
            && self.poll.is_none()
    }
}

/// All databases of one store.
pub struct World {
    schema: Arc<Schema>,
    journal: Box<dyn Journal>,
    databases: BTreeMap<Arc<str>, Database>,
    /// The last commit in any database.
    version: Version,
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
        let live = Database::live(Snapshot::empty(Arc::clone(&schema)));
        let mut world = World {
            schema,
            journal,
            databases: BTreeMap::from([(Arc::clone(live.name()), live)]),
            version: Version(0),
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
        self.version
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
        self.databases.values()
    }

    /// One database. Clone it to go on reading while the world changes.
    pub fn database(&self, name: &str) -> Result<&Database, StoreError> {
        self.databases.get(name).ok_or_else(|| StoreError::NoDatabase {
            name: name.into(),
            known: self.databases.keys().take(8).cloned().collect(),
        })
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
        let version = Version(self.version.0 + 1);
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

    /// Makes a database that starts as its template is now; `created_at` is our clock.
    /// Cost: O(1), and one entry of the journal.
    pub fn fork(
        &mut self,
        name: &str,
        template: &str,
        created_at: Timestamp,
    ) -> Result<(), StoreError> {
        check_name(name)?;
        let template = Arc::clone(self.database(template)?.name());
        if self.databases.contains_key(name) {
            return Err(StoreError::DatabaseExists { name: name.into() });
        }
        if self.databases.len() >= DATABASES_MAX {
            return Err(StoreError::TooManyDatabases { count: self.databases.len() });
        }
        self.append(Entry::Fork { name: name.into(), template, created_at })
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
        if let Err(error) = self.journal.append(&bytes) {
            self.broken = Some(error.to_string());
            return Err(error.into());
        }
        drop(bytes);
        // What `encode` took, `take` takes: both databases were looked up before.
        self.take(entry).map_err(|reason| StoreError::Damaged { sequence: 0, reason })
    }

    fn replay(&mut self) -> Result<(), StoreError> {
        // An entry that cannot be read may be the torn last one; if another follows it is not.
        let mut unread: Option<(u64, String)> = None;
        let mut is_last = true;
        // Out of `self` while its entries are taken in; it holds nothing meanwhile.
        let mut journal = std::mem::replace(&mut self.journal, Box::new(MemoryJournal::default()));
        let replayed = journal.replay(&mut |sequence, bytes| {
            if unread.is_some() {
                is_last = false;
                return ControlFlow::Break(());
            }
            unread = self.read(bytes).err().map(|reason| (sequence, reason));
            ControlFlow::Continue(())
        });
        self.journal = journal;
        replayed?;
        let Some((sequence, reason)) = unread else { return Ok(()) };
        if !(is_last && self.journal.cut_torn_tail(sequence)?) {
            return Err(StoreError::Damaged { sequence, reason });
        }
        self.torn_tail = Some(reason);
        Ok(())
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (entry, set_aside) =
            codec::decode(bytes, &self.schema).map_err(|malformed| malformed.to_string())?;
        let noted = match &entry {
            Entry::Commit { database, commit, .. } if !set_aside.is_empty() => {
                Some((Arc::clone(database), commit.heard_at))
            }
            _ => None,
        };
        self.take(entry)?;
        if let Some((database, heard_at)) = noted {
            let database = self.databases.get_mut(&database).ok_or("its database is gone")?;
            let problems = set_aside.iter().map(SetAside::problem).collect();
            database.note_problems(&JOURNAL_SOURCE.into(), problems, heard_at);
        }
        Ok(())
    }

    fn take(&mut self, entry: Entry) -> Result<(), String> {
        match entry {
            Entry::Commit { database, version, commit, problems_not_kept } => {
                if version <= self.version {
                    return Err(format!("it is {version} and comes after {}", self.version));
                }
                let database = (self.databases.get_mut(&database))
                    .ok_or_else(|| format!("it is for \"{database}\", which is not there"))?;
                database.commit(version, &commit, problems_not_kept);
                self.version = version;
            }
            Entry::Fork { name, template, created_at } => {
                let template = (self.databases.get(&template))
                    .ok_or_else(|| format!("it forks \"{template}\", which is not there"))?;
                let fork = template.fork(Arc::clone(&name), created_at);
                self.databases.insert(name, fork);
            }
            Entry::Drop { name } => {
                (self.databases.remove(&name))
                    .ok_or_else(|| format!("it drops \"{name}\", which is not there"))?;
            }
        }
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
