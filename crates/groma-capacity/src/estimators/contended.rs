//! G: the share of acquisitions that had to wait, and the bound where none had to.

use super::holds;
use super::interval::{widen, wilson};
use crate::measured::Estimate;
use crate::samples::{LockSamples, Samples};

/// Largest error in simulation, where φ is known half of that.
pub(super) const ERROR: f64 = 0.1;

/// Rule of three: with no event in n trials, the rate is below 3/n at 95 %.
const RULE_OF_THREE: f64 = 3.0;

/// An arrival sees what the others keep busy: U_l = k/n · M/(M−1), times the part of a hold that is on a
/// CPU where holds were followed. `None` without a count of
/// acquisitions or requests, or for one client, which never meets another.
pub(super) fn share(lock: &LockSamples, samples: &Samples, cpus_used: f64) -> Option<Estimate> {
    let acquisitions = holds::acquisitions(lock, samples)?;
    let waited = wilson((lock.waits as f64 / acquisitions as f64).min(1.0), acquisitions);
    let others = Some(others(samples)).filter(|others| others.is_finite())?;
    let on_cpu = holds::on_cpu(lock).unwrap_or(1.0);
    let share = waited.map(|waited| (waited * others).min(1.0) * on_cpu / cpus_used);
    Some(widen(share, ERROR, ERROR))
}

/// The most that a lock can take of the CPU time for which so many requests waited, if it is one.
pub(super) fn unknown_share(waits: u64, samples: &Samples, cpus_used: f64) -> f64 {
    let Some(requests) = samples.requests.filter(|count| *count > 0) else { return 1.0 };
    let waited = wilson((waits as f64 / requests as f64).min(1.0), requests).high;
    ((waited * others(samples)).min(1.0) / cpus_used + ERROR).min(1.0)
}

/// Most that a lock nobody ever waited for can take of the CPU time; `None` without requests.
pub(super) fn unseen(samples: &Samples, cpus_used: f64) -> Option<f64> {
    let requests = samples.requests.filter(|count| *count > 0)? as f64;
    Some((RULE_OF_THREE / requests * others(samples) / cpus_used).min(1.0))
}

/// M/(M−1) of a closed population; 1 if it is unknown. One client alone never meets another: infinite.
pub(super) fn others(samples: &Samples) -> f64 {
    match samples.clients.or(samples.threads) {
        Some(clients) if clients > 1.0 => clients / (clients - 1.0),
        Some(_) => f64::INFINITY,
        None => 1.0,
    }
}
