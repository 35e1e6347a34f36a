//! A [`Workload`] in balance: which model is used, and what it says.

use super::chain;
use super::flow::{flow_of, flows};
use super::fold::fold;
use super::ring::{Ring, Stage};
use super::workload::{Load, Solution, Solver, Workload};
use crate::error::{CapacityError, not_negative, positive};

/// Most clients of one service.
pub const CLIENTS_MAX: usize = 20_000;
/// Largest chain that is solved; 222 clients at one lock, 52 at two.
const STATES_MAX: usize = 25_000;
/// Largest chain where many workloads are solved for one answer.
const STATES_QUICK: usize = 2_000;
/// Most locks and devices of one service.
pub const LOCKS_MAX: usize = 64;
/// An open service is watched up to so many requests inside; beyond, its flow is taken as constant.
const INSIDE_MAX: usize = 2_000;
/// The flow of a service is as good as its capacity when it is that near, relative.
const NEAR: f64 = 1e-6;

impl Workload {
    /// The service in balance. Closed: the exact chain while it has at most 25,000 states; then with its
    /// smaller locks folded; then, one lock left, as a station of equal flow. A fraction of a client lies
    /// between two whole numbers. Costs 0.05 ms at 10 clients and one lock, 0.1 s at 200, and up to a
    /// second where locks are folded.
    ///
    /// # Errors
    /// [`CapacityError::Input`] and [`CapacityError::TooLarge`] for what has no meaning or is too much,
    /// [`CapacityError::Unsettled`] if a model does not converge.
    pub fn solve(&self) -> Result<Solution, CapacityError> {
        self.solve_within(STATES_MAX)
    }

    /// The same with smaller chains: some milliseconds, and approximate earlier.
    pub(crate) fn solve_quickly(&self) -> Result<Solution, CapacityError> {
        self.solve_within(STATES_QUICK)
    }

    /// The most it gives, however many ask: less than [`Bounds::full`](super::Bounds::full) where the
    /// holders of locks wait for CPUs. Some milliseconds at most.
    ///
    /// # Errors
    /// Like [`Workload::solve`].
    pub fn capacity(&self) -> Result<f64, CapacityError> {
        self.check()?;
        Ok(flow_of(self, INSIDE_MAX)?.min(self.bounds().full()))
    }

    fn solve_within(&self, states: usize) -> Result<Solution, CapacityError> {
        self.check()?;
        match self.load {
            Load::Open { rate } => self.solve_open(rate),
            Load::Closed { clients, think } => {
                let (whole, part) = (clients.floor(), clients.fract());
                if part == 0.0 {
                    return self.solve_closed(whole as usize, think, states);
                }
                let above = self.solve_closed(whole as usize + 1, think, states)?;
                if whole == 0.0 {
                    // Less than one client asks that much less often, and meets nobody.
                    let throughput = above.throughput * part;
                    return Ok(self.solution(
                        throughput,
                        above.response,
                        above.solver,
                        above.queues.iter().map(|queue| queue * part).collect(),
                    ));
                }
                let below = self.solve_closed(whole as usize, think, states)?;
                let mix = |a: f64, b: f64| a + (b - a) * part;
                let throughput = mix(below.throughput, above.throughput);
                let queues =
                    below.queues.iter().zip(&above.queues).map(|(a, b)| mix(*a, *b)).collect();
                Ok(self.solution(throughput, clients / throughput - think, above.solver, queues))
            }
        }
    }

    fn solve_closed(
        &self,
        clients: usize,
        think: f64,
        states: usize,
    ) -> Result<Solution, CapacityError> {
        let fits = |workload: &Self| {
            // What is folded becomes a delay, even where there was none.
            let folds = workload.locks.len() + workload.devices.len()
                < self.locks.len() + self.devices.len();
            let delay = if folds { think.max(f64::MIN_POSITIVE) } else { think };
            let stages = Ring::of(workload, delay).stages.len();
            chain::state_count(clients, stages).is_some_and(|count| count <= states)
        };
        let (kept, away) = fold(self, fits);
        if !fits(&kept) {
            return Ok(self.solve_aggregated(&flows(self, clients)?, think));
        }
        let whole = |workload: &Self| chain::solve(&Ring::of(workload, think), clients);
        let (solver, kept) = if away.is_empty() {
            (Solver::Chain, kept)
        } else {
            let solve = |workload: &Self| Ok(whole(workload)?.throughput);
            (Solver::FoldedChain, away.settle(&kept, clients, solve)?.0)
        };
        let balance = whole(&kept)?;
        let response = clients as f64 / balance.throughput - think;
        let queues = self.queues(&Ring::of(&kept, think), &balance.counts);
        Ok(self.solution(balance.throughput, response, solver, queues))
    }

    /// The number inside as a birth–death chain: clients that think come in, the flow goes out. There are
    /// as many clients as flows.
    fn solve_aggregated(&self, flows: &[f64], think: f64) -> Solution {
        let clients = flows.len();
        let away = think + self.delay;
        let came = |inside: usize| (clients - inside) as f64 / away;
        let throughput = if away > 0.0 {
            birth_death(flows, came)
        } else {
            flows.last().copied().unwrap_or(0.0)
        };
        let response = clients as f64 / throughput - think;
        self.solution(throughput, response, Solver::Aggregated, Vec::new())
    }

    /// Throughput against think time, by the quick model, for many think times at once: what does not
    /// depend on them is computed once.
    pub(crate) fn by_think(
        &self,
        clients: f64,
    ) -> Result<impl FnMut(f64) -> Result<f64, CapacityError> + use<>, CapacityError> {
        let mut workload = Self { load: Load::Closed { clients, think: 1.0 }, ..self.clone() };
        let first = workload.solve_quickly()?;
        let flows = match first.solver {
            Solver::Aggregated => Some(flows(self, clients.round() as usize)?),
            _ => None,
        };
        Ok(move |think: f64| match &flows {
            Some(flows) => Ok(workload.solve_aggregated(flows, think).throughput),
            None => {
                workload.load = Load::Closed { clients, think };
                Ok(workload.solve_quickly()?.throughput)
            }
        })
    }

    fn solve_open(&self, rate: f64) -> Result<Solution, CapacityError> {
        let most = self.bounds().full();
        if rate >= most {
            return Ok(self.solution(most, f64::INFINITY, Solver::Open, Vec::new()));
        }
        if rate == 0.0 {
            return Ok(self.solution(0.0, self.alone(), Solver::Open, Vec::new()));
        }
        let mut inside_most = 64;
        let flows = loop {
            let flows = flows(self, inside_most)?;
            let near = flows.last().is_some_and(|flow| *flow > most * (1.0 - NEAR));
            if near || inside_most >= INSIDE_MAX {
                break flows;
            }
            inside_most *= 4;
        };
        // Hand-overs lower what a lock can give below its bound.
        let full = flows.last().copied().unwrap_or(0.0);
        if rate >= full {
            return Ok(self.solution(full, f64::INFINITY, Solver::Open, Vec::new()));
        }
        let inside = open_inside(&flows, rate);
        Ok(self.solution(rate, inside / rate + self.delay, Solver::Open, Vec::new()))
    }

    /// Seconds of a request that meets nobody.
    fn alone(&self) -> f64 {
        let slow = 1.0 / self.cpus.min(1.0);
        self.demand() * slow + self.devices.iter().sum::<f64>() + self.delay
    }

    fn solution(
        &self,
        throughput: f64,
        response: f64,
        solver: Solver,
        queues: Vec<f64>,
    ) -> Solution {
        let locks = self.locks.iter().map(|lock| (throughput * lock.demand).min(1.0)).collect();
        Solution {
            throughput,
            response: response.max(0.0),
            utilisation: (throughput * self.demand() / self.cpus).min(1.0),
            locks,
            queues,
            solver,
        }
    }

    /// Requests at each lock, where the model had all of them.
    fn queues(&self, ring: &Ring, counts: &[f64]) -> Vec<f64> {
        let at_locks: Vec<_> = ring
            .stages
            .iter()
            .zip(counts)
            .filter(|(stage, _)| matches!(stage, Stage::Lock { .. }))
            .map(|(_, count)| *count)
            .collect();
        let asked = self.locks.iter().filter(|lock| lock.demand > 0.0).count();
        if at_locks.len() != asked {
            return Vec::new();
        }
        let mut at_locks = at_locks.into_iter();
        let queue = |demand: f64| if demand > 0.0 { at_locks.next().unwrap_or(0.0) } else { 0.0 };
        self.locks.iter().map(|lock| lock.demand).map(queue).collect()
    }

    fn check(&self) -> Result<(), CapacityError> {
        positive("cpus", self.cpus)?;
        not_negative("parallel", self.parallel)?;
        not_negative("delay", self.delay)?;
        for lock in &self.locks {
            not_negative("the demand of a lock", lock.demand)?;
            not_negative("the hand-off of a lock", lock.hand_off)?;
        }
        self.devices
            .iter()
            .try_for_each(|device| not_negative("the demand of a device", *device).map(|_| ()))?;
        let stations = self.locks.len() + self.devices.len();
        if stations > LOCKS_MAX {
            let (what, limit) = ("the number of locks and devices", LOCKS_MAX);
            return Err(CapacityError::TooLarge { what, asked: stations, limit });
        }
        match self.load {
            Load::Open { rate } => not_negative("the rate", rate)?,
            Load::Closed { clients, think } => {
                not_negative("think", think)?;
                if positive("clients", clients)? > CLIENTS_MAX as f64 {
                    return Err(CapacityError::TooLarge {
                        what: "the number of clients",
                        asked: clients.ceil() as usize,
                        limit: CLIENTS_MAX,
                    });
                }
                clients
            }
        };
        if self.alone() == 0.0 {
            return Err(CapacityError::Empty("a request asks for nothing"));
        }
        Ok(())
    }
}

/// Throughput, where `came(n)` arrive per second with n inside.
fn birth_death(flows: &[f64], came: impl Fn(usize) -> f64) -> f64 {
    let mut logs = vec![0.0_f64];
    for (before, flow) in flows.iter().enumerate() {
        logs.push(logs[before] + (came(before) / flow).ln());
    }
    let top = logs.iter().fold(f64::NEG_INFINITY, |top, log| top.max(*log));
    let (mut total, mut gone) = (0.0, 0.0);
    for (count, log) in logs.iter().enumerate() {
        let weight = (log - top).exp();
        total += weight;
        if count > 0 {
            gone += weight * flows[count - 1];
        }
    }
    gone / total
}

/// Mean number inside with `rate` arrivals per second; beyond the last flow the tail is geometric.
fn open_inside(flows: &[f64], rate: f64) -> f64 {
    let mut logs = vec![0.0_f64];
    for (before, flow) in flows.iter().enumerate() {
        logs.push(logs[before] + (rate / flow).ln());
    }
    let top = logs.iter().fold(f64::NEG_INFINITY, |top, log| top.max(*log));
    let (mut total, mut inside) = (0.0, 0.0);
    for (count, log) in logs.iter().enumerate() {
        let weight = (log - top).exp();
        total += weight;
        inside += weight * count as f64;
    }
    let last = flows.len() as f64;
    let ratio = rate / flows[flows.len() - 1];
    let edge = (logs[logs.len() - 1] - top).exp();
    let tail = edge * ratio / (1.0 - ratio);
    total += tail;
    inside += tail * (last + 1.0 / (1.0 - ratio));
    inside / total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::LockDemand;

    /// Largest relative errors of throughput and response as a station of equal flow, against the chain.
    fn errors(second: f64) -> (f64, f64) {
        let (mut throughput, mut response) = (0.0_f64, 0.0_f64);
        let loads = [(10, 4.0), (10, 19.0), (30, 4.0), (30, 10.0), (30, 30.0)];
        for (cpus, parallel) in
            [1.0, 2.0, 4.0, 8.0].map(|n| [0.3, 0.5, 0.7, 0.9].map(|p| (n, p))).concat()
        {
            let serial = 1.0 - parallel;
            let locks = [serial * (1.0 - second), serial * second].map(LockDemand::new).to_vec();
            for (clients, think) in loads {
                let load = Load::Closed { clients: clients as f64, think };
                let (locks, devices) = (locks.clone(), Vec::new());
                let workload = Workload { cpus, parallel, locks, devices, delay: 0.0, load };
                let exact = workload.solve().unwrap();
                let near = workload.solve_aggregated(&flows(&workload, clients).unwrap(), think);
                throughput = throughput.max((near.throughput / exact.throughput - 1.0).abs());
                response = response.max((near.response / exact.response - 1.0).abs());
            }
        }
        (throughput, response)
    }

    #[test]
    fn a_station_of_equal_flow_is_near_the_chain() {
        let (throughput, response) = errors(0.0);
        assert!(throughput < 0.008 && response < 0.07, "one lock: {throughput}, {response}");
        let (throughput, response) = errors(0.3);
        assert!(throughput < 0.01 && response < 0.08, "two locks: {throughput}, {response}");
    }
}
