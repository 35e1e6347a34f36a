//! What the server knows of itself: CPU time within and without each critical section.

use std::fmt;
use std::str::FromStr;

/// Counts since the server started. The difference of two is a [`Window`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// When it was taken: the machine's monotonic clock.
    pub at_ns: u64,
    /// CPU time of the whole process.
    pub cpu_ns: u64,
    /// Requests answered.
    pub requests: u64,
    /// What each lock has seen.
    pub locks: Vec<LockTruth>,
}

/// Counts of one lock since the server started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LockTruth {
    /// CPU time of those who held it.
    pub held_cpu_ns: u64,
    /// How often it was taken.
    pub acquired: u64,
    /// How often one had to wait for it.
    pub contended: u64,
    /// How long they waited, by the wall clock.
    pub waited_ns: u64,
}

/// What the server did between two moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// How long it was.
    pub seconds: f64,
    /// Processors used: N·U, CPU seconds a second.
    pub cpus_used: f64,
    /// Requests answered a second.
    pub throughput: f64,
    /// The share of the CPU time that was spent under no lock. NaN: no CPU time was used.
    pub p: f64,
    /// The share of the CPU time spent under each lock.
    pub shares: Vec<f64>,
    /// Waits a second, all locks.
    pub waits: f64,
}

impl Truth {
    /// What happened between `self` and `later`.
    pub fn until(&self, later: &Truth) -> Window {
        let seconds = later.at_ns.saturating_sub(self.at_ns) as f64 / 1e9;
        let cpu_ns = later.cpu_ns.saturating_sub(self.cpu_ns) as f64;
        let locks = || self.locks.iter().zip(&later.locks);
        let shares: Vec<f64> = locks()
            .map(|(from, to)| to.held_cpu_ns.saturating_sub(from.held_cpu_ns) as f64 / cpu_ns)
            .collect();
        let waits: u64 =
            locks().map(|(from, to)| to.contended.saturating_sub(from.contended)).sum();
        Window {
            seconds,
            cpus_used: cpu_ns / 1e9 / seconds,
            throughput: later.requests.saturating_sub(self.requests) as f64 / seconds,
            p: 1.0 - shares.iter().sum::<f64>(),
            shares,
            waits: waits as f64 / seconds,
        }
    }
}

/// One line of numbers: `at cpu requests`, and four for each lock.
impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at_ns, self.cpu_ns, self.requests)?;
        self.locks.iter().try_for_each(|lock| {
            let LockTruth { held_cpu_ns, acquired, contended, waited_ns } = lock;
            write!(f, " {held_cpu_ns} {acquired} {contended} {waited_ns}")
        })
    }
}

impl FromStr for Truth {
    type Err = String;

    fn from_str(line: &str) -> Result<Truth, String> {
        let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok([at_ns, cpu_ns, requests, locks @ ..]) if locks.len() % 4 == 0 => Ok(Truth {
                at_ns: *at_ns,
                cpu_ns: *cpu_ns,
                requests: *requests,
                locks: locks
                    .chunks_exact(4)
                    .map(|lock| LockTruth {
                        held_cpu_ns: lock[0],
                        acquired: lock[1],
                        contended: lock[2],
                        waited_ns: lock[3],
                    })
                    .collect(),
            }),
            _ => Err(format!("not a line of the server's counts: \"{}\"", line.trim_end())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_the_difference_of_two_lines() {
        let from: Truth = "1000000000 500 10 100 5 1 7".parse().unwrap();
        let to: Truth = "3000000000 4000000500 30 1000000100 25 5 9".parse().unwrap();
        let window = from.until(&to);
        assert_eq!((window.seconds, window.cpus_used, window.throughput), (2.0, 2.0, 10.0));
        assert_eq!((window.p, window.shares, window.waits), (0.75, vec![0.25], 2.0));
        assert_eq!(to.to_string().parse(), Ok(to));
        assert!("1 2 3 4".parse::<Truth>().unwrap_err().contains("1 2 3 4"));
    }
}
