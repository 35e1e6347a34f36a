//! What is asked of a measured process, and what is answered.

use super::model::UNNAMED;
use crate::error::{CapacityError, positive};
use crate::measured::{Estimate, Measured};
use crate::models::Solver;
use crate::samples::WaitKind;
use crate::tier::Tier;

/// What is to be different; the default changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// CPUs it can use; `None`: as measured.
    pub cpus: Option<f64>,
    /// Clients; `None`: as measured. An error for a process whose clients are not known: use `load`.
    pub clients: Option<f64>,
    /// Times as many clients, or arrivals where clients are unknown; 1 changes nothing.
    pub load: f64,
    /// Speed of every CPU, relative to those measured.
    pub cpu_speed: f64,
    /// Speed of the holders of one lock, or of all: 2 halves what they do while they hold it.
    pub lock_speed: Vec<LockSpeed>,
}

/// How much faster the sections of a lock run.
#[derive(Debug, Clone, PartialEq)]
pub struct LockSpeed {
    /// Which lock; `None`: all.
    pub lock: Option<String>,
    /// Relative to now.
    pub speed: f64,
}

impl Default for Change {
    fn default() -> Self {
        Self { cpus: None, clients: None, load: 1.0, cpu_speed: 1.0, lock_speed: Vec::new() }
    }
}

impl Change {
    /// Other CPUs, all else as it is.
    pub fn to_cpus(cpus: f64) -> Self {
        Self { cpus: Some(cpus), ..Self::default() }
    }

    /// All locks `speed` times as fast, all else as it is.
    pub fn to_lock_speed(speed: f64) -> Self {
        Self::default().faster_locks(speed)
    }

    /// The same with all locks `speed` times as fast on top.
    pub fn faster_locks(mut self, speed: f64) -> Self {
        self.lock_speed.push(LockSpeed { lock: None, speed });
        self
    }

    /// The same with that many clients.
    pub fn with_clients(self, clients: f64) -> Self {
        Self { clients: Some(clients), ..self }
    }

    pub(crate) fn check(&self, now: &Measured) -> Result<(), CapacityError> {
        for (what, value) in [("cpus", self.cpus), ("clients", self.clients)] {
            value.map(|value| positive(what, value)).transpose()?;
        }
        positive("load", self.load)?;
        positive("cpu_speed", self.cpu_speed)?;
        if self.clients.is_some() && now.clients.is_none() {
            return Err(CapacityError::NoClients);
        }
        for LockSpeed { lock, speed } in &self.lock_speed {
            positive("lock speed", *speed)?;
            if let Some(name) = lock
                && name != UNNAMED
                && now.locks.iter().all(|lock| lock.name != *name)
            {
                let known = now.locks.iter().map(|lock| lock.name.clone()).collect();
                return Err(CapacityError::NoLock { name: name.clone(), known });
            }
        }
        Ok(())
    }
}

/// What limits, or would limit first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bottleneck {
    /// The CPUs it can use.
    Cpu,
    /// One lock.
    Lock(String),
    /// A device, where its own utilisation is known.
    Wait(WaitKind),
    /// Nothing inside: there are no more requests.
    Clients,
}

impl Bottleneck {
    /// `cpu`, `disk`, `network`, `memory`, `clients`, or `lock` with its name after a space.
    pub fn name(&self) -> String {
        match self {
            Self::Cpu => "cpu".to_owned(),
            Self::Lock(name) => format!("lock {name}"),
            Self::Wait(kind) => kind.name().to_owned(),
            Self::Clients => "clients".to_owned(),
        }
    }
}

/// In what throughput is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Requests.
    Requests,
    /// Work that takes one CPU second as measured, because no requests were counted.
    CpuSeconds,
}

impl Unit {
    /// `requests`, `cpu-seconds`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::CpuSeconds => "cpu-seconds",
        }
    }
}

/// What would be, with the uncertainty and the tier of what it was computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// CPUs of the prediction.
    pub cpus: f64,
    /// Clients of the prediction; `None`: arrivals.
    pub clients: Option<f64>,
    /// Per second, in `unit`.
    pub throughput: Estimate,
    /// In what throughput is counted.
    pub unit: Unit,
    /// Throughput over that of the same model for now.
    pub ratio: Estimate,
    /// Seconds from request to answer inside the process; `None` if requests were not counted, or if
    /// more arrive than can be served.
    pub response: Option<Estimate>,
    /// Of the CPUs, in [0, 1].
    pub utilisation: Estimate,
    /// What limits then.
    pub bottleneck: Bottleneck,
    /// What would be full first if ever more requests came. Never [`Bottleneck::Clients`].
    pub full_first: Bottleneck,
    /// The most it could give on these CPUs to any number of clients, in `unit` per second.
    pub throughput_max: Estimate,
    /// Utilisation of the CPUs at `throughput_max`: 1 if CPUs are what fills, less if a lock does. A
    /// threshold of an autoscaler above it is never reached.
    pub utilisation_full: Estimate,
    /// What Amdahl's law makes of `throughput` from the same p: right for one request, not for a
    /// service, which overlaps the serial part of one with the parallel parts of others.
    pub amdahl: f64,
    /// How it was computed.
    pub solver: Solver,
    /// How its inputs were measured.
    pub tier: Tier,
    /// What makes it less than it looks.
    pub warnings: Vec<String>,
}

/// What has to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// At least so much per second, in the unit of the process' predictions.
    Throughput(f64),
    /// At most so many seconds.
    Response(f64),
    /// At most that share of the CPUs.
    Utilisation(f64),
}

/// How far [`needed`](crate::needed) looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Most CPUs.
    pub cpus: f64,
    /// Most clients.
    pub clients: f64,
    /// Fastest lock holder, relative to now.
    pub lock_speed: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpus: 1024.0, clients: 10_000.0, lock_speed: 64.0 }
    }
}

/// One way to reach targets by one change alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// Of what.
    pub lever: Lever,
    /// Whether that holds them.
    pub holds: bool,
    /// The smallest change that does; if none does, the one at the limit.
    pub change: Change,
    /// What it gives.
    pub prediction: Prediction,
}

/// What can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lever {
    /// More CPUs.
    Cpus,
    /// Faster sections of the fullest lock.
    LockSpeed,
    /// More clients where there is too little throughput, else fewer.
    Clients,
    /// More CPUs and faster sections together.
    CpusAndLockSpeed,
    /// More CPUs and more clients together.
    CpusAndClients,
}

impl Lever {
    /// `cpus`, `lock-speed`, `clients`, `cpus-and-lock-speed`, `cpus-and-clients`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpus => "cpus",
            Self::LockSpeed => "lock-speed",
            Self::Clients => "clients",
            Self::CpusAndLockSpeed => "cpus-and-lock-speed",
            Self::CpusAndClients => "cpus-and-clients",
        }
    }
}

/// The answer to "what must change".
#[derive(Debug, Clone, PartialEq)]
pub struct Needed {
    /// Holds as it is.
    pub holds: bool,
    /// As it is.
    pub now: Prediction,
    /// One way per lever that makes sense, whether it leads there or not; two levers together only where
    /// none alone does.
    pub ways: Vec<Way>,
    /// One sentence: what is needed, or why no number of CPUs would do.
    pub summary: String,
}
