//! The model of a measured process: what its requests ask, and think times that give what was measured.
//!
//! There are three of it: the measured shares, and all locks as large and as small as their intervals
//! allow, so that the ends of a prediction are those of its inputs.

use super::change::{Bottleneck, Change, Unit};
use crate::error::{CapacityError, positive};
use crate::measured::{Lock, Measured, Method};
use crate::models::{Load, LockDemand, Resource, Solution, Workload};
use crate::samples::WaitKind;

/// Halvings of the interval in which the think time is sought.
const HALVINGS: usize = 40;
/// Relative error of the throughput at which the think time is good.
const CALIBRATED: f64 = 1e-5;
/// By how much the measured throughput may pass the model's before it is said.
const MISMATCH_MAX: f64 = 0.05;

/// Which end of the intervals of the shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Value,
    /// Locks as small as they may be.
    SmallLocks,
    /// Locks as large as they may be.
    LargeLocks,
}

pub(super) struct Model {
    /// As measured, calibrated.
    workload: Workload,
    /// Solved for now.
    pub(super) now: Solution,
    /// Name of each lock of the workload.
    pub(super) locks: Vec<String>,
    /// Kind of each device of the workload.
    devices: Vec<WaitKind>,
    pub(super) warnings: Vec<String>,
}

/// Throughput now, in the unit of the predictions.
pub(super) fn throughput(now: &Measured) -> (f64, Unit) {
    match now.throughput.filter(|rate| *rate > 0.0) {
        Some(rate) => (rate, Unit::Requests),
        None => (now.cpus_used, Unit::CpuSeconds),
    }
}

impl Model {
    pub(super) fn of(now: &Measured, end: End) -> Result<Self, CapacityError> {
        positive("cpus", now.cpus)?;
        if now.cpus_used.is_nan() || now.cpus_used <= 0.0 {
            return Err(CapacityError::Idle);
        }
        let (rate, unit) = throughput(now);
        let demand = now.cpus_used / rate;
        let (locks, mut warnings) = shares(now, end);
        let serial: f64 = locks.iter().map(|(_, share)| share).sum();
        let lock = |(name, share): &(String, f64)| LockDemand {
            demand: share * demand,
            hand_off: hand_off(now, name, unit, share * demand),
        };
        let mut workload = Workload {
            cpus: now.cpus,
            parallel: (1.0 - serial).max(0.0) * demand,
            locks: locks.iter().map(lock).collect(),
            devices: Vec::new(),
            delay: 0.0,
            load: Load::Open { rate },
        };
        let mut devices = Vec::new();
        for wait in &now.waits {
            match wait.utilisation.filter(|_| wait.kind == WaitKind::Disk) {
                Some(busy) if busy > 0.0 => {
                    workload.devices.push(busy / rate);
                    devices.push(wait.kind);
                }
                _ => workload.delay += wait.threads / rate,
            }
        }
        if let Some(clients) = now.clients {
            workload.load = Load::Closed { clients, think: 0.0 };
            calibrate(&mut workload, clients, rate, &mut warnings)?;
        } else if rate > workload.bounds().full() {
            // A sampled share may say that a lock is more than full.
            workload.load = Load::Open { rate: workload.bounds().full() };
        }
        let now = workload.solve_quickly()?;
        let locks = locks.into_iter().map(|(name, _)| name).collect();
        Ok(Self { workload, now, locks, devices, warnings })
    }

    pub(super) fn changed(&self, change: &Change) -> Workload {
        let mut workload = self.workload.clone();
        workload.cpus = change.cpus.unwrap_or(workload.cpus);
        workload.parallel /= change.cpu_speed;
        for (lock, name) in workload.locks.iter_mut().zip(&self.locks) {
            lock.demand /= change.cpu_speed;
            for faster in &change.lock_speed {
                if faster.lock.as_ref().is_none_or(|faster| faster == name) {
                    lock.demand /= faster.speed;
                }
            }
        }
        workload.load = match workload.load {
            Load::Closed { clients, think } => {
                let clients = change.clients.unwrap_or(clients) * change.load;
                Load::Closed { clients, think }
            }
            Load::Open { rate } => Load::Open { rate: rate * change.load },
        };
        workload
    }

    pub(super) fn bottleneck(&self, resource: Resource) -> Bottleneck {
        match resource {
            Resource::Cpu => Bottleneck::Cpu,
            Resource::Clients => Bottleneck::Clients,
            Resource::Lock(index) => Bottleneck::Lock(self.locks[index].clone()),
            Resource::Device(index) => Bottleneck::Wait(self.devices[index]),
        }
    }
}

/// The share of each lock at that end, the largest first and not more than [`LOCKS_KEPT`]: what is done under
/// the others counts as parallel. At the far end also of locks that were not seen.
fn shares(now: &Measured, end: End) -> (Vec<(String, f64)>, Vec<String>) {
    // A holder is on one CPU at most.
    let most = (1.0 / now.cpus_used).min(1.0);
    let at = |low: f64, value: f64, high: f64| match end {
        End::Value => value,
        End::SmallLocks => low,
        End::LargeLocks => high,
    };
    let mut warnings = Vec::new();
    let of_lock = |lock: &Lock| {
        let share = at(lock.share.low, lock.share.value, lock.share.high);
        (lock.name.clone(), share.min(most))
    };
    let mut locks: Vec<_> = now.locks.iter().map(of_lock).collect();
    match (now.parallel, now.method) {
        (Some(p), Some(Method::Equation25)) => {
            let share = at(1.0 - p.high, 1.0 - p.value, 1.0 - p.low).min(most);
            locks = vec![(UNNAMED.to_owned(), share)];
            warnings.push("p is a lower bound, so is what is predicted".to_owned());
        }
        (Some(p), method) => {
            let seen: f64 = now.locks.iter().map(|lock| lock.share.high).sum();
            let unseen = (1.0 - p.low - seen).max(0.0);
            if unseen > UNSEEN_MIN {
                locks.push((UNNAMED.to_owned(), at(0.0, 0.0, unseen).min(most)));
            }
            if method == Some(Method::Bound) && now.locks.is_empty() {
                let text = "no lock was seen waited for; the low end has the largest unseen";
                warnings.push(text.to_owned());
            }
        }
        (None, _) => {
            locks = vec![(UNNAMED.to_owned(), at(0.0, 0.0, most))];
            warnings.push(
                "nothing is known of its locks; the low end is that one is full now".to_owned(),
            );
        }
    }
    locks.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    locks.truncate(LOCKS_KEPT);
    let total: f64 = locks.iter().map(|(_, share)| share).sum();
    if total > 1.0 {
        locks.iter_mut().for_each(|(_, share)| *share /= total);
    }
    (locks, warnings)
}

/// Locks of one process that a prediction looks at.
const LOCKS_KEPT: usize = 16;
/// A smaller share that may be under locks that were not seen changes nothing.
const UNSEEN_MIN: f64 = 1e-3;
/// A lock whose name is not known.
pub(super) const UNNAMED: &str = "unseen";

/// Of the CPU time that threads wanted, the share not given from which on a hand-over is mostly a wait for
/// a CPU: the model has that already.
const STARVED_MAX: f64 = 0.1;

/// Seconds of hand-over per request: one for each of its holds. Unknown without either, or where CPUs
/// were short.
fn hand_off(now: &Measured, name: &str, unit: Unit, demand: f64) -> f64 {
    let lock = now.locks.iter().find(|lock| lock.name == name);
    let starved = now.starved.is_some_and(|share| share > STARVED_MAX);
    let delay = lock.and_then(|lock| lock.hand_off).filter(|_| unit == Unit::Requests && !starved);
    let holds = lock.and_then(|lock| lock.hold).filter(|hold| *hold > 0.0);
    delay.map_or(0.0, |delay| delay * holds.map_or(1.0, |hold| demand / hold))
}

/// Finds the think time with which the model gives the measured throughput.
fn calibrate(
    workload: &mut Workload,
    clients: f64,
    rate: f64,
    warnings: &mut Vec<String>,
) -> Result<(), CapacityError> {
    let mut solve = workload.by_think(clients)?;
    let full = solve(0.0)?;
    if full <= rate {
        if full < rate * (1.0 - MISMATCH_MAX) {
            let percent = (100.0 * (rate / full - 1.0)).round();
            warnings.push(format!(
                "it gives {percent} % more than the model allows with {clients} clients: clients or \
                 requests are miscounted"
            ));
        }
        return Ok(());
    }
    // Requests take no time at best, so this is the longest think time there can be.
    let (mut low, mut high) = (0.0, clients / rate);
    let mut think = (high - clients / full).max(0.0);
    for _ in 0..HALVINGS {
        let found = solve(think)?;
        if (found / rate - 1.0).abs() < CALIBRATED {
            break;
        }
        if found > rate {
            low = think
        } else {
            high = think
        }
        // The response hardly depends on the think time, so this lands near; halving is the safety.
        let next = think + clients / rate - clients / found;
        think = if next > low && next < high { next } else { f64::midpoint(low, high) };
    }
    workload.load = Load::Closed { clients, think };
    Ok(())
}
