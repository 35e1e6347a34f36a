//! Amdahl's law (Eq. 1 of the paper): how much faster N CPUs make one request, of which p is parallel.
//!
//! For a service it is a lower bound: there, the serial part of one request overlaps with the parallel
//! parts of others (Gunther, arXiv 0808.1431).

/// 1 / ((1 − p) + p/N), with `cpus` of at least 1.
pub fn amdahl(parallel: f64, cpus: f64) -> f64 {
    1.0 / ((1.0 - parallel) + parallel / cpus.max(1.0))
}
