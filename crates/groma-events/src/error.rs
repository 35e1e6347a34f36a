//! What can go wrong with a segment.

use std::io;
use std::path::{Path, PathBuf};

/// A segment could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The file system said no.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is no Parquet, or is damaged.
    #[error("{path} is not a readable Parquet file")]
    Parquet {
        /// Which file.
        path: PathBuf,
        /// What the reader found.
        source: parquet::errors::ParquetError,
    },
    /// The file is Parquet, but no message log.
    #[error("{path} is not a message log: {what}")]
    NotMessages {
        /// Which file.
        path: PathBuf,
        /// Which column is missing or of the wrong type.
        what: String,
    },
    /// Some of the file cannot be read.
    #[error("some of {path} cannot be read: {what}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What the reader found.
        what: String,
    },
    /// The columns of a batch do not fit together.
    #[error("a batch cannot be written to {path}: {what}")]
    Batch {
        /// To which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl EventsError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EventsError {
        let path = path.to_path_buf();
        move |source| EventsError::Io { what, path, source }
    }

    pub(crate) fn parquet(
        path: &Path,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> EventsError {
        let path = path.to_path_buf();
        move |source| EventsError::Parquet { path, source }
    }

    /// What to try, as one sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            EventsError::NotMessages { .. } => Some(
                "A message log needs the columns process, peer, direction, message, tree and \
                 transaction; see docs/message-log.md.",
            ),
            EventsError::Parquet { .. } | EventsError::Damaged { .. } => {
                Some("If the file was cut off while it was copied, copy it again.")
            }
            EventsError::Io { .. } | EventsError::Batch { .. } => None,
        }
    }
}
