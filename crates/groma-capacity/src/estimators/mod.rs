//! From counts to shares: per lock the best method that its counts allow, and p = 1 − Σ of the shares.
//!
//! One file per method. Their assumptions and measured errors: `docs/capacity-models.md`.

mod busy;
mod concealed;
mod contended;
mod equation25;
mod holds;
mod interval;
mod owner;

pub use equation25::{equation25, equation25_ceiling};

use crate::error::{CapacityError, not_negative, positive};
use crate::measured::{Estimate, Lock, Measured, Method, UNKNOWN, Wait, rest};
use crate::samples::{LockSamples, Samples};
use crate::tier::Tier;

/// Samples for ±0.02 at 95 % where p is 0.5.
pub const SAMPLES_WANTED: u64 = 2401;
/// With fewer, the owner's ticks say less than followed holds would.
const SAMPLES_MIN: u64 = 100;
/// With fewer, their mean says little.
const HOLDS_MIN: u64 = 10;
/// Above this share of wanted CPU time not given, what is measured from outside the kernel is doubtful.
const STARVED_MAX: f64 = 0.1;

/// What a window says of a process: the share of each lock by the best method its counts allow, and p.
///
/// # Errors
/// [`CapacityError::Idle`] if it used no CPU; [`CapacityError::Input`] for counts without meaning.
pub fn estimate(samples: &Samples) -> Result<Measured, CapacityError> {
    check(samples)?;
    let cpus_used = samples.cpu_time / samples.window;
    let mut locks: Vec<_> =
        samples.locks.iter().map(|lock| measure(lock, samples, cpus_used)).collect();
    locks.sort_by(|a, b| b.share.value.total_cmp(&a.share.value).then(a.name.cmp(&b.name)));
    let unseen = unseen(samples, cpus_used);
    let equation25 = equation25::in_contention(samples);
    let unknown = concealed::too_much(samples);
    let (parallel, method) = match unknown {
        Some(_) => (None, None),
        None => parallel(&locks, equation25, unseen, samples.tier),
    };
    // What was concealed is serial at most.
    let concealed = concealed::share_max(samples, cpus_used);
    let parallel = parallel.map(|p| Estimate::new(p.value, (p.low - concealed).max(0.0), p.high));
    let unknown = unknown.or_else(|| parallel.is_none().then(|| nothing_sized(samples)));
    let starved = samples
        .run_delay
        .map(|delay| delay / (delay + samples.cpu_time))
        .filter(|share| share.is_finite());
    let mut measured = Measured {
        tier: samples.tier,
        window: samples.window,
        cpus: samples.cpus,
        cpus_used,
        throughput: samples.requests.map(|count| count as f64 / samples.window),
        clients: samples.clients,
        threads: samples.threads,
        parallel,
        method,
        locks,
        waits: waits(samples),
        unseen,
        equation25,
        equation25_ceiling: equation25_ceiling(samples.cpus),
        starved,
        machine_busy: samples.machine_busy,
        warnings: samples.warnings.clone(),
    };
    let doubts = doubts(&measured, samples);
    measured.warnings.extend(unknown.map(|reason| format!("{UNKNOWN}{reason}")));
    measured.warnings.extend(doubts);
    Ok(measured)
}

/// Most that a lock nobody was seen to wait for can take of the CPU time. `None`: without requests, or
/// where it could spin and nobody would see it.
fn unseen(samples: &Samples, cpus_used: f64) -> Option<f64> {
    if is_blind_for_spinning(samples) {
        return None;
    }
    let by_waits = contended::unseen(samples, cpus_used)?;
    Some(by_waits.max(concealed::missed_max(samples, cpus_used)).min(1.0))
}

fn is_blind_for_spinning(samples: &Samples) -> bool {
    samples.spinning.is_none() && samples.tier > Tier::BpfOwner
}

fn nothing_sized(samples: &Samples) -> String {
    if !samples.locks.is_empty() {
        return "its locks are waited for, but nothing was counted that can size them".to_owned();
    }
    let and = match samples.requests {
        Some(count) if count > 0 && is_blind_for_spinning(samples) => {
            "without ticks nobody sees whether it spins"
        }
        _ => "no request was counted",
    };
    format!("nothing waited, and {and}")
}

fn measure(lock: &LockSamples, samples: &Samples, cpus_used: f64) -> Lock {
    let mut candidates = candidates(lock, samples, cpus_used);
    let chosen = candidates.remove(0);
    Lock {
        name: lock.name.clone(),
        kind: lock.kind.clone(),
        share: chosen.share,
        method: chosen.method,
        reason: chosen.reason,
        others: candidates.into_iter().map(|other| (other.method, other.share)).collect(),
        utilisation: (chosen.share.value * cpus_used).min(1.0),
        hold: holds::mean_hold(lock),
        hand_off: (lock.hand_offs > 0).then(|| lock.hand_off_time / lock.hand_offs as f64),
        waits: lock.waits as f64 / samples.window,
        wait: (lock.waits > 0).then(|| lock.wait_time / lock.waits as f64),
        wait_p50: lock.wait_p50,
        wait_p99: lock.wait_p99,
        queue: lock.wait_time / samples.window,
        contended: (lock.contended_time / samples.window).min(1.0),
    }
}

struct Candidate {
    method: Method,
    share: Estimate,
    reason: String,
    /// Smaller is better.
    rank: u8,
}

/// All that can be said of a lock, the best first; never empty.
fn candidates(lock: &LockSamples, samples: &Samples, cpus_used: f64) -> Vec<Candidate> {
    // A holder is on one CPU at most.
    let most = (1.0 / cpus_used).min(1.0);
    let bound = |reason: &str| {
        let share = Estimate::new(0.0, 0.0, most);
        Candidate { method: Method::Bound, share, reason: reason.to_owned(), rank: 9 }
    };
    if lock.shared_waits > 0 {
        return vec![bound("readers hold it together, so how much is serial is not known")];
    }
    let mut found = Vec::new();
    let mut add = |method, share: Option<Estimate>, rank, reason: String| {
        if let Some(share) = share.and_then(|share| possible(share, most)) {
            found.push(Candidate { method, share, reason, rank });
        }
    };
    let ticks = lock.owner.map_or(0, |owner| owner.samples);
    // Read from outside the kernel, its word says more of brief holds than its owner does.
    let brief = samples.tier >= Tier::Proc && owner::is_brief(lock);
    let owner_rank = match ticks {
        _ if brief => 4,
        SAMPLES_MIN.. => 0,
        _ => 2,
    };
    let reason = format!("its owner word was read at {ticks} samples");
    let by_owner = owner::share(lock, samples.tier, cpus_used);
    add(Method::Owner, by_owner, owner_rank, reason);
    let per_request =
        if lock.acquisitions.is_none() { ", one acquisition per request assumed" } else { "" };
    let reason = format!("{} contended holds were followed{per_request}", lock.holds);
    let seldom = holds::too_seldom_waited_for(lock, samples);
    let holds_rank = match lock.holds {
        _ if seldom => 8,
        HOLDS_MIN.. => 1,
        _ => 5,
    };
    add(Method::Holds, holds::share(lock, samples), holds_rank, reason);
    let reason = format!("its word was looked at {} times", lock.looks);
    let by_word = busy::share(lock, cpus_used);
    let between = by_word.zip(by_owner.filter(|_| brief)).map(|(word, owner)| {
        Estimate::new(word.value, word.low.min(owner.low), word.high.max(owner.high))
    });
    add(Method::Busy, between.or(by_word), 3, reason);
    let reason = format!("{} contended holds, acquisitions not counted", lock.holds);
    let root_rank = if lock.holds >= HOLDS_MIN || seldom { 4 } else { 6 };
    let by_root = holds::root_share(lock, samples.window, cpus_used);
    add(Method::Root, by_root, root_rank, reason);
    let reason = format!("{} waits were counted{per_request}", lock.waits);
    add(Method::Contended, contended::share(lock, samples, cpus_used), 5, reason);
    found.sort_by_key(|candidate| candidate.rank);
    if found.is_empty() {
        found.push(bound("it was waited for, but nothing was counted that can size it"));
    }
    found
}

/// A share that passes what one holder can use by more than this is no error of sampling: what it was
/// computed from is not so.
const BEYOND_MAX: f64 = 1.1;

/// The share within what is possible, no more certain than it was. `None`: it is far beyond that.
fn possible(share: Estimate, most: f64) -> Option<Estimate> {
    if share.low > most * BEYOND_MAX {
        return None;
    }
    let beyond = (share.low - most).max(0.0);
    let low = share.low - if beyond > 0.0 { beyond + share.half_width() } else { 0.0 };
    Some(Estimate { low, ..share }.clamp(0.0, most))
}

/// p and the method behind most of it.
fn parallel(
    locks: &[Lock],
    equation25: Option<f64>,
    unseen: Option<f64>,
    tier: Tier,
) -> (Option<Estimate>, Option<Method>) {
    let sized = locks.iter().any(|lock| lock.method != Method::Bound);
    // Below 0 it bounds nothing.
    if let Some(p) = equation25.filter(|p| tier == Tier::Stat || (!sized && *p > 0.0)) {
        let p = p.clamp(0.0, 1.0);
        return (Some(Estimate::new(p, p, 1.0)), Some(Method::Equation25));
    }
    if let Some(largest) = locks.first() {
        if !sized {
            return (None, None);
        }
        let shares: Vec<_> = locks.iter().map(|lock| lock.share).collect();
        return (Some(rest(&shares)), Some(largest.method));
    }
    match unseen {
        Some(unseen) => (Some(Estimate::new(1.0, 1.0 - unseen, 1.0)), Some(Method::Bound)),
        None => (None, None),
    }
}

fn waits(samples: &Samples) -> Vec<Wait> {
    let over = |time: f64| time / samples.window;
    let wait = |wait: &crate::samples::WaitSamples| Wait {
        kind: wait.kind,
        threads: over(wait.time),
        utilisation: wait.busy_time.map(|busy| over(busy).min(1.0)),
    };
    samples.waits.iter().map(wait).collect()
}

fn doubts(measured: &Measured, samples: &Samples) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some(lock) = measured.locks.first().filter(|lock| lock.method == Method::Owner) {
        let count = samples
            .locks
            .iter()
            .find(|counted| counted.name == lock.name)
            .and_then(|counted| counted.owner)
            .map_or(0, |owner| owner.samples);
        if count < SAMPLES_WANTED {
            doubts.push(format!("{count} samples of {SAMPLES_WANTED} wanted for ±0.02"));
        }
    }
    let brief = |lock: &&LockSamples| owner::is_brief(lock);
    if let Some(lock) = samples.locks.iter().find(brief).filter(|_| samples.tier >= Tier::Proc) {
        doubts.push(format!(
            "lock {}: most holds are over before the next look, so that little of them is known",
            lock.name
        ));
    }
    let sum: f64 = measured.locks.iter().map(|lock| lock.share.value).sum();
    if sum > 1.0 {
        doubts.push("the shares of its locks add to more than all: they are held together".into());
    }
    for lock in measured.locks.iter().filter(|lock| lock.method == Method::Bound) {
        doubts.push(format!("lock {}: {}", lock.name, lock.reason));
    }
    if let Some(share) = measured.starved.filter(|share| *share > STARVED_MAX) {
        let percent = (share * 100.0).round();
        doubts.push(format!("its threads got no CPU in {percent} % of the time they wanted one"));
    }
    if measured.method == Some(Method::Equation25) {
        let ceiling = measured.equation25_ceiling;
        doubts.push(format!("p is a lower bound: Eq. 25 cannot pass {ceiling:.3} here"));
    }
    doubts
}

fn check(samples: &Samples) -> Result<(), CapacityError> {
    positive("window", samples.window)?;
    positive("cpus", samples.cpus)?;
    not_negative("cpu_time", samples.cpu_time)?;
    if samples.cpu_time == 0.0 {
        return Err(CapacityError::Idle);
    }
    for lock in &samples.locks {
        let times = [lock.hold_cpu_time, lock.hold_time, lock.contended_time, lock.wait_time];
        for time in times {
            not_negative(format!("a time of lock {}", lock.name), time)?;
        }
        if let Some(owner) = lock.owner {
            not_negative(format!("owner samples of lock {}", lock.name), owner.owned)?;
            not_negative(format!("samples of lock {}", lock.name), owner.total)?;
        }
    }
    for wait in &samples.waits {
        not_negative(format!("the wait for {}", wait.kind.name()), wait.time)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10,000 requests a second on two CPUs, and so many locks of 1 µs that had five waits.
    fn striped(locks: usize, waits: u64) -> Samples {
        let lock = |index| LockSamples {
            name: format!("{index}"),
            waits,
            wait_time: 1e-5,
            holds: waits,
            hold_cpu_time: waits as f64 * 1e-6,
            ..LockSamples::default()
        };
        Samples {
            requests: Some(1_000_000),
            locks: (0..locks).map(lock).collect(),
            ..Samples::new(Tier::BpfOwner, 10.0, 2.0, 5.0)
        }
    }

    #[test]
    fn one_of_many_locks_is_not_taken_by_every_request() {
        // One acquisition per request would make each of them a fifth of the CPU time.
        let measured = estimate(&striped(32, 5)).unwrap();
        assert_eq!(measured.method, Some(Method::Root), "{measured:?}");
        assert!(measured.parallel.unwrap().value > 0.9, "{measured:?}");
        // A lock that is waited for as often as it is busy does belong to every request.
        let waited = estimate(&striped(1, 50_000)).unwrap();
        assert_eq!(waited.method, Some(Method::Holds), "{waited:?}");
        assert!((waited.locks[0].share.value - 0.2).abs() < 0.01, "{waited:?}");
        // Nor does it prove anything that nobody is interrupted on a single CPU.
        let alone = estimate(&Samples { cpus: 1.0, ..striped(1, 50) }).unwrap();
        assert_eq!(alone.method, Some(Method::Holds), "{alone:?}");
    }

    /// 150 acquisitions a second of 2 ms, most of them contended, on CPUs that others have nine times of ten.
    #[test]
    fn where_cpus_are_short_waits_follow_the_time_on_the_clock() {
        let lock = LockSamples {
            name: "0x1".into(),
            waits: 1_100,
            holds: 1_000,
            hold_cpu_time: 2.0,
            hold_time: 20.0,
            ..LockSamples::default()
        };
        let starved = Samples { locks: vec![lock], ..Samples::new(Tier::BpfOwner, 30.0, 2.0, 4.0) };
        let measured = estimate(&starved).unwrap();
        // √(33.3/s · 2 ms · 0.1) of 0.133 CPUs.
        assert_eq!(measured.method, Some(Method::Root));
        let share = measured.locks[0].share;
        assert!((share.value - 0.612).abs() < 0.001, "{share:?}");
        assert!(share.low < 0.55 && share.high > 0.68, "{share:?}");
    }

    #[test]
    fn requests_that_are_fewer_than_holds_are_no_acquisitions() {
        for requests in [Some(0), Some(10), None] {
            let measured = estimate(&Samples { requests, ..striped(1, 50_000) }).unwrap();
            let (p, lock) = (measured.parallel.unwrap(), &measured.locks[0]);
            assert_eq!(lock.method, Method::Root, "{lock:?}");
            // The followed holds alone are a hundredth.
            assert!(p.high - p.low > 0.1 && p.high <= 0.99, "{requests:?}: {p:?}");
        }
    }

    #[test]
    fn what_passes_the_possible_is_not_certain() {
        let near = possible(Estimate::new(0.63, 0.61, 0.65), 0.6).unwrap();
        assert!(
            (near.value, near.high) == (0.6, 0.6) && (near.low - 0.58).abs() < 1e-9,
            "{near:?}"
        );
        assert_eq!(possible(Estimate::new(1.4, 1.3, 1.5), 1.0), None);
        // A lock of which nothing else is known is not sized then.
        let lock = LockSamples { holds: 90, hold_cpu_time: 9.0, waits: 90, ..Default::default() };
        let full = Samples { locks: vec![lock], ..Samples::new(Tier::BpfOwner, 5.0, 4.0, 5.0) };
        let measured = estimate(&full).unwrap();
        assert_eq!(measured.locks[0].method, Method::Bound, "{measured:?}");
        assert_eq!((measured.locks[0].share.low, measured.locks[0].share.high), (0.0, 1.0));
        assert_eq!(measured.parallel, None);
    }

    #[test]
    fn a_lock_that_readers_hold_together_is_not_sized() {
        let mut shared = striped(1, 50_000);
        shared.locks[0].shared_waits = 1;
        let measured = estimate(&shared).unwrap();
        assert_eq!((measured.parallel, measured.locks[0].method), (None, Method::Bound));
        assert!(measured.warnings.iter().any(|text| text.contains("readers")), "{measured:?}");
        // Of what one CPU could do in all that time, the rest is parallel.
        shared.contended = Some(crate::Contended { time: 8.0, cpu_time: 12.0 });
        let p = estimate(&shared).unwrap().parallel.unwrap();
        assert!((p.low - 1.0 / 3.0).abs() < 1e-9 && p.high == 1.0, "{p:?}");
    }

    #[test]
    fn what_may_be_a_lock_makes_p_unknown() {
        let with = |hidden| estimate(&Samples { hidden, ..striped(1, 50_000) }).unwrap();
        assert!(with(None).parallel.is_some() && with(Some(0.1)).parallel.is_some());
        let unknown = with(Some(30.0));
        assert_eq!((unknown.parallel, unknown.method), (None, None));
        assert!(unknown.warnings[0].starts_with("p cannot be known: 3.0 threads"), "{unknown:?}");
        let idle = Samples { cpu_time: 0.1, hidden: Some(0.1), ..striped(1, 100) };
        let reason = estimate(&idle).unwrap().unknown().unwrap().to_owned();
        assert!(reason.starts_with("requests wait 50 % of their time for"), "{reason}");
        // What is known of its locks is told all the same.
        assert_eq!(unknown.locks.len(), 1);
    }
}
