//! Confidence intervals.

use crate::measured::Estimate;

/// Quantile of the normal distribution for 95 %.
const Z: f64 = 1.959_964;

/// Wilson's interval of a share seen in `samples` samples; all of [0, 1] without samples.
pub(super) fn wilson(share: f64, samples: u64) -> Estimate {
    if samples == 0 {
        return Estimate::new(share, 0.0, 1.0);
    }
    let n = samples as f64;
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Estimate::new(share, (centre - spread) / scale, (centre + spread) / scale)
}

/// A product or quotient of means whose relative variance is `variance`: log-normal, so above 0.
pub(super) fn relative(value: f64, variance: f64) -> Estimate {
    let factor = (Z * variance.max(0.0).sqrt()).exp();
    Estimate::new(value, value / factor, value * factor)
}

/// Adds what a method is wrong by even with endless samples.
pub(super) fn widen(estimate: Estimate, below: f64, above: f64) -> Estimate {
    Estimate::new(
        estimate.value,
        estimate.value - (estimate.value - estimate.low).hypot(below),
        estimate.value + (estimate.high - estimate.value).hypot(above),
    )
}
