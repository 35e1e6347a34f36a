//! Entries of the journal as bytes: written by hand, so that what is on disk changes only on purpose.
//!
//! ```text
//! entry   = format (1 byte; 2 of a schema), texts, kinds, stamps, body, checksum (8 bytes)
//!         | format 3, what a compaction noted, an entry, checksum (8 bytes)
//! texts   = count, then each: length, UTF-8         every text is written once
//! kinds   = count, then each: name, attribute names so that a schema may change its order
//! stamps  = count, then each: source, observed_at, heard_at, valid from, valid to
//! ```
//!
//! Numbers are LEB128, signed ones zigzag; times have 8 bytes. Texts, kinds and stamps are meant by
//! their place in the tables. A reader never trusts a count further than the bytes that are left.

mod bytes;
mod noted;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use groma_model::{Timestamp, Version};

use crate::{Change, Commit, Fork, SchemaRow};

pub(crate) use noted::with_note;
pub(crate) use read::{decode, is_schema};
pub(crate) use write::encode;

/// The first byte of an entry.
const FORMAT: u8 = 1;

/// The first byte of an entry that is a schema: whoever opens a store looks for them first, and a
/// groma that knows none does not mistake the rest.
const FORMAT_SCHEMA: u8 = 2;

/// The first byte of a commit with what its changes no longer tell since a compaction before it.
const FORMAT_NOTED: u8 = 3;

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    Commit {
        database: Arc<str>,
        version: Version,
        commit: Commit,
        /// Problems beyond those in `commit`.
        problems_not_kept: u64,
    },
    Fork {
        fork: Fork,
        /// For a fork of the past: what leads from the template as it was then back to that.
        back: Vec<Change>,
    },
    Drop {
        name: Arc<str>,
    },
    /// Whoever rewrites the journal keeps it: entries behind it are named by its names, those before
    /// it by the names of the one before.
    Schema(SchemaRow),
    /// Of commits before the oldest version, only what is seen later was kept.
    Compacted {
        oldest: Version,
        /// When that was heard.
        heard_at: Timestamp,
        /// The earliest that any commit was heard.
        began_at: Timestamp,
    },
}

mod tag {
    pub(super) const COMMIT: u8 = 1;
    pub(super) const FORK: u8 = 2;
    pub(super) const DROP: u8 = 3;
    pub(super) const SCHEMA: u8 = 4;
    /// A commit with the outcome of a poll.
    pub(super) const POLLED_COMMIT: u8 = 16;
    /// Before a commit: what was merged by it.
    pub(super) const MERGE: u8 = 10;
    /// A fork that says by whom, of what mode, and of which version; written in place of `FORK`.
    pub(super) const FORK_BY: u8 = 11;

    pub(super) const FROZEN: u8 = 0;
    pub(super) const TRACKING: u8 = 1;

    pub(super) const COMPACTED: u8 = 49;

    pub(super) const EXISTS: u8 = 1;
    pub(super) const ASSERT: u8 = 2;
    pub(super) const REMOVE: u8 = 3;
    pub(super) const RETRACT: u8 = 10;
    pub(super) const ALIAS: u8 = 16;
    pub(super) const RULE: u8 = 17;
    /// Added to the tag of a change about the same entity as the one before.
    pub(super) const SAME_ENTITY: u8 = 0x80;

    pub(super) const SAME: u8 = 0;
    pub(super) const APART: u8 = 1;

    pub(super) const COMPLETE: u8 = 0;
    pub(super) const PARTIAL: u8 = 1;
    pub(super) const FAILED: u8 = 2;

    pub(super) const NONE: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const INTEGER: u8 = 2;
    pub(super) const FLOAT: u8 = 3;
    pub(super) const FALSE: u8 = 4;
    pub(super) const TRUE: u8 = 5;
    pub(super) const TIMESTAMP: u8 = 6;
    pub(super) const TEXTS: u8 = 7;
    pub(super) const INTEGERS: u8 = 8;
    pub(super) const REFERENCE: u8 = 9;
    pub(super) const REFERENCES: u8 = 10;
}
