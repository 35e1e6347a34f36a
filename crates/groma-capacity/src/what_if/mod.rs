//! What would be, if something were different.

mod change;
mod model;
mod needed;
mod predict;

pub use change::{
    Bottleneck, Change, Lever, Limits, LockSpeed, Needed, Prediction, Target, Unit, Way,
};
pub use needed::needed;
pub use predict::{Axis, predict, predict_curve};

use crate::measured::Estimate;

/// Utilisation of `cpus` at which a service that is parallel to the share `parallel` is full, if all of
/// the rest is one lock: 1/(N(1−p)), at most 1.
pub fn full_at(cpus: f64, parallel: Estimate) -> Estimate {
    parallel.map(|parallel| {
        let serial = cpus * (1.0 - parallel);
        if serial > 1.0 { 1.0 / serial } else { 1.0 }
    })
}
