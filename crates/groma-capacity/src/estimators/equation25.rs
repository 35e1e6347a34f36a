//! The formula of the paper (Carvalho and Pereira, Eq. 25), as it has it.
//!
//! It takes the serial part to be busy all the time, U_s = 1, so N·U = 1 + N·U·p. That holds if the lock
//! is full for the whole window; otherwise it reads too low, and it never passes 1 − 1/N.

use crate::samples::Samples;

/// p = −(1 − N·U)/(N·U) for `cpus_used` = N·U; below 0 where less than one CPU is used.
pub fn equation25(cpus_used: f64) -> f64 {
    -(1.0 - cpus_used) / cpus_used
}

/// What [`equation25`] cannot pass on `cpus` CPUs: 1 − 1/N.
pub fn equation25_ceiling(cpus: f64) -> f64 {
    if cpus > 1.0 { 1.0 - 1.0 / cpus } else { 0.0 }
}

/// Over the time in which somebody waited; `None` if nobody did, or it was not measured.
pub(super) fn in_contention(samples: &Samples) -> Option<f64> {
    let contended = samples.contended.filter(|span| span.time > 0.0 && span.cpu_time > 0.0)?;
    Some(equation25(contended.cpu_time / contended.time))
}
