//! Measures how a running program scales, without touching it.
//!
//! ```no_run
//! # use groma_probe::{Options, Probe, Target};
//! # use std::{sync::atomic::AtomicBool, time::Duration};
//! let mut probe = Probe::start(Target::Pids(vec![4711]), Options::default())?;
//! let report = probe.measure(Duration::from_secs(5), &AtomicBool::new(false));
//! for process in &report.processes {
//!     println!("{}: {:?}", process.comm, process.measured);
//! }
//! # Ok::<(), groma_probe::ProbeError>(())
//! ```
//!
//! A probe counts in one of four tiers ([`groma_capacity::Tier`]), the finest that the system allows; what
//! it counted goes through [`groma_capacity::estimate`]. It never writes to the target, never stops it,
//! and reads of its memory only the words of locks.
//!
//! **Invariant:** what cannot be seen is a warning, never a zero.

mod bpf;
mod classify;
mod cost;
mod counted;
mod error;
mod machine;
mod options;
mod probe;
mod process;
mod report;
mod sampling;
mod sockets;
mod suspects;
mod sys;
mod target;
mod who;

pub use classify::{Behaviour, Signature, Verdict, classify};
pub use cost::{Cost, Kept};
pub use counted::{Idle, SubWindow};
pub use error::ProbeError;
pub use machine::Machine;
pub use options::{Options, RATE_HZ, Requests};
pub use probe::{PROCESSES_REPORTED_MAX, Probe};
pub use report::{ProcessReport, Refused, Report};
pub use target::{TARGETS_MAX, Target};
