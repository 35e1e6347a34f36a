//! Distributions over a column: quantiles, shares and curves, as in the two pictures of the
//! paper's Figure 1 (how long trees last, how long they lie silent). Unknown values are left out
//! by whoever makes the column.

use crate::Trees;

/// A sorted column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    sorted: Vec<i64>,
}

/// A point of a cumulative curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The value.
    pub value: i64,
    /// Share of values at or below it, 0 to 1.
    pub share: f64,
}

impl Distribution {
    /// Of the values, in any order.
    pub fn new(values: impl IntoIterator<Item = i64>) -> Distribution {
        let mut sorted: Vec<i64> = values.into_iter().collect();
        sorted.sort_unstable();
        Distribution { sorted }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The smallest value with at least share `share` (0 to 1) of all at or below it. `None` if
    /// there are no values, or `share` is no number.
    pub fn quantile(&self, share: f64) -> Option<i64> {
        if share.is_nan() {
            return None;
        }
        let rank = (share.clamp(0.0, 1.0) * self.sorted.len() as f64).ceil() as usize;
        self.sorted.get(rank.max(1) - 1).copied()
    }

    /// How many values are below `limit`.
    pub fn count_below(&self, limit: i64) -> usize {
        self.sorted.partition_point(|value| *value < limit)
    }

    /// Share of values below `limit`; `None` if there are no values.
    pub fn share_below(&self, limit: i64) -> Option<f64> {
        (!self.is_empty()).then(|| self.count_below(limit) as f64 / self.len() as f64)
    }

    /// Share of values above `limit`; `None` if there are no values.
    pub fn share_above(&self, limit: i64) -> Option<f64> {
        let above = self.len() - self.sorted.partition_point(|value| *value <= limit);
        (!self.is_empty()).then(|| above as f64 / self.len() as f64)
    }

    /// Mean; `None` if there are no values.
    pub fn mean(&self) -> Option<f64> {
        let sum: i128 = self.sorted.iter().map(|value| i128::from(*value)).sum();
        (!self.is_empty()).then(|| sum as f64 / self.len() as f64)
    }

    /// The cumulative curve, at up to `points_max` shares that divide it evenly, each value once.
    pub fn curve(&self, points_max: usize) -> Vec<CurvePoint> {
        let mut curve: Vec<CurvePoint> = Vec::new();
        let steps = points_max.min(self.len());
        for step in 1..=steps {
            let rank = (self.len() as u128 * step as u128 / steps as u128) as usize;
            let value = self.sorted[rank - 1];
            let at_or_below = self.sorted.partition_point(|other| *other <= value);
            let share = at_or_below as f64 / self.len() as f64;
            match curve.last_mut() {
                Some(last) if last.value == value => last.share = share,
                _ => curve.push(CurvePoint { value, share }),
            }
        }
        curve
    }
}

/// Durations of the trees in nanoseconds, as far as their times are known.
pub fn tree_durations(trees: &Trees) -> Distribution {
    Distribution::new((0..trees.len()).filter_map(|index| trees.duration(index)))
}

/// Longest silence within each tree in nanoseconds, as far as their times are known.
pub fn tree_silences(trees: &Trees) -> Distribution {
    let known = (0..trees.len()).filter(|index| trees.duration(*index).is_some());
    Distribution::new(known.map(|index| trees.longest_silence[index]))
}

/// Number of transactions of each tree.
pub fn tree_sizes(trees: &Trees) -> Distribution {
    Distribution::new(trees.transactions.iter().map(|count| i64::from(*count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_shares_agree_with_counting() {
        let some = Distribution::new([5, 1, 3, 3]);
        assert_eq!(some.quantile(0.5), Some(3));
        assert_eq!(some.quantile(0.0), Some(1));
        assert_eq!(some.quantile(1.0), Some(5));
        assert_eq!(some.share_below(3), Some(0.25));
        assert_eq!(some.share_above(3), Some(0.25));
        assert_eq!(some.mean(), Some(3.0));
        let curve: Vec<_> =
            some.curve(100).iter().map(|point| (point.value, point.share)).collect();
        assert_eq!(curve, [(1, 0.25), (3, 0.75), (5, 1.0)]);
    }

    #[test]
    fn of_nothing_nothing_is_known() {
        let none = Distribution::default();
        assert_eq!((none.quantile(0.5), none.share_below(1), none.mean()), (None, None, None));
        assert!(none.curve(10).is_empty());
    }
}
