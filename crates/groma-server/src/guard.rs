//! Slow-down of those who guess: each failure from an address waits longer before it is told.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the first failure waits; each next one twice as long.
const DELAY_FIRST: Duration = Duration::from_millis(200);
/// What a failure waits at most.
pub const LOGIN_DELAY_MAX: Duration = Duration::from_secs(10);
/// When failures of an address are forgotten, counted from the last one.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
/// Most addresses that are remembered. When there are more, all wait the longest.
const ADDRESSES_MAX: usize = 10_000;

/// Failures by address.
#[derive(Default)]
pub(crate) struct Guard {
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Guard {
    /// Notes a failure and says how long to wait before telling of it.
    pub(crate) fn failed(&self, from: IpAddr, now: Instant) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES_MAX {
            failures.retain(|_, (_, last)| now.duration_since(*last) < FORGOTTEN_AFTER);
        }
        if failures.len() >= ADDRESSES_MAX && !failures.contains_key(&from) {
            return LOGIN_DELAY_MAX;
        }
        let (count, last) = failures.entry(from).or_insert((0, now));
        if now.duration_since(*last) >= FORGOTTEN_AFTER {
            *count = 0;
        }
        (*count, *last) = (count.saturating_add(1), now);
        delay(*count)
    }
}

fn delay(count: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(count.saturating_sub(1));
    DELAY_FIRST.saturating_mul(doubled).min(LOGIN_DELAY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_waits_longer_up_to_a_bound_and_is_forgotten() {
        let (guard, start) = (Guard::default(), Instant::now());
        let address = |last| IpAddr::from([10, 0, 0, last]);
        let waits: Vec<_> = (0..9).map(|_| guard.failed(address(1), start)).collect();
        assert_eq!(waits[..3], [200, 400, 800].map(Duration::from_millis));
        assert_eq!(waits[8], LOGIN_DELAY_MAX);
        assert_eq!(guard.failed(address(2), start), DELAY_FIRST, "others do not wait for it");
        assert_eq!(guard.failed(address(1), start + FORGOTTEN_AFTER), DELAY_FIRST);
    }

    #[test]
    fn a_flood_of_addresses_is_not_remembered_without_end() {
        let (guard, now) = (Guard::default(), Instant::now());
        for number in 0..ADDRESSES_MAX as u32 {
            guard.failed(IpAddr::from(number.to_be_bytes()), now);
        }
        assert_eq!(guard.failed(IpAddr::from([255, 0, 0, 1]), now), LOGIN_DELAY_MAX);
        assert_eq!(guard.failures.lock().unwrap().len(), ADDRESSES_MAX);
    }
}
