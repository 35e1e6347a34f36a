//! Replays calls on several threads.

use std::sync::Mutex;

use groma_trace::replay::{REPLAY_SHARDS, ReplayPlan, ReplayTotals, Replayer, replay_shard};
use groma_trace::{Calls, MatrixCell};

use crate::shared::{ByShard, SharedMatrix, lock};
use crate::threads;

/// Replays the calls of a log as `plan` says: the same as [`groma_trace::replay::replay`], on
/// `threads` threads (0: as many as the machine runs at once). The cells, in no particular order,
/// are between parties of the plan.
pub fn replay(
    calls: &[Calls],
    plan: &ReplayPlan<'_>,
    threads: usize,
) -> (Vec<MatrixCell>, ReplayTotals) {
    let matrix = SharedMatrix::default();
    let totals = Mutex::new(ReplayTotals::default());
    let start = || (Replayer::new(plan), Calls::default(), ByShard::default());
    let work = |state: &mut (Replayer<'_>, Calls, ByShard), shard: usize| {
        let (replayer, replayed, by_shard) = state;
        for part in &calls[replay_shard(shard, calls.len())] {
            replayer.replay(part, replayed);
            matrix.add(replayed, by_shard);
        }
        lock(&totals).add(&replayer.end_shard());
    };
    threads::each(threads::count(threads), REPLAY_SHARDS, start, work, drop);
    let totals = std::mem::take(&mut *lock(&totals));
    (matrix.into_cells(), totals)
}
