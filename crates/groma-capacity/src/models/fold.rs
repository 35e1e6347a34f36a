//! Fewer stages: the locks that matter least become a delay.
//!
//! A folded lock keeps its CPU time, as parallel work; the wait for it is that of an M/M/1 queue at the
//! throughput of the folded network, found by iteration.

use super::workload::{LockDemand, Workload};
use crate::error::CapacityError;

const ROUNDS_MAX: usize = 12;
/// Relative change of the throughput at which the iteration has settled.
const SETTLED: f64 = 3e-4;
/// Nearer to full than that, the wait of a folded lock is not a number any more.
const FULL: f64 = 0.98;

/// Locks and devices that were taken out.
#[derive(Debug, Default)]
pub(super) struct Away {
    locks: Vec<LockDemand>,
    devices: Vec<f64>,
}

/// Takes the smallest locks and devices out until the rest `fits`, or one is left.
pub(super) fn fold(workload: &Workload, fits: impl Fn(&Workload) -> bool) -> (Workload, Away) {
    let mut kept = workload.clone();
    let mut away = Away::default();
    while !fits(&kept) && kept.locks.len() + kept.devices.len() > 1 {
        away.take_smallest(&mut kept);
    }
    (kept, away)
}

impl Away {
    pub(super) fn is_empty(&self) -> bool {
        self.locks.is_empty() && self.devices.is_empty()
    }

    fn take_smallest(&mut self, from: &mut Workload) {
        let lock = smallest(from.locks.iter().map(|lock| lock.demand));
        let device = smallest(from.devices.iter().copied());
        match (lock, device) {
            (Some((index, lock)), Some((_, device))) if lock <= device => {
                self.locks.push(from.locks.remove(index));
            }
            (_, Some((index, _))) => self.devices.push(from.devices.remove(index)),
            (Some((index, _)), None) => self.locks.push(from.locks.remove(index)),
            (None, None) => {}
        }
    }

    /// The kept workload with the delays of what is away, and its throughput by `solve`, for `clients`.
    pub(super) fn settle(
        &self,
        kept: &Workload,
        clients: usize,
        solve: impl Fn(&Workload) -> Result<f64, CapacityError>,
    ) -> Result<(Workload, f64), CapacityError> {
        // A request does not wait for itself.
        let others = clients.saturating_sub(1) as f64 / clients.max(1) as f64;
        let mut throughput = 0.0_f64;
        let mut last = f64::INFINITY;
        let mut tried = kept.clone();
        for _ in 0..ROUNDS_MAX {
            tried = self.at(kept, throughput * others);
            let found = solve(&tried)?;
            let change = (found - last).abs() / found;
            last = found;
            if change < SETTLED {
                break;
            }
            // Half a step: near full locks the wait answers the throughput too sharply.
            throughput = if throughput == 0.0 { found } else { f64::midpoint(throughput, found) };
        }
        Ok((tried, last))
    }

    fn at(&self, kept: &Workload, throughput: f64) -> Workload {
        let mut workload = kept.clone();
        for lock in &self.locks {
            let busy = (throughput * lock.demand).min(FULL);
            workload.parallel += lock.demand;
            workload.delay += (lock.demand / (1.0 - busy) + lock.hand_off) * busy;
        }
        for device in &self.devices {
            workload.delay += device / (1.0 - (throughput * device).min(FULL));
        }
        workload
    }
}

fn smallest(demands: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    demands.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b))
}
