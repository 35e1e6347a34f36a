//! Changing a world: durable first, then visible.

use std::sync::Arc;

use groma_model::{Schema, SchemaText, Source, Timestamp, Version};

use super::{DATABASES_MAX, LIVE, NAME_BYTES_MAX, World};
use crate::codec::Entry;
use crate::poll::settle;
use crate::{
    Change, Commit, Compaction, Entity, Fork, ForkMode, Merge, PROBLEMS_KEPT_MAX, SchemaRow,
    Segment, Snapshot, StoreError, changes_between,
};

/// Whoever may change a world now: its only holder, or who has the [turn](crate::Turn) at a shared one.
///
/// A change is durable when it returns, and seen by everybody who looks from then on.
pub trait Writer {
    /// The world as it is; nobody else changes it meanwhile.
    fn world(&self) -> &World;

    /// Changes what is in memory, while nobody looks. Everything below comes down to this, after the
    /// journal has it.
    fn publish<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T;

    /// Makes a commit durable, then visible. An empty one is none: it gives the database's version.
    ///
    /// # Errors
    /// Nothing has changed, with one exception: after [`StoreError::Journal`] the commit may be
    /// found when the world is opened anew, and until then the world takes no more.
    fn commit(&mut self, database: &str, mut commit: Commit) -> Result<Version, StoreError> {
        let world = self.world();
        let database = world.database(database)?;
        if commit.is_empty() {
            return Ok(database.version());
        }
        settle(database.snapshot(), &mut commit);
        let problems_not_kept = commit.problems.len().saturating_sub(PROBLEMS_KEPT_MAX) as u64;
        commit.problems.truncate(PROBLEMS_KEPT_MAX);
        let database = Arc::clone(database.name());
        let version = Version(world.version().0 + 1);
        append(self, Entry::Commit { database, version, commit, problems_not_kept })?;
        Ok(version)
    }

    /// As [`Writer::commit`], of changes that were made for a schema which the world may have left.
    ///
    /// # Errors
    /// [`StoreError::SchemaChanged`]: it has; the changes name kinds by its numbers.
    fn commit_under(
        &mut self,
        schema: &Arc<Schema>,
        database: &str,
        commit: Commit,
    ) -> Result<Version, StoreError> {
        if !Arc::ptr_eq(schema, self.world().schema()) {
            return Err(StoreError::SchemaChanged);
        }
        self.commit(database, commit)
    }

    /// As [`Writer::commit_under`], of changes that were thought through on what the database held then.
    /// Others may have changed other entities since. Cost: beyond the commit, if somebody has changed
    /// something, O(changes · log entities).
    ///
    /// # Errors
    /// [`StoreError::Moved`]: an entity that the changes are about is another one by now; think anew.
    fn commit_if(
        &mut self,
        seen: &Snapshot,
        database: &str,
        commit: Commit,
    ) -> Result<Version, StoreError> {
        let now = self.world().database(database)?.snapshot().as_of(seen.looked_at());
        if Arc::ptr_eq(seen.schema(), now.schema()) && !are_still(&commit.changes, seen, &now) {
            return Err(StoreError::Moved { name: database.to_owned() });
        }
        self.commit_under(seen.schema(), database, commit)
    }

    /// Acknowledges files of trace messages, which must be durable already.
    fn add_segments(
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
    fn fork(
        &mut self,
        name: &str,
        template: &str,
        created_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.make_fork(Fork::new(name, template, created_at))
    }

    /// Makes a database that starts as its template. Cost: O(1), and one entry of the journal; a fork of
    /// the past costs what has changed since.
    ///
    /// # Errors
    /// The name is taken or none, or there is no such template; a fork of the past cannot follow it.
    fn make_fork(&mut self, mut fork: Fork) -> Result<(), StoreError> {
        check_name(&fork.name)?;
        let world = self.world();
        fork.template = Arc::clone(world.database(&fork.template)?.name());
        if world.databases.contains(&fork.name) {
            return Err(StoreError::DatabaseExists { name: fork.name.to_string() });
        }
        if world.databases.len() >= DATABASES_MAX {
            return Err(StoreError::TooManyDatabases { count: world.databases.len() });
        }
        let back = match fork.at {
            None => Vec::new(),
            Some(_) if fork.mode == ForkMode::Tracking => return Err(StoreError::PastCannotMove),
            Some(at) => {
                let past = world.database_at(&fork.template, at)?;
                // The version of the template that was the last one then.
                fork.at = Some(past.version());
                changes_between(world.database(&fork.template)?.snapshot(), past.snapshot())
            }
        };
        append(self, Entry::Fork { fork, back })
    }

    /// Commits a merge that was planned for what both databases hold now.
    /// `None`: there was nothing to merge.
    ///
    /// # Errors
    /// [`StoreError::Conflicts`] if some are not decided, [`StoreError::Moved`] if one of the two has
    /// changed since: plan it anew. See [`Writer::commit`] for the others.
    fn merge(
        &mut self,
        merge: &mut Merge,
        source: Source,
        heard_at: Timestamp,
    ) -> Result<Option<Version>, StoreError> {
        for planned in [&merge.from, &merge.into] {
            if self.world().database(&planned.name)?.state() != planned.state {
                return Err(StoreError::Moved { name: planned.name.to_string() });
            }
        }
        if merge.conflicts() > 0 {
            return Err(merge.refusal(self.world().schema()));
        }
        if merge.rows.is_empty() && merge.changes().is_empty() {
            return Ok(None);
        }
        let into = Arc::clone(&merge.into.name);
        self.commit(&into, merge.take_commit(source, heard_at)).map(Some)
    }

    /// Drops a fork. Forks that came from it stay as they are.
    fn drop_database(&mut self, name: &str) -> Result<(), StoreError> {
        if name == LIVE {
            return Err(StoreError::LiveStays);
        }
        let name = Arc::clone(self.world().database(name)?.name());
        append(self, Entry::Drop { name })
    }

    /// Makes a site's schema durable and takes it for all databases, in place of the one before.
    /// No files: the one that ships alone. The same files again change nothing.
    /// Cost: O(kinds) if it only adds and there is no fork; else that of [`World::open`], since every
    /// fact is read again.
    ///
    /// # Errors
    /// [`StoreError::Schema`]: something in it is wrong, and nothing has changed.
    fn apply_schema(
        &mut self,
        files: Vec<SchemaText>,
        source: Source,
        heard_at: Timestamp,
    ) -> Result<Version, StoreError> {
        let world = self.world();
        world.schema_with(&files)?;
        if world.schemas().last().map_or(files.is_empty(), |last| last.files == files) {
            return Ok(world.version());
        }
        let version = Version(world.version().0 + 1);
        let row = SchemaRow { version, heard_at, source, files };
        let entry = Entry::Schema(row.clone());
        let sequence = make_durable(self, &entry)?;
        self.publish(|world| world.take_schema(&entry, row, sequence))?;
        Ok(version)
    }

    /// Takes the next step of a compaction, [durable at once](Compaction); `true`: it was the last.
    /// With the first one the versions before the oldest are given up. No answer about what is kept
    /// changes, also if other steps never come.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if another compaction came between. After [`StoreError::Journal`] the world
    /// takes no more commits until it is opened anew, and then finds the step done or not.
    fn compact(&mut self, compaction: &mut Compaction) -> Result<bool, StoreError> {
        // Nobody may read the past between the rewriting of it and the note that it is given up.
        self.publish(|world| world.rewrite(compaction))
    }

    /// Gives room that a compaction made back to the disk, if nobody reads the past meanwhile.
    fn shrink_journal(&mut self) {
        self.publish(|world| world.journal.shrink());
    }
}

impl Writer for World {
    fn world(&self) -> &World {
        self
    }

    fn publish<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        change(self)
    }
}

/// Whether the entities that changes are about are the same in two snapshots: said and shown.
fn are_still(changes: &[Change], seen: &Snapshot, now: &Snapshot) -> bool {
    let is_one = |a: Option<&Arc<Entity>>, b: Option<&Arc<Entity>>| match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (a, b) => a.is_none() && b.is_none(),
    };
    let is_still = |run: &[Change]| {
        run.first().map(Change::entity).is_none_or(|id| {
            seen.shares(now, id.kind)
                || is_one(seen.entity(id), now.entity(id))
                    && is_one(seen.said_of(id.kind, &id.key), now.said_of(id.kind, &id.key))
        })
    };
    seen.stale() == now.stale() && changes.chunk_by(|a, b| a.entity() == b.entity()).all(is_still)
}

/// The one place that commits: durable first, then visible.
fn append(writer: &mut (impl Writer + ?Sized), entry: Entry) -> Result<(), StoreError> {
    let sequence = make_durable(writer, &entry)?;
    writer.publish(|world| world.take(&entry, sequence))
}

/// Its sequence. After a failure nobody knows what is in the journal: nothing more goes into it.
fn make_durable(writer: &mut (impl Writer + ?Sized), entry: &Entry) -> Result<u64, StoreError> {
    writer.world().write(entry).inspect_err(|error| {
        if let StoreError::Journal(_) = error {
            writer.publish(|world| world.broken = error.detail());
        }
    })
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
