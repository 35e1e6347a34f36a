//! Sources that are asked, rather than files that lie there.
//!
//! ```text
//! a name --open--> Live --fetch--> Recording (bytes) --into_input--> Input --decode--> Heard
//!                                      \--write--> a folder --discover--> the same Input
//! ```
//!
//! A name looks like a URL: `machine:`, `netbox+https://netbox.example.org`, `snmp://switch1`. Only [`Live::fetch`]
//! does I/O; what it brings is decoded by an importer of [`TOPOLOGY`](crate::TOPOLOGY) like any file, so that a
//! recording that is replayed gives the same facts. Secrets never stand in a name: see [`Secrets`].
//!
//! To add a live source: one file with a `pub(crate) static SCHEME`, and its line in [`SCHEMES`].

mod backoff;
mod recording;
mod secrets;

use std::time::Duration;

use groma_model::Timestamp;

pub use backoff::BackOff;
pub use recording::{MANIFEST, Part, RECORDING_SIZE_MAX, Recording};
pub use secrets::{FIELDS, FILE_VARIABLE, Secret, Secrets, SecretsError};

/// All live sources, in the order of the manual.
pub static SCHEMES: &[&Scheme] =
    &[&crate::machine::SCHEME, &crate::netbox::SCHEME, &crate::snmp::SCHEME];

/// Something that is asked for what it knows.
///
/// A schedule holds one for as long as it likes and calls [`fetch`](Live::fetch) again and again, one call at a time;
/// between failures it waits as [`BackOff`] says, or as long as the error asks for.
pub trait Live: Send + Sync {
    /// As people wrote it; it holds no secret.
    fn name(&self) -> &str;

    /// Name that its facts carry, also where a poll fails.
    fn source(&self) -> String;

    /// Asks once. `now` is what the facts are dated with. What could not be had of a source that answered otherwise
    /// is told by [`Recording::lack`]; then the absence of a thing says nothing.
    ///
    /// Blocks, but never longer than a bound of its own that its manual states; retries what is worth it.
    ///
    /// # Errors
    /// It answered nothing that could be used.
    fn fetch(&self, now: Timestamp) -> Result<Recording, FetchError>;
}

/// Opens a name with the secrets that it may need.
pub type Open = fn(&str, &Secrets) -> Result<Box<dyn Live>, OpenError>;

/// A form of names and who opens them.
pub struct Scheme {
    /// How such a name begins.
    pub prefixes: &'static [&'static str],
    /// How a name looks, for the manual.
    pub usage: &'static str,
    /// One sentence for the manual.
    pub doc: &'static str,
    /// Opens a name that begins so. Asks nobody yet.
    pub open: Open,
}

/// A name of a live source is wrong, or a secret for it is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot ask {name}: {reason}")]
pub struct OpenError {
    /// The name.
    pub name: String,
    /// What is wrong.
    pub reason: String,
    /// What to do; a full sentence.
    pub hint: String,
}

/// A live source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It does not want to: wrong secret, no permission, no such thing. Asking again soon is of no use.
    #[error("{what} refused: {reason}")]
    Refused {
        /// Whom we asked for what.
        what: String,
        /// What it said.
        reason: String,
        /// What to do; a full sentence.
        hint: String,
    },
    /// It cannot be reached, is not well, or spoke nonsense. It may be better later.
    #[error("{what} failed: {reason}")]
    Failed {
        /// Whom we asked for what.
        what: String,
        /// What happened.
        reason: String,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// It has more to say than we keep.
    #[error("{what} gave more than {RECORDING_SIZE_MAX} bytes")]
    TooLarge {
        /// Whom we asked.
        what: String,
    },
}

impl FetchError {
    /// What to do about it; a full sentence.
    pub fn hint(&self) -> String {
        match self {
            FetchError::Refused { hint, .. } => hint.clone(),
            FetchError::Failed { .. } => {
                "Check that it runs and can be reached from here, then try again.".into()
            }
            FetchError::TooLarge { .. } => "Ask for a part of it.".into(),
        }
    }

    /// How long it asked us to wait, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            FetchError::Failed { retry_after, .. } => *retry_after,
            FetchError::Refused { .. } | FetchError::TooLarge { .. } => None,
        }
    }

    /// Whether only a person can help.
    pub fn is_lasting(&self) -> bool {
        !matches!(self, FetchError::Failed { .. })
    }
}

/// Whether a text is the name of a live source rather than a path.
pub fn is_name(text: &str) -> bool {
    scheme_of(text).is_some()
}

/// Opens a live source. `None`: the text is no name of one, but a path.
///
/// # Errors
/// The name is wrong, or a secret is missing.
pub fn open(text: &str, secrets: &Secrets) -> Option<Result<Box<dyn Live>, OpenError>> {
    scheme_of(text).map(|scheme| (scheme.open)(text, secrets))
}

fn scheme_of(text: &str) -> Option<&'static Scheme> {
    SCHEMES.iter().copied().find(|scheme| scheme.prefixes.iter().any(|p| text.starts_with(p)))
}
