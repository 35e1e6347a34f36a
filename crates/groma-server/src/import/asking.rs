//! Asks a live source, once.

use std::path::Path;
use std::time::Duration;

use groma_connect::Discovered;
use groma_connect::live::{self, FetchError, OpenError, Secrets, SecretsError};
use groma_model::Source;
use groma_query::{AskedBy, Import, QueryError};

use super::now;

/// PostgreSQL's codes for a parameter that makes no sense, a password that is not accepted, and an outside system
/// that is not well.
const WRONG_NAME: &str = "22023";
const REFUSED: &str = "28000";
const FAILED: &str = "58000";

/// Why nothing was heard.
pub(crate) struct Unheard {
    /// What who asked is told.
    pub(crate) error: Box<QueryError>,
    /// Who did not answer; `None`: nobody was asked.
    pub(super) source: Option<Source>,
    /// How long it asked to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Whether only a person can help.
    pub(crate) is_lasting: bool,
}

impl From<QueryError> for Unheard {
    /// Nobody was asked.
    fn from(error: QueryError) -> Unheard {
        Unheard { error: Box::new(error), source: None, retry_after: None, is_lasting: false }
    }
}

/// What the source of this name answers, as something to read; written to a folder too if one is given.
pub(super) fn ask(
    import: &Import<'_>,
    name: &str,
    secrets: Result<Secrets, SecretsError>,
) -> Result<Discovered, Unheard> {
    let live = match live::open(name, &secrets.map_err(|error| no_secrets(&error))?) {
        Some(opened) => opened.map_err(|error| cannot_open(&error, import.asked_by))?,
        None => {
            return Err(QueryError::new(WRONG_NAME, format!("{name} names no live source")).into());
        }
    };
    let recording = live.fetch(now()).map_err(|error| Unheard {
        error: Box::new(cannot_fetch(&error)),
        source: Some(import.source.map_or_else(|| live.source().into(), Into::into)),
        retry_after: error.retry_after(),
        is_lasting: error.is_lasting(),
    })?;
    if let Some(folder) = import.record {
        recording.write(folder).map_err(|error| {
            let text = format!("cannot record to {}: {error}", folder.display());
            QueryError::new(QueryError::IO, text)
                .with_hint("Name a folder that is not there yet, or holds no recording.")
        })?;
    }
    Ok(Discovered { inputs: vec![recording.into_input()], problems: Vec::new() })
}

/// `--record` of a path.
pub(super) fn nothing_to_record(path: &Path) -> QueryError {
    QueryError::new(WRONG_NAME, format!("{} is no live source to record", path.display()))
        .with_hint("Only what is asked is recorded: machine:, netbox+https://host, snmp://host.")
}

/// Variables that are text; the others hold no secret of ours.
pub(crate) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn no_secrets(error: &SecretsError) -> QueryError {
    QueryError::new(WRONG_NAME, error.to_string())
        .with_hint("GROMA_CREDENTIALS names a file such as [\"snmp://core1\"] community = \"...\".")
}

fn cannot_open(error: &OpenError, asked_by: AskedBy) -> QueryError {
    let more = match asked_by {
        AskedBy::Owner => "",
        AskedBy::Client => {
            " A server gives its clients' sources only what its file of credentials binds to their names."
        }
    };
    QueryError::new(WRONG_NAME, error.to_string()).with_hint(format!("{}{more}", error.hint))
}

fn cannot_fetch(error: &FetchError) -> QueryError {
    let code = if error.is_lasting() { REFUSED } else { FAILED };
    QueryError::new(code, error.to_string()).with_hint(error.hint())
}
