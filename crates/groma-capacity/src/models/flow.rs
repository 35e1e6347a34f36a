//! How much a service gives with n requests inside: the station of equal flow that stands for it.
//!
//! The service is closed on itself without think time and solved for each n (Chandy, Herzog and Woo
//! 1975). With one lock or device that is a birth–death chain with an answer in n steps; with more, the
//! chain while it is small, then one lock with the others folded. Exact for networks of product form; for
//! locks that share CPUs the error is in `docs/capacity-models.md`.

use super::chain::{self, state_count};
use super::fold::{Away, fold};
use super::ring::{Ring, Stage};
use super::workload::Workload;
use crate::error::CapacityError;

/// Up to so many requests each number is solved; beyond, steps grow by that factor, and what lies between
/// is interpolated: the flow is concave and flat there.
const EACH: usize = 32;
const GROWTH: f64 = 1.05;
/// Relative rise for one more request at which the flow has come to its end.
const FLAT: f64 = 1e-7;
/// Chains solved for one number of requests: 13 inside with two locks.
const STATES_MAX: usize = 120;

/// Requests per second with 1, 2, … `most` inside: `flows[n - 1]`. Never falls with n. The delay of the
/// workload is left out.
///
/// # Errors
/// As the chain.
pub(super) fn flows(workload: &Workload, most: usize) -> Result<Vec<f64>, CapacityError> {
    let workload = Workload { delay: 0.0, ..workload.clone() };
    let mut flows: Vec<f64> = Vec::with_capacity(most);
    let mut last = (0, 0.0);
    while last.0 < most {
        let growth = (last.0 as f64 * (GROWTH - 1.0)) as usize;
        let step = if last.0 < EACH { 1 } else { growth + 1 };
        let inside = (last.0 + step).min(most);
        let flow = flow(&workload, inside)?.max(last.1);
        let span = (inside - last.0) as f64;
        for between in 1..=inside - last.0 {
            flows.push(last.1 + (flow - last.1) * between as f64 / span);
        }
        if last.0 >= EACH && flow - last.1 < FLAT * flow * span {
            flows.resize(most, flow);
        }
        last = (flows.len(), flow);
    }
    Ok(flows)
}

/// Requests per second with so many inside, without the delay of the workload.
///
/// # Errors
/// As the chain.
pub(super) fn flow_of(workload: &Workload, inside: usize) -> Result<f64, CapacityError> {
    flow(&Workload { delay: 0.0, ..workload.clone() }, inside)
}

fn flow(workload: &Workload, inside: usize) -> Result<f64, CapacityError> {
    let ring = Ring::of(workload, 0.0);
    if let Some(pair) = Pair::of(&ring) {
        return Ok(pair.flow(inside));
    }
    if state_count(inside, ring.stages.len()).is_some_and(|count| count <= STATES_MAX) {
        return Ok(chain::solve(&ring, inside)?.throughput);
    }
    let lone = |workload: &Workload| workload.locks.len() + workload.devices.len() <= 1;
    let (kept, away) = fold(workload, lone);
    let solve = |workload: &Workload| {
        Ok(Pair::of(&Ring::of(workload, 0.0)).map_or(0.0, |pair| pair.flow(inside)))
    };
    let (_, flow) = Away::settle(&away, &kept, inside, solve)?;
    Ok(flow)
}

/// A lock or device, and the rest: a delay, then parallel work.
struct Pair {
    station: Option<Stage>,
    delay: f64,
    parallel: f64,
    cpus: f64,
}

impl Pair {
    /// `None` for a ring with more than one lock or device.
    fn of(ring: &Ring) -> Option<Self> {
        let mut pair = Self { station: None, delay: 0.0, parallel: 0.0, cpus: ring.cpus };
        for stage in &ring.stages {
            match stage {
                Stage::Delay(delay) => pair.delay = *delay,
                Stage::Parallel(demand) => pair.parallel = *demand,
                station if pair.station.is_none() => pair.station = Some(*station),
                _ => return None,
            }
        }
        Some(pair)
    }

    /// The number at the station goes up and down by one, so neighbours balance: logarithms, because the
    /// products of many requests do not fit.
    fn flow(&self, inside: usize) -> f64 {
        let Some(station) = self.station else {
            return self.rest(inside, 0.0).0;
        };
        let served = |count: usize| {
            let (_, share) = self.rest(inside - count, station.runners(count));
            station.rate(count, share)
        };
        if self.delay + self.parallel == 0.0 {
            return served(inside);
        }
        let mut logs = vec![0.0_f64];
        for count in 1..=inside {
            let (came, _) = self.rest(inside - count + 1, station.runners(count - 1));
            logs.push(logs[count - 1] + (came / served(count)).ln());
        }
        let top = logs.iter().fold(f64::NEG_INFINITY, |top, log| top.max(*log));
        let (mut total, mut flow) = (0.0, 0.0);
        for (count, log) in logs.iter().enumerate() {
            let weight = (log - top).exp();
            total += weight;
            flow += weight * served(count);
        }
        flow / total
    }

    /// What `many` requests in the rest send per second beside `runners` at the station, and the share g of
    /// a CPU each runner gets. Those in the delay need none: as many are at work as the times say, so
    /// that full CPUs give a quadratic for g.
    fn rest(&self, many: usize, runners: f64) -> (f64, f64) {
        let (many, work, delay) = (many as f64, self.parallel, self.delay);
        let working = if work > 0.0 { many * work / (delay + work) } else { 0.0 };
        let share = if working + runners <= self.cpus {
            1.0
        } else if delay == 0.0 || work == 0.0 {
            self.cpus / (working + runners)
        } else {
            let (square, linear) = (runners * delay, (runners + many) * work - self.cpus * delay);
            let constant = self.cpus * work;
            // The root above 0, written so that nothing cancels where the square term is small.
            let root = (linear * linear + 4.0 * square * constant).sqrt();
            let share = if linear > 0.0 {
                2.0 * constant / (linear + root)
            } else {
                (root - linear) / (2.0 * square)
            };
            share.min(1.0)
        };
        (many / (delay + work / share), share)
    }
}
