//! The series behind the figures of the paper and of predictions; others draw them.

use crate::error::CapacityError;
use crate::estimators::estimate;
use crate::measured::{Estimate, Method};
use crate::models::{Load, LockDemand, System, Workload};
use crate::simulator::{Discipline, Distribution, Experiment, Order, simulate};

/// Think time of the paper's clients over the CPU time of its requests.
const PAPER_THINK: f64 = 100.0 / 403.0;
/// CPU seconds of a request of the paper.
const PAPER_DEMAND: f64 = 0.403;

/// What is simulated for a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureOptions {
    /// CPUs.
    pub cpus: f64,
    /// Clients.
    pub clients: usize,
    /// CPU seconds of a request.
    pub demand: f64,
    /// Seconds between an answer and the next request.
    pub think: f64,
    /// Windows of a run.
    pub windows: usize,
    /// Seconds of a window.
    pub window: f64,
    /// Seed of the first run.
    pub seed: u64,
}

impl Default for FigureOptions {
    /// As in the paper: 4 CPUs, 10 clients, 403 ms of work and 100 ms of thought; windows of 1 s.
    fn default() -> Self {
        Self {
            cpus: 4.0,
            clients: 10,
            demand: PAPER_DEMAND,
            think: PAPER_THINK * PAPER_DEMAND,
            windows: 60,
            window: 1.0,
            seed: 1,
        }
    }
}

/// One window of Figure 3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowPoint {
    /// When it ended, seconds from the start.
    pub at: f64,
    /// CPU utilisation in it.
    pub utilisation: f64,
    /// Mean number that waited for the lock.
    pub queue: f64,
    /// Share of it in which somebody waited.
    pub contended: f64,
    /// p by Eq. 25; `None` where nobody waited.
    pub equation25: Option<f64>,
    /// p by the best method, from this window alone.
    pub parallel: Option<Estimate>,
    /// p realised in this window.
    pub truth: f64,
}

/// One injected p of Figures 4 and 7.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InjectedPoint {
    /// p as it was asked for.
    pub injected: f64,
    /// p as it came out of the dice.
    pub truth: f64,
    /// p by Eq. 25 over all contended time; `None` where nobody waited.
    pub equation25: Option<f64>,
    /// p by ticks that found the owner (A).
    pub owner: Option<Estimate>,
    /// p by followed holds (C).
    pub holds: Option<Estimate>,
}

/// Figure 3: p over time, window by window, with one lock.
///
/// # Errors
/// As [`simulate`].
pub fn figure_windows(
    parallel: f64,
    options: &FigureOptions,
) -> Result<Vec<WindowPoint>, CapacityError> {
    let outcome = simulate(&system(parallel, options), &experiment(options))?;
    let service = &outcome.services[0];
    let point = |(index, (window, shares)): (usize, (_, &Vec<f64>))| {
        let measured = estimate(window).ok();
        let lock = measured.as_ref().and_then(|measured| measured.locks.first());
        WindowPoint {
            at: (index + 1) as f64 * options.window,
            utilisation: measured.as_ref().map_or(0.0, |measured| measured.utilisation()),
            queue: lock.map_or(0.0, |lock| lock.queue),
            contended: lock.map_or(0.0, |lock| lock.contended),
            equation25: measured.as_ref().and_then(|measured| measured.equation25),
            parallel: measured.as_ref().and_then(|measured| measured.parallel),
            truth: 1.0 - shares.iter().sum::<f64>(),
        }
    };
    Ok(service.windows.iter().zip(&service.window_shares).enumerate().map(point).collect())
}

/// Figures 4 and 7: injected against estimated p, a run for each.
///
/// # Errors
/// As [`simulate`].
pub fn figure_injected(
    injected: &[f64],
    options: &FigureOptions,
) -> Result<Vec<InjectedPoint>, CapacityError> {
    let point = |(index, injected): (usize, &f64)| {
        let experiment = Experiment { seed: options.seed + index as u64, ..experiment(options) };
        let outcome = simulate(&system(*injected, options), &experiment)?;
        let service = &outcome.services[0];
        let measured = estimate(&service.samples)?;
        let by = |method: Method| {
            let lock = measured.locks.first()?;
            let chosen = (lock.method == method).then_some(lock.share);
            let other = || lock.others.iter().find(|(other, _)| *other == method);
            Some(chosen.or_else(|| other().map(|(_, share)| *share))?.map(|share| 1.0 - share))
        };
        Ok(InjectedPoint {
            injected: *injected,
            truth: service.parallel(),
            equation25: measured.equation25,
            owner: by(Method::Owner),
            holds: by(Method::Holds),
        })
    };
    injected.iter().enumerate().map(point).collect()
}

/// Figure 2: sequential work first, one at a time, then parallel work, on CPUs that serve who came first.
fn experiment(options: &FigureOptions) -> Experiment {
    /// Ticks per second and CPU, as the probe has them.
    const TICK_HZ: f64 = 997.0;
    Experiment {
        seed: options.seed,
        discipline: Discipline::FirstCome,
        distribution: Distribution::Exponential,
        order: Order::LocksFirst,
        warm_up: 20.0 * (options.demand + options.think),
        window: options.window,
        windows: options.windows,
        tick: 1.0 / TICK_HZ,
    }
}

fn system(parallel: f64, options: &FigureOptions) -> System {
    let workload = Workload {
        cpus: options.cpus,
        parallel: parallel * options.demand,
        locks: vec![LockDemand::new((1.0 - parallel) * options.demand)],
        devices: Vec::new(),
        delay: 0.0,
        load: Load::Closed { clients: options.clients as f64, think: options.think },
    };
    System::of(&workload, options.clients, options.think)
}
