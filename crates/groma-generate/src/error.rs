//! What can go wrong while generating.

use std::path::{Path, PathBuf};

use groma_events::EventsError;

/// Nothing useful was generated; what was written before stays.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A parameter is out of its range.
    #[error("parameter {name} is {value}, not between {least} and {most}")]
    Plan {
        /// Name in [`crate::Plan`].
        name: &'static str,
        /// What was given.
        value: f64,
        /// Smallest that is allowed.
        least: f64,
        /// Largest that is allowed.
        most: f64,
    },
    /// A file or folder could not be written.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The writing thread stopped; its own error says why.
    #[error("writing stopped")]
    WriterStopped,
    /// A segment could not be written.
    #[error("cannot write the messages")]
    Segment(#[from] EventsError),
}

impl GenerateError {
    pub(crate) fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> GenerateError + '_ {
        move |source| GenerateError::Write { path: path.to_owned(), source }
    }
}
