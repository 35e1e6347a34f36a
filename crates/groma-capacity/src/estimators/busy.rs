//! B: how often the lock word was held, times φ, the part of a hold that is on a CPU.

use super::holds;
use super::interval::wilson;
use crate::measured::Estimate;
use crate::samples::LockSamples;

/// Share of the process' CPU time; `None` without looks at the word, or a hold that gives φ.
pub(super) fn share(lock: &LockSamples, cpus_used: f64) -> Option<Estimate> {
    let on_cpu = holds::on_cpu(lock).filter(|_| lock.looks > 0)?;
    let busy = wilson(lock.looks_held as f64 / lock.looks as f64, lock.looks);
    Some(busy.map(|busy| busy * on_cpu / cpus_used))
}
