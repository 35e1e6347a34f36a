//! The Universal Scalability Law, fitted to a series of (load, throughput).
//!
//! X(N) = γN / (1 + α(N−1) + βN(N−1)): α is contention, β coherency, γ the throughput at load 1
//! (Gunther). N/X is linear in 1/γ, α/γ, β/γ, which gives a start; Levenberg–Marquardt then fits X itself.
//! α and β stay at 0 or above: one that would be negative is fixed at 0 and the rest fitted again.

use crate::error::{CapacityError, positive};
use crate::measured::Estimate;

const STEPS_MAX: usize = 500;
const SETTLED: f64 = 1e-12;
/// Parameters.
const GAMMA: usize = 0;
const ALPHA: usize = 1;
const BETA: usize = 2;

/// A fitted curve; intervals at 95 %, from the curvature at the best fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Usl {
    /// Contention, α.
    pub contention: Estimate,
    /// Coherency, β.
    pub coherency: Estimate,
    /// Throughput at load 1, γ, per second.
    pub single: Estimate,
    /// Share of the variance explained, R².
    pub explained: f64,
    /// Load of the highest throughput; `None`: it never falls.
    pub peak_load: Option<f64>,
    /// Highest throughput, per second; without a peak the limit γ/α; `None`: there is none.
    pub peak: Option<f64>,
}

impl Usl {
    /// Throughput at `load`.
    pub fn throughput(&self, load: f64) -> f64 {
        curve(&[self.single.value, self.contention.value, self.coherency.value], load)
    }
}

/// Fits the law to (load, throughput) pairs.
///
/// # Errors
/// [`CapacityError::Fit`] with fewer than three different loads, [`CapacityError::Input`] for a load or
/// throughput that is not above 0.
pub fn fit_usl(series: &[(f64, f64)]) -> Result<Usl, CapacityError> {
    for (load, throughput) in series {
        positive("load", *load)?;
        positive("throughput", *throughput)?;
    }
    let mut loads: Vec<_> = series.iter().map(|(load, _)| *load).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    if loads.len() < 3 {
        return Err(CapacityError::Fit("fewer than three different loads"));
    }
    let best = [&[GAMMA, ALPHA, BETA][..], &[GAMMA, ALPHA], &[GAMMA, BETA], &[GAMMA]]
        .into_iter()
        .filter_map(|free| fit_free(series, free))
        .filter(|fit| fit.values.iter().all(|value| *value >= 0.0))
        .min_by(|a, b| a.squares.total_cmp(&b.squares))
        .ok_or(CapacityError::Fit("no curve with contention and coherency of 0 or more"))?;
    Ok(best.finish(series))
}

struct Fit<'a> {
    values: [f64; 3],
    free: &'a [usize],
    squares: f64,
}

fn curve(values: &[f64; 3], load: f64) -> f64 {
    values[GAMMA] * load / drag(values, load)
}

fn drag(values: &[f64; 3], load: f64) -> f64 {
    1.0 + values[ALPHA] * (load - 1.0) + values[BETA] * load * (load - 1.0)
}

fn slope(values: &[f64; 3], load: f64) -> [f64; 3] {
    let drag = drag(values, load);
    let by_drag = -values[GAMMA] * load / (drag * drag);
    [load / drag, by_drag * (load - 1.0), by_drag * load * (load - 1.0)]
}

fn squares(series: &[(f64, f64)], values: &[f64; 3]) -> f64 {
    series.iter().map(|(load, throughput)| (throughput - curve(values, *load)).powi(2)).sum()
}

fn fit_free<'a>(series: &[(f64, f64)], free: &'a [usize]) -> Option<Fit<'a>> {
    let mut values = start(series, free)?;
    let mut error = squares(series, &values);
    let mut damping = 1e-3;
    for _ in 0..STEPS_MAX {
        let (mut normal, gradient) = normal(series, &values, free);
        (0..free.len()).for_each(|index| normal[index][index] *= 1.0 + damping);
        let Some(step) = solve(normal, gradient, free.len()) else {
            break;
        };
        let mut tried = values;
        free.iter().zip(step).for_each(|(index, step)| tried[*index] += step);
        let now = squares(series, &tried);
        if now < error {
            let gain = (error - now) / error;
            (values, error, damping) = (tried, now, damping / 5.0);
            if gain < SETTLED {
                break;
            }
        } else {
            damping *= 5.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    values.iter().all(|value| value.is_finite()).then_some(Fit { values, free, squares: error })
}

/// N/X = 1/γ + (α/γ)(N−1) + (β/γ)N(N−1), least squares.
fn start(series: &[(f64, f64)], free: &[usize]) -> Option<[f64; 3]> {
    let (mut normal, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for (load, throughput) in series {
        let basis = [1.0, load - 1.0, load * (load - 1.0)];
        for (row, a) in free.iter().enumerate() {
            right[row] += basis[*a] * load / throughput;
            for (column, b) in free.iter().enumerate() {
                normal[row][column] += basis[*a] * basis[*b];
            }
        }
    }
    let linear = solve(normal, right, free.len())?;
    let gamma = 1.0 / linear[0];
    let mut values = [gamma, 0.0, 0.0];
    free.iter().zip(linear).skip(1).for_each(|(index, linear)| values[*index] = linear * gamma);
    Some(values)
}

fn normal(series: &[(f64, f64)], values: &[f64; 3], free: &[usize]) -> ([[f64; 3]; 3], [f64; 3]) {
    let (mut normal, mut gradient) = ([[0.0; 3]; 3], [0.0; 3]);
    for (load, throughput) in series {
        let slope = slope(values, *load);
        let miss = throughput - curve(values, *load);
        for (row, a) in free.iter().enumerate() {
            gradient[row] += slope[*a] * miss;
            for (column, b) in free.iter().enumerate() {
                normal[row][column] += slope[*a] * slope[*b];
            }
        }
    }
    (normal, gradient)
}

/// Gauss with pivots on the first `size` rows and columns; `None` if they are not independent.
fn solve(mut matrix: [[f64; 3]; 3], mut right: [f64; 3], size: usize) -> Option<[f64; 3]> {
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs()))?;
        if matrix[pivot][column].abs() < f64::MIN_POSITIVE {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..size {
            let factor = matrix[row][column] / matrix[column][column];
            let above = matrix[column];
            for (cell, above) in matrix[row].iter_mut().zip(above).skip(column) {
                *cell -= factor * above;
            }
            right[row] -= factor * right[column];
        }
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|index| matrix[row][index] * right[index]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    Some(right)
}

impl Fit<'_> {
    fn finish(&self, series: &[(f64, f64)]) -> Usl {
        let mean = series.iter().map(|(_, x)| x).sum::<f64>() / series.len() as f64;
        let spread: f64 = series.iter().map(|(_, x)| (x - mean).powi(2)).sum();
        let interval = |parameter: usize| self.interval(series, parameter);
        let [gamma, alpha, beta] = self.values;
        let peak_load = (beta > 0.0).then(|| ((1.0 - alpha).max(0.0) / beta).sqrt().max(1.0));
        let peak = match peak_load {
            Some(load) => Some(curve(&self.values, load)),
            None => (alpha > 0.0).then(|| gamma / alpha),
        };
        Usl {
            contention: interval(ALPHA),
            coherency: interval(BETA),
            single: interval(GAMMA),
            explained: if spread > 0.0 { 1.0 - self.squares / spread } else { 1.0 },
            peak_load,
            peak,
        }
    }

    /// From the inverse of the normal matrix; without degrees of freedom left, nothing is known.
    fn interval(&self, series: &[(f64, f64)], parameter: usize) -> Estimate {
        let value = self.values[parameter];
        let Some(place) = self.free.iter().position(|free| *free == parameter) else {
            return Estimate::exact(value);
        };
        let freedom = series.len().saturating_sub(self.free.len());
        let (normal, _) = normal(series, &self.values, self.free);
        let mut unit = [0.0; 3];
        unit[place] = 1.0;
        let inverse = solve(normal, unit, self.free.len());
        match inverse {
            Some(column) if freedom > 0 => {
                let error = (self.squares / freedom as f64 * column[place].max(0.0)).sqrt();
                let half = student(freedom) * error;
                Estimate::new(value, (value - half).max(0.0), value + half)
            }
            _ => Estimate::new(value, 0.0, f64::INFINITY),
        }
    }
}

/// 97.5 % quantile of Student's t (Cornish–Fisher, exact for one and two degrees).
fn student(freedom: usize) -> f64 {
    match freedom {
        1 => 12.706,
        2 => 4.303,
        _ => {
            let (z, n) = (1.959_964_f64, freedom as f64);
            z + (z.powi(3) + z) / (4.0 * n)
                + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
                + (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z)
                    / (384.0 * n.powi(3))
        }
    }
}
