//! Reports: what a probe tells of a window, as JSON, read for the model.
//!
//! ```text
//! groma probe --json --> a line --read--> WindowReport --facts--> observations
//! ```
//!
//! One object is one window of one machine with every process that was measured. What is unknown is
//! absent or null; keys that are not needed here are passed over, so that a newer probe can speak to an
//! older model. Times are seconds.

mod facts;
mod names;

use groma_model::Timestamp;
use serde::Deserialize;

pub use facts::facts;
pub use names::{Holder, Names};

use crate::{Estimate, Lock, Measured, Method, Tier, Wait, WaitKind};

/// Longest report, in bytes.
pub const REPORT_BYTES_MAX: usize = 16 << 20;
/// Most processes of a report.
pub const PROCESSES_MAX: usize = 10_000;
/// Most locks of a process.
pub const LOCKS_MAX: usize = 1_000;

/// A report that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It is no JSON, or a key is missing or of another type.
    #[error("the report is not understood: {0}")]
    Malformed(String),
    /// A value has no meaning.
    #[error("{place}: {what} is {value}, but must be {must}")]
    Value {
        /// Of which process, or the window.
        place: String,
        /// Which value.
        what: String,
        /// As given.
        value: String,
        /// What it may be.
        must: &'static str,
    },
    /// Larger than what is taken.
    #[error("{what}: {asked}, the limit is {limit}")]
    TooLarge {
        /// Of what there is too much.
        what: &'static str,
        /// How much there is.
        asked: usize,
        /// How much there may be.
        limit: usize,
    },
}

/// One window of one machine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct WindowReport {
    /// Name of the machine.
    pub host: String,
    /// End of the window, by the machine's clock.
    at: Moment,
    /// The machine.
    #[serde(default)]
    pub machine: MachineReport,
    /// What was measured in it.
    pub processes: Vec<ProcessReport>,
}

/// The machine in a window.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
pub struct MachineReport {
    /// CPUs that are online.
    #[serde(default)]
    pub cpus: Option<f64>,
}

/// A time: seconds since 1970, or as `2026-11-20T10:00:05Z`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Moment {
    Seconds(f64),
    Text(String),
}

/// One process in a window.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ProcessReport {
    /// Process id, as the machine counts.
    pub pid: u32,
    /// The kernel's short name of it.
    pub comm: String,
    /// The service of systemd that it belongs to.
    #[serde(default)]
    pub unit: Option<String>,
    /// When it was started.
    #[serde(default)]
    started: Option<Moment>,
    /// Version of the program.
    #[serde(default)]
    pub release: Option<String>,
    /// Samples behind p.
    #[serde(default)]
    pub ticks: Option<u64>,
    /// What was measured; `None`: it used no CPU, so that there is nothing to tell.
    #[serde(default)]
    window: Option<MeasuredReport>,
}

/// What was measured of a process.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct MeasuredReport {
    tier: String,
    window_seconds: f64,
    cpus: f64,
    cpus_used: f64,
    #[serde(default)]
    throughput: Option<f64>,
    #[serde(default)]
    clients: Option<f64>,
    #[serde(default)]
    threads: Option<f64>,
    #[serde(default)]
    parallel: Option<Interval>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    unseen_serial_share_max: Option<f64>,
    #[serde(default)]
    equation_25: Option<f64>,
    #[serde(default)]
    starved: Option<f64>,
    #[serde(default)]
    machine_busy: Option<f64>,
    #[serde(default)]
    locks: Vec<LockReport>,
    #[serde(default)]
    waits: Vec<WaitReport>,
    #[serde(default)]
    warnings: Vec<String>,
}

/// A number and the interval it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Interval {
    value: f64,
    low: f64,
    high: f64,
}

/// One lock of a process.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct LockReport {
    name: String,
    kind: String,
    share: Interval,
    #[serde(default = "given")]
    method: String,
    #[serde(default)]
    hold_seconds: Option<f64>,
    #[serde(default)]
    hand_off_seconds: Option<f64>,
    #[serde(default)]
    waits_per_second: f64,
    #[serde(default)]
    wait_seconds: Option<f64>,
    #[serde(default)]
    wait_p50_seconds: Option<f64>,
    #[serde(default)]
    wait_p99_seconds: Option<f64>,
    #[serde(default)]
    queue: f64,
    #[serde(default)]
    contended: f64,
}

/// What a process waits for besides CPU and locks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct WaitReport {
    kind: String,
    threads: f64,
    #[serde(default)]
    utilisation: Option<f64>,
}

fn given() -> String {
    Method::Given.name().to_owned()
}

/// Reads one report. Cost: linear.
///
/// # Errors
/// It is no JSON of this form, a value has no meaning, or it is too large.
pub fn read(text: &str) -> Result<WindowReport, ReportError> {
    limited("bytes of the report", text.len(), REPORT_BYTES_MAX)?;
    let report: WindowReport =
        serde_json::from_str(text).map_err(|error| ReportError::Malformed(error.to_string()))?;
    limited("processes of the report", report.processes.len(), PROCESSES_MAX)?;
    report.ended_at()?;
    if report.host.trim().is_empty() {
        return Err(value("window", "host", quoted(&report.host), "a name"));
    }
    for process in &report.processes {
        process.started_at()?;
        process.measured()?;
    }
    Ok(report)
}

impl WindowReport {
    /// End of the window.
    ///
    /// # Errors
    /// It is no time.
    pub fn ended_at(&self) -> Result<Timestamp, ReportError> {
        self.at.read("window", "at")
    }
}

impl ProcessReport {
    /// When it was started.
    ///
    /// # Errors
    /// It is no time.
    pub fn started_at(&self) -> Result<Option<Timestamp>, ReportError> {
        self.started.as_ref().map(|at| at.read(&self.place(), "started")).transpose()
    }

    /// What was measured, to be predicted from; `None`: it used no CPU.
    ///
    /// # Errors
    /// A value has no meaning: a share above 1, a word that is no tier.
    pub fn measured(&self) -> Result<Option<Measured>, ReportError> {
        self.window.as_ref().map(|window| window.read(&self.place())).transpose()
    }

    fn place(&self) -> String {
        format!("process {} ({})", self.pid, self.comm)
    }
}

impl Moment {
    fn read(&self, place: &str, what: &str) -> Result<Timestamp, ReportError> {
        let must = "seconds since 1970, or a time such as 2026-11-20T10:00:05Z";
        match self {
            // To the microsecond: a double says no more.
            Moment::Seconds(seconds) if (0.0..9e9).contains(seconds) => {
                Ok(Timestamp((seconds * 1e6).round() as i64 * 1_000))
            }
            Moment::Seconds(seconds) => Err(value(place, what, seconds, must)),
            Moment::Text(text) => {
                Timestamp::parse(text).map_err(|_| value(place, what, quoted(text), must))
            }
        }
    }
}

impl MeasuredReport {
    fn read(&self, place: &str) -> Result<Measured, ReportError> {
        limited("locks of a process", self.locks.len(), LOCKS_MAX)?;
        let tier = Tier::of_name(&self.tier);
        let tier = tier.ok_or_else(|| value(place, "tier", quoted(&self.tier), TIERS))?;
        let checks = [
            ("window_seconds", Some(self.window_seconds)),
            ("cpus_used", Some(self.cpus_used)),
            ("throughput", self.throughput),
            ("clients", self.clients),
            ("threads", self.threads),
        ];
        for (what, given) in checks {
            at_least_zero(place, what, given)?;
        }
        if !(self.cpus.is_finite() && self.cpus > 0.0) {
            return Err(value(place, "cpus", self.cpus, "a number above 0"));
        }
        share(place, "unseen_serial_share_max", self.unseen_serial_share_max)?;
        share(place, "starved", self.starved)?;
        share(place, "machine_busy", self.machine_busy)?;
        let mut locks: Vec<Lock> = (self.locks.iter())
            .map(|lock| lock.read(place, self.cpus_used))
            .collect::<Result<_, _>>()?;
        locks.sort_by(|a, b| b.share.value.total_cmp(&a.share.value));
        let method = self.method.as_ref().map(|name| method(place, name)).transpose()?;
        Ok(Measured {
            tier,
            window: self.window_seconds,
            throughput: self.throughput,
            clients: self.clients,
            threads: self.threads,
            parallel: self.parallel.map(|p| p.read(place, "parallel")).transpose()?,
            method,
            locks,
            waits: self.waits.iter().map(|wait| wait.read(place)).collect::<Result<_, _>>()?,
            unseen: self.unseen_serial_share_max,
            equation25: self.equation_25,
            starved: self.starved,
            machine_busy: self.machine_busy,
            warnings: self.warnings.clone(),
            ..Measured::given(self.cpus, self.cpus_used, None, None, &[])
        })
    }
}

impl LockReport {
    fn read(&self, place: &str, cpus_used: f64) -> Result<Lock, ReportError> {
        let place = &format!("{place}, lock {}", self.name);
        if self.name.trim().is_empty() {
            return Err(value(place, "name", quoted(&self.name), "a name"));
        }
        let times = [
            ("hold_seconds", self.hold_seconds),
            ("hand_off_seconds", self.hand_off_seconds),
            ("waits_per_second", Some(self.waits_per_second)),
            ("wait_seconds", self.wait_seconds),
            ("wait_p50_seconds", self.wait_p50_seconds),
            ("wait_p99_seconds", self.wait_p99_seconds),
            ("queue", Some(self.queue)),
        ];
        for (what, given) in times {
            at_least_zero(place, what, given)?;
        }
        share(place, "contended", Some(self.contended))?;
        let method = method(place, &self.method)?;
        let share = self.share.read(place, "share")?;
        Ok(Lock {
            kind: self.kind.clone(),
            method,
            reason: String::new(),
            hold: self.hold_seconds,
            hand_off: self.hand_off_seconds,
            waits: self.waits_per_second,
            wait: self.wait_seconds,
            wait_p50: self.wait_p50_seconds,
            wait_p99: self.wait_p99_seconds,
            queue: self.queue,
            contended: self.contended,
            ..Lock::given(&self.name, share, share.value * cpus_used)
        })
    }
}

impl WaitReport {
    fn read(&self, place: &str) -> Result<Wait, ReportError> {
        let kind = WAIT_KINDS.into_iter().find(|kind| kind.name() == self.kind);
        let must = "disk, network or memory";
        let kind = kind.ok_or_else(|| value(place, "wait", quoted(&self.kind), must))?;
        at_least_zero(place, kind.name(), Some(self.threads))?;
        share(place, kind.name(), self.utilisation)?;
        Ok(Wait { kind, threads: self.threads, utilisation: self.utilisation })
    }
}

impl Interval {
    /// A share with its interval.
    fn read(self, place: &str, what: &str) -> Result<Estimate, ReportError> {
        for given in [self.value, self.low, self.high] {
            share(place, what, Some(given))?;
        }
        if !(self.low <= self.value && self.value <= self.high) {
            let shown = format!("{} in [{}, {}]", self.value, self.low, self.high);
            return Err(value(place, what, shown, "inside of its interval"));
        }
        Ok(Estimate { value: self.value, low: self.low, high: self.high })
    }
}

const WAIT_KINDS: [WaitKind; 3] = [WaitKind::Disk, WaitKind::Network, WaitKind::Memory];
const METHODS: [Method; 8] = [
    Method::Owner,
    Method::Busy,
    Method::Holds,
    Method::Root,
    Method::Contended,
    Method::Equation25,
    Method::Bound,
    Method::Given,
];
const TIERS: &str = "given, bpf-owner, bpf-futex, proc or stat";
const METHODS_NAMED: &str = "owner, busy, holds, root, contended, equation-25, bound or given";

/// The method of that name.
pub fn method_of(name: &str) -> Option<Method> {
    METHODS.into_iter().find(|method| method.name() == name)
}

fn limited(what: &'static str, asked: usize, limit: usize) -> Result<(), ReportError> {
    if asked <= limit { Ok(()) } else { Err(ReportError::TooLarge { what, asked, limit }) }
}

fn at_least_zero(place: &str, what: &str, given: Option<f64>) -> Result<(), ReportError> {
    match given.filter(|given| !(given.is_finite() && *given >= 0.0)) {
        Some(given) => Err(value(place, what, given, "a number, 0 or more")),
        None => Ok(()),
    }
}

fn share(place: &str, what: &str, given: Option<f64>) -> Result<(), ReportError> {
    match given.filter(|given| !(0.0..=1.0).contains(given)) {
        Some(given) => Err(value(place, what, given, "from 0 to 1")),
        None => Ok(()),
    }
}

fn method(place: &str, name: &str) -> Result<Method, ReportError> {
    method_of(name).ok_or_else(|| value(place, "method", quoted(name), METHODS_NAMED))
}

fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    format!("\"{shown}\"")
}

fn value(place: &str, what: &str, given: impl ToString, must: &'static str) -> ReportError {
    let (place, what, value) = (place.to_owned(), what.to_owned(), given.to_string());
    ReportError::Value { place, what, value, must }
}
