//! Tier 3: what threads wait for, who owns the locks, and how much CPU the owners use, seen from outside.
//!
//! It reads `/proc/PID/task/TID/syscall` to find locks, `/proc/PID/mem` for their words, and a CPU counter
//! per thread. That needs the rights of a debugger (same user, or CAP_SYS_PTRACE; ptrace_scope 0), but
//! nothing is attached or stopped. Looks are late when CPUs are short, so errors are larger.
//!
//! An owner counts with the CPU time it used around the looks that found it. Of holds much shorter than
//! the time between two looks (1 ms) that catches only a part: p comes out too high.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;

use groma_capacity::{Contended, LockSamples, OwnerSamples, Samples, Tier};

use super::{Group, Leader};
use crate::classify::{Behaviour, Signature, Verdict, classify};
use crate::counted::{Counted, Idle, SUBWINDOWS_MAX, SubWindow};
use crate::process::{self, CpuClocks};
use crate::{machine, sys};

/// Threads followed at most, per process.
const THREADS_MAX: usize = 512;
/// Locks whose words are read.
const LOCKS_MAX: usize = 32;
/// Seconds between looks at where threads wait, and at which threads there are.
const SEARCH: f64 = 0.01;
const REFRESH: f64 = 0.1;
/// Seconds since the look before at which one is still on time: at 1,000 looks a second, with what a sleep
/// and a look take.
const LOOK_ON_TIME: f64 = 0.001_5;

/// One process; children are watched as processes of their own group.
pub(super) struct Process {
    leader: Leader,
    members: Vec<Member>,
    cpu: CpuClocks,
    cpu_time: f64,
    run_delay: Option<f64>,
    contended: Contended,
    idle: Idle,
    locks: BTreeMap<u64, Lock>,
    time: f64,
    search_at: f64,
    refresh_at: f64,
    looks: u64,
    part: SubWindow,
    parts: Vec<SubWindow>,
}

struct Member {
    pid: u32,
    memory: File,
    threads: HashMap<u32, Thread>,
}

struct Thread {
    clock: File,
    last_ns: u64,
    /// CPU seconds since the last look.
    used: f64,
    /// The futex it waits for.
    waits_for: Option<(u64, Signature)>,
    /// It began to wait since the last count.
    new_wait: bool,
    /// The id by which it knows itself.
    inner: u32,
}

/// A futex that some thread waited for.
#[derive(Default)]
struct Lock {
    verdict: Option<Verdict>,
    owner_seen: bool,
    /// CPU seconds of its owners.
    owned: f64,
    /// CPU seconds of the process since it is known.
    total: f64,
    looks: u64,
    held: u64,
    /// Of them, those that found the owner of the look before.
    lasting: u64,
    time: f64,
    late_time: f64,
    held_time: f64,
    waits: u64,
    wait_time: f64,
    contended_time: f64,
    last_owner: u32,
}

impl Group for Process {
    fn open(leader: Leader, pids: &[u32]) -> Result<Self, String> {
        let members: Vec<Member> =
            pids.iter().map(|pid| Member::open(*pid)).collect::<Result<_, _>>()?;
        let mut cpu = CpuClocks::default();
        cpu.advance(pids);
        Ok(Self {
            leader,
            members,
            cpu,
            cpu_time: 0.0,
            run_delay: pids.iter().map(|pid| process::run_delay(*pid)).sum(),
            contended: Contended::default(),
            idle: Idle::default(),
            locks: BTreeMap::new(),
            time: 0.0,
            search_at: 0.0,
            refresh_at: 0.0,
            looks: 0,
            part: SubWindow::default(),
            parts: Vec::new(),
        })
    }

    fn leader(&self) -> &Leader {
        &self.leader
    }

    fn look(&mut self, elapsed: f64) {
        self.time += elapsed;
        self.looks += 1;
        if self.time >= self.refresh_at {
            self.members.iter_mut().for_each(Member::refresh);
            self.refresh_at = self.time + REFRESH;
        }
        self.members.iter_mut().for_each(Member::read_clocks);
        if self.time >= self.search_at {
            self.members.iter_mut().for_each(Member::search);
            self.search_at = self.time + SEARCH;
            self.learn();
        }
        let used: f64 = self.members.iter().map(Member::used).sum();
        self.cpu_time += used;
        let waiting = self.count_waiters(elapsed);
        if waiting {
            self.contended.time += elapsed;
            self.contended.cpu_time += used;
            self.part.contended += elapsed;
        }
        for (address, lock) in &mut self.locks {
            lock.look(*address, &self.members, elapsed, used);
        }
        if self.time - self.part.until >= REFRESH && self.parts.len() < SUBWINDOWS_MAX {
            self.part.until = self.time;
            self.parts.push(self.part);
            self.part.contended = 0.0;
        }
    }

    fn end_window(&mut self, window: f64) -> Counted {
        let pids: Vec<u32> = self.members.iter().map(|member| member.pid).collect();
        let cpu_time = self.cpu.advance(&pids).unwrap_or(self.cpu_time);
        let mut samples =
            Samples::new(Tier::Proc, window, machine::cpus_of(self.leader.pid), cpu_time);
        samples.ticks = self.looks;
        let delay = pids.iter().map(|pid| process::run_delay(*pid)).sum::<Option<f64>>();
        samples.run_delay = delay.zip(self.run_delay).map(|(now, before)| (now - before).max(0.0));
        self.run_delay = delay;
        samples.threads =
            Some(self.members.iter().map(|member| member.threads.len()).sum::<usize>() as f64);
        samples.contended = Some(std::mem::take(&mut self.contended));
        let ready = cpu_time + samples.run_delay.unwrap_or_default();
        let running = if ready > 0.0 { cpu_time / ready } else { 1.0 };
        samples.locks = self
            .locks
            .iter_mut()
            .filter_map(|(address, lock)| lock.end_window(*address, running))
            .collect();
        self.cpu_time = 0.0;
        self.looks = 0;
        let shift = self.time;
        (self.time, self.part) = (0.0, SubWindow::default());
        self.search_at -= shift;
        self.refresh_at -= shift;
        Counted {
            leader: self.leader.pid,
            members: pids,
            samples,
            idle: std::mem::take(&mut self.idle),
            subwindows: std::mem::take(&mut self.parts),
            restarted: false,
            ended: !self.leader.lives(),
        }
    }
}

impl Process {
    /// Futexes that threads wait for become known.
    fn learn(&mut self) {
        for member in &self.members {
            for (address, signature) in
                member.threads.values().filter_map(|thread| thread.waits_for)
            {
                if !self.locks.contains_key(&address) && self.locks.len() >= LOCKS_MAX {
                    continue;
                }
                let lock = self.locks.entry(address).or_default();
                let owner = member.word(address + 8).unwrap_or_default();
                lock.owner_seen |= owner > 0 && member.by_inner(owner).is_some();
                let word_is_owner = signature.val >> 31 == 1
                    && member.by_inner(signature.val & 0x3fff_ffff).is_some();
                let behaviour =
                    Behaviour { waits: 0, holds: 0, owner_seen: lock.owner_seen, word_is_owner };
                lock.verdict = Some(classify(signature, behaviour));
            }
        }
    }

    /// True if someone waits for a lock; other futexes are idle waiting.
    fn count_waiters(&mut self, elapsed: f64) -> bool {
        let mut waiting: HashMap<u64, (u64, u64)> = HashMap::new();
        for thread in self.members.iter_mut().flat_map(|member| member.threads.values_mut()) {
            if let Some((address, _)) = thread.waits_for {
                let (count, new) = waiting.entry(address).or_default();
                *count += 1;
                *new += u64::from(std::mem::take(&mut thread.new_wait));
            }
        }
        let mut any = false;
        for (address, (count, new)) in waiting {
            let Some(lock) = self.locks.get_mut(&address).filter(|lock| lock.excludes()) else {
                self.idle.futex += elapsed * count as f64;
                continue;
            };
            any = true;
            lock.waits += new;
            lock.wait_time += elapsed * count as f64;
            lock.contended_time += elapsed;
        }
        any
    }
}

impl Member {
    /// Opens what will be read, so that a missing right shows now.
    fn open(pid: u32) -> Result<Self, String> {
        let may_not = |what: &str, error: std::io::Error| {
            format!(
                "{what} of process {pid}: {error} (needs the same user and \
                 kernel.yama.ptrace_scope=0, or CAP_SYS_PTRACE)"
            )
        };
        let memory =
            File::open(format!("/proc/{pid}/mem")).map_err(|error| may_not("memory", error))?;
        std::fs::read_to_string(format!("/proc/{pid}/syscall"))
            .map_err(|error| may_not("system calls", error))?;
        sys::task_clock(pid).map_err(|error| {
            format!(
                "CPU counter of process {pid}: {error} (needs kernel.perf_event_paranoid=2 or less)"
            )
        })?;
        let mut member = Self { pid, memory, threads: HashMap::new() };
        member.refresh();
        Ok(member)
    }

    /// Threads that began and ended.
    fn refresh(&mut self) {
        let present = process::threads(self.pid);
        self.threads.retain(|tid, _| present.contains(tid));
        for tid in present.into_iter().take(THREADS_MAX) {
            if self.threads.contains_key(&tid) {
                continue;
            }
            let Ok(clock) = sys::task_clock(tid) else { continue };
            let inner = process::inner_id(tid).unwrap_or(tid);
            let mut thread = Thread {
                clock: clock_file(clock),
                last_ns: 0,
                used: 0.0,
                waits_for: None,
                new_wait: false,
                inner,
            };
            thread.read_clock();
            thread.used = 0.0;
            self.threads.insert(tid, thread);
        }
    }

    fn read_clocks(&mut self) {
        self.threads.values_mut().for_each(Thread::read_clock);
    }

    fn used(&self) -> f64 {
        self.threads.values().map(|thread| thread.used).sum()
    }

    /// Where each thread waits.
    fn search(&mut self) {
        for (tid, thread) in &mut self.threads {
            // A thread that did not run still waits where it waited.
            if thread.used == 0.0 && thread.waits_for.is_some() {
                continue;
            }
            let file = format!("/proc/{}/task/{tid}/syscall", self.pid);
            let waited = thread.waits_for.is_some();
            thread.waits_for =
                std::fs::read_to_string(file).ok().and_then(|text| futex_wait(&text));
            thread.new_wait = thread.waits_for.is_some() && !waited;
        }
    }

    fn by_inner(&self, inner: u32) -> Option<&Thread> {
        self.threads.values().find(|thread| thread.inner == inner)
    }

    fn word(&self, address: u64) -> Option<u32> {
        let mut bytes = [0; 4];
        self.memory.read_exact_at(&mut bytes, address).ok()?;
        Some(u32::from_ne_bytes(bytes))
    }
}

impl Thread {
    fn read_clock(&mut self) {
        let mut bytes = [0; 8];
        if self.clock.read_exact(&mut bytes).is_ok() {
            let now = u64::from_ne_bytes(bytes);
            self.used = now.saturating_sub(self.last_ns) as f64 / 1e9;
            self.last_ns = now;
        }
        if self.used > 0.0 {
            self.waits_for = None;
        }
    }
}

impl Lock {
    fn excludes(&self) -> bool {
        self.verdict.is_some_and(|verdict| verdict.excludes)
    }

    fn look(&mut self, address: u64, members: &[Member], elapsed: f64, used: f64) {
        let Some(verdict) = self.verdict.filter(|verdict| verdict.excludes) else { return };
        let Some(word) = members.iter().find_map(|member| member.word(address)) else { return };
        self.looks += 1;
        self.time += elapsed;
        self.late_time += (elapsed - LOOK_ON_TIME).max(0.0);
        if word != 0 {
            self.held += 1;
            self.held_time += elapsed;
        }
        self.total += used;
        let Some(offset) = verdict.owner_offset else { return };
        let mask = if offset == 0 { 0x3fff_ffff } else { u32::MAX };
        let word = members.iter().find_map(|member| member.word(address + offset));
        let owner = word.unwrap_or_default() & mask;
        let used_by = |inner: u32| {
            let thread = members.iter().find_map(|member| member.by_inner(inner));
            thread.map_or(0.0, |thread| thread.used)
        };
        // Whole if it owned the lock at both ends of the time since the last look, else half.
        self.owned += (used_by(owner) + used_by(self.last_owner)) / 2.0;
        self.lasting += u64::from(owner != 0 && owner == self.last_owner);
        self.last_owner = owner;
    }

    /// `running`: the part of the time ready to run in which threads also ran, for locks without an owner.
    fn end_window(&mut self, address: u64, running: f64) -> Option<LockSamples> {
        let verdict = self.verdict.filter(|verdict| verdict.excludes)?;
        let owner = OwnerSamples { owned: self.owned, total: self.total, samples: self.looks };
        let samples = LockSamples {
            name: format!("{address:#x}"),
            kind: verdict.kind.to_owned(),
            owner: verdict.owner_offset.map(|_| owner),
            waits: self.waits,
            wait_time: self.wait_time,
            contended_time: self.contended_time,
            looks: self.looks,
            looks_held: self.held,
            looks_lasting: self.lasting,
            looks_time: self.time,
            looks_late_time: self.late_time,
            hold_time: self.held_time,
            hold_cpu_time: self.held_time * running,
            ..LockSamples::default()
        };
        *self = Self { verdict: self.verdict, owner_seen: self.owner_seen, ..Self::default() };
        Some(samples)
    }
}

fn clock_file(clock: OwnedFd) -> File {
    File::from(clock)
}

/// `202 0x7f31 0x80 0x2 0x0 … sp pc`: a thread in a futex call; others are `running` or in another call.
fn futex_wait(text: &str) -> Option<(u64, Signature)> {
    let mut fields = text.split_whitespace();
    if fields.next()?.parse::<libc::c_long>().ok()? != libc::SYS_futex {
        return None;
    }
    let mut number = || u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok();
    let (address, op, val, timeout) = (number()?, number()?, number()?, number()?);
    Some((address, Signature { op: op as u32, val: val as u32, timed: timeout != 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_futex_call_is_read() {
        let text = "202 0x7ffc10 0x80 0x2 0x0 0x0 0x0 0x7ffc00 0x7f00\n";
        let signature = Signature { op: 128, val: 2, timed: false };
        assert_eq!(futex_wait(text), Some((0x7f_fc10, signature)));
        assert_eq!(futex_wait("running\n"), None);
        assert_eq!(futex_wait("0 0x3 0x7ffc 0x400 0x0 0x0 0x0 0x7ffc00 0x7f00\n"), None);
    }
}
