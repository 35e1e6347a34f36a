//! What would be, if something were different.

mod change;

pub use change::{
    Bottleneck, Change, Lever, Limits, LockSpeed, Needed, Prediction, Target, Unit, Way,
};

use crate::error::CapacityError;
use crate::measured::{Estimate, Measured};

/// What the process would give after a change.
///
/// # Errors
/// For a change without meaning, a lock that was not measured, or a model that does not settle.
pub fn predict(now: &Measured, change: &Change) -> Result<Prediction, CapacityError> {
    change.check(now)?;
    Err(CapacityError::Idle)
}

/// The smallest change of each kind that holds a target.
///
/// # Errors
/// Like [`predict`].
pub fn needed(now: &Measured, target: Target, limits: Limits) -> Result<Needed, CapacityError> {
    let _ = (target, limits);
    predict(now, &Change::default())?;
    Err(CapacityError::Idle)
}

/// Utilisation of `cpus` at which a service that is parallel to the share `parallel` is full, if all of
/// the rest is one lock: 1/(N(1−p)), at most 1.
pub fn full_at(cpus: f64, parallel: Estimate) -> Estimate {
    parallel.map(|parallel| {
        let serial = cpus * (1.0 - parallel);
        if serial > 1.0 { 1.0 / serial } else { 1.0 }
    })
}
