//! Why no answer could be given.

/// What was asked cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CapacityError {
    /// An input has no meaning: negative, not finite, out of range.
    #[error("{what} is {value}, but must be {must}")]
    Input {
        /// Which one.
        what: String,
        /// As given.
        value: f64,
        /// What it may be.
        must: &'static str,
    },
    /// The process used no CPU in the window, so nothing can be said.
    #[error("the process used no CPU time in the window")]
    Idle,
    /// There is nothing to compute with: no service, no client.
    #[error("{0}")]
    Empty(&'static str),
    /// Larger than what is computed.
    #[error("{what} is {asked}, the limit is {limit}")]
    TooLarge {
        /// Of what there is too much.
        what: &'static str,
        /// How much was asked.
        asked: usize,
        /// How much there may be.
        limit: usize,
    },
    /// An iteration did not settle: no number is better than a wrong one.
    #[error("{model} did not settle: after {steps} steps the residual is {residual:.1e}")]
    Unsettled {
        /// Which model.
        model: &'static str,
        /// Steps taken.
        steps: usize,
        /// What was left.
        residual: f64,
    },
    /// A series does not determine the curve.
    #[error("cannot fit: {0}")]
    Fit(&'static str),
    /// A change names clients of a process whose clients are not known.
    #[error("its clients are not known, so their number cannot be changed")]
    NoClients,
    /// A change names a lock that was not measured.
    #[error("no lock named \"{name}\" was measured")]
    NoLock {
        /// As asked.
        name: String,
        /// Those that were.
        known: Vec<String>,
    },
}

impl CapacityError {
    /// What to try, one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Input { .. } | Self::Empty(_) => None,
            Self::Idle => Some("Measure while it serves requests, or for longer.".to_owned()),
            Self::TooLarge { limit, .. } => Some(format!("Ask for at most {limit}.")),
            Self::Unsettled { .. } => Some("Simulate instead.".to_owned()),
            Self::Fit(_) => Some("Give at least three different loads.".to_owned()),
            Self::NoClients => {
                Some("Change the load instead, or say how many clients it has now.".to_owned())
            }
            Self::NoLock { known, .. } if known.is_empty() => {
                Some("No lock was measured at all.".to_owned())
            }
            Self::NoLock { known, .. } => Some(format!("Known are {}.", known.join(", "))),
        }
    }
}

/// Refuses what is negative, infinite or not a number.
pub(crate) fn not_negative(what: impl Into<String>, value: f64) -> Result<f64, CapacityError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(CapacityError::Input { what: what.into(), value, must: "a finite number, 0 or more" })
}

/// Refuses what is not a finite number above 0.
pub(crate) fn positive(what: impl Into<String>, value: f64) -> Result<f64, CapacityError> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    Err(CapacityError::Input { what: what.into(), value, must: "a finite number above 0" })
}
