//! How much a service gives with n requests inside: the station of equal flow that stands for it.
//!
//! The service is closed on itself without think time and solved for each n (Chandy, Herzog and Woo
//! 1975). With one lock that is a birth–death chain with an answer in n steps; with more, the chain.
//! Exact for networks of product form; for locks that share CPUs the error is measured in the tests.

use super::chain;
use super::fold::folded;
use super::ring::{Ring, Stage};
use super::workload::Workload;
use crate::error::CapacityError;

/// Up to so many requests, each number is solved for a service with several locks; beyond, steps grow
/// by [`STEP`] and what lies between is interpolated.
const SOLVED_EACH: usize = 16;
const STEP: f64 = 1.15;
/// Chains solved for one number of requests; larger ones are folded.
const STATES_MAX: usize = 6_000;

/// Requests per second with 1, 2, … `most` inside: `flows[n - 1]`. Never falls with n.
///
/// # Errors
/// As the chain.
pub(super) fn flows(workload: &Workload, most: usize) -> Result<Vec<f64>, CapacityError> {
    let ring = Ring::of(workload, 0.0);
    if let Some((lock, rest)) = one_lock(&ring) {
        return Ok((1..=most).map(|inside| beside_lock(lock, rest, ring.cpus, inside)).collect());
    }
    let mut flows: Vec<f64> = Vec::with_capacity(most);
    let mut last = (0, 0.0);
    while last.0 < most {
        let step = if last.0 < SOLVED_EACH { 1.0 } else { (last.0 as f64 * (STEP - 1.0)).ceil() };
        let inside = (last.0 + step as usize).min(most);
        let flow = flow(workload, inside)?.max(last.1);
        let span = (inside - last.0) as f64;
        for between in 1..=inside - last.0 {
            flows.push(last.1 + (flow - last.1) * between as f64 / span);
        }
        last = (inside, flow);
    }
    Ok(flows)
}

fn flow(workload: &Workload, inside: usize) -> Result<f64, CapacityError> {
    let (small, _) = folded(workload, 0.0, inside, STATES_MAX)?;
    Ok(chain::solve(&Ring::of(&small, 0.0), inside)?.throughput)
}

/// A ring of one lock and parallel work, or less.
fn one_lock(ring: &Ring) -> Option<(Option<Stage>, Option<f64>)> {
    match ring.stages[..] {
        [Stage::Parallel(demand)] => Some((None, Some(demand))),
        [lock @ Stage::Lock { .. }] => Some((Some(lock), None)),
        [lock @ Stage::Lock { .. }, Stage::Parallel(demand)] => Some((Some(lock), Some(demand))),
        _ => None,
    }
}

/// The number at the lock goes up and down by one, so neighbours balance: logarithms, because the
/// products of many requests do not fit.
fn beside_lock(lock: Option<Stage>, parallel: Option<f64>, cpus: f64, inside: usize) -> f64 {
    let (lock, parallel) = match (lock, parallel) {
        (Some(lock), Some(parallel)) => (lock, Stage::Parallel(parallel)),
        (lone, parallel) => {
            let stage = lone.or(parallel.map(Stage::Parallel));
            let runners = if lone.is_some() { 1 } else { inside };
            let share = (cpus / runners as f64).min(1.0);
            return stage.map_or(0.0, |stage| stage.rate(inside, share));
        }
    };
    let share = |at_lock: usize| {
        let runners = inside - at_lock + usize::from(at_lock > 0);
        (cpus / runners.max(1) as f64).min(1.0)
    };
    let mut logs = Vec::with_capacity(inside + 1);
    let mut log = 0.0_f64;
    logs.push(log);
    for at_lock in 1..=inside {
        let came = parallel.rate(inside - at_lock + 1, share(at_lock - 1));
        log += (came / lock.rate(at_lock, share(at_lock))).ln();
        logs.push(log);
    }
    let top = logs.iter().fold(f64::NEG_INFINITY, |top, log| top.max(*log));
    let (mut total, mut flow) = (0.0, 0.0);
    for (at_lock, log) in logs.iter().enumerate() {
        let weight = (log - top).exp();
        total += weight;
        flow += weight * lock.rate(at_lock, share(at_lock));
    }
    flow / total
}
