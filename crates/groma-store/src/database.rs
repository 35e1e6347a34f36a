//! One database: a snapshot with where it comes from, who said what, and the history of commits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use groma_model::{Problem, Says, Schema, Source, Timestamp, Version};
use imbl::{OrdMap, Vector};

use crate::follow::Overlay;
use crate::fork::DatabaseId;
use crate::known::Known;
use crate::set_aside::{Aside, SetAside};
use crate::snapshot::News;
use crate::{Change, Commit, Fork, ForkMode, Freshness, LIVE, PollOutcome, Snapshot, Template};

/// How many problems of one source a database keeps, the newest; those beyond are counted.
pub const PROBLEMS_KEPT_MAX: usize = 100_000;

/// How many rows of the history of commits a database keeps, the newest.
pub const COMMITS_KEPT_MAX: usize = 100_000;

/// Source of the problems about facts that the schema has no place for.
const SCHEMA_SOURCE: &str = "groma:schema";

/// One world: `live` or a fork. `clone` is O(1): a clone is a consistent view that stays as it is
/// while the [`World`](crate::World) goes on.
#[derive(Debug, Clone)]
pub struct Database {
    id: DatabaseId,
    name: Arc<str>,
    template: Option<(DatabaseId, Template)>,
    /// What it was before it was forked, the oldest first.
    lineage: Vector<Stretch>,
    /// Whether it ever changed by a commit to another database.
    followed: bool,
    snapshot: Snapshot,
    /// What it has taken in from others; the base of a merge is found here.
    known: Known,
    /// `None`: it does not follow its template.
    tracking: Option<Arc<Tracking>>,
    /// Its last own commit while it followed a template, so that its version alone tells not enough.
    own_version: Version,
    last_used_at: Timestamp,
    sources: OrdMap<Source, SourceState>,
    commits: Vector<CommitRow>,
    segments: Vector<SegmentRow>,
    set_aside: SetAside,
}

/// How a tracking fork follows its template.
#[derive(Debug, Clone)]
struct Tracking {
    overlay: Overlay,
    /// The sources of the template as it was followed last.
    sources: OrdMap<Source, SourceState>,
}

/// Up to a version a fork was another database.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    id: DatabaseId,
    name: Arc<str>,
    /// The last version of the world before the fork was made.
    until: Version,
    /// The version that it was forked at; smaller than `until` for a fork of the past.
    as_of: Version,
}

/// What a database was at a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner<'a> {
    pub(crate) id: DatabaseId,
    pub(crate) name: &'a Arc<str>,
    /// Not later than the version that was asked.
    pub(crate) version: Version,
}

/// What a database held at some time: two of the same state hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    version: Version,
    own_version: Version,
}

impl State {
    /// The last commit that it has seen.
    pub fn version(self) -> Version {
        self.version
    }
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
struct SourceState {
    heard_at: Option<Timestamp>,
    observed_at: Option<Timestamp>,
    content_at: Option<Timestamp>,
    polled_at: Option<Timestamp>,
    failure: Option<Arc<str>>,
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
            id: 0,
            name: LIVE.into(),
            template: None,
            lineage: Vector::new(),
            followed: false,
            snapshot,
            known: Known::default(),
            tracking: None,
            own_version: Version(0),
            last_used_at: Timestamp::MIN,
            sources: OrdMap::new(),
            commits: Vector::new(),
            segments: Vector::new(),
            set_aside: SetAside::default(),
        }
    }

    /// A fork of this one; `made` is the version of the world at that time.
    pub(crate) fn fork(&self, id: DatabaseId, fork: &Fork, made: Version) -> Database {
        let mut lineage = self.lineage.clone();
        let as_of = fork.at.unwrap_or(made);
        let (template_id, name) = (self.id, Arc::clone(&self.name));
        lineage.push_back(Stretch { id: template_id, name, until: made, as_of });
        let template = Template {
            name: Arc::clone(&self.name),
            version: self.version(),
            created_at: fork.created_at,
            created_by: Arc::clone(&fork.created_by),
            mode: fork.mode,
        };
        let mut known = self.known.clone();
        known.learn(template_id, &self.snapshot, as_of);
        let tracking = (fork.mode == ForkMode::Tracking).then(|| {
            Arc::new(Tracking {
                overlay: Overlay::new(&self.snapshot),
                sources: self.sources.clone(),
            })
        });
        Database {
            id,
            name: Arc::clone(&fork.name),
            template: Some((template_id, template)),
            lineage,
            followed: fork.mode == ForkMode::Tracking,
            known,
            tracking,
            last_used_at: fork.created_at,
            ..self.clone()
        }
    }

    /// It as it was at a version, to be forked; `back` leads from its model now to that of then.
    /// Cost: O(commits + what has changed since).
    pub(crate) fn back_to(&self, at: Version, back: &[Change]) -> Database {
        let commits: Vector<_> =
            self.commits.iter().filter(|row| row.version <= at).cloned().collect();
        let mut sources: OrdMap<Source, SourceState> = OrdMap::new();
        for row in &commits {
            let state = sources.entry(Arc::clone(&row.source)).or_default();
            state.heard_at = state.heard_at.max(Some(row.heard_at));
            state.commits += 1;
            state.problems += row.problems;
            if row.changes > 0 {
                state.content_at = state.content_at.max(Some(row.heard_at));
            }
        }
        for (source, now) in &self.sources {
            // What it said last may have been the same again; if nothing changed later, it is known.
            if let Some(state) = sources.get_mut(source)
                && now.content_at <= state.heard_at
            {
                state.content_at = now.content_at;
            }
            for batch in now.batches.iter().filter(|batch| batch.version <= at) {
                let state = sources.entry(Arc::clone(source)).or_default();
                state.keep_batch(Arc::clone(batch));
            }
        }
        let snapshot = self.snapshot.apply(back, at);
        let mut known = self.known.until(at);
        let owner = self.owner_at(at);
        if owner.id != self.id {
            known.learn(owner.id, &snapshot, at);
        }
        Database {
            snapshot,
            known,
            tracking: None,
            commits,
            sources,
            segments: self.segments.iter().filter(|row| row.version <= at).cloned().collect(),
            ..self.clone()
        }
    }

    /// Whether it was there already at a version of the world. One of its name may have been before.
    pub(crate) fn is_made_before(&self, version: Version) -> bool {
        self.lineage.last().is_none_or(|stretch| stretch.until < version)
    }

    /// Which database, and as of which version, it was at a version of the world.
    pub(crate) fn owner_at(&self, version: Version) -> Owner<'_> {
        let mut owner = Owner { id: self.id, name: &self.name, version };
        for Stretch { id, name, until, as_of } in self.lineage.iter().rev() {
            if owner.version <= *until {
                owner = Owner { id: *id, name, version: owner.version.min(*as_of) };
            }
        }
        owner
    }

    /// Whether it ever changed by a commit to another database.
    pub(crate) fn followed(&self) -> bool {
        self.followed
    }

    pub(crate) fn id(&self) -> DatabaseId {
        self.id
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    pub(crate) fn known_mut(&mut self) -> &mut Known {
        &mut self.known
    }

    /// What it has said itself over its template; `None`: it does not follow one.
    pub(crate) fn overlay(&self) -> Option<&Overlay> {
        self.tracking.as_deref().map(|tracking| &tracking.overlay)
    }

    /// Whether it was forked from this very database, whatever others of its name there were.
    pub fn is_fork_of(&self, other: &Database) -> bool {
        self.template_id() == Some(other.id)
    }

    /// The database it was forked from; `None`: it is `live`.
    pub(crate) fn template_id(&self) -> Option<DatabaseId> {
        self.template.as_ref().map(|(id, _)| *id)
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where it comes from; `None`: it is `live`.
    pub fn template(&self) -> Option<&Template> {
        self.template.as_ref().map(|(_, template)| template)
    }

    /// What it holds now, as a name: two databases of the same state hold the same model.
    pub fn state(&self) -> State {
        State { version: self.version(), own_version: self.own_version }
    }

    /// When it was made, committed to or, since the process started, last asked; our clock.
    pub fn last_used_at(&self) -> Timestamp {
        self.last_used_at
    }

    pub(crate) fn note_used(&mut self, at: Timestamp) {
        self.last_used_at = self.last_used_at.max(at);
    }

    /// The database once it has followed its template to where that is now; as it is if it follows
    /// none. Cost: O(what changed in the template).
    pub(crate) fn follow(&self, template: &Database) -> Database {
        let mut next = self.clone();
        let Some(tracking) = &mut next.tracking else { return next };
        let tracking = Arc::make_mut(tracking);
        let since = tracking.overlay.template().version();
        next.snapshot = tracking.overlay.follow(&self.snapshot, &template.snapshot);
        for (source, now) in &template.sources {
            let then = tracking.sources.get(source);
            next.sources.entry(Arc::clone(source)).or_default().follow(then, now, since);
        }
        tracking.sources = template.sources.clone();
        let new_commits = template.commits.iter().rev().take_while(|row| since < row.version);
        let new_commits: Vec<_> = new_commits.cloned().collect();
        next.commits.extend(new_commits.into_iter().rev());
        while next.commits.len() > COMMITS_KEPT_MAX {
            next.commits.pop_front();
        }
        let new_segments = template.segments.iter().rev().take_while(|row| since < row.version);
        let new_segments: Vec<_> = new_segments.cloned().collect();
        next.segments.extend(new_segments.into_iter().rev());
        next.known.follow(&template.known);
        next.known.learn(template.id, &template.snapshot, template.version());
        next
    }

    /// Its template is gone: from now on it stays as it is.
    pub(crate) fn stop_following(&mut self) {
        self.tracking = None;
        if let Some((_, template)) = &mut self.template {
            template.mode = ForkMode::Frozen;
        }
    }

    /// It was merged into its template, which it has followed to there: nothing is its own any more.
    pub(crate) fn give_up_own(&mut self) {
        if let Some(tracking) = &mut self.tracking {
            let template = tracking.overlay.template().clone();
            Arc::make_mut(tracking).overlay = Overlay::new(&template);
            self.snapshot = template;
        }
    }

    /// The database at a time, with all that is known in this one; see [`Snapshot::as_it_was`].
    #[must_use]
    pub fn as_it_was(&self, then: Option<&Database>, at: Timestamp) -> Database {
        let snapshot = self.snapshot.as_it_was(then.map(Database::snapshot), at);
        Database { snapshot, ..self.clone() }
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

    /// Gives the sources that said something new by it.
    pub(crate) fn commit(
        &mut self,
        version: Version,
        commit: &Commit,
        problems_not_kept: u64,
    ) -> News {
        let (snapshot, news) = self.snapshot.apply_noting(&commit.changes, version);
        // What was new then need not be new after what a compaction left of it.
        let news = commit.left_out.news.clone().unwrap_or(news);
        if let Some(tracking) = &mut self.tracking {
            Arc::make_mut(tracking).overlay.note(&self.snapshot, &snapshot);
            self.own_version = version;
        }
        self.snapshot = snapshot;
        self.set_aside.forget(&commit.changes);
        self.last_used_at = self.last_used_at.max(commit.heard_at);
        self.note_observations(&commit.changes);
        for (source, observed_at) in &commit.left_out.observed {
            self.note_observed(Some((source, *observed_at)));
        }
        let problems = commit.problems.len() as u64 + problems_not_kept;
        for source in &news {
            let state = self.sources.entry(Arc::clone(source)).or_default();
            state.content_at = state.content_at.max(Some(commit.heard_at));
        }
        let state = self.sources.entry(Arc::clone(&commit.source)).or_default();
        state.note_poll(commit);
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
            changes: commit.changes.len() as u64 + commit.left_out.changes,
            problems,
            segments: commit.segments.len() as u64,
        });
        if self.commits.len() > COMMITS_KEPT_MAX {
            self.commits.pop_front();
        }
        self.note_stale(commit.heard_at);
        news
    }

    /// From now on stale sources are believed only where nobody else says something. A fork stays as
    /// it is: nobody polls for it, and a source does not grow stale by a question.
    fn note_stale(&mut self, now: Timestamp) {
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

    /// How many changes about a kind, or a kind and attribute (`power.feed.volts`), are set aside
    /// because the schema does not have it.
    pub fn set_aside(&self, what: &str) -> u64 {
        self.set_aside.gone(what)
    }

    /// Whether the schema has a place for all that was ever said.
    pub(crate) fn has_all(&self) -> bool {
        self.set_aside.is_empty()
    }

    pub(crate) fn put_aside(&mut self, aside: Aside, heard_at: Timestamp) {
        self.set_aside.take(aside, heard_at);
    }

    /// Takes a schema that [continues](Schema::continues) its own. Only of a database that holds no
    /// other snapshots: no fork, and none was made of it.
    pub(crate) fn take_schema(&mut self, schema: &Arc<Schema>) {
        self.snapshot = self.snapshot.with_schema(Arc::clone(schema));
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
    /// A poll that failed is no word of the source, and an empty one that did not is.
    fn note_poll(&mut self, commit: &Commit) {
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
    fn follow(&mut self, then: Option<&SourceState>, now: &SourceState, since: Version) {
        let (commits, problems) = then.map_or((0, 0), |then| (then.commits, then.problems));
        self.heard_at = self.heard_at.max(now.heard_at);
        self.observed_at = self.observed_at.max(now.observed_at);
        self.content_at = self.content_at.max(now.content_at);
        self.polled_at = self.polled_at.max(now.polled_at);
        self.failure.clone_from(&now.failure);
        self.commits += now.commits.saturating_sub(commits);
        self.problems += now.problems.saturating_sub(problems);
        let new: Vec<_> =
            now.batches.iter().rev().take_while(|batch| since < batch.version).cloned().collect();
        new.into_iter().rev().for_each(|batch| self.keep_batch(batch));
    }

    fn keep(&mut self, problems: Vec<Problem>, heard_at: Timestamp, version: Version) {
        if problems.is_empty() {
            return;
        }
        self.keep_batch(Arc::new(ProblemBatch { heard_at, version, problems }));
    }

    fn keep_batch(&mut self, batch: Arc<ProblemBatch>) {
        self.problems_kept += batch.problems.len();
        self.batches.push_back(batch);
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
