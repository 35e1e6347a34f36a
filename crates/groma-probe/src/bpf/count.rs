//! From the words of a window to samples.

use std::collections::{BTreeMap, HashMap};

use groma_capacity::{Contended, LockSamples, Samples, Tier, WaitKind, WaitSamples};

use super::layout::{CLASSES, Class, Group, PortWords, SlotTickWords};
use super::locks::join_words;
use super::watch::Known;
use crate::counted::{Counted, Idle};
use crate::options::Requests;
use crate::process;
use crate::sockets;

/// Locks of one process reported per window: those that waited most.
const LOCKS_REPORTED_MAX: usize = 64;

/// What the maps say of a group at the end of a window.
pub(super) struct Look {
    pub(super) id: u64,
    pub(super) window: f64,
    pub(super) rate_hz: u64,
    pub(super) group: Group,
    pub(super) slot_ticks: SlotTickWords,
    pub(super) open: Open,
    pub(super) ports: HashMap<u64, PortWords>,
    /// What counts as one.
    pub(super) requests: Requests,
}

/// Waits that have not ended: what they have lasted so far.
#[derive(Default)]
pub(super) struct Open {
    pub(super) off_ns: [u64; CLASSES],
    pub(super) port_ns: HashMap<u64, u64>,
}

impl Known {
    /// Ends the window of this group.
    pub(super) fn count(&mut self, look: Look) -> Counted {
        let before = std::mem::replace(&mut self.at_window, look.group);
        let group = &look.group;
        let ticks = group.ticks - before.ticks;
        let leader = look.id as u32;
        let by_ticks = (look.rate_hz > 0).then(|| ticks as f64 / look.rate_hz as f64);
        // Of a process that ended only the ticks are left.
        let cpu_time = self.clocks.advance(&self.members).or(by_ticks).unwrap_or_default();
        let tier = if look.rate_hz > 0 { Tier::BpfOwner } else { Tier::BpfFutex };
        let cpus = crate::machine::cpus_of(leader);
        let mut samples = Samples::new(tier, look.window, cpus, cpu_time);
        samples.ticks = ticks;
        samples.run_delay = self.advance_run_delay();
        samples.threads =
            Some(self.members.iter().map(|pid| process::threads(*pid).len()).sum::<usize>() as f64);
        let contended = group.contended_ns.saturating_sub(before.contended_ns) as f64 / 1e9;
        if ticks > 0 {
            let share = (group.ticks_contended - before.ticks_contended) as f64 / ticks as f64;
            samples.contended = Some(Contended { time: contended, cpu_time: cpu_time * share });
            samples.spinning = Some(group.ticks_spinning - before.ticks_spinning);
        }
        samples.locks = self.end_locks(&look.slot_ticks);

        let serving = sockets::Serving::of(&self.members, look.ports.keys().copied());
        let port_use = self.end_ports(&look, &serving);
        samples.clients = serving.clients();
        samples.warnings.extend(serving.warning().map(str::to_owned));
        samples.hidden = port_use.hidden.map(|(seconds, _)| seconds);
        samples.hidden_waits = port_use.hidden.map(|(_, waits)| waits);
        let chosen = group.requests - before.requests;
        samples.requests = match look.requests {
            Requests::Replies => port_use.replies,
            Requests::Calls(_) => Some(chosen),
            Requests::Uncounted => None,
        };
        let off = |class: Class| {
            let class = class as usize;
            let open = look.open.off_ns[class] as f64 - self.open.off_ns[class] as f64;
            let ended = group.off_ns[class].saturating_sub(before.off_ns[class]) as f64;
            ((ended + open) / 1e9).max(0.0)
        };
        let disk = off(Class::Disk);
        let disk_waits =
            group.off_count[Class::Disk as usize] - before.off_count[Class::Disk as usize];
        samples.waits = vec![
            WaitSamples {
                kind: WaitKind::Disk,
                time: disk,
                count: Some(disk_waits),
                busy_time: None,
            },
            WaitSamples {
                kind: WaitKind::Network,
                time: port_use.away,
                count: Some(port_use.waits),
                busy_time: None,
            },
        ];
        let idle = Idle {
            futex_waits: group.idle_futex_waits - before.idle_futex_waits,
            futex: off(Class::Futex),
            clients: port_use.clients,
            poll: off(Class::Poll),
            sleep: off(Class::Sleep),
            other: off(Class::Other),
        };
        self.open = look.open;
        Counted {
            leader,
            members: self.members.clone(),
            samples,
            idle,
            subwindows: std::mem::take(&mut self.subwindows),
            restarted: std::mem::take(&mut self.restarted),
            ended: self.has_ended(leader),
        }
    }

    fn end_locks(&mut self, ticks: &SlotTickWords) -> Vec<LockSamples> {
        let mut locks: BTreeMap<u64, LockSamples> = self
            .locks
            .iter_mut()
            .filter_map(|(address, lock)| Some((*address, lock.end_window(*address, ticks)?)))
            .collect();
        join_words(&mut locks);
        let mut locks: Vec<_> = locks.into_values().collect();
        let weight =
            |lock: &LockSamples| (lock.waits, lock.owner.map_or(0, |owner| owner.owned as u64));
        locks.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| a.name.cmp(&b.name)));
        locks.truncate(LOCKS_REPORTED_MAX);
        locks
    }

    fn advance_run_delay(&mut self) -> Option<f64> {
        let now = self.members.iter().map(|pid| process::run_delay(*pid)).sum::<Option<f64>>();
        let before = std::mem::replace(&mut self.run_delay, now);
        // Threads that ended took their share with them.
        Some((now? - before?).max(0.0))
    }

    fn end_ports(&mut self, look: &Look, serving: &sockets::Serving) -> PortUse {
        let mut sum = PortUse::default();
        for (port, [wait_ns, waits, replies, hidden_ns, hidden_waits]) in &look.ports {
            let before = self.ports.get(port).copied().unwrap_or_default();
            let open = |open: &Open| open.port_ns.get(port).copied().unwrap_or_default() as f64;
            let ended = wait_ns.saturating_sub(before[0]) as f64;
            let waited = ((ended + open(&look.open) - open(&self.open)) / 1e9).max(0.0);
            if serving.is_ours(*port) {
                sum.clients += waited;
                *sum.replies.get_or_insert(0) += replies.saturating_sub(before[2]);
                let (seconds, hidden) = sum.hidden.get_or_insert((0.0, 0));
                *seconds += hidden_ns.saturating_sub(before[3]) as f64 / 1e9;
                *hidden += hidden_waits.saturating_sub(before[4]);
            } else {
                sum.away += waited;
                sum.waits += waits.saturating_sub(before[1]);
            }
        }
        self.ports.clone_from(&look.ports);
        sum
    }
}

/// What sockets did in a window.
#[derive(Default)]
struct PortUse {
    /// Seconds waited for requests.
    clients: f64,
    /// Replies; `None`: no socket was served.
    replies: Option<u64>,
    /// Seconds blocked between a request and its reply on what may be a lock, and how often.
    hidden: Option<(f64, u64)>,
    /// Seconds and times waited for others.
    away: f64,
    waits: u64,
}
