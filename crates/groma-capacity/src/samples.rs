//! What a probe counted in one window: sums only, so that windows can be added.
//!
//! Times are seconds, counts are counts. A field that was not measured is `None`, never 0.

use crate::tier::Tier;

/// One process over one window, or over several windows added with [`Samples::add`].
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// How it was measured; with windows of several tiers, the coarsest.
    pub tier: Tier,
    /// Length of the window, seconds.
    pub window: f64,
    /// CPUs it could use (N): the least of affinity, cgroup quota and CPUs online. May be a fraction.
    pub cpus: f64,
    /// CPU time the process used in the window, seconds; over `window` it is N·U.
    pub cpu_time: f64,
    /// Seconds its threads were ready to run and waited for a CPU, summed over threads.
    pub run_delay: Option<f64>,
    /// Share of the CPU time of the machine that anyone used or took, mean over the window, in [0, 1].
    pub machine_busy: Option<f64>,
    /// Timer ticks (or `/proc` samples) that found the process on a CPU; 0 where there were no ticks.
    pub ticks: u64,
    /// Requests completed.
    pub requests: Option<u64>,
    /// Requests in the system or thinking: the closed population N_c, mean over the window.
    pub clients: Option<f64>,
    /// Threads, mean over the window.
    pub threads: Option<f64>,
    /// When anyone waited for any of its locks; for the formula of the paper.
    pub contended: Option<Contended>,
    /// Every lock known by the end of the window.
    pub locks: Vec<LockSamples>,
    /// Time blocked on what is neither CPU nor lock.
    pub waits: Vec<WaitSamples>,
    /// Seconds that requests were blocked inside the process on something that may be a lock, but does
    /// not tell: a semaphore, a condition variable, a monitor. Summed over threads. `None`: not counted.
    pub hidden: Option<f64>,
    /// Times they were.
    pub hidden_waits: Option<u64>,
    /// Of the ticks, those that found a loop with the instruction by which a CPU waits (PAUSE): threads
    /// that spin. `None`: nobody looked.
    pub spinning: Option<u64>,
    /// What the probe wants its reader to know: condition variables ignored, spinning suspected.
    pub warnings: Vec<String>,
}

/// The part of a window in which some thread waited for some lock.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Contended {
    /// Its length, seconds.
    pub time: f64,
    /// CPU time the process used in it, seconds.
    pub cpu_time: f64,
}

/// One lock of a process.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LockSamples {
    /// Names it within the process: symbol or address, `0x7f31c0de`.
    pub name: String,
    /// What the futex calls look like: `pthread-mutex`, `rust-mutex`, `futex`.
    pub kind: String,
    /// CPU of whoever owned it; `None` for a lock without an owner field.
    pub owner: Option<OwnerSamples>,
    /// Waits that began (k): every one is an acquisition that met a held lock.
    pub waits: u64,
    /// Of them, those of readers for a writer or of a writer for readers. Readers hold it together, so
    /// that with any of these its holds do not say how much is serial.
    pub shared_waits: u64,
    /// Time waited, summed over threads, seconds.
    pub wait_time: f64,
    /// Median and 99th percentile of one wait, seconds; of the longer window after an addition.
    pub wait_p50: Option<f64>,
    /// See `wait_p50`.
    pub wait_p99: Option<f64>,
    /// Time with at least one waiter, seconds.
    pub contended_time: f64,
    /// Holds that began with a wait and were followed from its return to the wake.
    pub holds: u64,
    /// Time their holders were on a CPU, seconds.
    pub hold_cpu_time: f64,
    /// Sum of the squares of those times, seconds², for the spread; `None`: taken as exponential.
    pub hold_cpu_squares: Option<f64>,
    /// Time on the clock of the same holds, seconds.
    pub hold_time: f64,
    /// Looks at the lock word.
    pub looks: u64,
    /// Looks that found it held.
    pub looks_held: u64,
    /// Looks that found the same owner as the look before: holds that last.
    pub looks_lasting: u64,
    /// Time in which there were looks, seconds.
    pub looks_time: f64,
    /// Of it, the time in which looks were due and the sampler itself waited for a processor, seconds.
    pub looks_late_time: f64,
    /// Acquisitions, contended or not (n); `None`: one for each request is assumed.
    pub acquisitions: Option<u64>,
    /// Hand-overs whose delay was seen: from the wake to the return of the wait.
    pub hand_offs: u64,
    /// Sum of their delays, seconds.
    pub hand_off_time: f64,
}

/// How much of a process' CPU time was spent by the owner of a lock, since the lock was known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnerSamples {
    /// By the owner: ticks, or CPU seconds where threads were weighted by their CPU clock.
    pub owned: f64,
    /// By the whole process, in the same unit, counted only since this lock was known.
    pub total: f64,
    /// Samples behind `total`; they set the confidence interval.
    pub samples: u64,
}

/// Blocked on one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaitSamples {
    /// On what.
    pub kind: WaitKind,
    /// Seconds blocked, summed over threads. For memory: seconds of stall (PSI "some").
    pub time: f64,
    /// Times it blocked, where counted.
    pub count: Option<u64>,
    /// Seconds the device itself was busy for this process; `None`: it is taken as a delay without queue.
    pub busy_time: Option<f64>,
}

/// What a request can wait for besides CPU and locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitKind {
    /// Block devices.
    Disk,
    /// Other machines: sockets the process itself opened, not the wait for the next request.
    Network,
    /// Memory pressure: reclaim, swapping in.
    Memory,
}

impl WaitKind {
    /// `disk`, `network`, `memory`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Network => "network",
            Self::Memory => "memory",
        }
    }
}

impl OwnerSamples {
    /// `owned` of `total` ticks.
    pub fn ticks(owned: u64, total: u64) -> Self {
        Self { owned: owned as f64, total: total as f64, samples: total }
    }
}

impl Samples {
    /// A window in which nothing but the CPU time is known yet.
    pub fn new(tier: Tier, window: f64, cpus: f64, cpu_time: f64) -> Self {
        Self {
            tier,
            window,
            cpus,
            cpu_time,
            run_delay: None,
            machine_busy: None,
            ticks: 0,
            requests: None,
            clients: None,
            threads: None,
            contended: None,
            locks: Vec::new(),
            waits: Vec::new(),
            hidden: None,
            hidden_waits: None,
            spinning: None,
            warnings: Vec::new(),
        }
    }

    /// Adds a later window of the same process. What only one of them measured becomes unknown, except
    /// clients, threads and how busy the machine was, which are means of what is known; locks are matched by name.
    pub fn add(&mut self, later: &Self) {
        self.clients = mean(self.clients, self.window, later.clients, later.window);
        self.threads = mean(self.threads, self.window, later.threads, later.window);
        self.machine_busy = mean(self.machine_busy, self.window, later.machine_busy, later.window);
        let window = self.window + later.window;
        if window > 0.0 {
            self.cpus = (self.cpus * self.window + later.cpus * later.window) / window;
        }
        for lock in &later.locks {
            match self.locks.iter_mut().find(|known| known.name == lock.name) {
                Some(known) => known.add(lock, later.window > self.window),
                None => self.locks.push(lock.clone()),
            }
        }
        for wait in &later.waits {
            match self.waits.iter_mut().find(|known| known.kind == wait.kind) {
                Some(known) => known.add(wait),
                None => self.waits.push(*wait),
            }
        }
        for warning in &later.warnings {
            if !self.warnings.contains(warning) {
                self.warnings.push(warning.clone());
            }
        }
        self.tier = self.tier.max(later.tier);
        self.window = window;
        self.cpu_time += later.cpu_time;
        self.run_delay = sum(self.run_delay, later.run_delay);
        self.hidden = sum(self.hidden, later.hidden);
        self.hidden_waits = self.hidden_waits.zip(later.hidden_waits).map(|(a, b)| a + b);
        self.spinning = self.spinning.zip(later.spinning).map(|(a, b)| a + b);
        self.ticks += later.ticks;
        self.requests = self.requests.zip(later.requests).map(|(a, b)| a + b);
        self.contended = self
            .contended
            .zip(later.contended)
            .map(|(a, b)| Contended { time: a.time + b.time, cpu_time: a.cpu_time + b.cpu_time });
    }
}

impl LockSamples {
    /// Takes in another word of the same lock, over the same window.
    pub fn join(&mut self, word: &Self) {
        let contended_time = self.contended_time.max(word.contended_time);
        self.add(word, word.waits > self.waits);
        self.contended_time = contended_time;
    }

    fn add(&mut self, later: &Self, later_is_longer: bool) {
        self.owner = match (self.owner, later.owner) {
            (Some(a), Some(b)) => Some(OwnerSamples {
                owned: a.owned + b.owned,
                total: a.total + b.total,
                samples: a.samples + b.samples,
            }),
            (a, b) => a.or(b),
        };
        if later_is_longer || self.wait_p50.is_none() {
            (self.wait_p50, self.wait_p99) = (later.wait_p50, later.wait_p99);
        }
        self.waits += later.waits;
        self.shared_waits += later.shared_waits;
        self.wait_time += later.wait_time;
        self.contended_time += later.contended_time;
        self.holds += later.holds;
        self.hold_cpu_time += later.hold_cpu_time;
        self.hold_cpu_squares = sum(self.hold_cpu_squares, later.hold_cpu_squares);
        self.hold_time += later.hold_time;
        self.looks += later.looks;
        self.looks_held += later.looks_held;
        self.looks_lasting += later.looks_lasting;
        self.looks_time += later.looks_time;
        self.looks_late_time += later.looks_late_time;
        self.acquisitions = self.acquisitions.zip(later.acquisitions).map(|(a, b)| a + b);
        self.hand_offs += later.hand_offs;
        self.hand_off_time += later.hand_off_time;
    }
}

impl WaitSamples {
    fn add(&mut self, later: &Self) {
        self.time += later.time;
        self.count = self.count.zip(later.count).map(|(a, b)| a + b);
        self.busy_time = sum(self.busy_time, later.busy_time);
    }
}

fn sum(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a + b)
}

fn mean(a: Option<f64>, weight_a: f64, b: Option<f64>, weight_b: f64) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) if weight_a + weight_b > 0.0 => {
            Some((a * weight_a + b * weight_b) / (weight_a + weight_b))
        }
        (a, b) => a.or(b),
    }
}
