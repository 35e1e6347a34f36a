//! Chance: everything random comes from one seeded generator through these few shapes.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A seeded source of numbers.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// `stream` keeps parts of the generator apart, so that a change in one leaves the other alone.
    pub(crate) fn new(seed: u64, stream: u64) -> Dice {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Dice(generator)
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `(0, 1]`, for logarithms.
    fn positive_unit(&mut self) -> f64 {
        1.0 - self.unit()
    }

    /// Uniform in `[least, most)`.
    pub(crate) fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.unit()
    }

    /// True with probability `share`; throws no die where the answer is certain.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.unit() < share
    }

    /// Uniform in `0..count`; `count` is not 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// Exponential.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -self.positive_unit().ln() * mean
    }

    /// Lognormal with this median.
    pub(crate) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        let normal: f64 = StandardNormal.sample(&mut self.0);
        median * (sigma * normal).exp()
    }

    /// Lognormal with this mean.
    pub(crate) fn lognormal_of_mean(&mut self, mean: f64, sigma: f64) -> f64 {
        self.lognormal(mean * (-sigma * sigma / 2.0).exp(), sigma)
    }

    /// Pareto, cut at `most` by capping.
    pub(crate) fn pareto(&mut self, least: f64, alpha: f64, most: f64) -> f64 {
        (least * self.positive_unit().powf(-1.0 / alpha)).min(most)
    }

    /// Geometric on 0, 1, 2, ...
    pub(crate) fn geometric(&mut self, mean: f64) -> usize {
        if mean <= 0.0 {
            return 0;
        }
        let stop = 1.0 / (1.0 + mean);
        (self.positive_unit().ln() / (1.0 - stop).ln()) as usize
    }

    /// Largest of `count` uniform numbers in `[0, 1)`: the step of a sorted sample made in order.
    pub(crate) fn largest_of(&mut self, count: u64) -> f64 {
        self.positive_unit().powf(1.0 / count as f64)
    }
}

/// Numbers that fill `[0, 1)` evenly: a class of 0.24 % keeps its share at every scale, where
/// independent draws would miss it by a tenth.
pub(crate) struct Even(f64);

impl Even {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;

    pub(crate) fn new(dice: &mut Dice) -> Even {
        Even(dice.unit())
    }

    pub(crate) fn next(&mut self) -> f64 {
        self.0 = (self.0 + Even::GOLDEN).fract();
        self.0
    }
}
