//! The last commits, each with its database as it was before: the near past costs nothing to ask.

use std::collections::VecDeque;

use groma_model::Version;

use crate::Database;

/// Most commits that are kept with what was before them.
pub const RECENT_COMMITS_MAX: usize = 1_000;

/// Most changes that those commits may hold together: what they replaced stays in memory.
pub const RECENT_CHANGES_MAX: u64 = 300_000;

/// The last commits of all databases, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    steps: VecDeque<Step>,
    changes: u64,
    /// Every commit after this version is kept.
    since: Version,
}

#[derive(Debug)]
struct Step {
    version: Version,
    before: Database,
    changes: u64,
}

impl Recent {
    /// A commit of so many changes is about to be taken in.
    pub(crate) fn note(&mut self, version: Version, before: &Database, changes: usize) {
        let changes = changes as u64;
        self.steps.push_back(Step { version, before: before.clone(), changes });
        self.changes += changes;
        while self.steps.len() > RECENT_COMMITS_MAX || self.changes > RECENT_CHANGES_MAX {
            let Some(oldest) = self.steps.pop_front() else { break };
            self.changes -= oldest.changes;
            self.since = oldest.version;
        }
    }

    /// The database as it was at a version of its own time. `None`: that is too long ago.
    pub(crate) fn at(&self, current: &Database, version: Version) -> Option<Database> {
        if version < self.since {
            return None;
        }
        let later = self.steps.partition_point(|step| step.version <= version);
        let mut later = self.steps.range(later..);
        let next = later.find(|step| step.before.name() == current.name());
        Some(next.map_or(current, |step| &step.before).clone())
    }

    /// Gives back the memory that it takes, of all commits up to a version.
    pub(crate) fn forget(&mut self, up_to: Version) {
        let gone = self.steps.partition_point(|step| step.version <= up_to);
        self.changes -= self.steps.drain(..gone).map(|step| step.changes).sum::<u64>();
        self.since = self.since.max(up_to);
    }
}
