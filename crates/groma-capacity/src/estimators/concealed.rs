//! Waits that are not known as waits for a lock: inside a request on what may be one, or spinning.
//!
//! Much of it, and nothing can be said of p. Little of it, and the lock behind it is bounded: as much as
//! would make so many wait.

use super::contended;
use super::interval::wilson;
use crate::measured::Estimate;
use crate::samples::Samples;

/// Of the time requests spend on CPUs and blocked, the share that may be spent on what could be a lock
/// and is not known as one, before nothing is said of p. The same of CPU time that is spun.
const CONCEALED_MAX: f64 = 0.05;
/// Fewer threads than that would be told as none.
const THREADS_TOLD_MIN: f64 = 0.05;
/// Locks that sleep spin a little before; four times what those of Rust and glibc do, seconds.
const SPIN_BEFORE_WAIT: f64 = 20e-6;
/// Fewer ticks than that in loops that pause are chance.
const SPINS_MIN: f64 = 3.0;

/// Why nothing can be said of p, if that is so.
pub(super) fn too_much(samples: &Samples) -> Option<String> {
    if let Some((threads, share)) = hidden(samples) {
        let who = match threads >= THREADS_TOLD_MIN {
            true => format!("{threads:.1} threads wait inside requests"),
            false => format!("requests wait {:.0} % of their time", 100.0 * share),
        };
        return Some(format!(
            "{who} for what may be locks, but does not tell: semaphores, condition variables, \
             monitors, an interpreter's lock"
        ));
    }
    let spun = spun(samples).filter(|spun| spun.value > CONCEALED_MAX)?;
    Some(format!(
        "its threads spin in {:.0} % of their CPU time, for locks that cannot be seen from outside",
        100.0 * spun.value
    ))
}

/// Mean number of threads blocked inside a request on what may be a lock, and the share of the time of
/// requests that is, if it is too much.
fn hidden(samples: &Samples) -> Option<(f64, f64)> {
    let hidden = samples.hidden?;
    let locks: f64 = samples.locks.iter().map(|lock| lock.wait_time).sum();
    let share = hidden / (hidden + locks + samples.cpu_time);
    (share > CONCEALED_MAX).then(|| (hidden / samples.window, share))
}

/// Share of the CPU time spent spinning, without what belongs to waits for known locks. `None`: nobody
/// looked.
fn spun(samples: &Samples) -> Option<Estimate> {
    let spinning = samples.spinning.filter(|_| samples.ticks > 0)? as f64;
    let waits: u64 = samples.locks.iter().map(|lock| lock.waits).sum();
    let before_waits = waits as f64 * SPIN_BEFORE_WAIT / samples.cpu_time * samples.ticks as f64;
    let left = (spinning - before_waits).max(0.0);
    let left = if left < SPINS_MIN { 0.0 } else { left };
    Some(wilson((left / samples.ticks as f64).min(1.0), samples.ticks))
}

/// The largest share of the CPU time that the lock behind what was concealed can have; 0: nothing was.
pub(super) fn share_max(samples: &Samples, cpus_used: f64) -> f64 {
    let waits = samples.hidden_waits.filter(|waits| *waits > 0);
    let waited = waits.map(|waits| contended::unknown_share(waits, samples, cpus_used));
    let spun = spun(samples).filter(|spun| spun.value > 0.0);
    let spun = spun.map(|spun| spinning_share(spun, samples, cpus_used) + contended::ERROR);
    waited.into_iter().chain(spun).fold(0.0, f64::max).min(1.0)
}

/// The same where nothing was seen, by how much could have been missed.
pub(super) fn missed_max(samples: &Samples, cpus_used: f64) -> f64 {
    spun(samples).map_or(0.0, |spun| spinning_share(spun, samples, cpus_used))
}

/// So many spinners on the average wait for a lock this busy at most: constant holds, Poisson arrivals,
/// L = ρ²/(2(1 − ρ)). Other holds make more wait.
fn spinning_share(spun: Estimate, samples: &Samples, cpus_used: f64) -> f64 {
    let spinners = spun.high * cpus_used;
    let busy = (spinners * spinners + 2.0 * spinners).sqrt() - spinners;
    busy * contended::others(samples) / cpus_used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::estimate;
    use crate::measured::Method;
    use crate::samples::LockSamples;
    use crate::tier::Tier;

    /// A thousand requests that waited for nothing that is known.
    fn quiet() -> Samples {
        Samples {
            ticks: 5_000,
            spinning: Some(0),
            requests: Some(1_000),
            clients: Some(10.0),
            ..Samples::new(Tier::BpfOwner, 5.0, 2.0, 5.0)
        }
    }

    #[test]
    fn a_lock_that_spins_is_unknown_or_bounded() {
        let spinning = |ticks| Samples { spinning: Some(ticks), ..quiet() };
        let low = |ticks| estimate(&spinning(ticks)).unwrap().parallel.unwrap().low;
        // That nobody spun in 5,000 looks leaves room for a lock that is taken for 5 % of the time.
        assert!((0.93..0.97).contains(&low(0)), "{}", low(0));
        assert!((0.4..0.6).contains(&low(100)), "{}", low(100));
        let unknown = estimate(&spinning(1_000)).unwrap();
        assert_eq!(unknown.parallel, None);
        assert!(unknown.unknown().unwrap().contains("spin in 20 %"), "{unknown:?}");
    }

    #[test]
    fn spinning_before_a_known_lock_belongs_to_it() {
        let lock = LockSamples { waits: 10_000, holds: 10_000, ..LockSamples::default() };
        let lock = LockSamples { hold_cpu_time: 1.0, wait_time: 2.0, ..lock };
        let with = |spinning| {
            let samples =
                Samples { spinning: Some(spinning), locks: vec![lock.clone()], ..quiet() };
            estimate(&samples).unwrap().parallel.unwrap()
        };
        assert_eq!(with(200), with(0));
        assert!(with(400).low < with(0).low - 0.1);
    }

    #[test]
    fn a_few_hidden_waits_widen_the_bound() {
        let hidden = |waits| Samples { hidden: Some(0.01), hidden_waits: Some(waits), ..quiet() };
        let p = |waits| estimate(&hidden(waits)).unwrap();
        assert_eq!(p(0).method, Some(Method::Bound));
        let (none, some) = (p(0).parallel.unwrap(), p(100).parallel.unwrap());
        assert!(none.low > 0.9 && some.low < 0.8, "{none:?} {some:?}");
    }

    #[test]
    fn where_nobody_looks_for_spinning_nothing_is_bounded() {
        let blind = |tier| Samples { tier, spinning: None, ..quiet() };
        assert!(estimate(&blind(Tier::BpfOwner)).unwrap().parallel.is_some());
        let unknown = estimate(&blind(Tier::BpfFutex)).unwrap();
        assert_eq!(unknown.parallel, None);
        assert!(unknown.unknown().unwrap().contains("spins"), "{unknown:?}");
    }
}
