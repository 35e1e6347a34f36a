//! What can be asked of the past: which versions there are, when each was heard, and how to see one.
//!
//! ```text
//! version --recent?--> the database as it was, sharing with now          O(log)
//!         --else-----> nearest checkpoint, then the journal up to it     O(changes between)
//! ```

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use groma_model::{Timestamp, Version};

use crate::codec::Entry;
use crate::database::Owner;
use crate::databases::Databases;
use crate::journal::JournalReader;
use crate::recent::Recent;
use crate::schemas::Schemas;
use crate::{Database, Journal, StoreError};

/// Most worlds of the past that are kept after they were read from the journal. Each may take as much
/// memory as the model did then.
pub const CHECKPOINTS_KEPT_MAX: usize = 3;

/// Which versions there are, and the means to see them again.
#[derive(Default)]
pub(crate) struct Past {
    /// The oldest version that can be asked for, and when it was heard. 0: nothing was compacted.
    oldest: (Version, Timestamp),
    /// The earliest that any commit was ever heard.
    began_at: Option<Timestamp>,
    /// Of each later commit when it was heard, and its sequence in the journal.
    commits: Vec<(Timestamp, u64)>,
    recent: Recent,
    checkpoints: Checkpoints,
}

type Checkpoints = Arc<Mutex<VecDeque<Checkpoint>>>;

/// All databases right before an entry of the journal.
#[derive(Clone)]
struct Checkpoint {
    next: u64,
    databases: Databases,
}

impl Past {
    /// A commit is about to change a database.
    pub(crate) fn note_change(&mut self, before: &Database, entry: &Entry) {
        if let Entry::Commit { version, commit, .. } = entry
            && self.oldest.0 < *version
        {
            self.recent.note(*version, before, commit.changes.len());
        }
    }

    /// An entry was taken in.
    pub(crate) fn note(&mut self, entry: &Entry, sequence: u64) {
        let (version, heard_at) = match entry {
            Entry::Commit { version, commit, .. } => (*version, commit.heard_at),
            Entry::Schema(row) => (row.version, row.heard_at),
            Entry::Fork { .. } | Entry::Drop { .. } => return,
            Entry::Compacted { oldest, heard_at, began_at } => {
                self.give_up((*oldest, *heard_at), *began_at);
                return;
            }
        };
        if self.oldest.0 < version {
            self.began_at = Some(self.began_at.map_or(heard_at, |began_at| began_at.min(heard_at)));
            self.commits.push((heard_at, sequence));
        }
    }

    /// All before a version, when the journal is compacted; when that is read again, nothing.
    fn give_up(&mut self, oldest: (Version, Timestamp), began_at: Timestamp) {
        let gone = (oldest.0.0 - self.oldest.0.0).min(self.commits.len() as u64);
        self.commits.drain(..gone as usize);
        self.oldest = oldest;
        self.began_at = Some(began_at);
        self.recent.forget(oldest.0);
        let mut kept = self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| oldest.0 <= kept.databases.version());
    }

    /// What a compaction starts from: the version that is to be the oldest and when it was heard, and
    /// when the first of all was. `None`: nothing is older than that.
    pub(crate) fn compactable(
        &self,
        version: Version,
    ) -> Option<((Version, Timestamp), Timestamp)> {
        let place = version.0.checked_sub(self.oldest.0.0 + 1)?;
        let (heard_at, _) = self.commits.get(place as usize)?;
        Some(((version, *heard_at), self.began_at?))
    }

    /// Gives back what it holds of databases; the journal has it all.
    pub(crate) fn forget(&mut self, newest: Version) {
        self.recent.forget(newest);
        // Whoever is reading a part of the past keeps the old ones to himself.
        self.checkpoints = Checkpoints::default();
    }

    /// The oldest version that can be asked for, and when it was heard.
    pub(crate) fn oldest(&self) -> (Version, Timestamp) {
        self.oldest
    }

    /// When the last commit was heard; `None`: there is none.
    pub(crate) fn last_heard_at(&self) -> Option<Timestamp> {
        let last = self.commits.last().map(|(heard_at, _)| *heard_at);
        last.or_else(|| self.began_at.map(|_| self.oldest.1))
    }

    /// What was known at a time: the last version that had been heard. 0: nothing had been.
    pub(crate) fn version_at(&self, at: Timestamp) -> Result<Version, StoreError> {
        if self.began_at.is_none_or(|began_at| at < began_at) {
            return Ok(Version(0));
        }
        let (oldest, since) = self.oldest;
        match self.commits.iter().rposition(|(heard_at, _)| *heard_at <= at) {
            Some(place) => Ok(Version(oldest.0 + 1 + place as u64)),
            None if since <= at => Ok(oldest),
            None => Err(StoreError::Compacted { asked: at.to_string(), oldest, since }),
        }
    }

    /// Where reading may start to find all from a version on: a sequence of the journal, and the
    /// version before which nothing is read.
    pub(crate) fn start_of(&self, version: Version) -> (u64, Version) {
        let (oldest, _) = self.oldest;
        let before = version.0.saturating_sub(oldest.0 + 1) as usize;
        let last = before.min(self.commits.len()).checked_sub(1);
        last.map_or((0, Version(0)), |place| (self.commits[place].1 + 1, version))
    }

    /// The way to a database as it was known at a version.
    pub(crate) fn of(
        &self,
        databases: &Databases,
        name: &str,
        version: Version,
        schemas: &Arc<Schemas>,
        journal: &dyn Journal,
    ) -> Result<PastReader, StoreError> {
        let database = databases.get(name)?;
        let (oldest, since) = self.oldest;
        if databases.version() < version {
            return Err(StoreError::NoVersion { asked: version, newest: databases.version() });
        }
        // A fork of the past was, before it was made, its template at that time.
        let Owner { name: owner, version, .. } = database.owner_at(version);
        if version < oldest {
            return Err(StoreError::Compacted { asked: version.to_string(), oldest, since });
        }
        let current = databases.get(owner).ok();
        // What follows its template changes without a commit of its own.
        let alive =
            current.filter(|current| current.is_made_before(version) && !current.followed());
        if let Some(found) = alive.and_then(|current| self.recent.at(current, version)) {
            return Ok(PastReader(Way::Known(Box::new(found))));
        }
        Ok(PastReader(Way::Journal {
            name: Arc::clone(owner),
            version,
            schemas: Arc::clone(schemas),
            reader: journal.reader()?,
            checkpoints: Arc::clone(&self.checkpoints),
        }))
    }
}

/// A database of the past. Reading it needs no world, so that others use that meanwhile.
pub struct PastReader(Way);

enum Way {
    Known(Box<Database>),
    Journal {
        name: Arc<str>,
        version: Version,
        schemas: Arc<Schemas>,
        reader: Box<dyn JournalReader>,
        checkpoints: Checkpoints,
    },
}

impl From<Database> for PastReader {
    fn from(database: Database) -> PastReader {
        PastReader(Way::Known(Box::new(database)))
    }
}

impl PastReader {
    /// The database. Cost: O(1) if its version is one of the last, or was asked for lately; else
    /// O(changes from the start of the journal, or an earlier version asked for lately, up to it).
    ///
    /// # Errors
    /// The journal fails, or an entry of it cannot be read.
    pub fn read(self) -> Result<Database, StoreError> {
        match self.0 {
            Way::Known(database) => Ok(*database),
            Way::Journal { name, version, schemas, reader, checkpoints } => {
                let start = nearest(&checkpoints, version, &schemas);
                let reached = read_up_to(start, version, &schemas, reader.as_ref())?;
                let database = reached.databases.get(&name)?.clone();
                keep(&checkpoints, reached);
                Ok(database)
            }
        }
    }
}

/// Takes in entries up to the commit of this version and no further: forks that are made or dropped
/// right after it do not count.
fn read_up_to(
    mut reached: Checkpoint,
    version: Version,
    schemas: &Schemas,
    reader: &dyn JournalReader,
) -> Result<Checkpoint, StoreError> {
    if reached.databases.version() == version {
        return Ok(reached);
    }
    let mut damage = None;
    reader.read(reached.next, &mut |sequence, bytes| {
        if let Err(reason) = reached.databases.read(bytes, schemas, &mut |_, _| ()) {
            damage = Some(StoreError::Damaged { sequence, reason });
            return ControlFlow::Break(());
        }
        reached.next = sequence + 1;
        if reached.databases.version() < version {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    damage.map_or(Ok(reached), Err)
}

fn nearest(checkpoints: &Checkpoints, version: Version, schemas: &Schemas) -> Checkpoint {
    let mut kept = checkpoints.lock().unwrap_or_else(PoisonError::into_inner);
    let earlier = (0..kept.len()).filter(|place| kept[*place].databases.version() <= version);
    let nearest = earlier.max_by_key(|place| kept[*place].databases.version());
    let Some(found) = nearest.and_then(|place| kept.remove(place)) else {
        return Checkpoint { next: 0, databases: Databases::empty(Arc::clone(&schemas.schema)) };
    };
    kept.push_back(found.clone());
    found
}

fn keep(checkpoints: &Checkpoints, reached: Checkpoint) {
    let mut kept = checkpoints.lock().unwrap_or_else(PoisonError::into_inner);
    kept.retain(|known| known.databases.version() != reached.databases.version());
    if kept.len() >= CHECKPOINTS_KEPT_MAX {
        kept.pop_front();
    }
    kept.push_back(reached);
}
