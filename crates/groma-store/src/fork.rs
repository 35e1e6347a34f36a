//! What a fork is, and which states of other databases a database has taken in.

use std::sync::Arc;

use groma_model::{Source, Timestamp, Version};
use imbl::OrdMap;

use crate::Snapshot;

/// Whether a fork goes on seeing what is committed to its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForkMode {
    /// It stays as its template was.
    Frozen,
    /// It sees later commits of its template, except where it has said something itself.
    Tracking,
}

impl ForkMode {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            ForkMode::Frozen => "frozen",
            ForkMode::Tracking => "tracking",
        }
    }
}

/// A fork that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// Its name.
    pub name: Arc<str>,
    /// The database that it starts as.
    pub template: Arc<str>,
    /// Our clock.
    pub created_at: Timestamp,
    /// Who makes it; empty: not known.
    pub created_by: Source,
    /// Whether it follows its template.
    pub mode: ForkMode,
    /// The version of the template that it starts as; `None`: the last one.
    pub at: Option<Version>,
}

impl Fork {
    /// A frozen one of the template as it is now.
    pub fn new(
        name: impl Into<Arc<str>>,
        template: impl Into<Arc<str>>,
        created_at: Timestamp,
    ) -> Fork {
        let (name, template, created_by) = (name.into(), template.into(), "".into());
        Fork { name, template, created_at, created_by, mode: ForkMode::Frozen, at: None }
    }
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
    /// Who made it; empty: not known.
    pub created_by: Source,
    /// Whether it follows its template; one whose template was dropped no longer does.
    pub mode: ForkMode,
}

/// Tells databases apart, those that are gone and those of the same name included: `live` is 0, a
/// fork the number of forks made so far.
pub(crate) type DatabaseId = u64;

/// The latest state of each other database whose content a database has taken in, by being forked
/// from it, following it or merging it, directly or through others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    states: OrdMap<DatabaseId, Snapshot>,
}

impl Known {
    pub(crate) fn learn(&mut self, id: DatabaseId, state: &Snapshot) {
        let is_new = self.states.get(&id).is_none_or(|known| known.version() < state.version());
        if is_new {
            self.states.insert(id, state.clone());
        }
    }

    pub(crate) fn learn_all(&mut self, other: &Known) {
        other.states.iter().for_each(|(id, state)| self.learn(*id, state));
    }

    pub(crate) fn of(&self, id: DatabaseId) -> Option<&Snapshot> {
        self.states.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (DatabaseId, &Snapshot)> {
        self.states.iter().map(|(id, state)| (*id, state))
    }

    /// What was known when the last of it was at this version.
    pub(crate) fn until(&self, at: Version) -> Known {
        let states = self.states.iter().filter(|(_, state)| state.version() <= at);
        Known { states: states.map(|(id, state)| (*id, state.clone())).collect() }
    }

    pub(crate) fn forget(&mut self, is_needed: impl Fn(DatabaseId) -> bool) {
        self.states = (self.states.iter().filter(|(id, _)| is_needed(**id)))
            .map(|(id, state)| (*id, state.clone()))
            .collect();
    }
}
