//! What a database was before: which database it came from, its commits and its segments.

use std::collections::HashMap;
use std::sync::Arc;

use groma_model::{Source, Timestamp, Version};
use imbl::{OrdMap, Vector};

use super::Database;
use super::sources::SourceState;
use crate::Change;
use crate::fork::DatabaseId;

/// How many rows of the history of commits a database keeps, the newest.
pub const COMMITS_KEPT_MAX: usize = 100_000;

/// Up to a version a fork was another database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) id: DatabaseId,
    pub(super) name: Arc<str>,
    /// The last version of the world before the fork was made.
    pub(super) until: Version,
    /// The version that it was forked at; smaller than `until` for a fork of the past.
    pub(super) as_of: Version,
}

/// What a database was at a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner<'a> {
    pub(crate) id: DatabaseId,
    pub(crate) name: &'a Arc<str>,
    /// Not later than the version that was asked.
    pub(crate) version: Version,
}

/// Part of a stream of trace messages in a file of its own, acknowledged by a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Name of the file in the folder of segments.
    pub file: Arc<str>,
    /// Who gave the messages.
    pub source: Source,
    /// How many messages it holds.
    pub records: u64,
    /// Time of the first message.
    pub from: Timestamp,
    /// Time just after the last message.
    pub to: Timestamp,
    /// Size of the file.
    pub bytes: u64,
}

/// A segment that a database can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// The segment.
    pub segment: Segment,
    /// When it was committed, our clock.
    pub heard_at: Timestamp,
    /// In which commit.
    pub version: Version,
}

/// One commit in the history of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRow {
    /// Its version.
    pub version: Version,
    /// When, our clock.
    pub heard_at: Timestamp,
    /// By whom.
    pub source: Source,
    /// Number of changes.
    pub changes: u64,
    /// Number of problems, those that were not kept included.
    pub problems: u64,
    /// Number of segments.
    pub segments: u64,
}

impl Database {
    /// It as it was at a version, to be forked; `back` leads from its model now to that of then.
    /// Cost: O(commits + what has changed since).
    pub(crate) fn back_to(&self, at: Version, back: &[Change]) -> Database {
        let commits: Vector<_> =
            self.commits.iter().filter(|row| row.version <= at).cloned().collect();
        let mut sources: OrdMap<Source, SourceState> = OrdMap::new();
        // Of the commits before some may be too long ago to be kept; of those after none is.
        let mut later: HashMap<&Source, (u64, u64)> = HashMap::new();
        for row in self.commits.iter().filter(|row| at < row.version) {
            let (commits, problems) = later.entry(&row.source).or_default();
            (*commits, *problems) = (*commits + 1, *problems + row.problems);
        }
        for (source, now) in &self.sources {
            let (commits, problems) = later.get(source).copied().unwrap_or_default();
            let commits = now.commits.saturating_sub(commits);
            let problems = now.problems.saturating_sub(problems);
            if commits > 0 {
                let state = sources.entry(Arc::clone(source)).or_default();
                (state.commits, state.problems) = (commits, problems);
            }
        }
        for row in &commits {
            let state = sources.entry(Arc::clone(&row.source)).or_default();
            state.heard_at = state.heard_at.max(Some(row.heard_at));
            if row.changes > 0 {
                state.content_at = state.content_at.max(Some(row.heard_at));
            }
        }
        for (source, now) in &self.sources {
            // What it said last may have been the same again; if nothing changed later, it is known.
            if let Some(state) = sources.get_mut(source)
                && now.content_at <= state.heard_at
            {
                state.content_at = now.content_at;
            }
            if now.batches.iter().any(|kept| kept.batch.version <= at) {
                let state = sources.entry(Arc::clone(source)).or_default();
                state.problems_until(now, at);
            }
        }
        let snapshot = self.snapshot.apply(back, at);
        let mut known = self.known.until(at);
        let owner = self.owner_at(at);
        if owner.id != self.id {
            known.learn(owner.id, &snapshot, at);
        }
        Database {
            snapshot,
            known,
            tracking: None,
            commits,
            sources,
            segments: self.segments.iter().filter(|row| row.version <= at).cloned().collect(),
            ..self.clone()
        }
    }

    /// Whether it was there already at a version of the world. One of its name may have been before.
    pub(crate) fn is_made_before(&self, version: Version) -> bool {
        self.lineage.last().is_none_or(|stretch| stretch.until < version)
    }

    /// Which database, and as of which version, it was at a version of the world.
    pub(crate) fn owner_at(&self, version: Version) -> Owner<'_> {
        let mut owner = Owner { id: self.id, name: &self.name, version };
        for Stretch { id, name, until, as_of } in self.lineage.iter().rev() {
            if owner.version <= *until {
                owner = Owner { id: *id, name, version: owner.version.min(*as_of) };
            }
        }
        owner
    }

    /// Its history, that of its template included, the oldest first; the newest [`COMMITS_KEPT_MAX`].
    pub fn commits(&self) -> impl ExactSizeIterator<Item = &CommitRow> {
        self.commits.iter()
    }

    /// The segments it can see: those its template saw when it was made, and its own.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &SegmentRow> {
        self.segments.iter()
    }
}
