//! One transaction tree: which transactions it has, where they run and which messages they send.
//!
//! ```text
//! client -> e            the client's request carries the root transaction
//!   e -> d               its call of an application replica d encloses its children:
//!     e -> e2            a child runs at e, or is carried to another ESB instance e2,
//!       e2 -> d2         which calls for it
//!       e2 <- d2
//!     e <- e2
//!   e <- d
//! client <- e            replies retrace their requests
//! ```
//!
//! Times are abstract here, in units of a millisecond; [`crate::clock`] stretches them.

use groma_trace::MessageBatch;

use crate::dice::{Dice, Even};
use crate::layout::{
    ESB_INSTANCES, FARMS, FARMS_PER_GROUP, GROUPS, INSTANCES_PER_FARM, Layout, Service,
    group_of_farm,
};
use crate::{DEPTH_MAX, Plan};

/// A tree that has as many transactions grows no further.
pub(crate) const TRANSACTIONS_PER_TREE_MAX: usize = 100_000;

/// The end of a message that is no slot: the client of the tree.
pub(crate) const CLIENT: u32 = u32::MAX;
/// No parent message, no parent transaction.
pub(crate) const NONE: u32 = u32::MAX;

/// Mean time of an ESB instance or replica until it acts, and the time of a message on the wire.
const HANDLING: f64 = 0.4;
const WORK: f64 = 4.0;
pub(crate) const WIRE: f64 = 0.1;
/// Share of children that start beside the one before instead of after it.
const PARALLEL_SHARE: f64 = 0.3;
/// How far the request's share of the bytes of a pair lies from its mean at most.
const REQUEST_SHARE_SPREAD: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HopKind {
    ClientToEsb,
    EsbToClient,
    EsbToApp,
    AppToEsb,
    EsbToEsb,
}

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) kind: HopKind,
    /// Slots, or [`CLIENT`].
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// Index of the message it answers or was caused by, or [`NONE`].
    pub(crate) parent: u32,
    pub(crate) transaction: u32,
    pub(crate) service: u32,
    pub(crate) reply: bool,
    pub(crate) bytes: u32,
    pub(crate) status: i32,
    /// When its ESB wrote it down (the sender's, where both ends are ESBs): abstract time, ...
    pub(crate) at: f64,
    /// ... then nanoseconds, and how long it takes to the other end.
    pub(crate) at_ns: i64,
    pub(crate) latency_ns: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) parent: u32,
    /// Its first message and its last one, the reply to the first.
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) has_children: bool,
    /// All its records are lost.
    pub(crate) lost: bool,
}

/// Parents come before their children, requests before their replies.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) messages: Vec<Message>,
    pub(crate) transactions: Vec<Transaction>,
}

/// Grows trees one after the other; keeps what the load balancers remember.
pub(crate) struct Grower<'a> {
    layout: &'a Layout,
    plan: &'a Plan,
    carried_share: f64,
    entries: [u32; FARMS],
    carried: [u32; FARMS],
    replicas: Vec<u32>,
    sizes: Sizes,
}

/// Sizes of pairs of messages, even within each class that the truth tells apart: at a small scale
/// the few largest messages do not decide the shares.
struct Sizes {
    far: Even,
    in_esb_vlan: Even,
    in_app_vlan: Even,
    same_group: Even,
    other_group: Even,
}

impl<'a> Grower<'a> {
    pub(crate) fn new(layout: &'a Layout, plan: &'a Plan, dice: &mut Dice) -> Grower<'a> {
        // Only children are carried from one ESB instance to another.
        let child_share = 1.0 - 1.0 / plan.transactions_per_tree();
        Grower {
            layout,
            plan,
            carried_share: plan.traffic.esb_calls_per_transaction / child_share.max(1e-9),
            entries: std::array::from_fn(|_| dice.below(INSTANCES_PER_FARM) as u32),
            carried: std::array::from_fn(|_| dice.below(INSTANCES_PER_FARM) as u32),
            replicas: layout.services.iter().map(|_| dice.below(8) as u32).collect(),
            sizes: Sizes {
                far: Even::new(dice),
                in_esb_vlan: Even::new(dice),
                in_app_vlan: Even::new(dice),
                same_group: Even::new(dice),
                other_group: Even::new(dice),
            },
        }
    }

    /// Replaces `tree` by a new one.
    pub(crate) fn grow(&mut self, tree: &mut Tree, dice: &mut Dice) {
        tree.messages.clear();
        tree.transactions.clear();
        let service = self.layout.any_service(dice);
        let farm = self.layout.services[service].group + GROUPS * dice.below(FARMS_PER_GROUP);
        let esb = next_member(&mut self.entries, farm);
        let traffic = &self.plan.traffic;
        let sigma = traffic.client_bytes_sigma;
        let root = begin(tree, NONE);
        let request = Message {
            bytes: whole_bytes(dice.lognormal_of_mean(traffic.client_request_bytes, sigma)),
            ..message(HopKind::ClientToEsb, CLIENT, esb, root, service, 0.0)
        };
        send(tree, request);
        let done = self.work(tree, dice, root, At { esb, cause: 0, depth: 1, time: 0.0 }, service);
        let reply = Message {
            parent: 0,
            reply: true,
            status: self.status(dice),
            bytes: whole_bytes(dice.lognormal_of_mean(traffic.client_reply_bytes, sigma)),
            ..message(HopKind::EsbToClient, esb, CLIENT, root, service, done)
        };
        send(tree, reply);
    }

    /// The work of one transaction at an ESB instance: the call of its service, around its
    /// children. Returns when it is done.
    fn work(
        &mut self,
        tree: &mut Tree,
        dice: &mut Dice,
        transaction: u32,
        at: At,
        service: usize,
    ) -> f64 {
        let replica = self.next_replica(service);
        let (request_bytes, reply_bytes) = self.app_bytes(dice, service, at.esb, replica);
        let asked = at.time + dice.exponential(HANDLING);
        let request = Message {
            parent: at.cause,
            bytes: request_bytes,
            ..message(HopKind::EsbToApp, at.esb, replica, transaction, service, asked)
        };
        let request = send(tree, request);
        let mut began = asked;
        let mut done = asked + dice.exponential(WORK);
        for child in 0..self.children(dice, tree, at.depth) {
            tree.transactions[transaction as usize].has_children = true;
            let beside = child > 0 && dice.chance(PARALLEL_SHARE);
            began = if beside { began } else { done } + dice.exponential(HANDLING);
            let child = At { depth: at.depth + 1, time: began, ..at };
            done = done.max(self.child(tree, dice, transaction, child));
        }
        let answered = done + dice.exponential(WORK);
        let reply = Message {
            parent: request,
            reply: true,
            bytes: reply_bytes,
            status: self.status(dice),
            ..message(HopKind::AppToEsb, replica, at.esb, transaction, service, answered)
        };
        send(tree, reply);
        answered + dice.exponential(HANDLING)
    }

    /// A child stays at the ESB instance of its parent or is carried to another.
    fn child(&mut self, tree: &mut Tree, dice: &mut Dice, parent: u32, at: At) -> f64 {
        let transaction = begin(tree, parent);
        let farm = at.esb as usize / INSTANCES_PER_FARM;
        if !dice.chance(self.carried_share) {
            let service = self.layout.service_of_group(group_of_farm(farm), dice);
            return self.work(tree, dice, transaction, at, service);
        }
        let farm = self.other_farm(dice, farm);
        let service = self.layout.service_of_group(group_of_farm(farm), dice);
        let esb = next_member(&mut self.carried, farm);
        let (request_bytes, reply_bytes) = self.esb_bytes(dice, at.esb, esb);
        let request = Message {
            parent: at.cause,
            bytes: request_bytes,
            ..message(HopKind::EsbToEsb, at.esb, esb, transaction, service, at.time)
        };
        let cause = send(tree, request);
        let there = At { esb, cause, time: at.time + WIRE, ..at };
        let done = self.work(tree, dice, transaction, there, service);
        let reply = Message {
            parent: cause,
            reply: true,
            bytes: reply_bytes,
            status: self.status(dice),
            ..message(HopKind::EsbToEsb, esb, at.esb, transaction, service, done)
        };
        send(tree, reply);
        done + WIRE
    }

    fn children(&self, dice: &mut Dice, tree: &Tree, depth: usize) -> usize {
        if depth >= DEPTH_MAX || tree.transactions.len() >= TRANSACTIONS_PER_TREE_MAX {
            return 0;
        }
        dice.geometric(self.plan.children_means[depth - 1])
    }

    /// Another farm of the same group, or any of another group.
    fn other_farm(&self, dice: &mut Dice, farm: usize) -> usize {
        let (group, index) = (group_of_farm(farm), farm / GROUPS);
        if dice.chance(self.plan.traffic.same_group_share) {
            let step = 1 + dice.below(FARMS_PER_GROUP - 1);
            group + GROUPS * ((index + step) % FARMS_PER_GROUP)
        } else {
            let group = (group + 1 + dice.below(GROUPS - 1)) % GROUPS;
            group + GROUPS * dice.below(FARMS_PER_GROUP)
        }
    }

    fn next_replica(&mut self, service: usize) -> u32 {
        let Service { first_replica, replica_count, .. } = self.layout.services[service];
        let turn = &mut self.replicas[service];
        *turn = (*turn + 1) % replica_count as u32;
        first_replica as u32 + *turn
    }

    fn app_bytes(&mut self, dice: &mut Dice, service: usize, esb: u32, replica: u32) -> (u32, u32) {
        let slots = &self.layout.slots;
        let same_vlan = slots[esb as usize].vlan == slots[replica as usize].vlan;
        let sizes = match (self.layout.services[service].near, same_vlan) {
            (false, _) => &mut self.sizes.far,
            (true, true) => &mut self.sizes.in_esb_vlan,
            (true, false) => &mut self.sizes.in_app_vlan,
        };
        let traffic = &self.plan.traffic;
        let both = sizes.lognormal_of_mean(traffic.app_pair_bytes, traffic.bytes_sigma);
        split(dice, both, traffic.request_share)
    }

    fn esb_bytes(&mut self, dice: &mut Dice, from: u32, to: u32) -> (u32, u32) {
        let group = |slot: u32| group_of_farm(slot as usize / INSTANCES_PER_FARM);
        let sizes = if group(from) == group(to) {
            &mut self.sizes.same_group
        } else {
            &mut self.sizes.other_group
        };
        let traffic = &self.plan.traffic;
        let both = sizes.lognormal_of_mean(traffic.esb_pair_bytes, traffic.bytes_sigma);
        split(dice, both, traffic.request_share)
    }

    fn status(&self, dice: &mut Dice) -> i32 {
        if dice.chance(self.plan.traffic.error_share) { 500 } else { 200 }
    }
}

/// Where and when a transaction runs, and the message that made the ESB instance run it.
#[derive(Clone, Copy)]
struct At {
    esb: u32,
    cause: u32,
    depth: usize,
    time: f64,
}

fn next_member(turns: &mut [u32; FARMS], farm: usize) -> u32 {
    turns[farm] = (turns[farm] + 1) % INSTANCES_PER_FARM as u32;
    let slot = (farm * INSTANCES_PER_FARM) as u32 + turns[farm];
    debug_assert!((slot as usize) < ESB_INSTANCES);
    slot
}

/// Bytes of a request and its reply; the request's share lies around its mean.
fn split(dice: &mut Dice, both: f64, request_share: f64) -> (u32, u32) {
    let spread = REQUEST_SHARE_SPREAD.min(request_share).min(1.0 - request_share);
    let share = request_share + dice.between(-spread, spread);
    (whole_bytes(both * share), whole_bytes(both * (1.0 - share)))
}

fn begin(tree: &mut Tree, parent: u32) -> u32 {
    let first = tree.messages.len() as u32;
    tree.transactions.push(Transaction {
        parent,
        first,
        last: first,
        has_children: false,
        lost: false,
    });
    tree.transactions.len() as u32 - 1
}

fn send(tree: &mut Tree, message: Message) -> u32 {
    let index = tree.messages.len() as u32;
    tree.transactions[message.transaction as usize].last = index;
    tree.messages.push(message);
    index
}

fn message(
    kind: HopKind,
    from: u32,
    to: u32,
    transaction: u32,
    service: usize,
    at: f64,
) -> Message {
    Message {
        kind,
        from,
        to,
        parent: NONE,
        transaction,
        service: service as u32,
        reply: false,
        bytes: 0,
        status: MessageBatch::STATUS_UNKNOWN,
        at,
        at_ns: 0,
        latency_ns: 0,
    }
}

fn whole_bytes(bytes: f64) -> u32 {
    bytes.clamp(1.0, f64::from(MessageBatch::BYTES_UNKNOWN - 1)) as u32
}
