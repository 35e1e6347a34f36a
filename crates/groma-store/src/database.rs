//! One database: a snapshot with where it comes from, who said what, and the history of commits.

use std::collections::BTreeMap;
use std::sync::Arc;

use groma_model::{Problem, Source, Timestamp, Version};
use imbl::{OrdMap, Vector};

use crate::{Change, Commit, Snapshot};

/// How many problems of one source a database keeps, the newest; those beyond are counted.
pub const PROBLEMS_KEPT_MAX: usize = 100_000;

/// How many rows of the history of commits a database keeps, the newest.
pub const COMMITS_KEPT_MAX: usize = 100_000;

/// One world: `live` or a fork. `clone` is O(1): a clone is a consistent view that stays as it is
/// while the [`World`](crate::World) goes on.
#[derive(Debug, Clone)]
pub struct Database {
    name: Arc<str>,
    template: Option<Template>,
    snapshot: Snapshot,
    sources: OrdMap<Source, SourceState>,
    commits: Vector<CommitRow>,
    segments: Vector<SegmentRow>,
}

/// Where a fork comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Name of the database it was forked from; that one may be gone.
    pub name: Arc<str>,
    /// The template's version at that time.
    pub version: Version,
    /// When it was made, our clock.
    pub created_at: Timestamp,
}

/// Part of a stream of trace messages in a file of its own, acknowledged by a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Name of the file in the folder of segments.
    pub file: Arc<str>,
    /// Who gave the messages.
    pub source: Source,
    /// How many messages it holds.
    pub records: u64,
    /// Time of the first message.
    pub from: Timestamp,
    /// Time just after the last message.
    pub to: Timestamp,
    /// Size of the file.
    pub bytes: u64,
}

/// A segment that a database can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// The segment.
    pub segment: Segment,
    /// When it was committed, our clock.
    pub heard_at: Timestamp,
    /// In which commit.
    pub version: Version,
}

/// One commit in the history of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRow {
    /// Its version.
    pub version: Version,
    /// When, our clock.
    pub heard_at: Timestamp,
    /// By whom.
    pub source: Source,
    /// Number of changes.
    pub changes: u64,
    /// Number of problems, those that were not kept included.
    pub problems: u64,
    /// Number of segments.
    pub segments: u64,
}

/// A problem that a database knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemRow {
    /// Who gave the input.
    pub source: Source,
    /// What is wrong, and where. Of the row that counts those not kept, the place is empty.
    pub problem: Problem,
    /// When it was heard, our clock.
    pub heard_at: Timestamp,
    /// In which commit.
    pub version: Version,
}

/// How much a database has from a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// The source.
    pub source: Source,
    /// Our clock, at its last commit; `None`: it is only named by facts that others committed.
    pub heard_at: Option<Timestamp>,
    /// Its own clock, the latest of its facts; `None`: it gave none.
    pub observed_at: Option<Timestamp>,
    /// Facts that the database holds now.
    pub facts: u64,
    /// Problems so far, those not kept included.
    pub problems: u64,
    /// Commits so far.
    pub commits: u64,
}

#[derive(Debug, Clone, Default)]
struct SourceState {
    heard_at: Option<Timestamp>,
    observed_at: Option<Timestamp>,
    commits: u64,
    problems: u64,
    problems_kept: usize,
    /// Of one commit each, the oldest first.
    batches: Vector<Arc<ProblemBatch>>,
}

#[derive(Debug)]
struct ProblemBatch {
    heard_at: Timestamp,
    version: Version,
    problems: Vec<Problem>,
}

impl Database {
    pub(crate) fn live(snapshot: Snapshot) -> Database {
        Database {
            name: "live".into(),
            template: None,
            snapshot,
            sources: OrdMap::new(),
            commits: Vector::new(),
            segments: Vector::new(),
        }
    }

    pub(crate) fn fork(&self, name: Arc<str>, created_at: Timestamp) -> Database {
        let template =
            Template { name: Arc::clone(&self.name), version: self.version(), created_at };
        Database { name, template: Some(template), ..self.clone() }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where it comes from; `None`: it is `live`.
    pub fn template(&self) -> Option<&Template> {
        self.template.as_ref()
    }

    /// Its last commit, or that of its template when it was made.
    pub fn version(&self) -> Version {
        self.snapshot.version()
    }

    /// The model in it.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Its history, that of its template included, the oldest first; the newest [`COMMITS_KEPT_MAX`].
    pub fn commits(&self) -> impl ExactSizeIterator<Item = &CommitRow> {
        self.commits.iter()
    }

    /// The segments it can see: those its template saw when it was made, and its own.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &SegmentRow> {
        self.segments.iter()
    }

    /// What could not be understood, by source, the oldest first. Where some were not kept, one row
    /// more says how many.
    pub fn problems(&self) -> impl Iterator<Item = ProblemRow> {
        self.sources.iter().flat_map(|(source, state)| state.rows(source))
    }

    /// Who spoke, by name. Cost: O(facts).
    pub fn sources(&self) -> Vec<SourceRow> {
        let mut facts: BTreeMap<&Source, u64> = BTreeMap::new();
        for entity in self.snapshot.all_entities() {
            for (_, fact) in entity.all_facts() {
                *facts.entry(&fact.source).or_default() += 1;
            }
        }
        let row = |(source, state): (&Source, &SourceState)| SourceRow {
            source: Arc::clone(source),
            heard_at: state.heard_at,
            observed_at: state.observed_at,
            facts: facts.get(source).copied().unwrap_or(0),
            problems: state.problems,
            commits: state.commits,
        };
        self.sources.iter().map(row).collect()
    }

    pub(crate) fn commit(&mut self, version: Version, commit: &Commit, problems_not_kept: u64) {
        self.snapshot = self.snapshot.apply(&commit.changes, version);
        self.note_observations(&commit.changes);
        let problems = commit.problems.len() as u64 + problems_not_kept;
        let state = self.sources.entry(Arc::clone(&commit.source)).or_default();
        state.heard_at = state.heard_at.max(Some(commit.heard_at));
        state.commits += 1;
        state.problems += problems;
        state.keep(commit.problems.clone(), commit.heard_at, version);
        self.segments.extend(commit.segments.iter().map(|segment| SegmentRow {
            segment: segment.clone(),
            heard_at: commit.heard_at,
            version,
        }));
        self.commits.push_back(CommitRow {
            version,
            heard_at: commit.heard_at,
            source: Arc::clone(&commit.source),
            changes: commit.changes.len() as u64,
            problems,
            segments: commit.segments.len() as u64,
        });
        if self.commits.len() > COMMITS_KEPT_MAX {
            self.commits.pop_front();
        }
    }

    /// Keeps problems that the store itself found while reading its journal.
    pub(crate) fn note_problems(&mut self, source: &Source, problems: Vec<Problem>, at: Timestamp) {
        let version = self.version();
        let state = self.sources.entry(Arc::clone(source)).or_default();
        state.problems += problems.len() as u64;
        state.keep(problems, at, version);
    }

    /// Facts come in long runs of one source, so that a run is one look-up.
    fn note_observations(&mut self, changes: &[Change]) {
        let facts = changes.iter().filter_map(|change| match change {
            Change::Assert { fact, .. } => Some(fact),
            _ => None,
        });
        let mut run: Option<(&Source, Timestamp)> = None;
        for fact in facts {
            run = match run {
                Some((source, latest)) if *source == fact.source => {
                    Some((source, latest.max(fact.observed_at)))
                }
                ended => {
                    self.note_observed(ended);
                    Some((&fact.source, fact.observed_at))
                }
            };
        }
        self.note_observed(run);
    }

    fn note_observed(&mut self, run: Option<(&Source, Timestamp)>) {
        if let Some((source, latest)) = run {
            let state = self.sources.entry(Arc::clone(source)).or_default();
            state.observed_at = state.observed_at.max(Some(latest));
        }
    }
}

impl SourceState {
    fn keep(&mut self, problems: Vec<Problem>, heard_at: Timestamp, version: Version) {
        if problems.is_empty() {
            return;
        }
        self.problems_kept += problems.len();
        self.batches.push_back(Arc::new(ProblemBatch { heard_at, version, problems }));
        while self.problems_kept > PROBLEMS_KEPT_MAX && self.batches.len() > 1 {
            if let Some(oldest) = self.batches.pop_front() {
                self.problems_kept -= oldest.problems.len();
            }
        }
    }

    fn rows<'a>(&'a self, source: &'a Source) -> impl Iterator<Item = ProblemRow> + 'a {
        let row = move |problem, batch: &ProblemBatch| ProblemRow {
            source: Arc::clone(source),
            problem,
            heard_at: batch.heard_at,
            version: batch.version,
        };
        let kept = (self.batches.iter()).flat_map(move |batch| {
            batch.problems.iter().map(move |problem| row(problem.clone(), batch))
        });
        let not_kept = self.problems - self.problems_kept as u64;
        let counted = (self.batches.front()).filter(|_| not_kept > 0).map(move |batch| {
            let reason = format!("{not_kept} more problems of this source were not kept");
            row(Problem::new("", "", reason), batch)
        });
        kept.chain(counted)
    }
}
