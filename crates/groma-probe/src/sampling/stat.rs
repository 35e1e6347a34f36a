//! Tier 4: CPU clocks and wait channels, which need no privilege at all.
//!
//! A wait channel says that a thread waits for a futex, not for which: idle waiting looks like contention.
//! What comes out is the formula of the paper (Eq. 25), a lower bound of p that cannot pass 1 − 1/N.

use std::fs;

use groma_capacity::{Contended, Samples, Tier};

use super::{Group, Leader};
use crate::counted::{Counted, Idle, SUBWINDOWS_MAX, SubWindow};
use crate::machine;
use crate::process::{self, CpuClocks};

/// Threads looked at, at most, per look and process.
const THREADS_MAX: usize = 64;
/// Length of a sub-window, seconds.
const SUBWINDOW: f64 = 0.1;

/// One process, with its children.
pub(super) struct Process {
    leader: Leader,
    members: Vec<u32>,
    clocks: CpuClocks,
    cpu_time: f64,
    contended: Contended,
    /// False: the kernel does not show us where threads wait.
    sees_waits: bool,
    time: f64,
    part: SubWindow,
    parts: Vec<SubWindow>,
}

impl Group for Process {
    fn open(leader: Leader, members: &[u32]) -> Result<Self, String> {
        let mut clocks = CpuClocks::default();
        if clocks.advance(members).is_none() || !leader.lives() {
            return Err(format!("process {} has ended", leader.pid));
        }
        Ok(Self {
            leader,
            members: members.to_vec(),
            clocks,
            cpu_time: 0.0,
            contended: Contended::default(),
            sees_waits: false,
            time: 0.0,
            part: SubWindow::default(),
            parts: Vec::new(),
        })
    }

    fn leader(&self) -> &Leader {
        &self.leader
    }

    fn look(&mut self, elapsed: f64) {
        let used = self.clocks.advance(&self.members).unwrap_or_default();
        let waits = self.anyone_waits();
        self.cpu_time += used;
        self.time += elapsed;
        if waits {
            self.contended.time += elapsed;
            self.contended.cpu_time += used;
            self.part.contended += elapsed;
        }
        if self.time - self.part.until >= SUBWINDOW && self.parts.len() < SUBWINDOWS_MAX {
            self.part.until = self.time;
            self.parts.push(self.part);
            self.part.contended = 0.0;
        }
    }

    fn end_window(&mut self, window: f64) -> Counted {
        let cpus = machine::cpus_of(self.leader.pid);
        let mut samples = Samples::new(Tier::Stat, window, cpus, self.cpu_time);
        samples.threads =
            Some(self.members.iter().map(|pid| process::threads(*pid).len()).sum::<usize>() as f64);
        if self.sees_waits {
            samples.contended = Some(self.contended);
            samples.warnings.push(
                "a thread that waits for work looks like one that waits for a lock in this tier"
                    .to_owned(),
            );
        } else {
            samples.warnings.push("the kernel does not show where its threads wait".to_owned());
        }
        self.cpu_time = 0.0;
        self.contended = Contended::default();
        self.time = 0.0;
        self.part = SubWindow::default();
        Counted {
            leader: self.leader.pid,
            members: self.members.clone(),
            samples,
            idle: Idle::default(),
            subwindows: std::mem::take(&mut self.parts),
            restarted: false,
            ended: !self.leader.lives(),
        }
    }
}

impl Process {
    fn anyone_waits(&mut self) -> bool {
        let threads = self.members.iter().flat_map(|pid| {
            process::threads(*pid)
                .into_iter()
                .map(move |tid| format!("/proc/{pid}/task/{tid}/wchan"))
        });
        for file in threads.take(THREADS_MAX) {
            let Ok(channel) = fs::read_to_string(file) else { continue };
            self.sees_waits |= !matches!(channel.as_str(), "" | "0" | "1");
            if channel.starts_with("futex") {
                return true;
            }
        }
        false
    }
}
