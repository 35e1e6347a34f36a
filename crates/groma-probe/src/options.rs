//! What to watch with, and how.

use groma_capacity::Tier;

/// Ticks per second that are allowed: below, a window says nothing; above, the probe costs too much.
pub const RATE_HZ: std::ops::RangeInclusive<u64> = 10..=10_000;

/// How to watch. `Options::default()` is right for most.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Ticks per second and CPU, in [`RATE_HZ`]. The default, 997, is prime, so that it does not beat
    /// with the timer of the kernel.
    pub rate_hz: u64,
    /// Only this tier; `None`: the finest that works.
    pub tier: Option<Tier>,
    /// What is a request.
    pub requests: Requests,
    /// The children of a target, those it has and those to come, are counted with it as one service.
    pub follow_children: bool,
    /// Give up all privileges that are not needed once it watches. Concerns the calling thread.
    pub drop_privileges: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate_hz: 997,
            tier: None,
            requests: Requests::Replies,
            follow_children: false,
            drop_privileges: false,
        }
    }
}

/// What counts as a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requests {
    /// The first send after a receive on a socket that was accepted.
    Replies,
    /// Each of these system calls, by the names of their tracepoints: `sendto`, `fdatasync`.
    Calls(Vec<String>),
    /// Nothing: throughput stays unknown.
    Uncounted,
}
