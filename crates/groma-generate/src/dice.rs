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

impl Even {
    /// Lognormal with this mean; the sum of many is close to what is expected, though a few make
    /// up most of it.
    pub(crate) fn lognormal_of_mean(&mut self, mean: f64, sigma: f64) -> f64 {
        mean * (sigma * normal_quantile(self.next()) - sigma * sigma / 2.0).exp()
    }
}

/// The number below which a standard normal lies with probability `part`; relative error 1e-9
/// (Acklam's rational approximation).
fn normal_quantile(part: f64) -> f64 {
    const LOW: f64 = 0.02425;
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
        1.0,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        0.007_784_695_709_041_462,
        0.322_467_129_070_039_8,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    let sum = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, factor| sum * x + factor);
    let part = part.clamp(1e-15, 1.0 - 1e-15);
    if part < LOW {
        let q = (-2.0 * part.ln()).sqrt();
        sum(&C, q) / sum(&D, q)
    } else if part > 1.0 - LOW {
        -normal_quantile(1.0 - part)
    } else {
        let q = part - 0.5;
        sum(&A, q * q) * q / sum(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_are_those_of_the_table() {
        for (part, quantile) in
            [(0.5, 0.0), (0.975, 1.959_963_985), (0.01, -2.326_347_874), (0.999, 3.090_232_306)]
        {
            assert!((normal_quantile(part) - quantile).abs() < 1e-8, "{part}");
        }
    }
}
