//! What changed: facts reconciled into immutable snapshots, one per version; forks; durability. Pure.
//!
//! ```text
//! Observation --identify--> Change --World::commit--> Journal, then Snapshot::apply --> Database
//! ```
//!
//! A [`Snapshot`] shares all that did not change with the one before, so that a fork costs nothing
//! to make and [`Snapshot::diff`] looks only at what differs. A [`World`] holds all databases of a
//! store over one [`Journal`]; a [`Database`] is a snapshot with its sources, problems and history.

mod belief;
mod change;
mod check;
mod codec;
mod compaction;
mod database;
mod databases;
mod entity;
mod error;
mod follow;
mod fork;
mod grouping;
mod hindsight;
mod history;
mod identify;
mod journal;
mod known;
mod merge;
mod names;
mod naming;
mod overlay;
mod past;
mod poll;
mod present;
mod recent;
mod reconcile;
mod schemas;
mod set_aside;
mod snapshot;
mod world;

pub use belief::Reason;
pub use change::{Change, changes_between};
pub use check::{CHECK_LISTED_MAX, check};
pub use compaction::{
    COMPACTION_BYTES_MAX, COMPACTION_STEP_BYTES_MAX, Compaction, CompactionPlan, CompactionReport,
    LeftOut,
};
pub use database::{
    COMMITS_KEPT_MAX, CommitRow, Database, PROBLEMS_KEPT_MAX, ProblemRow, Segment, SegmentRow,
    SourceRow, State,
};
pub use entity::{Contradiction, Drift, Entity};
pub use error::StoreError;
pub use fork::{Fork, ForkMode, Template};
pub use grouping::{Grounds, Merged};
pub use history::{EachCommit, History};
pub use identify::identify;
pub use journal::{Journal, JournalError, JournalReader, MemoryJournal};
pub use merge::{Decisions, Merge, MergeRow, Resolution, Side, own_changes};
pub use names::NAME_HOLDERS_MAX;
pub use naming::{Alias, Poll, PollOutcome, Ruling, Verdict};
pub use past::{CHECKPOINTS_KEPT_MAX, PastReader};
pub use poll::Freshness;
pub use recent::{RECENT_CHANGES_MAX, RECENT_COMMITS_MAX};
pub use schemas::SchemaRow;
pub use set_aside::UNFIT_KEPT_MAX;
pub use snapshot::{Conflict, Difference, FactRow, Snapshot};
pub use world::{
    Commit, DATABASES_MAX, ENTRY_BYTES_MAX, LIVE, MergedFrom, NAME_BYTES_MAX, SharedWorld, Turn,
    World, Writer,
};
