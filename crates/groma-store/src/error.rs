//! What can be wrong with a request to the store.

use std::error::Error as _;
use std::sync::Arc;

use groma_model::{SchemaError, Timestamp, Version};

use crate::JournalError;

/// A request to the store could not be served. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No database of this name.
    #[error("no database named \"{name}\"")]
    NoDatabase {
        /// What was asked for.
        name: String,
        /// Some that are there.
        known: Vec<Arc<str>>,
    },
    /// A database of this name is there already.
    #[error("there is already a database named \"{name}\"")]
    DatabaseExists {
        /// The name.
        name: String,
    },
    /// The name cannot be one of a database.
    #[error("\"{name}\" cannot be the name of a database: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// `live` is what the sources say; it cannot be dropped.
    #[error("the database \"live\" cannot be dropped")]
    LiveStays,
    /// As many databases as there may be.
    #[error("there are {count} databases, as many as there may be")]
    TooManyDatabases {
        /// How many.
        count: usize,
    },
    /// A commit is larger than one entry of the journal may be.
    #[error("a commit of {size_bytes} bytes is larger than {max_bytes}")]
    TooLarge {
        /// Size of the commit.
        size_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// A change names a kind or attribute by a number that the schema does not have.
    #[error("a change is about {what}, which the schema does not have")]
    NotInSchema {
        /// The kind or attribute, by number.
        what: String,
    },
    /// A fork of the past cannot follow its template.
    #[error("a fork of the past cannot track its template: the past does not change")]
    PastCannotMove,
    /// A merge has conflicts that nobody has decided.
    #[error("merging \"{from}\" into \"{into}\" has conflicts: {count}")]
    Conflicts {
        /// The database that was to be merged.
        from: String,
        /// Into which one.
        into: String,
        /// How many.
        count: usize,
        /// The first few, for people.
        first: Vec<String>,
    },
    /// A database has changed since a merge was planned.
    #[error("\"{name}\" has changed meanwhile")]
    Moved {
        /// Which one.
        name: String,
    },
    /// Nobody has committed this version yet.
    #[error("{asked} is still to come; the newest version is {newest}")]
    NoVersion {
        /// What was asked for.
        asked: Version,
        /// The last commit.
        newest: Version,
    },
    /// The past before the oldest version that is kept was given up by a compaction.
    #[error("{asked} is before {oldest}, the oldest version that is kept, heard at {since}")]
    Compacted {
        /// The version or time that was asked for.
        asked: String,
        /// The oldest version that is kept.
        oldest: Version,
        /// When that was heard.
        since: Timestamp,
    },
    /// A schema is wrong.
    #[error("{first}")]
    Schema {
        /// The first thing that is wrong.
        first: Box<SchemaError>,
        /// What else is.
        others: Vec<SchemaError>,
    },
    /// The schema is another one than that for which a commit was made.
    #[error("the schema has changed since the statement began")]
    SchemaChanged,
    /// An acknowledged entry of the journal cannot be read.
    #[error("entry {sequence} of the journal cannot be read: {reason}")]
    Damaged {
        /// Which entry.
        sequence: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An earlier append failed, so that nobody knows what the journal holds.
    #[error("the store takes no more commits since one could not be made durable: {reason}")]
    ReadOnly {
        /// The earlier failure.
        reason: String,
    },
    /// The journal failed.
    #[error("the journal could not be used")]
    Journal(#[from] JournalError),
}

impl StoreError {
    /// What to try, as one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            StoreError::NoDatabase { known, .. } => {
                Some(format!("There are: {}.", known.join(", ")))
            }
            StoreError::DatabaseExists { name } => {
                Some(format!("Choose another name, or drop it first: DROP DATABASE {name}."))
            }
            StoreError::BadName { .. } => {
                Some("Take letters, digits, - and _, at most 63 bytes.".into())
            }
            StoreError::LiveStays => Some("Delete rows from it, or drop a fork.".into()),
            StoreError::TooManyDatabases { .. } => Some("Drop forks that are not needed.".into()),
            StoreError::TooLarge { .. } => Some("Commit the changes in several parts.".into()),
            StoreError::NotInSchema { .. } => None,
            StoreError::Schema { first, .. } => first.hint.clone(),
            StoreError::SchemaChanged => Some("Run it again.".into()),
            StoreError::NoVersion { .. } => {
                Some("SELECT * FROM model.commits lists the versions of a database.".into())
            }
            StoreError::Compacted { oldest, since, .. } => {
                Some(format!("Ask for {oldest} or later, or for a time from {since} on."))
            }
            StoreError::Conflicts { from, into, .. } => Some(format!(
                "Look at them: SELECT * FROM merge_preview('{from}', '{into}'). Then merge with 'ours' or 'theirs', or say for each which."
            )),
            StoreError::PastCannotMove => Some("Leave out one of the two.".into()),
            StoreError::Moved { .. } => Some("Try again.".into()),
            StoreError::Damaged { .. } => Some(
                "Restore the file from a copy; keep the damaged one, it may hold the rest.".into(),
            ),
            StoreError::ReadOnly { .. } => Some(
                "Questions are still answered; free space or mend the disk, then restart.".into(),
            ),
            StoreError::Journal(error) => error.hint(),
        }
    }

    /// More about what is wrong: the reasons behind it.
    pub fn detail(&self) -> Option<String> {
        match self {
            StoreError::Conflicts { first, count, .. } => {
                let more = count - first.len();
                let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
                Some(format!("{}{rest}", first.join("; ")))
            }
            StoreError::Schema { others, .. } => {
                let others: Vec<String> = others.iter().map(ToString::to_string).collect();
                (!others.is_empty()).then(|| others.join("; "))
            }
            _ => {
                let reasons: Vec<String> =
                    std::iter::successors(self.source(), |error| (*error).source())
                        .map(ToString::to_string)
                        .collect();
                (!reasons.is_empty()).then(|| reasons.join(": "))
            }
        }
    }
}
