//! The simulator: discrete events, from a seed.
//!
//! Requests go through services as their [`Flow`](crate::Flow) says. Within a service they wait out its
//! delay, take its locks one by one (first come, first served; the holder needs a CPU like everybody
//! else), use its devices and do their parallel work, on CPUs that are shared as [`Discipline`] says:
//! Figure 2 of the paper. While it runs it counts as a probe would, tick by tick, and also what a probe
//! cannot see: the truth. Estimators and models are judged by it, and it answers what no formula does:
//! parts of a request that run at once, other distributions, other disciplines.

mod chance;
mod counters;
mod cpus;
mod engine;
mod program;
mod station;

use crate::error::{CapacityError, not_negative, positive};
use crate::measured::Estimate;
use crate::models::System;
use crate::samples::Samples;

/// Events after which a simulation is given up.
pub const EVENTS_MAX: u64 = 200_000_000;
/// Most windows that are kept.
pub const WINDOWS_MAX: usize = 100_000;

/// How CPUs are given to those that are ready.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Discipline {
    /// To all equally: a fair scheduler with a quantum of nothing.
    Shared,
    /// To who came first, until done.
    FirstCome,
    /// In turns of `quantum` seconds.
    RoundRobin {
        /// Seconds.
        quantum: f64,
    },
}

/// How the times of what is asked scatter around their means. Think times are always exponential.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Squared coefficient of variation 1.
    Exponential,
    /// 0.
    Deterministic,
    /// More than 1: few long ones, many short ones.
    Hyperexponential {
        /// The squared coefficient of variation.
        variation: f64,
    },
}

/// Whether a request first takes locks, as in the paper, or first does its parallel work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Locks, devices, parallel work.
    LocksFirst,
    /// Parallel work, locks, devices.
    ParallelFirst,
}

/// How a system is simulated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Experiment {
    /// The same seed gives the same outcome.
    pub seed: u64,
    /// Of all services.
    pub discipline: Discipline,
    /// Of all that is asked.
    pub distribution: Distribution,
    /// In a service.
    pub order: Order,
    /// Seconds before anything is counted.
    pub warm_up: f64,
    /// Seconds of a window.
    pub window: f64,
    /// How many.
    pub windows: usize,
    /// Seconds between ticks on each CPU; 0: no ticks.
    pub tick: f64,
}

impl Default for Experiment {
    /// Twenty windows of 100 s after 100 s, exponential, CPUs shared, no ticks.
    fn default() -> Self {
        Self {
            seed: 1,
            discipline: Discipline::Shared,
            distribution: Distribution::Exponential,
            order: Order::LocksFirst,
            warm_up: 100.0,
            window: 100.0,
            windows: 20,
            tick: 0.0,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Per class.
    pub classes: Vec<ClassOutcome>,
    /// Per service.
    pub services: Vec<ServiceOutcome>,
    /// Events handled.
    pub events: u64,
}

/// What a class got; intervals at 95 % from the windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassOutcome {
    /// Requests per second.
    pub throughput: Estimate,
    /// Seconds from request to answer.
    pub response: Estimate,
}

/// What a service did.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceOutcome {
    /// Of its CPUs.
    pub utilisation: f64,
    /// Mean number of requests inside.
    pub inside: f64,
    /// The truth per lock: on-CPU time of its holders over CPU time of the service.
    pub shares: Vec<f64>,
    /// As a probe would have counted, all windows together.
    pub samples: Samples,
    /// As a probe would have counted, window by window.
    pub windows: Vec<Samples>,
    /// The true shares, window by window.
    pub window_shares: Vec<Vec<f64>>,
}

impl ServiceOutcome {
    /// The true p: 1 − Σ of the shares of its locks.
    pub fn parallel(&self) -> f64 {
        1.0 - self.shares.iter().sum::<f64>()
    }
}

/// Runs a system.
///
/// # Errors
/// For what has no meaning, and [`CapacityError::TooLarge`] after [`EVENTS_MAX`] events.
pub fn simulate(system: &System, experiment: &Experiment) -> Result<Outcome, CapacityError> {
    system.check()?;
    positive("window", experiment.window)?;
    not_negative("warm_up", experiment.warm_up)?;
    not_negative("tick", experiment.tick)?;
    if let Discipline::RoundRobin { quantum } = experiment.discipline {
        positive("quantum", quantum)?;
    }
    if let Distribution::Hyperexponential { variation } = experiment.distribution
        && !(variation.is_finite() && variation > 1.0)
    {
        let (what, must) = ("variation".to_owned(), "a finite number above 1");
        return Err(CapacityError::Input { what, value: variation, must });
    }
    positive("the number of windows", experiment.windows as f64)?;
    if experiment.windows > WINDOWS_MAX {
        let (what, asked) = ("the number of windows", experiment.windows);
        return Err(CapacityError::TooLarge { what, asked, limit: WINDOWS_MAX });
    }
    engine::Engine::new(system, experiment).run()
}
