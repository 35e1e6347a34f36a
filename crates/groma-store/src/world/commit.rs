//! What is to be committed.

use std::sync::Arc;

use groma_model::{Problem, Source, Timestamp, Version};

use crate::compaction::LeftOut;
use crate::{Change, Poll, Segment};

/// What is to be committed to a database at once: all of it or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Who commits; facts carry their own source.
    pub source: Source,
    /// Our clock.
    pub heard_at: Timestamp,
    /// What changes, in order.
    pub changes: Vec<Change>,
    /// What could not be understood. Those beyond [`PROBLEMS_KEPT_MAX`](crate::PROBLEMS_KEPT_MAX) are only counted.
    pub problems: Vec<Problem>,
    /// Files of trace messages, already durable.
    pub segments: Vec<Segment>,
    /// What became of asking the source, if it was asked.
    pub poll: Option<Poll>,
    /// What was merged by it, if it is a merge.
    pub merged_from: Option<MergedFrom>,
    /// What a compaction took out of it.
    pub left_out: LeftOut,
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
        let (poll, merged_from, left_out) = (None, None, LeftOut::default());
        Commit { source, heard_at, changes, problems, segments, poll, merged_from, left_out }
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
