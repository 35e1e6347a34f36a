//! A closed ring of stages that all requests go round: think, locks and devices one by one, parallel work.
//!
//! CPUs are shared by all who run: the holder of each lock and everybody in parallel work get
//! g = min(1, N / runners) of a CPU each.

use super::workload::Workload;

/// One stage of the ring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stage {
    /// No queue and no CPU; seconds.
    Delay(f64),
    /// One at a time, on a CPU; seconds of CPU, and of hand-over if somebody waits.
    Lock { demand: f64, hand_off: f64 },
    /// One at a time, without a CPU; seconds.
    Device(f64),
    /// All at once, on CPUs; seconds of CPU.
    Parallel(f64),
}

/// Stages in order, without those that ask nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ring {
    pub(super) stages: Vec<Stage>,
    pub(super) cpus: f64,
}

impl Ring {
    /// Delay first, then locks, devices, parallel work; `think` is added to the delay.
    pub(super) fn of(workload: &Workload, think: f64) -> Self {
        let locks = workload
            .locks
            .iter()
            .map(|lock| Stage::Lock { demand: lock.demand, hand_off: lock.hand_off });
        let devices = workload.devices.iter().map(|demand| Stage::Device(*demand));
        let stages = std::iter::once(Stage::Delay(workload.delay + think))
            .chain(locks)
            .chain(devices)
            .chain([Stage::Parallel(workload.parallel)])
            .filter(|stage| stage.demand() > 0.0)
            .collect();
        Self { stages, cpus: workload.cpus }
    }

    /// What each runner gets of a CPU with `counts` requests at the stages; 1 if nobody runs.
    pub(super) fn cpu_share(&self, counts: &[usize]) -> f64 {
        let runners: f64 =
            self.stages.iter().zip(counts).map(|(stage, count)| stage.runners(*count)).sum();
        if runners > 0.0 { (self.cpus / runners).min(1.0) } else { 1.0 }
    }
}

impl Stage {
    pub(super) fn demand(self) -> f64 {
        match self {
            Self::Delay(demand) | Self::Device(demand) | Self::Parallel(demand) => demand,
            Self::Lock { demand, .. } => demand,
        }
    }

    /// Who wants a CPU here, on average: a lock that is being handed over needs none.
    pub(super) fn runners(self, count: usize) -> f64 {
        match self {
            Self::Delay(_) | Self::Device(_) => 0.0,
            Self::Lock { demand, hand_off } if count > 1 => demand / (demand + hand_off),
            Self::Lock { .. } => count as f64,
            Self::Parallel(_) => count as f64,
        }
    }

    /// Requests that leave per second with `count` here, each runner having `share` of a CPU.
    pub(super) fn rate(self, count: usize, share: f64) -> f64 {
        match (self, count) {
            (_, 0) => 0.0,
            (Self::Delay(demand), _) => count as f64 / demand,
            (Self::Parallel(demand), _) => count as f64 * share / demand,
            (Self::Device(demand), _) => 1.0 / demand,
            (Self::Lock { demand, .. }, 1) => share / demand,
            (Self::Lock { demand, hand_off }, _) => 1.0 / (demand / share + hand_off),
        }
    }
}
