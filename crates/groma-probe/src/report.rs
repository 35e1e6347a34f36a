//! What is told at the end of a window.

use groma_capacity::{Estimate, Lock, Measured, Method, Prediction, Samples, Tier};
use serde_json::{Value, json};

use crate::counted::{Idle, SubWindow};
use crate::machine::Machine;

/// A tier that did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `bpf-owner`, …
    pub tier: &'static str,
    /// What the system said.
    pub reason: String,
}

/// One window of everything watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What the machine calls itself.
    pub host: String,
    /// The end of the window, seconds since 1970.
    pub at: f64,
    /// Its length, seconds.
    pub window: f64,
    /// How it was measured.
    pub tier: Tier,
    /// Why not better, the finest first.
    pub refused: Vec<Refused>,
    /// The machine in the window.
    pub machine: Machine,
    /// Those that ran, the one that used most CPU first.
    pub processes: Vec<ProcessReport>,
    /// About the whole; those about one process are with it.
    pub warnings: Vec<String>,
    /// Nothing is left to watch: this was the last window.
    pub ended: bool,
}

/// One process, or one with its children.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessReport {
    /// The first process.
    pub pid: u32,
    /// Its short name.
    pub comm: String,
    /// Its command line, at most 200 characters.
    pub command: String,
    /// Its pid namespace, if that is not ours: `pid:[4026532261]`.
    pub namespace: Option<String>,
    /// The service of systemd that it belongs to: `nginx.service`.
    pub unit: Option<String>,
    /// When it was started, seconds since 1970.
    pub started: Option<f64>,
    /// Processes counted together.
    pub processes: usize,
    /// What was counted in this window.
    pub samples: Samples,
    /// What it says; `None`: no CPU was used.
    pub measured: Option<Measured>,
    /// The same of all windows since the probe began.
    pub cumulative: Option<Measured>,
    /// What limits it now and what would limit it first, from the cumulative numbers; `None`: unknown.
    pub outlook: Option<Prediction>,
    /// Time its threads waited for work.
    pub idle: Idle,
    /// The window in pieces of about 100 ms.
    pub subwindows: Vec<SubWindow>,
    /// It has ended: this is the last of it.
    pub ended: bool,
}

impl Report {
    /// One JSON object. Absent numbers are null.
    pub fn to_json(&self) -> Value {
        json!({
            "host": self.host,
            "at": self.at,
            "window_seconds": self.window,
            "tier": self.tier.name(),
            "expected_error": self.tier.expected_error(),
            "refused": self.refused.iter().map(|refused| {
                json!({"tier": refused.tier, "reason": refused.reason})
            }).collect::<Vec<_>>(),
            "machine": {
                "cpus": self.machine.cpus,
                "busy": self.machine.busy,
                "stolen": self.machine.stolen,
            },
            "processes": self.processes.iter().map(ProcessReport::to_json).collect::<Vec<_>>(),
            "warnings": self.warnings,
            "ended": self.ended,
        })
    }
}

impl serde::Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl ProcessReport {
    /// What would be full first nobody knows without p.
    fn outlook(&self, outlook: &Prediction) -> Value {
        let known = self.cumulative.as_ref().is_some_and(|measured| measured.parallel.is_some());
        json!({
            "bottleneck": outlook.bottleneck.name(),
            "full_first": known.then(|| outlook.full_first.name()),
            "unit": outlook.unit.name(),
            "throughput": estimate(outlook.throughput),
            "throughput_max": estimate(outlook.throughput_max),
            "utilisation_full": estimate(outlook.utilisation_full),
            "response_seconds": outlook.response.map(estimate),
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "pid": self.pid,
            "comm": self.comm,
            "command": self.command,
            "pid_namespace": self.namespace,
            "unit": self.unit,
            "started": self.started,
            "processes": self.processes,
            "window": self.measured.as_ref().map(measured),
            "cumulative": self.cumulative.as_ref().map(measured),
            "outlook": self.outlook.as_ref().map(|outlook| self.outlook(outlook)),
            "ticks": self.samples.ticks,
            "ticks_spinning": self.samples.spinning,
            "requests": self.samples.requests,
            "idle_seconds": {
                "futex": self.idle.futex,
                "clients": self.idle.clients,
                "poll": self.idle.poll,
                "sleep": self.idle.sleep,
                "other": self.idle.other,
            },
            "idle_futex_waits": self.idle.futex_waits,
            "subwindows": self.subwindows.iter().map(|part| json!({
                "until_seconds": part.until,
                "ticks": part.ticks,
                "ticks_owner": part.ticks_owner,
                "ticks_contended": part.ticks_contended,
                "contended_seconds": part.contended,
            })).collect::<Vec<_>>(),
            "warnings": self.samples.warnings,
            "ended": self.ended,
        })
    }
}

fn measured(measured: &Measured) -> Value {
    json!({
        "tier": measured.tier.name(),
        "window_seconds": measured.window,
        "cpus": measured.cpus,
        "cpus_used": measured.cpus_used,
        "throughput": measured.throughput,
        "clients": measured.clients,
        "threads": measured.threads,
        "parallel": measured.parallel.map(estimate),
        "method": measured.method.map(Method::name),
        "unseen_serial_share_max": measured.unseen,
        "equation_25": measured.equation25,
        "equation_25_ceiling": measured.equation25_ceiling,
        "starved": measured.starved,
        "machine_busy": measured.machine_busy,
        "full": measured.full().map(|full| full.name()),
        "locks": measured.locks.iter().map(lock).collect::<Vec<_>>(),
        "waits": measured.waits.iter().map(|wait| json!({
            "kind": wait.kind.name(),
            "threads": wait.threads,
            "utilisation": wait.utilisation,
        })).collect::<Vec<_>>(),
        "warnings": measured.warnings,
    })
}

fn lock(lock: &Lock) -> Value {
    json!({
        "name": lock.name,
        "kind": lock.kind,
        "share": estimate(lock.share),
        "method": lock.method.name(),
        "reason": lock.reason,
        "others": lock.others.iter().map(|(method, value)| {
            json!({"method": method.name(), "share": estimate(*value)})
        }).collect::<Vec<_>>(),
        "utilisation": lock.utilisation,
        "hold_seconds": lock.hold,
        "hand_off_seconds": lock.hand_off,
        "waits_per_second": lock.waits,
        "wait_seconds": lock.wait,
        "wait_p50_seconds": lock.wait_p50,
        "wait_p99_seconds": lock.wait_p99,
        "queue": lock.queue,
        "contended": lock.contended,
    })
}

fn estimate(estimate: Estimate) -> Value {
    json!({"value": estimate.value, "low": estimate.low, "high": estimate.high})
}
