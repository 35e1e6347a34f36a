//! Which states of other databases a database has taken in, by being forked from them, following or
//! merging them, directly or through others: a merge starts from one that both sides have.

use groma_model::Version;
use imbl::OrdMap;

use crate::Snapshot;
use crate::fork::DatabaseId;

/// What a database has taken in of each other one. A version tells when, in the line of databases that it
/// comes from, so that a fork of the past knows what was known then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    learned: OrdMap<DatabaseId, Learned>,
}

#[derive(Debug, Clone)]
struct Learned {
    /// For forks of the past from before the last: an earlier state than they could have, not a later one.
    first: Lesson,
    last: Lesson,
}

#[derive(Debug, Clone)]
struct Lesson {
    at: Version,
    state: Snapshot,
}

impl Known {
    /// Takes in a state at a version.
    pub(crate) fn learn(&mut self, id: DatabaseId, state: &Snapshot, at: Version) {
        let lesson = || Lesson { at, state: state.clone() };
        match self.learned.get_mut(&id) {
            None => drop(self.learned.insert(id, Learned { first: lesson(), last: lesson() })),
            Some(learned) if learned.last.state.version() < state.version() => {
                learned.last = lesson();
            }
            Some(_) => {}
        }
    }

    /// Takes in all that another database has, by merging it at a version.
    pub(crate) fn learn_all(&mut self, other: &Known, at: Version) {
        other.iter().for_each(|(id, state)| self.learn(id, state, at));
    }

    /// Takes in all that a template has, when it had it.
    pub(crate) fn follow(&mut self, template: &Known) {
        for (id, Learned { first, last }) in &template.learned {
            self.learn(*id, &first.state, first.at);
            self.learn(*id, &last.state, last.at);
        }
    }

    /// The last state taken in of a database.
    pub(crate) fn of(&self, id: DatabaseId) -> Option<&Snapshot> {
        self.learned.get(&id).map(|learned| &learned.last.state)
    }

    /// The last state taken in of each database.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DatabaseId, &Snapshot)> {
        self.learned.iter().map(|(id, learned)| (*id, &learned.last.state))
    }

    /// All states that a merge can start from, of this database or a fork of it.
    pub(crate) fn states(&self) -> impl Iterator<Item = &Snapshot> {
        self.learned.values().flat_map(|learned| [&learned.first.state, &learned.last.state])
    }

    /// What was known at a version: where something was learned since, no more than was known first.
    pub(crate) fn until(&self, at: Version) -> Known {
        let then = self.learned.iter().filter_map(|(id, Learned { first, last })| {
            let last = [last, first].into_iter().find(|lesson| lesson.at <= at)?.clone();
            Some((*id, Learned { first: first.clone(), last }))
        });
        Known { learned: then.collect() }
    }

    pub(crate) fn forget(&mut self, is_needed: impl Fn(DatabaseId) -> bool) {
        self.learned = (self.learned.iter().filter(|(id, _)| is_needed(**id)))
            .map(|(id, learned)| (*id, learned.clone()))
            .collect();
    }
}
