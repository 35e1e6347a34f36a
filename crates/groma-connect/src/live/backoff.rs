//! How long to wait for a source that fails.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Waits that double with each failure in a row, up to a bound, spread by up to a quarter so that many who
/// failed together do not come back together. No dice: the spread is made from a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    /// After the first failure.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
}

impl BackOff {
    /// Between the requests of one fetch.
    pub const REQUESTS: BackOff =
        BackOff { first: Duration::from_millis(250), most: Duration::from_secs(8) };
    /// Between the fetches of a schedule.
    pub const FETCHES: BackOff =
        BackOff { first: Duration::from_secs(5), most: Duration::from_secs(600) };

    /// How long to wait after this many failures in a row; none after none.
    /// `wish` is how long the source asked us to wait; it is followed up to the longest wait.
    pub fn wait(self, failures: u32, name: &str, wish: Option<Duration>) -> Duration {
        if failures == 0 {
            return Duration::ZERO;
        }
        let doubled = self.first.saturating_mul(1 << (failures - 1).min(20));
        let mut hasher = DefaultHasher::new();
        (name, failures).hash(&mut hasher);
        let spread = 1.0 + (hasher.finish() % 1000) as f64 / 4000.0;
        let own = doubled.min(self.most.div_f64(1.25)).mul_f64(spread);
        wish.map_or(own, |wish| wish.max(own)).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let wait = |failures| BackOff::FETCHES.wait(failures, "a", None);
        assert_eq!(wait(0), Duration::ZERO);
        assert!((1..8).all(|failures| wait(failures) < wait(failures + 1)));
        assert!((1..100).all(|failures| wait(failures) <= BackOff::FETCHES.most));
        assert_ne!(wait(3), BackOff::FETCHES.wait(3, "b", None));
        let wish = Some(Duration::from_secs(60));
        assert_eq!(BackOff::FETCHES.wait(1, "a", wish), Duration::from_secs(60));
        let endless = Some(Duration::from_secs(86_400));
        assert_eq!(BackOff::FETCHES.wait(1, "a", endless), BackOff::FETCHES.most);
    }
}
