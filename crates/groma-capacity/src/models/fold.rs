//! Fewer stages: the locks that matter least become a delay.
//!
//! A folded lock keeps its CPU time, as parallel work; the wait for it is that of an M/M/1 queue at the
//! throughput of the folded network, found by iteration.

use super::chain::{self, state_count};
use super::ring::Ring;
use super::workload::{LockDemand, Workload};
use crate::error::CapacityError;

const ROUNDS_MAX: usize = 12;
/// Relative change of the throughput at which the iteration has settled.
const SETTLED: f64 = 3e-4;
/// Nearer to full than that, the wait of a folded lock is not a number any more.
const FULL: f64 = 0.98;

/// The workload itself, or one with so many locks and devices folded that `clients` requests have at
/// most `states` states; and how many were folded.
///
/// # Errors
/// As the chain. A workload with one stage left is given even if it is still too large.
pub(super) fn folded(
    workload: &Workload,
    think: f64,
    clients: usize,
    states: usize,
) -> Result<(Workload, usize), CapacityError> {
    let fits = |workload: &Workload| {
        let stages = Ring::of(workload, think).stages.len();
        state_count(clients, stages).is_some_and(|count| count <= states)
    };
    if fits(workload) {
        return Ok((workload.clone(), 0));
    }
    let mut kept = workload.clone();
    let mut away = Away::default();
    while !fits(&kept) && kept.locks.len() + kept.devices.len() > 1 {
        away.take_smallest(&mut kept);
    }
    let count = away.locks.len() + away.devices.len();
    if count == 0 || !fits(&kept) {
        kept.parallel += away.locks.iter().map(|lock| lock.demand).sum::<f64>();
        kept.delay += away.devices.iter().sum::<f64>();
        return Ok((kept, count));
    }
    Ok((away.settle(&kept, think, clients)?, count))
}

#[derive(Default)]
struct Away {
    locks: Vec<LockDemand>,
    devices: Vec<f64>,
}

impl Away {
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

    fn settle(
        &self,
        kept: &Workload,
        think: f64,
        clients: usize,
    ) -> Result<Workload, CapacityError> {
        let others = (clients - 1) as f64 / clients as f64;
        let (mut throughput, mut last) = (0.0_f64, f64::INFINITY);
        let mut tried = kept.clone();
        for _ in 0..ROUNDS_MAX {
            tried = self.at(kept, throughput * others);
            let found = chain::solve(&Ring::of(&tried, think), clients)?.throughput;
            let change = (found - last).abs() / found;
            last = found;
            // Half a step: near full locks the wait answers the throughput too sharply.
            throughput = if throughput == 0.0 { found } else { f64::midpoint(throughput, found) };
            if change < SETTLED {
                return Ok(tried);
            }
        }
        Ok(tried)
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
