//! A: of the ticks that found the process on a CPU, the share that found the owner of the lock there.
//!
//! Right at any load, without N, U, throughput or contention: on-CPU time under the lock over on-CPU
//! time. The interval takes ticks as independent; a tick every millisecond in longer sections sees the
//! same hold twice, which makes the interval of the share *in this window* too wide, not too narrow.

use super::interval::{widen, wilson};
use crate::measured::Estimate;
use crate::samples::LockSamples;
use crate::tier::Tier;

/// Share of the process' CPU time under the lock; `None` without an owner field or samples.
pub(super) fn share(lock: &LockSamples, tier: Tier) -> Option<Estimate> {
    let owner = lock.owner.filter(|owner| owner.samples > 0 && owner.total > 0.0)?;
    let sampled = wilson((owner.owned / owner.total).min(1.0), owner.samples);
    // From user space the owner is seen too rarely, never too often: its sampler wakes when it leaves.
    let missed = if tier >= Tier::Proc { Tier::Proc.expected_error().unwrap_or(1.0) } else { 0.0 };
    Some(widen(sampled, 0.0, missed))
}
