//! Import: hear, decode, identify, commit, for one path.
//!
//! ```text
//! path --discover--> inputs --decode--> observations --identify--> commits of bounded size
//!                                  \--> messages ---------------> segments, in the input's last commit
//! ```
//!
//! What is reported is durable. Importing the same input twice changes nothing: a fact takes the place
//! of the same one, a problem that is known is not noted again, a segment is named after the bytes of
//! its input, and records are counted once by their message id.

mod asking;
mod claims;
mod fence;
mod mark;
mod messages;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use groma_connect::live::{self, Secrets, SecretsError};
use groma_connect::{Discovered, Heard, Input, discover};
use groma_model::{EntityRef, Observation, Problem, Schema, Source, Timestamp};
use groma_query::{AskedBy, Import, ImportReport, ImportedFile, Importer, Listing, QueryError};
use groma_store::{
    Change, Commit, PROBLEMS_KEPT_MAX, Poll, PollOutcome, Segment, SharedWorld, World, Writer as _,
    identify,
};

use crate::clock::{now, timestamp};
pub(crate) use asking::{Unheard, variables};
use claims::Claims;
use fence::Fence;
use mark::files_of;
pub(crate) use mark::mark;
use messages::Messages;

/// Observations gathered before they are committed.
const COMMIT_OBSERVATIONS_MAX: usize = 16_384;
/// Problems gathered before they are committed.
const COMMIT_PROBLEMS_MAX: usize = 4_096;
/// Source of what is said about files that no importer knows.
const NOBODY: &str = "import";
/// PostgreSQL's code for a file that is not there.
const NO_FILE: &str = "58P01";

/// How far an import is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What is being read.
    pub path: &'a Path,
    /// Which of the inputs it is, from 1.
    pub input_number: usize,
    /// How many inputs there are.
    pub inputs: usize,
    /// Facts of this input so far.
    pub facts: u64,
    /// Message records of this input so far.
    pub messages: u64,
}

/// Hears how an import goes; called from the thread that imports, so it must be quick.
pub type Listener = Arc<dyn Fn(Progress<'_>) + Send + Sync>;

/// Imports into the databases of a world, with message records in a folder of segments.
pub struct FolderImporter {
    segments_folder: PathBuf,
    listener: Option<Listener>,
    claims: Claims,
    fence: Fence,
}

impl FolderImporter {
    /// Of a data folder, with its folder of segments, which must be there, and its folder of exports.
    pub(crate) fn new(
        data_folder: &Path,
        segments_folder: PathBuf,
        exports_folder: &Path,
        listener: Option<Listener>,
    ) -> FolderImporter {
        let credentials = std::env::var_os(live::FILE_VARIABLE).map(PathBuf::from);
        let fence = Fence::new(data_folder, exports_folder, credentials.as_deref());
        FolderImporter { segments_folder, listener, claims: Claims::default(), fence }
    }

    /// Takes out what leads to where nobody may, also by a name inside of another file.
    fn keep_out(&self, discovered: &mut Discovered) {
        let problems = &mut discovered.problems;
        discovered.inputs.retain(|input| {
            let forbidden = files_of(input).into_iter().find(|file| self.fence.forbids(file));
            let Some(file) = forbidden else { return true };
            let place = shown_path(input).display().to_string();
            problems.push(Problem::new(place, "", fence::reason(&file)));
            false
        });
    }
}

impl Importer for FolderImporter {
    fn import(&self, world: &SharedWorld, import: &Import<'_>) -> Result<ImportReport, QueryError> {
        self.fence.check(import.path)?;
        import.record.map_or(Ok(()), |folder| self.fence.check(folder))?;
        let secrets = Secrets::load(asking::variables()).map(|secrets| match import.asked_by {
            AskedBy::Owner => secrets,
            AskedBy::Client => secrets.bound(),
        });
        let found = find(import, secrets).map_err(|unheard| {
            let source = unheard.source.as_deref();
            match source.map_or(Ok(()), |source| note_failure(world, import, source, &unheard)) {
                Ok(()) => *unheard.error,
                Err(error) => error,
            }
        })?;
        self.read(world, import, found)
    }
}

/// What there is to read, since when.
pub(crate) struct Found {
    discovered: Discovered,
    since: Timestamp,
    listing: Listing,
}

/// Finds files, or asks a live source.
pub(crate) fn find(
    import: &Import<'_>,
    secrets: Result<Secrets, SecretsError>,
) -> Result<Found, Unheard> {
    let since = now();
    if let Some(name) = import.path.to_str().filter(|name| live::is_name(name)) {
        let discovered = asking::ask(import, name, secrets)?;
        // A live source is asked for all that it knows.
        return Ok(Found { discovered, since, listing: Listing::Complete });
    }
    if import.record.is_some() {
        return Err(asking::nothing_to_record(import.path).into());
    }
    let discovered = discover(import.path).map_err(|error| {
        let source = import.source.filter(|_| import.listing == Listing::Complete);
        Unheard { source: source.map(Into::into), ..no_such_path(&error).into() }
    })?;
    Ok(Found { discovered, since, listing: import.listing })
}

/// Notes that a source did not answer: all that it said is stale, nothing of it is gone.
pub(crate) fn note_failure(
    world: &SharedWorld,
    import: &Import<'_>,
    source: &str,
    unheard: &Unheard,
) -> Result<(), QueryError> {
    let source: Source = source.into();
    let reason = unheard.error.message().to_owned();
    let problem = Problem::new(import.path.display().to_string(), "", reason.clone());
    let poll = Poll { at: now(), outcome: PollOutcome::Failed { reason } };
    let mut turn = world.turn();
    let is_known = known_problems(&turn, import.database, &source).contains(&key(&problem));
    let commit = Commit {
        problems: if is_known { Vec::new() } else { vec![problem] },
        poll: Some(poll),
        ..Commit::new(source, now(), Vec::new())
    };
    turn.commit(import.database, commit)?;
    Ok(())
}

/// Notes that a source was heard and said what it had said before.
pub(crate) fn note_unchanged(
    world: &SharedWorld,
    import: &Import<'_>,
    source: &str,
) -> Result<(), QueryError> {
    note_poll(world, import.database, source.into(), now(), PollOutcome::Partial)
}

impl FolderImporter {
    /// Decodes and commits what was found.
    pub(crate) fn read(
        &self,
        world: &SharedWorld,
        import: &Import<'_>,
        found: Found,
    ) -> Result<ImportReport, QueryError> {
        let Found { mut discovered, since, listing } = found;
        self.keep_out(&mut discovered);
        let mut report = ImportReport::default();
        report.files.extend(note_unknown(world, import, discovered.problems)?);
        let is_partial = !report.files.is_empty() && import.source.is_some();
        let mut polls = Polls::new(since, listing, is_partial);
        let inputs = discovered.inputs.len();
        for (index, input) in discovered.inputs.iter().enumerate() {
            let tell = |facts, messages| {
                if let Some(listener) = &self.listener {
                    let path = shown_path(input);
                    listener(Progress { path, input_number: index + 1, inputs, facts, messages });
                }
            };
            let mut reading = Reading::new(self, world, input, import, &tell);
            reading.listing = listing;
            let source = Arc::clone(&reading.source);
            let file = reading.read(input)?;
            polls.heard(source, observed_at(input), file.problems > 0);
            report.files.push(file);
        }
        polls.end(world, import.database)?;
        Ok(report)
    }
}

/// Complete listings while they are read: of each source when it was made, and whether something of
/// it could not be understood, so that it is not complete after all.
struct Polls {
    since: Timestamp,
    listing: Listing,
    /// Whether files that nobody understands may hold more of every source.
    is_partial: bool,
    by_source: BTreeMap<Source, (Timestamp, bool)>,
}

impl Polls {
    fn new(since: Timestamp, listing: Listing, is_partial: bool) -> Polls {
        Polls { since, listing, is_partial, by_source: BTreeMap::new() }
    }

    fn heard(&mut self, source: Source, at: Timestamp, is_partial: bool) {
        let known = self.by_source.entry(source).or_insert((at, false));
        *known = (known.0.max(at), known.1 || is_partial);
    }

    /// Ends what the sources no longer say.
    fn end(self, world: &SharedWorld, database: &str) -> Result<(), QueryError> {
        if self.listing == Listing::Partial {
            return Ok(());
        }
        for (source, (at, is_partial)) in self.by_source {
            let outcome = match is_partial || self.is_partial {
                true => PollOutcome::Partial,
                false => PollOutcome::Complete { since: self.since },
            };
            note_poll(world, database, source, at, outcome)?;
        }
        Ok(())
    }
}

fn note_poll(
    world: &SharedWorld,
    database: &str,
    source: Source,
    at: Timestamp,
    outcome: PollOutcome,
) -> Result<(), QueryError> {
    let poll = Some(Poll { at, outcome });
    let commit = Commit { poll, ..Commit::new(source, now(), Vec::new()) };
    world.turn().commit(database, commit)?;
    Ok(())
}

/// One input while it is read.
struct Reading<'a> {
    world: &'a SharedWorld,
    database: &'a str,
    schema: Arc<Schema>,
    source: Source,
    /// In a complete one values hold since they were observed, until another one is.
    listing: Listing,
    tell: &'a dyn Fn(u64, u64),
    observations: Vec<Observation>,
    problems: Vec<Problem>,
    /// So that a second import does not note them again.
    known_problems: HashSet<(String, String, String)>,
    entities: HashSet<EntityRef>,
    messages: Messages,
    file: ImportedFile,
}

impl<'a> Reading<'a> {
    fn new(
        importer: &FolderImporter,
        world: &'a SharedWorld,
        input: &Input,
        import: &Import<'a>,
        tell: &'a dyn Fn(u64, u64),
    ) -> Reading<'a> {
        let source: Source = import.source.unwrap_or(&input.source).into();
        let database = import.database;
        let now = world.now();
        let schema = Arc::clone(now.schema());
        let known_problems = known_problems(&now, database, &source);
        drop(now);
        Reading {
            world,
            database,
            schema,
            listing: Listing::Partial,
            tell,
            observations: Vec::new(),
            problems: Vec::new(),
            known_problems,
            entities: HashSet::new(),
            messages: Messages::new(
                importer.segments_folder.clone(),
                Arc::clone(&source),
                importer.claims.clone(),
            ),
            file: ImportedFile {
                path: shown_path(input).display().to_string(),
                importer: input.importer.name.to_owned(),
                kind: "facts",
                entities: 0,
                facts: 0,
                messages: 0,
                problems: 0,
            },
            source,
        }
    }

    fn read(mut self, input: &Input) -> Result<ImportedFile, QueryError> {
        let prior = self.messages.begin(input, self.world, self.database)?;
        (self.tell)(0, 0);
        if let Some(messages) = prior {
            self.file.messages = messages;
        } else {
            let mut failed = None;
            input.decode(observed_at(input), &mut |heard| {
                // A decoder cannot be stopped: after a failure the rest falls on the floor.
                if failed.is_none() {
                    failed = self.take(heard).err();
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
        }
        let segments = self.messages.finish()?;
        self.file.messages += self.messages.records;
        self.commit(segments)?;
        self.file.entities = self.entities.len() as u64;
        if self.file.messages > 0 {
            self.file.kind = "messages";
        }
        Ok(self.file)
    }

    fn take(&mut self, heard: Heard) -> Result<(), QueryError> {
        let Heard { observations, messages, problems } = heard;
        self.observations.extend(observations);
        self.note(problems);
        self.messages.take(&messages)?;
        if self.observations.len() >= COMMIT_OBSERVATIONS_MAX
            || self.problems.len() >= COMMIT_PROBLEMS_MAX
        {
            self.commit(Vec::new())?;
        }
        (self.tell)(self.file.facts, self.messages.records);
        Ok(())
    }

    /// Makes durable what was gathered. Segments come in the last commit of an input, so that an
    /// import that was broken off is made anew from the start.
    fn commit(&mut self, segments: Vec<Segment>) -> Result<(), QueryError> {
        let heard_at = now();
        let observations = std::mem::take(&mut self.observations);
        self.schema = Arc::clone(self.world.now().schema());
        let (changes, problems) = identify(&self.schema, &self.source, &observations, heard_at);
        self.note(problems);
        for change in &changes {
            match change {
                Change::Exists { entity } => drop(self.entities.insert(entity.clone())),
                Change::Assert { .. } => self.file.facts += 1,
                _ => {}
            }
        }
        let poll = match self.listing {
            Listing::Partial => None,
            Listing::Complete => Some(Poll { at: heard_at, outcome: PollOutcome::Partial }),
        };
        let commit = Commit {
            problems: std::mem::take(&mut self.problems),
            segments,
            poll,
            ..Commit::new(Arc::clone(&self.source), heard_at, changes)
        };
        self.world.turn().commit_under(&self.schema, self.database, commit)?;
        Ok(())
    }

    fn note(&mut self, problems: Vec<Problem>) {
        self.file.problems += problems.len() as u64;
        let known = &self.known_problems;
        self.problems.extend(problems.into_iter().filter(|problem| !known.contains(&key(problem))));
    }
}

/// Files that nobody reads are problems of the import itself.
fn note_unknown(
    world: &SharedWorld,
    import: &Import<'_>,
    problems: Vec<Problem>,
) -> Result<Vec<ImportedFile>, QueryError> {
    if problems.is_empty() {
        return Ok(Vec::new());
    }
    let source: Source = import.source.unwrap_or(NOBODY).into();
    let mut turn = world.turn();
    let known = known_problems(&turn, import.database, &source);
    let files = (problems.iter())
        .map(|problem| ImportedFile {
            path: problem.place.clone(),
            importer: String::new(),
            kind: "unknown",
            entities: 0,
            facts: 0,
            messages: 0,
            problems: 1,
        })
        .collect();
    let new = problems.into_iter().filter(|problem| !known.contains(&key(problem))).collect();
    let commit = Commit { problems: new, ..Commit::new(source, now(), Vec::new()) };
    turn.commit(import.database, commit)?;
    Ok(files)
}

fn known_problems(
    world: &World,
    database: &str,
    source: &Source,
) -> HashSet<(String, String, String)> {
    let rows = world.problems(database).into_iter().flatten();
    rows.filter(|row| row.source == *source)
        .take(PROBLEMS_KEPT_MAX)
        .map(|row| key(&row.problem))
        .collect()
}

fn key(problem: &Problem) -> (String, String, String) {
    (problem.place.clone(), problem.text.clone(), problem.reason.clone())
}

fn no_such_path(error: &groma_connect::DiscoverError) -> QueryError {
    let reason = match error.source.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => error.source.to_string(),
    };
    QueryError::new(NO_FILE, format!("{error}: {reason}"))
        .with_hint("The path is one of the machine on which the store is open; write it in full.")
}

/// The file, the folder of an input that is several files, or the name of a live source.
fn shown_path(input: &Input) -> &Path {
    if let Some(recording) = &input.recording {
        return Path::new(&recording.name);
    }
    match input.paths.as_slice() {
        [one] => one,
        [first, ..] => first.parent().unwrap_or(first),
        [] => Path::new(""),
    }
}

/// When an input was made that does not say so itself: when its last file was written.
fn observed_at(input: &Input) -> Timestamp {
    if let Some(recording) = &input.recording {
        return recording.at;
    }
    let written = |path: &PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    input.paths.iter().filter_map(written).max().map_or_else(now, timestamp)
}
