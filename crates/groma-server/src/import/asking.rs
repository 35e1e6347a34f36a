//! Asks a live source, once.

use std::path::Path;
use std::sync::{Arc, Mutex};

use groma_connect::Discovered;
use groma_connect::live::{self, FetchError, Live, OpenError, Recording, Secrets, SecretsError};
use groma_model::{Problem, Source};
use groma_query::QueryError;
use groma_store::{Commit, LIVE, Poll, PollOutcome, World};

use super::now;

/// PostgreSQL's codes for a parameter that makes no sense, a password that is not accepted, and an outside system
/// that is not well.
const WRONG_NAME: &str = "22023";
const REFUSED: &str = "28000";
const FAILED: &str = "58000";

/// What the source of this name answers, as something to read; written to a folder too if one is given.
/// A failure is a problem of the source, and the error.
pub(super) fn ask(
    world: &Mutex<World>,
    name: &str,
    source: Option<&str>,
    record: Option<&Path>,
) -> Result<Discovered, QueryError> {
    let opened = Secrets::load(variables()).map_err(|error| no_secrets(&error));
    let live = match live::open(name, &opened?) {
        Some(opened) => opened.map_err(|error| cannot_open(&error))?,
        None => return Err(QueryError::new(WRONG_NAME, format!("{name} names no live source"))),
    };
    let recording = fetch(world, live.as_ref(), source)?;
    if let Some(folder) = record {
        recording.write(folder).map_err(|error| {
            let text = format!("cannot record to {}: {error}", folder.display());
            QueryError::new(QueryError::IO, text)
                .with_hint("Name a folder that is not there yet, or holds no recording.")
        })?;
    }
    Ok(Discovered { inputs: vec![recording.into_input()], problems: Vec::new() })
}

fn fetch(
    world: &Mutex<World>,
    live: &dyn Live,
    source: Option<&str>,
) -> Result<Recording, QueryError> {
    live.fetch(now()).map_err(|error| {
        let problem = Problem::new(live.name(), "", error.to_string());
        let source: Source = source.map_or_else(|| live.source().into(), Arc::from);
        let outcome = PollOutcome::Failed { reason: error.to_string() };
        let commit = Commit {
            problems: vec![problem],
            poll: Some(Poll { at: now(), outcome }),
            ..Commit::new(source, now(), Vec::new())
        };
        match super::lock(world).commit(LIVE, commit) {
            Ok(_) => cannot_fetch(&error),
            Err(error) => error.into(),
        }
    })
}

/// `--record` of a path.
pub(super) fn nothing_to_record(path: &Path) -> QueryError {
    QueryError::new(WRONG_NAME, format!("{} is no live source to record", path.display()))
        .with_hint("Only what is asked is recorded: machine:, netbox+https://host, snmp://host.")
}

/// Variables that are text; the others hold no secret of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn no_secrets(error: &SecretsError) -> QueryError {
    QueryError::new(WRONG_NAME, error.to_string())
        .with_hint("GROMA_CREDENTIALS names a file such as [\"snmp://core1\"] community = \"...\".")
}

fn cannot_open(error: &OpenError) -> QueryError {
    QueryError::new(WRONG_NAME, error.to_string()).with_hint(error.hint.clone())
}

fn cannot_fetch(error: &FetchError) -> QueryError {
    let code = if error.is_lasting() { REFUSED } else { FAILED };
    QueryError::new(code, error.to_string()).with_hint(error.hint())
}
