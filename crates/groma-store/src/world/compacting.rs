//! The steps of a compaction, as a world takes them.

use std::sync::Arc;

use groma_model::Version;

use super::{LIVE, World};
use crate::compaction::{Compaction, CompactionPlan};
use crate::{StoreError, codec};

impl World {
    /// What it takes to give up all versions before this one. `None`: there are none.
    ///
    /// # Errors
    /// The version is still to come, or the journal fails.
    pub fn plan_compaction(&self, oldest: Version) -> Result<Option<CompactionPlan>, StoreError> {
        if self.version() < oldest {
            return Err(StoreError::NoVersion { asked: oldest, newest: self.version() });
        }
        let Some((oldest, began_at)) = self.past.compactable(oldest) else { return Ok(None) };
        Ok(Some(CompactionPlan {
            oldest,
            began_at,
            oldest_before: self.oldest_version().0,
            schemas: Arc::clone(&self.schemas),
            reader: self.journal.reader()?,
        }))
    }

    /// See [`Writer::compact`](crate::Writer::compact).
    pub(super) fn rewrite(&mut self, compaction: &mut Compaction) -> Result<bool, StoreError> {
        if let Some(reason) = &self.broken {
            return Err(StoreError::ReadOnly { reason: reason.clone() });
        }
        if compaction.starts_at() != self.oldest_version().0 {
            return Err(StoreError::Moved { name: LIVE.into() });
        }
        let marker = compaction.marker.take();
        let mut entries = compaction.next_step();
        if let Some(marker) = &marker {
            entries.push((0, codec::encode(marker, self.schema())?));
        }
        let rewritten = self.journal.rewrite(&entries);
        if let Some(marker) = &marker {
            // If that failed nobody knows what of the far past is still there.
            self.past.note(marker, 0);
        }
        rewritten.map_err(|error| {
            let error = StoreError::from(error);
            self.broken = error.detail();
            error
        })?;
        Ok(compaction.is_done())
    }
}
