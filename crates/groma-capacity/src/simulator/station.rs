//! A service at work, and what its clients got, window by window.

use std::collections::VecDeque;

use super::counters::Counters;
use super::cpus::{Cpus, TaskId};
use super::program::{Stage, stages};
use super::{ClassOutcome, Experiment, ServiceOutcome};
use crate::measured::Estimate;
use crate::models::Service;
use crate::samples::Samples;

/// Held by one task at a time; the others come in the order in which they asked.
pub(super) struct Lock {
    pub(super) holder: Option<TaskId>,
    /// Under sharing: its holder is ready. Otherwise: its holder is on a CPU.
    pub(super) on_cpu: bool,
    pub(super) waiting: VecDeque<TaskId>,
}

/// A service at work.
pub(super) struct Station<'a> {
    pub(super) service: &'a Service,
    pub(super) stages: Vec<Stage>,
    pub(super) cpus: Cpus,
    pub(super) locks: Vec<Lock>,
    pub(super) devices: Vec<VecDeque<TaskId>>,
    pub(super) inside: usize,
    pub(super) counters: Counters,
    windows: Vec<Samples>,
    shares: Vec<Vec<f64>>,
    means: Vec<f64>,
}

/// Per window: requests done, and the sum of their times.
#[derive(Default)]
pub(super) struct Batches {
    done: Vec<(u64, f64)>,
    pub(super) count: u64,
    pub(super) time: f64,
}

impl<'a> Station<'a> {
    pub(super) fn new(service: &'a Service, clients: usize, experiment: &Experiment) -> Self {
        let lock = |_| Lock { holder: None, on_cpu: false, waiting: VecDeque::new() };
        Self {
            service,
            stages: stages(service, experiment.order),
            cpus: Cpus::new(service.cpus, experiment.discipline),
            locks: service.locks.iter().map(lock).collect(),
            devices: vec![VecDeque::new(); service.devices.len()],
            inside: 0,
            counters: Counters::new(service, clients),
            windows: Vec::new(),
            shares: Vec::new(),
            means: Vec::new(),
        }
    }

    /// Everything was counted up to now. What came before the first window is not kept.
    pub(super) fn end_window(&mut self, window: f64, clients: usize, kept: bool) {
        let (samples, shares, inside) = self.counters.take(window, self.service, clients);
        if kept {
            self.windows.push(samples);
            self.shares.push(shares);
            self.means.push(inside);
        }
    }

    pub(super) fn outcome(self) -> ServiceOutcome {
        let mut windows = self.windows.iter();
        let mut samples = windows.next().cloned().unwrap_or(self.counters.samples);
        windows.for_each(|window| samples.add(window));
        let used = |lock: usize| -> f64 {
            let owned = self.shares.iter().zip(&self.windows);
            owned.map(|(shares, window)| shares[lock] * window.cpu_time).sum()
        };
        let shares = (0..self.locks.len())
            .map(|lock| if samples.cpu_time > 0.0 { used(lock) / samples.cpu_time } else { 0.0 })
            .collect();
        ServiceOutcome {
            utilisation: samples.cpu_time / samples.window / self.service.cpus,
            inside: self.means.iter().sum::<f64>() / self.means.len().max(1) as f64,
            shares,
            samples,
            windows: self.windows,
            window_shares: self.shares,
        }
    }
}

impl Batches {
    pub(super) fn end_window(&mut self, kept: bool) {
        let done = (std::mem::take(&mut self.count), std::mem::take(&mut self.time));
        if kept {
            self.done.push(done);
        }
    }

    pub(super) fn outcome(&self, window: f64) -> ClassOutcome {
        let rates: Vec<f64> = self.done.iter().map(|(count, _)| *count as f64 / window).collect();
        let times: Vec<f64> = self
            .done
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, time)| time / *count as f64)
            .collect();
        ClassOutcome { throughput: mean(&rates), response: mean(&times) }
    }
}

/// Mean and its interval at 95 %, from batches long enough to be independent.
fn mean(batches: &[f64]) -> Estimate {
    let count = batches.len() as f64;
    if batches.is_empty() {
        return Estimate::exact(0.0);
    }
    let mean = batches.iter().sum::<f64>() / count;
    if batches.len() < 2 {
        return Estimate::new(mean, 0.0, f64::INFINITY);
    }
    let squares: f64 = batches.iter().map(|batch| (batch - mean).powi(2)).sum();
    let half = 2.1 * (squares / (count - 1.0) / count).sqrt();
    Estimate::new(mean, mean - half, mean + half)
}
