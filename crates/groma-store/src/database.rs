//! One database: a snapshot with where it comes from, who said what, and the history of commits.

mod history;
mod sources;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use groma_model::{Schema, Source, Timestamp, Version};
use imbl::{OrdMap, Vector};

use crate::follow::Overlay;
use crate::fork::DatabaseId;
use crate::known::Known;
use crate::set_aside::{Aside, SetAside};
use crate::snapshot::News;
use crate::{Commit, Fork, ForkMode, LIVE, Poll, PollOutcome, Snapshot, Template};

pub(crate) use history::Owner;
use history::Stretch;
pub use history::{COMMITS_KEPT_MAX, CommitRow, Segment, SegmentRow};
use sources::SourceState;
pub use sources::{PROBLEMS_KEPT_MAX, ProblemRow, SourceRow};

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
    last_used_at: LastUsed,
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

/// What a database held at some time: two of the same state hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    version: Version,
    own_version: Version,
}

/// Noted by whoever asks, also while others do; a clone keeps what it was.
#[derive(Debug)]
struct LastUsed(AtomicI64);

impl LastUsed {
    fn at(at: Timestamp) -> LastUsed {
        LastUsed(AtomicI64::new(at.0))
    }
}

impl Clone for LastUsed {
    fn clone(&self) -> LastUsed {
        LastUsed(AtomicI64::new(self.0.load(Relaxed)))
    }
}

impl State {
    /// The last commit that it has seen.
    pub fn version(self) -> Version {
        self.version
    }
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
            last_used_at: LastUsed::at(Timestamp::MIN),
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
            last_used_at: LastUsed::at(fork.created_at),
            ..self.clone()
        }
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
        Timestamp(self.last_used_at.0.load(Relaxed))
    }

    pub(crate) fn note_used(&self, at: Timestamp) {
        self.last_used_at.0.fetch_max(at.0, Relaxed);
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

    /// The database as it is now; see [`Snapshot::as_of`].
    #[must_use]
    pub fn as_of(&self, now: Timestamp) -> Database {
        Database { snapshot: self.snapshot.as_of(now), ..self.clone() }
    }

    /// Its last commit, or that of its template when it was made.
    pub fn version(&self) -> Version {
        self.snapshot.version()
    }

    /// The model in it.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
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
        self.note_used(commit.heard_at);
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
        if let Some(Poll { outcome: PollOutcome::Complete { since }, .. }) = &commit.poll {
            state.settle(*since, version);
        }
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
}
