//! Replays calls on several threads.

use std::sync::Mutex;

use groma_trace::Calls;
use groma_trace::replay::{Moved, REPLAY_SHARDS, ReplayPlan, ReplayTotals, Replayer, replay_shard};

use crate::shared::{ByShard, SharedMatrix, lock};
use crate::threads;

/// Replays the calls of a log as `plan` says, on `threads` threads (0: as many as the machine runs at
/// once): what it moves, by where `key` says that a call of a caller, a callee and an epoch counts. With
/// calls counted by just these three, and added to the matrix, it is what [`groma_trace::replay::replay`]
/// gives. Cells are in no particular order.
pub fn replay(
    calls: &[Calls],
    plan: &ReplayPlan<'_>,
    threads: usize,
    key: impl Fn(u32, u32, u32) -> (u32, u32, u32) + Sync,
) -> (Moved, ReplayTotals) {
    let most_move = most_move(calls, plan, &key);
    let [all_gone, all_come] = [SharedMatrix::default(), SharedMatrix::default()];
    let totals = Mutex::new(ReplayTotals::default());
    let start = || (Replayer::new(plan), <[ByShard; 2]>::default());
    let work = |state: &mut (Replayer<'_>, [ByShard; 2]), shard: usize| {
        let (replayer, [gone, come]) = state;
        for part in &calls[replay_shard(shard, calls.len())] {
            if most_move {
                replayer.placed(part, &key, |index, is| come.note(is, index));
            } else {
                replayer.moved(part, &key, |index, was, is| {
                    gone.note(was, index);
                    come.note(is, index);
                });
                all_gone.add_noted(part, gone);
            }
            all_come.add_noted(part, come);
        }
        lock(&totals).add(&replayer.end_shard());
    };
    threads::each(threads::count(threads), REPLAY_SHARDS, start, work, drop);
    let totals = std::mem::take(&mut *lock(&totals));
    let gone = (!most_move).then(|| all_gone.into_cells());
    (Moved { gone, come: all_come.into_cells() }, totals)
}

/// Whether most calls count elsewhere than before, as far as the first of them tell: then it is less work
/// to sum up all of them than to take away each that moves and to add it again.
fn most_move(
    calls: &[Calls],
    plan: &ReplayPlan<'_>,
    key: impl Fn(u32, u32, u32) -> (u32, u32, u32),
) -> bool {
    let Some(sample) = calls.iter().find(|part| !part.calls.is_empty()) else { return false };
    let mut count = 0;
    Replayer::new(plan).moved(sample, key, |_, _, _| count += 1);
    sample.calls.len() < 2 * count
}
