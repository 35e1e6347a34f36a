//! Why nothing could be measured.

use crate::options::RATE_HZ;
use crate::report::Refused;
use crate::target::TARGETS_MAX;

/// The probe could not start.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No process has this id.
    #[error("no process {pid}")]
    NoProcess {
        /// As asked.
        pid: u32,
    },
    /// No process has this name.
    #[error("no process is named \"{name}\"")]
    NoName {
        /// As asked.
        name: String,
    },
    /// An empty list of processes.
    #[error("no process was named")]
    NoTarget,
    /// More than [`TARGETS_MAX`].
    #[error("{found} processes match, at most {TARGETS_MAX} are watched one by one")]
    TooManyTargets {
        /// How many.
        found: usize,
    },
    /// Out of [`RATE_HZ`].
    #[error("{rate_hz} ticks per second, but {} to {} are possible", RATE_HZ.start(), RATE_HZ.end())]
    Rate {
        /// As asked.
        rate_hz: u64,
    },
    /// A request that is no system call.
    #[error("no system call is known here as \"{name}\"")]
    NoCall {
        /// As asked.
        name: String,
    },
    /// The tier asked for, or every tier, was refused.
    #[error("cannot watch: {}", list(refused))]
    Refused {
        /// The tiers tried and why each did not work.
        refused: Vec<Refused>,
    },
}

fn list(refused: &[Refused]) -> String {
    let each: Vec<_> =
        refused.iter().map(|refused| format!("{}: {}", refused.tier, refused.reason)).collect();
    each.join("; ")
}

impl ProbeError {
    /// What to try, one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoProcess { .. } | Self::NoTarget => None,
            Self::NoName { .. } => Some(
                "Names are those of /proc/PID/comm, at most 15 characters; see `ps -eo comm`.".into(),
            ),
            Self::TooManyTargets { .. } => Some("Watch the whole machine with --all.".into()),
            Self::Rate { .. } => None,
            Self::NoCall { .. } => Some(
                "Names are those of tracepoints, sys_enter_NAME: sendto, fdatasync; \"none\" stands alone."
                    .into(),
            ),
            Self::Refused { .. } => Some(
                "Run it as root or with CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH; without them \
                 only processes of the same user are seen, and coarsely."
                    .into(),
            ),
        }
    }
}
