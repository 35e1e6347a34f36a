//! What people and sources declare of names: aliases, and which entities are one or are not.

use std::sync::Arc;

use groma_model::{AliasKind, Interval, Source, Timestamp};

/// A name by which an entity is known, as someone declared it. One of the same kind, text, source
/// and start takes the place of an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Which sort of name.
    pub kind: AliasKind,
    /// The name as it was written.
    pub text: Arc<str>,
    /// Who declared it.
    pub source: Source,
    /// Our clock.
    pub heard_at: Timestamp,
    /// When it is a name of the entity.
    pub valid: Interval,
}

/// What was declared of two entities of a kind. The last one heard about a pair counts, whatever
/// their names and numbers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Key of the other one.
    pub other: Arc<str>,
    /// What was declared.
    pub verdict: Verdict,
    /// Who declared it.
    pub source: Source,
    /// Our clock.
    pub heard_at: Timestamp,
}

/// Whether two entities are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are one while this holds, under the name of the other.
    Same(Interval),
    /// They are not, even if they have the same serial number.
    Apart,
}

/// What became of asking a source for what it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// When, by the source's clock where it has one.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: PollOutcome,
}

/// What became of a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PollOutcome {
    /// All that the source knows was heard since this time of our clock: what it said before and no
    /// longer says ends with the poll.
    Complete {
        /// When its first answer was heard, our clock.
        since: Timestamp,
    },
    /// Some of what it knows was heard: nothing ends.
    Partial,
    /// It did not answer, or not so that it could be understood: nothing ends, all of it is stale.
    Failed {
        /// Why, lower case, no full stop.
        reason: String,
    },
}
