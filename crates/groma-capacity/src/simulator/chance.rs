//! Times that look random and are the same for the same seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::Exp1;

use super::Distribution;

pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    pub(super) fn of(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        let unit: f64 = self.0.sample(Exp1);
        mean * unit
    }

    pub(super) fn time(&mut self, mean: f64, distribution: Distribution) -> f64 {
        match distribution {
            Distribution::Exponential => self.exponential(mean),
            Distribution::Deterministic => mean,
            // Two exponentials with balanced means.
            Distribution::Hyperexponential { variation } => {
                let skew = ((variation - 1.0) / (variation + 1.0)).max(0.0).sqrt();
                let often = f64::midpoint(1.0, skew);
                let share = if self.happens(often) { often } else { 1.0 - often };
                self.exponential(mean / (2.0 * share))
            }
        }
    }

    /// True with that probability.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        probability >= 1.0 || self.0.random::<f64>() < probability
    }
}
