//! What a poll of a source says beyond its facts: since when they hold, and what is gone.

use std::sync::Arc;
use std::time::Duration;

use groma_model::{Fact, Interval, Timestamp};

use crate::entity::end_of;
use crate::{Change, Commit, Poll, PollOutcome, Snapshot, SourceRow};

/// How much a source can be relied on now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It was heard lately, or nobody said how lately it must be.
    Fresh,
    /// It was not heard for longer than it stays fresh.
    Stale,
    /// It did not answer when it was asked last.
    Failing,
}

impl Freshness {
    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Freshness::Fresh => "fresh",
            Freshness::Stale => "stale",
            Freshness::Failing => "failing",
        }
    }

    /// `heard_at`: `None`: never. A clock that runs ahead makes fresh.
    pub(crate) fn of(
        heard_at: Option<Timestamp>,
        is_failing: bool,
        fresh_for: Option<Duration>,
        now: Timestamp,
    ) -> Freshness {
        let is_late = |limit: Duration| heard_at.is_none_or(|at| limit < now.saturating_since(at));
        match fresh_for {
            _ if is_failing => Freshness::Failing,
            Some(limit) if is_late(limit) => Freshness::Stale,
            _ => Freshness::Fresh,
        }
    }
}

impl SourceRow {
    /// How much it can be relied on at `now`, our clock.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        Freshness::of(self.heard_at, self.failure.is_some(), self.fresh_for, now)
    }
}

/// Makes plain what the changes of a polled commit mean, so that they say it themselves: a value that
/// a source gives for the first time always held as far as one knows, one that differs from what it
/// said before holds since it was observed, and what a complete poll no longer names has ended.
/// Cost: O(changes), and for a complete poll O(facts).
pub(crate) fn settle(snapshot: &Snapshot, commit: &mut Commit) {
    let Some(poll) = &commit.poll else { return };
    if let PollOutcome::Failed { .. } = poll.outcome {
        return;
    }
    for change in &mut commit.changes {
        if let Change::Assert { entity, attribute, fact } = change
            && fact.valid == Interval::ALWAYS
            && fact.source == commit.source
            && let Some(entity) = snapshot.said_of(entity.kind, &entity.key)
        {
            let facts = entity.facts(*attribute);
            fact.valid.from = begin(fact, facts);
        }
    }
    if let PollOutcome::Complete { since } = poll.outcome {
        let ended = ended(snapshot, commit, poll, since);
        commit.changes.extend(ended);
    }
}

/// Since when a fact holds that its source states without saying so.
fn begin(fact: &Fact, facts: &[Fact]) -> Timestamp {
    let before = (facts.iter())
        .filter(|held| held.source == fact.source && held.valid.from <= fact.observed_at)
        .max_by_key(|held| held.valid.from);
    match before {
        None if facts.iter().all(|held| held.source != fact.source) => Timestamp::MIN,
        Some(held) if held.value == fact.value && fact.observed_at < end_of(held, facts) => {
            held.valid.from
        }
        _ => fact.observed_at,
    }
}

/// What the source said before `since` and no longer says.
fn ended(snapshot: &Snapshot, commit: &Commit, poll: &Poll, since: Timestamp) -> Vec<Change> {
    let settled = match commit.changes.is_empty() {
        true => snapshot.clone(),
        false => snapshot.apply(&commit.changes, snapshot.version()),
    };
    let mut ended = Vec::new();
    for entity in settled.said() {
        for (attribute, fact) in entity.all_facts() {
            let is_silent = fact.source == commit.source
                && fact.heard_at < since
                && fact.observed_at <= poll.at
                && fact.valid.from < poll.at
                && end_of(fact, entity.facts(attribute)) == Timestamp::MAX;
            if is_silent {
                let fact = Fact {
                    value: fact.value.clone(),
                    source: Arc::clone(&fact.source),
                    observed_at: poll.at,
                    heard_at: commit.heard_at,
                    valid: Interval { from: fact.valid.from, to: poll.at },
                };
                ended.push(Change::Assert { entity: entity.id().clone(), attribute, fact });
            }
        }
    }
    ended
}
