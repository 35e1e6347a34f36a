//! The CPUs of a service: who runs, how fast, and who is done next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::Discipline;

/// Order for times, which are never negative: their bits sort like they do.
fn order(time: f64) -> u64 {
    time.max(0.0).to_bits()
}

pub(super) type TaskId = u32;

/// What is to be put on the calendar.
pub(super) enum Next {
    /// The task on a CPU leaves it, for good or because its quantum is over.
    Leaves { task: TaskId, after: f64 },
    /// Somebody is done sharing, unless somebody comes or goes before: then `version` has changed.
    Shared { version: u32, after: f64 },
}

pub(super) struct Cpus {
    discipline: Discipline,
    cpus: f64,
    /// Ready or running.
    pub(super) ready: usize,
    sharing: Sharing,
    queueing: Queueing,
}

/// Processor sharing: all advance at the same rate along a virtual time.
#[derive(Default)]
struct Sharing {
    now: f64,
    at: f64,
    ends: BinaryHeap<Reverse<(u64, TaskId)>>,
    version: u32,
}

/// First come, first served, with or without a quantum.
struct Queueing {
    slots: usize,
    /// A fraction of a CPU makes all slower.
    speed: f64,
    busy: usize,
    waiting: VecDeque<(TaskId, f64)>,
    /// Work left of whoever is on a CPU, by task.
    left: Vec<f64>,
}

impl Cpus {
    pub(super) fn new(cpus: f64, discipline: Discipline) -> Self {
        let slots = cpus.ceil().max(1.0);
        let queueing = Queueing {
            slots: slots as usize,
            speed: cpus / slots,
            busy: 0,
            waiting: VecDeque::new(),
            left: Vec::new(),
        };
        Self { discipline, cpus, ready: 0, sharing: Sharing::default(), queueing }
    }

    /// CPUs in use.
    pub(super) fn used(&self) -> f64 {
        match self.discipline {
            Discipline::Shared => self.cpus.min(self.ready as f64),
            _ => self.queueing.busy as f64 * self.queueing.speed,
        }
    }

    /// What each ready task gets under sharing; the speed of a running one otherwise.
    pub(super) fn rate(&self) -> f64 {
        match self.discipline {
            Discipline::Shared if self.ready > 0 => (self.cpus / self.ready as f64).min(1.0),
            Discipline::Shared => 0.0,
            _ => self.queueing.speed,
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self.discipline, Discipline::Shared)
    }

    /// A task wants `work` seconds of CPU; true if it runs at once.
    pub(super) fn add(&mut self, task: TaskId, work: f64, now: f64) -> (bool, Option<Next>) {
        self.advance(now);
        self.ready += 1;
        if self.is_shared() {
            self.sharing.ends.push(Reverse((order(self.sharing.at + work), task)));
            return (true, self.shared_next());
        }
        if self.queueing.busy == self.queueing.slots {
            self.queueing.waiting.push_back((task, work));
            return (false, None);
        }
        (true, Some(self.start(task, work)))
    }

    /// Under sharing: who is done, if `version` still holds.
    pub(super) fn shared_done(&mut self, version: u32, now: f64) -> Option<TaskId> {
        if version != self.sharing.version {
            return None;
        }
        self.advance(now);
        let Reverse((end, task)) = self.sharing.ends.pop()?;
        self.sharing.at = self.sharing.at.max(f64::from_bits(end));
        self.ready -= 1;
        Some(task)
    }

    /// What follows after [`Cpus::shared_done`].
    pub(super) fn shared_next(&mut self) -> Option<Next> {
        self.sharing.version = self.sharing.version.wrapping_add(1);
        let Reverse((end, _)) = self.sharing.ends.peek()?;
        let after = (f64::from_bits(*end) - self.sharing.at).max(0.0) / self.rate();
        Some(Next::Shared { version: self.sharing.version, after })
    }

    /// A task leaves its CPU: true if its work is done, else it queues again. The next one starts.
    pub(super) fn leave(&mut self, task: TaskId) -> (bool, Option<(TaskId, Next)>) {
        let left = self.queueing.left[task as usize];
        self.queueing.busy -= 1;
        if left > 0.0 {
            self.queueing.waiting.push_back((task, left));
        } else {
            self.ready -= 1;
        }
        let started = self.queueing.waiting.pop_front().map(|(next, work)| {
            let leaves = self.start(next, work);
            (next, leaves)
        });
        (left <= 0.0, started)
    }

    fn start(&mut self, task: TaskId, work: f64) -> Next {
        let turn = match self.discipline {
            Discipline::RoundRobin { quantum } => work.min(quantum),
            _ => work,
        };
        let queueing = &mut self.queueing;
        queueing.busy += 1;
        if queueing.left.len() <= task as usize {
            queueing.left.resize(task as usize + 1, 0.0);
        }
        queueing.left[task as usize] = work - turn;
        Next::Leaves { task, after: turn / queueing.speed }
    }

    fn advance(&mut self, now: f64) {
        if self.is_shared() {
            self.sharing.at += (now - self.sharing.now) * self.rate();
            self.sharing.now = now;
        }
    }
}
