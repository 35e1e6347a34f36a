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

/// Up to so many requests each number is solved; beyond, steps grow by that factor, and what lies between
/// is interpolated: the flow is concave and flat there.
const ONE_LOCK: Steps = Steps { each: 64, growth: 1.05, flat: 1e-8 };
const SEVERAL: Steps = Steps { each: 12, growth: 1.25, flat: 1e-5 };
/// Chains solved for one number of requests; larger ones are folded.
const STATES_MAX: usize = 2_000;

struct Steps {
    each: usize,
    growth: f64,
    /// Relative rise for one more request at which the flow has come to its end.
    flat: f64,
}

/// Requests per second with 1, 2, … `most` inside: `flows[n - 1]`. Never falls with n.
///
/// # Errors
/// As the chain.
pub(super) fn flows(workload: &Workload, most: usize) -> Result<Vec<f64>, CapacityError> {
    let ring = Ring::of(workload, 0.0);
    match one_lock(&ring) {
        Some((lock, rest)) => {
            stepwise(most, ONE_LOCK, |inside| Ok(beside_lock(lock, rest, ring.cpus, inside)))
        }
        None => stepwise(most, SEVERAL, |inside| flow(workload, inside)),
    }
}

fn stepwise(
    most: usize,
    steps: Steps,
    flow: impl Fn(usize) -> Result<f64, CapacityError>,
) -> Result<Vec<f64>, CapacityError> {
    let mut flows: Vec<f64> = Vec::with_capacity(most);
    let mut last = (0, 0.0);
    while last.0 < most {
        let growth = (last.0 as f64 * (steps.growth - 1.0)) as usize;
        let step = if last.0 < steps.each { 1 } else { growth + 1 };
        let inside = (last.0 + step).min(most);
        let flow = flow(inside)?.max(last.1);
        let span = (inside - last.0) as f64;
        for between in 1..=inside - last.0 {
            flows.push(last.1 + (flow - last.1) * between as f64 / span);
        }
        if last.0 > 0 && flow - last.1 < steps.flat * flow * span {
            flows.resize(most, flow);
        }
        last = (flows.len(), flow);
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
