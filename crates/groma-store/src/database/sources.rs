//! Who said what in a database: its sources, and what of theirs could not be understood.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use groma_model::{Problem, Says, Source, Timestamp, Version};
use imbl::Vector;

use super::Database;
use crate::{Change, Commit, Freshness, PollOutcome};

/// How many problems of one source a database keeps, the newest; those beyond are counted.
pub const PROBLEMS_KEPT_MAX: usize = 100_000;

/// Source of the problems about facts that the schema has no place for.
const SCHEMA_SOURCE: &str = "groma:schema";

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
    /// Our clock, when what it says changed last; `None`: it gave no facts.
    pub content_at: Option<Timestamp>,
    /// Our clock, when it was polled last, whatever became of that; `None`: it never was.
    pub polled_at: Option<Timestamp>,
    /// Why the last poll failed; `None`: it did not.
    pub failure: Option<Arc<str>>,
    /// Whether it tells what is, or what should be.
    pub says: Says,
    /// How long after it was heard it is still fresh; `None`: always.
    pub fresh_for: Option<Duration>,
    /// Facts that the database holds now.
    pub facts: u64,
    /// Problems so far, those not kept included.
    pub problems: u64,
    /// Commits so far.
    pub commits: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct SourceState {
    pub(super) heard_at: Option<Timestamp>,
    pub(super) observed_at: Option<Timestamp>,
    pub(super) content_at: Option<Timestamp>,
    pub(super) polled_at: Option<Timestamp>,
    pub(super) failure: Option<Arc<str>>,
    pub(super) commits: u64,
    pub(super) problems: u64,
    problems_kept: usize,
    /// Of one commit each, the oldest first.
    pub(super) batches: Vector<Kept>,
    /// How many were not kept when a complete poll settled them, and in which commit.
    not_kept_settled: Option<(Version, u64)>,
}

/// Problems that are kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) batch: Arc<ProblemBatch>,
    /// In which commit a complete poll did not repeat them; `None`: they stand.
    settled: Option<Version>,
}

#[derive(Debug)]
pub(super) struct ProblemBatch {
    heard_at: Timestamp,
    pub(super) version: Version,
    problems: Vec<Problem>,
}

impl Database {
    /// What could not be understood, by source, the oldest first, but for what a complete poll of the
    /// source did not repeat. Where some were not kept, one row more says how many.
    pub fn problems(&self) -> impl Iterator<Item = ProblemRow> {
        let aside = self.set_aside.problems(self.snapshot.schema()).into_iter().map(|problem| {
            let (source, heard_at) = (SCHEMA_SOURCE.into(), self.set_aside.heard_at);
            ProblemRow { source, problem, heard_at, version: self.version() }
        });
        self.sources.iter().flat_map(|(source, state)| state.rows(source)).chain(aside)
    }

    /// Who spoke, by name. Cost: O(facts).
    pub fn sources(&self) -> Vec<SourceRow> {
        let mut facts: BTreeMap<&Source, (u64, Option<Timestamp>)> = BTreeMap::new();
        let trust = self.snapshot.schema().trust();
        for entity in self.snapshot.said() {
            for (_, fact) in entity.all_facts() {
                let (count, latest) = facts.entry(&fact.source).or_default();
                *count += 1;
                *latest = (*latest).max(Some(fact.observed_at));
            }
        }
        let said = |source: &Source| facts.get(source).copied().unwrap_or_default();
        let row = |(source, state): (&Source, &SourceState)| SourceRow {
            source: Arc::clone(source),
            heard_at: state.heard_at,
            observed_at: state.observed_at.max(said(source).1),
            content_at: state.content_at,
            polled_at: state.polled_at,
            failure: state.failure.clone(),
            says: trust.says(source),
            fresh_for: trust.fresh_for(source),
            facts: said(source).0,
            problems: state.problems,
            commits: state.commits,
        };
        self.sources.iter().map(row).collect()
    }

    /// From now on stale sources are believed only where nobody else says something. A fork stays as
    /// it is: nobody polls for it, and a source does not grow stale by a question.
    pub(super) fn note_stale(&mut self, now: Timestamp) {
        let trust = self.snapshot.schema().trust();
        let can_be = self.sources.values().any(|state| state.failure.is_some())
            || trust.rules().iter().any(|rule| rule.fresh_for.is_some());
        if self.template.is_some() || (!can_be && self.snapshot.stale().is_empty()) {
            return;
        }
        let stale = (self.sources.iter())
            .filter(|(source, state)| {
                let limit = trust.fresh_for(source);
                let fresh = Freshness::of(state.heard_at, state.failure.is_some(), limit, now);
                fresh != Freshness::Fresh
            })
            .map(|(source, _)| Arc::clone(source))
            .collect();
        if *self.snapshot.stale() != stale {
            self.snapshot = self.snapshot.clone().with_stale(stale);
        }
    }

    /// Facts come in long runs of one source, so that a run is one look-up.
    pub(super) fn note_observations(&mut self, changes: &[Change]) {
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

    pub(super) fn note_observed(&mut self, run: Option<(&Source, Timestamp)>) {
        if let Some((source, latest)) = run {
            let state = self.sources.entry(Arc::clone(source)).or_default();
            state.observed_at = state.observed_at.max(Some(latest));
        }
    }
}

impl SourceState {
    /// A poll that failed is no word of the source, and an empty one that did not is.
    pub(super) fn note_poll(&mut self, commit: &Commit) {
        let failure = commit.poll.as_ref().and_then(|poll| match &poll.outcome {
            PollOutcome::Failed { reason } => Some(Arc::from(reason.as_str())),
            PollOutcome::Complete { .. } | PollOutcome::Partial => None,
        });
        if failure.is_none() {
            self.heard_at = self.heard_at.max(Some(commit.heard_at));
        }
        if commit.poll.is_some() {
            self.polled_at = self.polled_at.max(Some(commit.heard_at));
        }
        self.failure = failure;
    }

    /// Takes in what the same source of a template came to `since` a version.
    pub(super) fn follow(&mut self, then: Option<&SourceState>, now: &SourceState, since: Version) {
        let (commits, problems) = then.map_or((0, 0), |then| (then.commits, then.problems));
        self.heard_at = self.heard_at.max(now.heard_at);
        self.observed_at = self.observed_at.max(now.observed_at);
        self.content_at = self.content_at.max(now.content_at);
        self.polled_at = self.polled_at.max(now.polled_at);
        self.failure.clone_from(&now.failure);
        self.commits += now.commits.saturating_sub(commits);
        self.problems += now.problems.saturating_sub(problems);
        for kept in &mut self.batches {
            let same = now.batches.iter().find(|now| now.batch.version == kept.batch.version);
            kept.settled = kept.settled.or(same.and_then(|now| now.settled));
        }
        let new: Vec<_> = now
            .batches
            .iter()
            .rev()
            .take_while(|kept| since < kept.batch.version)
            .cloned()
            .collect();
        new.into_iter().rev().for_each(|kept| self.keep_batch(kept));
        if self.not_kept_settled < now.not_kept_settled {
            self.not_kept_settled = now.not_kept_settled;
        }
    }

    /// What was told before a complete poll that does not repeat it has been put right.
    pub(super) fn settle(&mut self, since: Timestamp, version: Version) {
        let not_kept = self.not_kept();
        let mut settles = not_kept > 0;
        for kept in self.batches.iter_mut().filter(|kept| kept.batch.heard_at < since) {
            settles |= kept.settled.is_none();
            kept.settled.get_or_insert(version);
        }
        if settles {
            self.not_kept_settled = Some((version, self.problems_not_kept()));
        }
    }

    /// The problems as they were at a version, of which these were told until then.
    pub(super) fn problems_until(&mut self, now: &SourceState, at: Version) {
        for kept in now.batches.iter().filter(|kept| kept.batch.version <= at) {
            let settled = kept.settled.filter(|version| *version <= at);
            self.keep_batch(Kept { batch: Arc::clone(&kept.batch), settled });
        }
        self.not_kept_settled = now.not_kept_settled.filter(|(version, _)| *version <= at);
    }

    fn problems_not_kept(&self) -> u64 {
        self.problems.saturating_sub(self.problems_kept as u64)
    }

    /// Of those that stand.
    fn not_kept(&self) -> u64 {
        let settled = self.not_kept_settled.map_or(0, |(_, count)| count);
        self.problems_not_kept().saturating_sub(settled)
    }

    pub(super) fn keep(&mut self, problems: Vec<Problem>, heard_at: Timestamp, version: Version) {
        if problems.is_empty() {
            return;
        }
        let batch = Arc::new(ProblemBatch { heard_at, version, problems });
        self.keep_batch(Kept { batch, settled: None });
    }

    fn keep_batch(&mut self, kept: Kept) {
        self.problems_kept += kept.batch.problems.len();
        self.batches.push_back(kept);
        while self.problems_kept > PROBLEMS_KEPT_MAX && self.batches.len() > 1 {
            if let Some(oldest) = self.batches.pop_front() {
                self.problems_kept -= oldest.batch.problems.len();
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
        let standing = self.batches.iter().filter(|kept| kept.settled.is_none());
        let kept = standing.flat_map(move |Kept { batch, .. }| {
            batch.problems.iter().map(move |problem| row(problem.clone(), batch))
        });
        let not_kept = self.not_kept();
        let counted =
            (self.batches.front()).filter(|_| not_kept > 0).map(move |Kept { batch, .. }| {
                let reason = format!("{not_kept} more problems of this source were not kept");
                row(Problem::new("", "", reason), batch)
            });
        kept.chain(counted)
    }
}
