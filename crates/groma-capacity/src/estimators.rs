//! From counts to shares.

use crate::error::CapacityError;
use crate::measured::Measured;
use crate::samples::Samples;

/// What a window says of a process: the share of each lock by the best method its tier allows, and p.
///
/// # Errors
/// [`CapacityError::Idle`] if it used no CPU; [`CapacityError::Input`] for counts without meaning.
pub fn estimate(samples: &Samples) -> Result<Measured, CapacityError> {
    let _ = samples;
    Err(CapacityError::Idle)
}
