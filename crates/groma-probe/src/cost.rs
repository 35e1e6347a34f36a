//! What the probe itself takes.

use std::fs;

/// Entries in the maps of the kernel side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Processes watched.
    pub targets: usize,
    /// Services: processes with their children.
    pub groups: usize,
    /// Threads.
    pub threads: usize,
    /// Futexes.
    pub locks: usize,
}

/// Time that BPF programs ran, since they were attached.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// On all CPUs together.
    pub seconds: f64,
    /// Times.
    pub runs: u64,
}

impl Cost {
    /// Every descriptor of a program says what it cost.
    pub(crate) fn so_far() -> Option<Self> {
        let mut sum = Self::default();
        for entry in fs::read_dir("/proc/self/fdinfo").ok()?.flatten() {
            // A descriptor that was closed since is none of ours.
            let Ok(text) = fs::read_to_string(entry.path()) else { continue };
            if let Some((nanoseconds, runs)) = run_time(&text) {
                sum.seconds += nanoseconds as f64 / 1e9;
                sum.runs += runs;
            }
        }
        (sum.runs > 0).then_some(sum)
    }
}

fn run_time(fdinfo: &str) -> Option<(u64, u64)> {
    let value = |name: &str| {
        fdinfo.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    Some((value("run_time_ns:")?, value("run_cnt:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_what_it_cost() {
        let text = "pos:\t0\nprog_type:\t26\nrun_time_ns:\t4200\nrun_cnt:\t10\n";
        assert_eq!(run_time(text), Some((4200, 10)));
        assert_eq!(run_time("pos:\t0\nflags:\t02\n"), None);
    }
}
