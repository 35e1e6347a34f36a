//! The window: sessions start, their trees follow each other, records arrive.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use groma_trace::MessageBatch;

use crate::arrivals::{Arrivals, Record};
use crate::clock::Clock;
use crate::dice::Dice;
use crate::layout::{CLIENTS, ESB_INSTANCES, Layout};
use crate::tree::{CLIENT, Grower, HopKind, Message, NONE, Tree};
use crate::truth::{SessionSeen, Tally, Written};
use crate::{GenerateError, Plan};

const SECOND_NS: f64 = 1e9;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Part of the window that lies behind, 0 to 1.
    pub share: f64,
    /// Records written.
    pub records: u64,
}

/// A session waiting for its next tree.
#[derive(Debug, Clone, Copy)]
struct Session {
    next_ns: i64,
    id: u64,
    trees_left: usize,
    client: u32,
    seen: SessionSeen,
}

/// Generates all records in order of arrival. State: open sessions, records on their way.
pub(crate) struct Traffic<'a> {
    plan: &'a Plan,
    layout: &'a Layout,
    dice: Dice,
    grower: Grower<'a>,
    clock: Clock<'a>,
    starts: SessionStarts,
    waiting: BinaryHeap<Reverse<(i64, u64)>>,
    sessions: rustc_hash::FxHashMap<u64, Session>,
    session_count: u64,
    arrivals: Arrivals,
    skew_ns: Vec<i64>,
    tally: Tally,
    tree: Tree,
    written: Written,
    next_message: u64,
    next_transaction: u64,
    window: (i64, i64),
}

impl<'a> Traffic<'a> {
    pub(crate) fn new(plan: &'a Plan, layout: &'a Layout) -> Traffic<'a> {
        let mut dice = Dice::new(plan.seed, 2);
        let mut skew_ns = vec![0; ESB_INSTANCES];
        for (slot, error) in &layout.skews {
            skew_ns[*slot] = *error;
        }
        let warm_up_ns = (plan.warm_up_seconds * SECOND_NS) as i64;
        Traffic {
            plan,
            layout,
            grower: Grower::new(layout, plan, &mut dice),
            clock: Clock::new(plan, &mut dice),
            starts: SessionStarts::new(plan),
            dice,
            waiting: BinaryHeap::new(),
            sessions: rustc_hash::FxHashMap::default(),
            session_count: 0,
            arrivals: Arrivals::new(plan.start_ns - warm_up_ns),
            skew_ns,
            tally: Tally::new(),
            tree: Tree::default(),
            written: Written::default(),
            next_message: 1,
            next_transaction: 1,
            window: (plan.start_ns, plan.start_ns + (plan.window_seconds * SECOND_NS) as i64),
        }
    }

    /// Hands every record to `write` in order of arrival and returns what was counted.
    pub(crate) fn run(
        mut self,
        mut write: impl FnMut(&Record) -> Result<(), GenerateError>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Tally, GenerateError> {
        const STEPS: i64 = 200;
        let (from, to) = self.window;
        let mut records = 0;
        let mut step = 0;
        while let Some(session) = self.next_session() {
            let now = session.next_ns;
            self.deliver(now, &mut records, &mut write)?;
            self.next_tree(session);
            let reached = (now - from).max(0) * STEPS / (to - from).max(1);
            if reached > step {
                step = reached;
                progress(Progress { share: step as f64 / STEPS as f64, records });
            }
        }
        while !self.arrivals.is_empty() {
            self.deliver(i64::MAX, &mut records, &mut write)?;
        }
        progress(Progress { share: 1.0, records });
        Ok(self.tally)
    }

    fn deliver(
        &mut self,
        now_ns: i64,
        records: &mut u64,
        write: &mut impl FnMut(&Record) -> Result<(), GenerateError>,
    ) -> Result<(), GenerateError> {
        while let Some(bucket) = self.arrivals.pop_before(now_ns) {
            *records += bucket.len() as u64;
            bucket.iter().try_for_each(&mut *write)?;
            self.arrivals.recycle(bucket);
        }
        Ok(())
    }

    /// The session whose next tree starts first: a new one or one that waits. `None`: the window
    /// is over.
    fn next_session(&mut self) -> Option<Session> {
        let waiting = self.waiting.peek().map(|Reverse((next_ns, _))| *next_ns);
        let start = self.starts.peek();
        match (waiting, start) {
            (Some(waiting), Some(start)) if waiting <= start => self.continued(),
            (_, Some(start)) => {
                self.starts.advance(&mut self.dice);
                self.session_count += 1;
                Some(Session {
                    next_ns: start,
                    id: self.session_count,
                    trees_left: 1 + self.dice.geometric(self.plan.trees_per_session - 1.0),
                    client: self.layout.clients_first + self.dice.below(CLIENTS) as u32,
                    seen: SessionSeen::nothing(),
                })
            }
            (Some(_), None) => self.continued(),
            (None, None) => None,
        }
    }

    fn continued(&mut self) -> Option<Session> {
        let Reverse((_, id)) = self.waiting.pop()?;
        self.sessions.remove(&id)
    }

    fn next_tree(&mut self, mut session: Session) {
        self.grower.grow(&mut self.tree, &mut self.dice);
        self.clock.lay_out(&mut self.tree, &mut self.dice, session.next_ns);
        let disorder = self.clock.disturb(&mut self.tree, &mut self.dice);
        let end = self.tree.messages.iter().map(|message| message.at_ns + message.latency_ns).max();
        let end = end.unwrap_or(session.next_ns);
        if end >= self.window.0 {
            self.tally.disorder(disorder);
            self.log_tree(&mut session);
        }
        session.trees_left -= 1;
        let pause = self.dice.lognormal(self.plan.pause_median_seconds, 1.0);
        let pause = pause.min(self.plan.pause_max_seconds);
        session.next_ns = end + (pause * SECOND_NS) as i64;
        if session.trees_left > 0 && session.next_ns < self.window.1 {
            self.waiting.push(Reverse((session.next_ns, session.id)));
            self.sessions.insert(session.id, session);
        }
    }

    /// Sends the records of the tree on their way and counts what of it will be written.
    fn log_tree(&mut self, session: &mut Session) {
        self.written.messages.clear();
        self.written.times.clear();
        for index in 0..self.tree.messages.len() {
            let message = &self.tree.messages[index];
            if self.tree.transactions[message.transaction as usize].lost {
                continue;
            }
            let message = message.clone();
            let before = self.tally.counts.records;
            match message.kind {
                HopKind::EsbToEsb => {
                    self.log(session, &message, index, MessageBatch::FLAG_SENT);
                    self.log(session, &message, index, 0);
                }
                HopKind::ClientToEsb | HopKind::AppToEsb => self.log(session, &message, index, 0),
                HopKind::EsbToApp | HopKind::EsbToClient => {
                    self.log(session, &message, index, MessageBatch::FLAG_SENT)
                }
            }
            if self.tally.counts.records > before {
                self.written.messages.push(index as u32);
            }
        }
        self.next_message += self.tree.messages.len() as u64;
        self.next_transaction += self.tree.transactions.len() as u64;
        if !self.written.messages.is_empty() {
            self.tally.tree(self.layout, &self.tree, &mut self.written, &mut session.seen);
        }
    }

    /// One end writes the message down, if its clock shows a time in the window.
    fn log(&mut self, session: &Session, message: &Message, index: usize, sent: u8) {
        let (process, peer) = match sent {
            0 => (message.to, message.from),
            _ => (message.from, message.to),
        };
        let carried = message.kind == HopKind::EsbToEsb && sent == 0;
        let true_ns = message.at_ns + if carried { message.latency_ns } else { 0 };
        let time = true_ns + self.skew_ns[process as usize];
        if time < self.window.0 || time >= self.window.1 {
            return;
        }
        let faults = &self.plan.faults;
        let timeless = self.dice.chance(faults.missing_time_share);
        let transaction = &self.tree.transactions[message.transaction as usize];
        let id = |base: u64, index: u32| if index == NONE { 0 } else { base + u64::from(index) };
        let record = Record {
            // A child that is stamped too early is not heard before its tree began.
            arrival_ns: true_ns.max(session.next_ns),
            time: if timeless { MessageBatch::TIME_UNKNOWN } else { time },
            message: self.next_message + index as u64,
            parent_message: id(self.next_message, message.parent),
            tree: self.next_transaction,
            transaction: id(self.next_transaction, message.transaction),
            parent_transaction: id(self.next_transaction, transaction.parent),
            session: session.id,
            process: self.name(process, message.at_ns, session),
            peer: self.name(peer, message.at_ns, session),
            service: self.layout.services[message.service as usize].name,
            bytes: message.bytes,
            status: message.status,
            flags: sent | if message.reply { MessageBatch::FLAG_REPLY } else { 0 },
        };
        if !timeless {
            self.written.times.push((time, message.transaction));
        }
        self.tally.counts.records_without_time += u64::from(timeless);
        self.arrive(record);
        if self.dice.chance(faults.duplicate_share) {
            self.tally.counts.records_without_time += u64::from(timeless);
            self.tally.counts.duplicate_records += 1;
            self.arrive(record);
        }
    }

    fn arrive(&mut self, mut record: Record) {
        let faults = &self.plan.faults;
        let mut delay = 0.0;
        if faults.delay_mean_seconds > 0.0 {
            delay += self.dice.exponential(faults.delay_mean_seconds);
        }
        if self.dice.chance(faults.held_up_share) {
            delay += self.dice.unit() * faults.held_up_max_seconds;
            self.tally.injected.held_up_records += 1;
        }
        record.arrival_ns += (delay * SECOND_NS) as i64;
        self.tally.counts.records += 1;
        self.arrivals.push(record);
    }

    fn name(&self, end: u32, at_ns: i64, session: &Session) -> u32 {
        if end == CLIENT {
            return session.client;
        }
        let slot = &self.layout.slots[end as usize];
        match slot.restart {
            Some((restarted_ns, name)) if at_ns >= restarted_ns => name,
            _ => slot.name,
        }
    }
}

/// Poisson arrivals of a known number of sessions: a sorted sample, made in order without keeping
/// it. Within the window the rate swings once around its mean; before, it is even.
struct SessionStarts {
    warm_up: (i64, i64),
    window: (i64, i64),
    swing: f64,
    warm_up_left: u64,
    window_left: u64,
    /// How much of the present stretch lies behind, 0 to 1.
    reached: f64,
    next_ns: Option<i64>,
}

impl SessionStarts {
    fn new(plan: &Plan) -> SessionStarts {
        let count = (plan.sessions * plan.scale).round();
        let warm_up_ns = (plan.warm_up_seconds * SECOND_NS) as i64;
        let window_ns = (plan.window_seconds * SECOND_NS) as i64;
        let mut starts = SessionStarts {
            warm_up: (plan.start_ns - warm_up_ns, plan.start_ns),
            window: (plan.start_ns, plan.start_ns + window_ns),
            swing: plan.rate_swing,
            warm_up_left: (count * plan.warm_up_seconds / plan.window_seconds).round() as u64,
            window_left: count as u64,
            reached: 0.0,
            next_ns: None,
        };
        starts.advance(&mut Dice::new(plan.seed, 3));
        starts
    }

    fn peek(&self) -> Option<i64> {
        self.next_ns
    }

    fn advance(&mut self, dice: &mut Dice) {
        self.next_ns = if self.warm_up_left > 0 {
            let part = self.step(dice, self.warm_up_left);
            self.warm_up_left -= 1;
            if self.warm_up_left == 0 {
                self.reached = 0.0;
            }
            Some(at(self.warm_up, part))
        } else if self.window_left > 0 {
            let part = self.step(dice, self.window_left);
            self.window_left -= 1;
            Some(at(self.window, swung(part, self.swing)))
        } else {
            None
        };
    }

    fn step(&mut self, dice: &mut Dice, left: u64) -> f64 {
        self.reached = 1.0 - (1.0 - self.reached) * dice.largest_of(left);
        self.reached
    }
}

fn at(stretch: (i64, i64), part: f64) -> i64 {
    stretch.0 + ((stretch.1 - stretch.0) as f64 * part) as i64
}

/// Where in the window `part` of the sessions have started, if the rate is 1 + swing sin(2 pi x).
fn swung(part: f64, swing: f64) -> f64 {
    const TURN: f64 = std::f64::consts::TAU;
    let mut x = part;
    // Newton's method; the slope is at least 1 - swing.
    for _ in 0..8 {
        let off = x + swing / TURN * (1.0 - (TURN * x).cos()) - part;
        x -= off / (1.0 + swing * (TURN * x).sin());
    }
    x.clamp(0.0, 1.0)
}
