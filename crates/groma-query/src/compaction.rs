//! Giving up the far past in steps, so that others go on meanwhile.

use std::time::{Duration, Instant};

use groma_model::{Timestamp, Version};
use groma_store::{CompactionReport, StoreError, Writer as _};

use crate::{Engine, QueryError};

/// How long others are let in between two steps.
const PAUSE: Duration = Duration::from_millis(2);

/// What a compaction did, and what it asked of others.
#[derive(Debug, Clone, Copy)]
pub struct Compacted {
    /// What it did.
    pub report: CompactionReport,
    /// The longest that the world was held for it at once.
    pub longest_hold: Duration,
}

impl Engine {
    /// Gives up what was known before a time: the version known then, and all later ones, stay.
    /// `None`: nothing that is kept is older. Cost: reads the journal twice up to that version, beside
    /// the world; then the world is held for one step of the writing at a time.
    ///
    /// # Errors
    /// Another compaction came between, or the journal failed.
    pub fn compact(&self, since: Timestamp) -> Result<Option<Compacted>, QueryError> {
        let plan = {
            let world = self.world();
            match world.version_at(since) {
                Ok(oldest) => world.plan_compaction(oldest)?,
                // All that is kept was heard later.
                Err(StoreError::Compacted { .. }) => None,
                Err(error) => return Err(error.into()),
            }
        };
        let Some(plan) = plan else { return Ok(None) };
        let mut compaction = plan.prepare()?;
        let mut longest_hold = Duration::ZERO;
        let mut step = || {
            let mut turn = self.turn();
            let began = Instant::now();
            let is_last = turn.compact(&mut compaction);
            longest_hold = longest_hold.max(began.elapsed());
            is_last
        };
        while !step()? {
            std::thread::sleep(PAUSE);
        }
        Ok(Some(Compacted { report: compaction.report(), longest_hold }))
    }

    /// Gives room that a compaction made back to the disk. Others wait meanwhile: some seconds for a
    /// large journal.
    pub fn shrink_journal(&self) {
        self.turn().shrink_journal();
    }

    /// The oldest version that can be asked for, and when it was heard. 0: all of them can be.
    pub fn oldest_version(&self) -> (Version, Timestamp) {
        self.world().oldest_version()
    }
}
