//! Approximate mean value analysis for networks with too many populations to visit all of them.
//!
//! A request that arrives finds what would be there without it. Bard and Schweitzer take each class to
//! keep its share of every queue when one client is missing; Linearizer corrects that by solving the
//! network with one client less of each class, thrice. At stations with several servers the queue found
//! is served at the speed of that number, which is rough near saturation: up to 10 %.

use super::network::{Network, NetworkSolution, Serving};
use super::workload::Solver;
use crate::error::CapacityError;

const ROUNDS: usize = 3;
const STEPS_MAX: usize = 20_000;
const SETTLED: f64 = 1e-9;

pub(super) fn solve(network: &Network) -> Result<NetworkSolution, CapacityError> {
    let classes = network.classes.len();
    let stations = network.stations.len();
    let full: Vec<f64> = network.classes.iter().map(|class| class.clients as f64).collect();
    // How much the share of class c at station k changes when a client of class d is missing.
    let mut shifts = vec![vec![vec![0.0; classes]; classes]; stations];
    let mut state = State::new(network, &full);
    for round in 0..ROUNDS {
        state.settle(network, &full, &shifts)?;
        if round + 1 == ROUNDS {
            break;
        }
        for missing in 0..classes {
            if full[missing] < 1.0 {
                continue;
            }
            let mut fewer = full.clone();
            fewer[missing] -= 1.0;
            let mut less = State { queues: state.queues.clone(), rates: state.rates.clone() };
            less.settle(network, &fewer, &shifts)?;
            for (station, shifts) in shifts.iter_mut().enumerate() {
                for (class, shifts) in shifts.iter_mut().enumerate() {
                    let share = |queue: f64, of: f64| if of > 0.0 { queue / of } else { 0.0 };
                    shifts[missing] = share(less.queues[station][class], fewer[class])
                        - share(state.queues[station][class], full[class]);
                }
            }
        }
    }
    let responses = network
        .classes
        .iter()
        .zip(&state.rates)
        .map(|(class, rate)| match class.clients {
            0 => class.demands.iter().sum(),
            clients => (clients as f64 / rate - class.think).max(0.0),
        })
        .collect();
    let (throughputs, queues) = (state.rates, state.queues);
    Ok(NetworkSolution { throughputs, responses, queues, solver: Solver::Linearizer })
}

struct State {
    /// `queues[station][class]`.
    queues: Vec<Vec<f64>>,
    rates: Vec<f64>,
}

impl State {
    fn new(network: &Network, clients: &[f64]) -> Self {
        let stations = network.stations.len();
        let spread: Vec<_> = clients.iter().map(|clients| clients / stations as f64).collect();
        Self { queues: vec![spread; stations], rates: vec![0.0; clients.len()] }
    }

    fn settle(
        &mut self,
        network: &Network,
        clients: &[f64],
        shifts: &[Vec<Vec<f64>>],
    ) -> Result<(), CapacityError> {
        let mut change = f64::INFINITY;
        for _ in 0..STEPS_MAX {
            change = self.step(network, clients, shifts);
            if change < SETTLED {
                return Ok(());
            }
        }
        Err(CapacityError::Unsettled { model: "Linearizer", steps: STEPS_MAX, residual: change })
    }

    /// Returns the largest change of a queue, relative to the clients of its class.
    fn step(&mut self, network: &Network, clients: &[f64], shifts: &[Vec<Vec<f64>>]) -> f64 {
        let mut queues = self.queues.clone();
        for (class, of) in network.classes.iter().enumerate() {
            if clients[class] <= 0.0 {
                queues.iter_mut().for_each(|queues| queues[class] = 0.0);
                self.rates[class] = 0.0;
                continue;
            }
            let times: Vec<f64> = network
                .stations
                .iter()
                .enumerate()
                .map(|(place, station)| {
                    let found = self.found(place, class, clients, &shifts[place]);
                    of.demands[place] * slowdown(station, found)
                })
                .collect();
            self.rates[class] = clients[class] / (of.think + times.iter().sum::<f64>());
            for (queues, time) in queues.iter_mut().zip(times) {
                queues[class] = self.rates[class] * time;
            }
        }
        let mut change = 0.0_f64;
        for (old, new) in self.queues.iter().zip(&queues) {
            for (class, (old, new)) in old.iter().zip(new).enumerate() {
                change = change.max((old - new).abs() / clients[class].max(1.0));
            }
        }
        // Half a step: speeds that jump make full steps swing.
        for (old, new) in self.queues.iter_mut().zip(queues) {
            old.iter_mut().zip(new).for_each(|(old, new)| *old = f64::midpoint(*old, new));
        }
        change
    }

    /// What a client of `arriving` finds at a station.
    fn found(&self, station: usize, arriving: usize, clients: &[f64], shifts: &[Vec<f64>]) -> f64 {
        let found = |class: usize| {
            if clients[class] <= 0.0 {
                return 0.0;
            }
            let own = f64::from(u8::from(class == arriving));
            let share = self.queues[station][class] / clients[class] + shifts[class][arriving];
            ((clients[class] - own) * share).max(0.0)
        };
        (0..clients.len()).map(found).sum()
    }
}

/// How much longer than alone it takes among `found` others, between whole numbers by interpolation.
fn slowdown(station: &Serving, found: f64) -> f64 {
    let at = |others: usize| (others + 1) as f64 / station.speed(others + 1);
    let (whole, part) = (found.floor(), found.fract());
    let below = at(whole as usize);
    below + (at(whole as usize + 1) - below) * part
}
