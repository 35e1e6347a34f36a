//! Retention: what was known longer ago than a site keeps is given up now and then, in the background.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, atomic::AtomicU64};
use std::time::Duration;

use groma_model::Timestamp;
use groma_query::{Compacted, Engine, QueryError};

use crate::clock;

/// It runs ten times in what is kept, but no more often and no more seldom than this.
const EVERY_MIN: Duration = Duration::from_secs(1);
const EVERY_MAX: Duration = Duration::from_secs(6 * 3_600);

/// What retention has done since the server started.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    pub(crate) compactions: AtomicU64,
    /// Changes taken out of the journal.
    pub(crate) changes: AtomicU64,
    /// The longest that others had to wait for one step, in microseconds.
    pub(crate) longest_hold_micros: AtomicU64,
}

/// Gives up what was known longer ago than `retain`, again and again. Ends when it is dropped; a
/// compaction that has begun goes on to its next step, after which the journal is whole.
pub(crate) async fn keep_for(engine: Engine, retain: Duration, retained: Arc<Retained>) {
    let nanos = i64::try_from(retain.as_nanos()).unwrap_or(i64::MAX);
    loop {
        tokio::time::sleep((retain / 10).clamp(EVERY_MIN, EVERY_MAX)).await;
        let since = Timestamp(clock::now().0.saturating_sub(nanos));
        let engine = engine.clone();
        match tokio::task::spawn_blocking(move || engine.compact(since)).await {
            Ok(compacted) => note(compacted, &retained),
            Err(error) => tracing::error!(%error, "giving up the far past did not end well"),
        }
    }
}

fn note(compacted: Result<Option<Compacted>, QueryError>, retained: &Retained) {
    match compacted {
        Ok(None) => {}
        Ok(Some(Compacted { report, longest_hold })) => {
            retained.compactions.fetch_add(1, Relaxed);
            retained.changes.fetch_add(report.changes, Relaxed);
            let micros = u64::try_from(longest_hold.as_micros()).unwrap_or(u64::MAX);
            retained.longest_hold_micros.fetch_max(micros, Relaxed);
            tracing::info!(
                oldest_version = report.oldest.0.0,
                changes = report.changes,
                bytes_before = report.bytes_before,
                bytes_after = report.bytes_after,
                ?longest_hold,
                "the far past was given up"
            );
        }
        Err(error) => {
            tracing::warn!(%error, "the far past could not be given up; it is tried again")
        }
    }
}
