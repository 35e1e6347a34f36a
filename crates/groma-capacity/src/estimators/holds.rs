//! C and D: from the holds that began with a wait, whose CPU time can be followed.

use super::interval::{relative, widen};
use crate::measured::Estimate;
use crate::samples::{LockSamples, Samples};

/// Largest error of the root law in 108 real and 600 simulated runs, in share of CPU time.
const ROOT_ERROR: f64 = 0.08;

/// C: acquisitions times the mean contended hold. Takes contended holds to be as long as the others.
/// `None` without holds or a count.
pub(super) fn share(lock: &LockSamples, samples: &Samples) -> Option<Estimate> {
    let hold = mean_hold(lock)?;
    let acquired = acquisitions(lock, samples)? as f64;
    Some(relative(acquired * hold / samples.cpu_time, spread(lock, hold) / lock.holds as f64))
}

/// Acquisitions, or requests, one acquisition each. `None` without either, or where more holds were
/// followed than that, but for those that cross the ends of a window: then requests are of something else.
pub(super) fn acquisitions(lock: &LockSamples, samples: &Samples) -> Option<u64> {
    let count = lock.acquisitions.or(samples.requests).filter(|count| *count > 0)?;
    (lock.holds <= count + count / 20).then(|| count.max(lock.holds))
}

/// Of the waits that so busy a lock must cause, the least share that is believable.
const WAITS_EXPECTED_MIN: f64 = 0.02;

/// Whether one acquisition per request cannot be: a lock as busy as that would be waited for far more
/// often. So it is with one of many alike, each taken by few requests. On a single CPU holders are seldom
/// interrupted, so that few waits prove nothing.
pub(super) fn too_seldom_waited_for(lock: &LockSamples, samples: &Samples) -> bool {
    let (Some(hold), Some(requests)) = (mean_hold(lock), samples.requests) else { return false };
    let requests = requests as f64;
    let utilisation = (requests * hold / samples.window).min(1.0);
    let believable = requests * utilisation * WAITS_EXPECTED_MIN;
    lock.acquisitions.is_none() && samples.cpus > 1.0 && (lock.waits as f64) < believable
}

/// D: a lock is held for X·S_c/φ of the time, and so often are acquisitions contended: X_c = X²·S_c/φ.
/// Hence U_l = X·S_c = √(X_c·S_c·φ); what followed holds used themselves is the least. Takes arrivals to
/// find the lock held as often as it is; where few clients or a full CPU bend that, it is off by up to
/// 0.08. X_c is the rate of holds that began with a wait, not that of waits: who is woken late and finds
/// the lock taken waits again.
pub(super) fn root_share(lock: &LockSamples, window: f64, cpus_used: f64) -> Option<Estimate> {
    let hold = mean_hold(lock)?;
    let rate = lock.holds as f64 / window;
    let utilisation = (rate * hold * on_cpu(lock).unwrap_or(1.0)).sqrt();
    let variance = (1.0 + spread(lock, hold)) / lock.holds as f64 / 4.0;
    let share = relative(utilisation / cpus_used, variance);
    let error = ROOT_ERROR.min(share.value);
    let least = rate * hold / cpus_used;
    let share = widen(share, error, error);
    Some(Estimate::new(share.value.max(least), share.low.max(least), share.high))
}

/// Mean on-CPU time of a contended hold, S_c, seconds.
pub(super) fn mean_hold(lock: &LockSamples) -> Option<f64> {
    (lock.holds > 0 && lock.hold_cpu_time > 0.0).then(|| lock.hold_cpu_time / lock.holds as f64)
}

/// φ: the part of the contended holds that was on a CPU.
pub(super) fn on_cpu(lock: &LockSamples) -> Option<f64> {
    (lock.hold_time > 0.0).then(|| (lock.hold_cpu_time / lock.hold_time).min(1.0))
}

/// Squared coefficient of variation of the holds; 1 (exponential) where it was not measured.
fn spread(lock: &LockSamples, hold: f64) -> f64 {
    match lock.hold_cpu_squares {
        Some(squares) if lock.holds > 1 => {
            (squares / lock.holds as f64 / (hold * hold) - 1.0).max(0.0)
        }
        _ => 1.0,
    }
}
