//! One change, and curves of many.

use super::change::{Change, Prediction};
use super::model::{End, Model, throughput};
use crate::error::CapacityError;
use crate::measured::{Estimate, Measured};
use crate::models::{Resource, Solution, Workload, amdahl};

/// What the process would give after a change.
///
/// The model is calibrated so that it gives what was measured for now; the prediction is what was measured
/// times what the model says it becomes. Some milliseconds with a lock or two and 100 clients.
///
/// # Errors
/// For a change without meaning, a lock that was not measured, or a model that does not settle.
pub fn predict(now: &Measured, change: &Change) -> Result<Prediction, CapacityError> {
    Predictor::of(now)?.predict(change)
}

/// What is varied along a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// CPUs.
    Cpus,
    /// Clients.
    Clients,
    /// Times the load.
    Load,
    /// Speed of all lock holders.
    LockSpeed,
}

/// Predictions along one axis, all else as in `base`.
///
/// # Errors
/// Like [`predict`].
pub fn predict_curve(
    now: &Measured,
    base: &Change,
    axis: Axis,
    values: &[f64],
) -> Result<Vec<Prediction>, CapacityError> {
    let predictor = Predictor::of(now)?;
    let at = |value: f64| match axis {
        Axis::Cpus => Change { cpus: Some(value), ..base.clone() },
        Axis::Clients => Change { clients: Some(value), ..base.clone() },
        Axis::Load => Change { load: value, ..base.clone() },
        Axis::LockSpeed => base.clone().faster_locks(value),
    };
    values.iter().map(|value| predictor.predict(&at(*value))).collect()
}

/// The three models of a process, calibrated once.
pub(super) struct Predictor<'a> {
    pub(super) now: &'a Measured,
    value: Model,
    small: Model,
    large: Model,
}

impl<'a> Predictor<'a> {
    pub(super) fn of(now: &'a Measured) -> Result<Self, CapacityError> {
        let of = |end| Model::of(now, end);
        Ok(Self {
            now,
            value: of(End::Value)?,
            small: of(End::SmallLocks)?,
            large: of(End::LargeLocks)?,
        })
    }

    /// The lock that fills first, if there is any.
    pub(super) fn largest_lock(&self) -> Option<String> {
        let workload = self.value.changed(&Change::default());
        let largest = workload
            .locks
            .iter()
            .enumerate()
            .max_by(|(_, a), (_, b)| a.demand.total_cmp(&b.demand))?;
        (largest.1.demand > 0.0).then(|| self.value.locks[largest.0].clone())
    }

    pub(super) fn predict(&self, change: &Change) -> Result<Prediction, CapacityError> {
        change.check(self.now)?;
        let (rate, unit) = throughput(self.now);
        let value = self.value.answer(change)?;
        let ends = [self.small.answer(change)?, self.large.answer(change)?];
        let over = |of: fn(&Answer) -> f64| {
            let (a, b) = (of(&ends[0]), of(&ends[1]));
            Estimate::new(of(&value), a.min(b), a.max(b))
        };
        let cpus = value.workload.cpus;
        let bounds = value.workload.bounds();
        let p = self.now.parallel.map_or(1.0, |p| p.value);
        let mut warnings = self.now.warnings.clone();
        warnings.extend(self.value.warnings.iter().cloned());
        let ratio = over(|answer| answer.ratio);
        let response = over(|answer| answer.found.response);
        Ok(Prediction {
            cpus,
            clients: self.now.clients.map(|now| change.clients.unwrap_or(now) * change.load),
            throughput: ratio.map(|ratio| ratio * rate),
            unit,
            ratio,
            response: Some(response).filter(|response| {
                response.value.is_finite() && self.now.throughput.is_some_and(|rate| rate > 0.0)
            }),
            utilisation: over(|answer| answer.found.utilisation),
            bottleneck: self.value.bottleneck(bounds.lowest().0),
            full_first: self.value.bottleneck(value.full_first()),
            throughput_max: over(|answer| answer.capacity),
            utilisation_full: over(Answer::utilisation_full),
            amdahl: rate * amdahl(p, cpus) / amdahl(p, self.now.cpus) * change.cpu_speed,
            solver: value.found.solver,
            tier: self.now.tier,
            warnings,
        })
    }
}

struct Answer {
    workload: Workload,
    found: Solution,
    ratio: f64,
    /// Requests per second, however many ask.
    capacity: f64,
}

impl Answer {
    /// Of the CPUs, when it gives the most.
    fn utilisation_full(&self) -> f64 {
        (self.capacity * self.workload.demand() / self.workload.cpus).min(1.0)
    }

    /// Where CPUs are not all in use when it is full, although their bound is the lowest, holders of
    /// the largest lock wait for them while others wait for the lock.
    fn full_first(&self) -> Resource {
        let lowest = self.workload.bounds().first_full().0;
        let demands = self.workload.locks.iter().map(|lock| lock.demand).enumerate();
        let largest = demands.max_by(|(_, a), (_, b)| a.total_cmp(b));
        match (lowest, largest) {
            (Resource::Cpu, Some((lock, _))) if self.utilisation_full() < CPUS_FULL => {
                Resource::Lock(lock)
            }
            (lowest, _) => lowest,
        }
    }
}

/// CPUs in use to this share are what is full.
const CPUS_FULL: f64 = 0.95;

impl Model {
    fn answer(&self, change: &Change) -> Result<Answer, CapacityError> {
        let workload = self.changed(change);
        let found = workload.solve_quickly()?;
        let ratio = found.throughput / self.now.throughput;
        // Chains are exact where what stands for ever more requests is folded.
        let capacity = workload.capacity()?.max(found.throughput);
        Ok(Answer { workload, found, ratio, capacity })
    }
}
