//! Work: CPU time of this thread, used up.

use std::hint::black_box;
use std::time::Duration;

use crate::os::thread_cpu_ns;

/// CPU time between two looks at the clock. A look is a system call of some 0.2 µs; the truth of a
/// critical section is right to one step.
const STEP_NS: u64 = 20_000;
const CALIBRATION_TURNS: u64 = 200_000;
const CALIBRATION_RUNS: usize = 5;

/// Something that uses CPU time, and knows how fast this processor is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Burner {
    turns_a_ns: f64,
}

impl Burner {
    /// Measures how fast a turn of the loop is. Takes a few milliseconds.
    pub(crate) fn calibrated() -> Burner {
        let run = || {
            let start = thread_cpu_ns();
            turn(CALIBRATION_TURNS);
            thread_cpu_ns().saturating_sub(start).max(1)
        };
        let fastest_ns = (0..CALIBRATION_RUNS).map(|_| run()).min().unwrap_or(1);
        Burner { turns_a_ns: CALIBRATION_TURNS as f64 / fastest_ns as f64 }
    }

    /// Uses `demand` of CPU time of this thread and tells `used`, step by step, what it used.
    pub(crate) fn burn(self, demand: Duration, mut used: impl FnMut(u64)) {
        let start = thread_cpu_ns();
        let end = start + u64::try_from(demand.as_nanos()).unwrap_or(u64::MAX / 2);
        let mut now = start;
        while now < end {
            let step_ns = (end - now).min(STEP_NS);
            turn((step_ns as f64 * self.turns_a_ns) as u64 + 1);
            let after = thread_cpu_ns();
            used(after.saturating_sub(now));
            now = after;
        }
    }
}

fn turn(turns: u64) {
    let mut value = turns;
    for _ in 0..turns {
        value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}
