//! A: of the ticks that found the process on a CPU, the share that found the owner of the lock there.
//!
//! Right at any load, without N, U, throughput or contention: on-CPU time under the lock over on-CPU
//! time. The interval takes ticks as independent; a tick every millisecond in longer sections sees the
//! same hold twice, which makes the interval of the share *in this window* too wide, not too narrow.

use super::interval::{widen, wilson};
use crate::measured::Estimate;
use crate::samples::LockSamples;
use crate::tier::Tier;

/// The sampler wakes when a holder leaves the CPU, and so finds a lock held too seldom: measured, 0.03 to
/// 0.05 of what is.
const LOOKS_MISSED: f64 = 0.05;

/// Share of the process' CPU time under the lock; `None` without an owner field or samples.
pub(super) fn share(lock: &LockSamples, tier: Tier, cpus_used: f64) -> Option<Estimate> {
    let owner = lock.owner.filter(|owner| owner.samples > 0 && owner.total > 0.0)?;
    let sampled = wilson((owner.owned / owner.total).min(1.0), owner.samples);
    if tier < Tier::Proc {
        return Some(sampled);
    }
    // From user space the owner is seen too rarely, never too often. How much of a hold that is over
    // before the next look was on a CPU, nobody knows: at most all of the time that the lock was held.
    let seen = widen(sampled, 0.0, Tier::Proc.expected_error().unwrap_or(1.0));
    Some(Estimate::new(seen.value, seen.low, seen.high.max(held_max(lock) / cpus_used)))
}

/// Share of the time in which the lock may have been held.
fn held_max(lock: &LockSamples) -> f64 {
    if lock.looks == 0 {
        return 1.0;
    }
    let held = wilson(lock.looks_held as f64 / lock.looks as f64, lock.looks).high;
    // A sampler that waits for a processor waits for holders too: any look that it missed may have found
    // the lock held.
    let late = if lock.looks_time > 0.0 { lock.looks_late_time / lock.looks_time } else { 0.0 };
    (held * (1.0 + LOOKS_MISSED) * (1.0 - late) + late).min(1.0)
}

/// Whether most of its holds are over before the next look.
pub(super) fn is_brief(lock: &LockSamples) -> bool {
    lock.owner.is_some() && lock.looks_held > 0 && lock.looks_lasting * 2 < lock.looks_held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::estimate;
    use crate::measured::Method;
    use crate::samples::{OwnerSamples, Samples};

    /// One lock that is held all of half the time by whoever then runs, seen from outside the kernel.
    fn looked_at(lasting: u64, owned: f64) -> Samples {
        let lock = LockSamples {
            owner: Some(OwnerSamples { owned, total: 1.0, samples: 1_000 }),
            looks: 1_000,
            looks_held: 500,
            looks_lasting: lasting,
            hold_time: 0.5,
            hold_cpu_time: 0.5,
            ..LockSamples::default()
        };
        Samples { locks: vec![lock], ..Samples::new(Tier::Proc, 1.0, 2.0, 1.0) }
    }

    #[test]
    fn of_brief_holds_the_word_tells_more_than_the_owner() {
        let long = estimate(&looked_at(450, 0.48)).unwrap();
        assert_eq!(long.method, Some(Method::Owner));
        assert_eq!(long.parallel.unwrap().value, 0.52);
        // Seen at work for a part of each hold only: a third of it is missed.
        let brief = estimate(&looked_at(20, 0.16)).unwrap();
        assert_eq!((brief.method, brief.parallel.unwrap().value), (Some(Method::Busy), 0.5));
        let p = brief.parallel.unwrap();
        assert!(p.low < 0.47 && p.high > 0.84, "from what was held to what was seen owned: {p:?}");
        assert!(brief.warnings.iter().any(|text| text.contains("before the next look")));
        // What happened while the sampler waited itself, nobody knows.
        let mut starved = looked_at(20, 0.16);
        (starved.locks[0].looks_time, starved.locks[0].looks_late_time) = (1.0, 0.4);
        let wide = estimate(&starved).unwrap().parallel.unwrap();
        assert!(wide.low < p.low - 0.15 && wide.high == p.high, "{wide:?} is wider than {p:?}");
    }
}
