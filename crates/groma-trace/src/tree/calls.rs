//! Messages to calls, in causal order.

use rustc_hash::FxHashMap;

use super::{INDEX_BITS, Message, NONE, Part, TIME_UNKNOWN, TreeBuilder, index_of, time_key};
use crate::MessageBatch;
use crate::calls::{Call, Seen};

/// Buffers of the pairing.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    /// Transactions as packed keys, parents before children.
    causal: Vec<u128>,
    /// Calls of the transaction that is being looked at.
    open: Vec<Open>,
    /// Callees of the calls of this tree, in their final order.
    callees: Vec<u32>,
    /// Calls of each transaction: a range of `callees`.
    ranges: Vec<(u32, u32)>,
}

/// A call that is being put together.
#[derive(Debug, Clone, Copy)]
struct Open {
    caller: u32,
    callee: u32,
    /// Indexes into the messages of the tree, or [`NONE`].
    request: u32,
    reply: u32,
    placed: bool,
}

/// A transaction with more calls than this is paired by hash and ordered by time alone.
const CALLS_SEARCHED_MAX: usize = 32;
/// How many generations back the call is searched that brought a caller into play.
const CARRIER_LEVELS_MAX: usize = 16;

impl TreeBuilder {
    /// Pairs requests with replies and adds the calls between processes to `part`.
    pub(super) fn add_calls(&mut self, part: &mut Part) {
        let transactions = &self.transactions;
        self.pairing.callees.clear();
        self.pairing.ranges.clear();
        self.pairing.ranges.resize(transactions.len(), (0, 0));
        self.pairing.causal.clear();
        self.pairing.causal.extend(transactions.iter().zip(0..).map(|(transaction, index)| {
            let depth = u128::from(transaction.depth);
            (depth << 64 | time_key(transaction.first)) << INDEX_BITS | index
        }));
        self.pairing.causal.sort_unstable();
        for place in 0..self.pairing.causal.len() {
            let transaction = index_of(self.pairing.causal[place]);
            self.pair(transaction, part);
            self.place(transaction, part);
        }
    }

    /// Finds the calls of one transaction.
    fn pair(&mut self, transaction: u32, part: &mut Part) {
        let transaction = &self.transactions[transaction as usize];
        let order = &self.order[transaction.from as usize..transaction.to as usize];
        let open = &mut self.pairing.open;
        open.clear();
        let flagged = order.iter().any(|index| self.messages[*index as usize].reply);
        let mut index_of_open = OpenIndex::default();
        // Requests come first, so that a reply finds its request.
        for index in order {
            let message = &self.messages[*index as usize];
            let known = message.sender != MessageBatch::NAME_NONE;
            if known && message.sender == message.receiver {
                part.counts.local_messages += 1;
                continue;
            }
            count(message, part);
            let reply = message.reply || !flagged && answers(message, &self.messages);
            if !reply {
                part.counts.requests += 1;
                index_of_open.add(open.len(), message);
                open.push(Open {
                    caller: message.sender,
                    callee: message.receiver,
                    request: *index,
                    reply: NONE,
                    placed: false,
                });
                continue;
            }
            part.counts.replies += 1;
            match index_of_open.request_of(message, open, &self.messages) {
                Some(place) => {
                    open[place].reply = *index;
                    part.counts.calls_whole += 1;
                }
                None => open.push(Open {
                    caller: message.receiver,
                    callee: message.sender,
                    request: NONE,
                    reply: *index,
                    placed: false,
                }),
            }
        }
        part.counts.calls += open.len() as u64;
    }

    /// Adds the calls of one transaction behind what is there.
    fn place(&mut self, transaction: u32, part: &mut Part) {
        let start = self.pairing.callees.len() as u32;
        for count in 0..self.pairing.open.len() {
            let next = if self.pairing.open.len() <= CALLS_SEARCHED_MAX {
                next_in_chain(&self.pairing.open)
            } else {
                count
            };
            self.pairing.open[next].placed = true;
            let open = self.pairing.open[next];
            let at = self.pairing.callees.len() as u32;
            let distance = self.carrier(transaction, start, open.caller).map_or(0, |to| at - to);
            let (call, service, epoch) = self.call(&open);
            part.services.add(service, &call);
            let call = call.carried_by(distance as usize);
            part.calls.push(if at == 0 { call.starting_a_tree() } else { call }, epoch);
            self.pairing.callees.push(open.callee);
        }
        self.pairing.ranges[transaction as usize] = (start, self.pairing.callees.len() as u32);
    }

    /// The nearest call that brought `caller` into play: of the transaction itself (whose calls
    /// start at `start`), or else of its ancestors.
    fn carrier(&self, transaction: u32, start: u32, caller: u32) -> Option<u32> {
        let callees = &self.pairing.callees;
        let search = |from: u32, to: u32| {
            let from = from.max(to.saturating_sub(CALLS_SEARCHED_MAX as u32));
            (from..to).rev().find(|place| callees[*place as usize] == caller)
        };
        if let Some(place) = search(start, callees.len() as u32) {
            return Some(place);
        }
        let mut at = transaction;
        for _ in 0..CARRIER_LEVELS_MAX {
            at = self.transactions[at as usize].parent;
            let (from, to) = *self.pairing.ranges.get(at as usize)?;
            if let Some(place) = search(from, to) {
                return Some(place);
            }
        }
        None
    }

    /// A call, what it asked for, and its epoch.
    fn call(&self, open: &Open) -> (Call, u32, u16) {
        let request = self.messages.get(open.request as usize);
        let reply = self.messages.get(open.reply as usize);
        let bytes = |message: Option<&Message>| {
            message.map_or(MessageBatch::BYTES_UNKNOWN, |message| message.bytes)
        };
        let service = [request, reply]
            .into_iter()
            .flatten()
            .map(|message| message.service)
            .find(|service| *service != MessageBatch::NAME_NONE);
        let seen = match (request, reply) {
            (Some(_), Some(_)) => Seen::Both,
            (Some(_), None) => Seen::Request,
            _ => Seen::Reply,
        };
        let time = [request, reply]
            .into_iter()
            .flatten()
            .map(|message| message.time)
            .find(|time| *time != TIME_UNKNOWN);
        let service = service.unwrap_or(MessageBatch::NAME_NONE);
        let sizes = (bytes(request), bytes(reply));
        let call = Call::new(open.caller, open.callee, sizes, seen);
        (call, service, time.map_or(0, |time| self.epoch_of(time)))
    }
}

fn count(message: &Message, part: &mut Part) {
    match message.bytes {
        MessageBatch::BYTES_UNKNOWN => part.counts.unknown_size += 1,
        bytes => part.counts.bytes += u64::from(bytes),
    }
}

/// Whether a message without a flag is a reply: it goes back to the sender of its parent message,
/// which belongs to the same transaction.
fn answers(message: &Message, messages: &[Message]) -> bool {
    let parent = messages.binary_search_by_key(&message.parent, |one| one.id);
    parent.is_ok_and(|parent| {
        let parent = &messages[parent];
        parent.id != message.id
            && parent.transaction == message.transaction
            && parent.sender == message.receiver
            && parent.receiver == message.sender
    })
}

/// The earliest call that waits for no other one: whose caller is no callee of a call still to
/// come. Clocks of different machines cannot order a chain; who calls whom can.
fn next_in_chain(open: &[Open]) -> usize {
    let waiting = || open.iter().enumerate().filter(|(_, one)| !one.placed);
    let free = waiting().find(|(index, one)| {
        waiting().all(|(other, before)| other == *index || before.callee != one.caller)
    });
    free.or_else(|| waiting().next()).map_or(0, |(index, _)| index)
}

/// Finds the request of a reply; only for transactions with many requests it builds an index.
#[derive(Default)]
struct OpenIndex {
    by_message: FxHashMap<u64, usize>,
    /// Calls between two parties, and how many of them were already looked at.
    by_parties: FxHashMap<(u32, u32), (Vec<usize>, usize)>,
}

impl OpenIndex {
    fn add(&mut self, place: usize, request: &Message) {
        if place < CALLS_SEARCHED_MAX {
            return;
        }
        self.by_message.insert(request.id, place);
        let parties = (request.sender, request.receiver);
        self.by_parties.entry(parties).or_default().0.push(place);
    }

    /// The open call between the same two parties that `reply` answers: the one it names, or else
    /// the first one that has no reply yet.
    fn request_of(
        &mut self,
        reply: &Message,
        open: &[Open],
        messages: &[Message],
    ) -> Option<usize> {
        let near = &open[..open.len().min(CALLS_SEARCHED_MAX)];
        let waits = |one: &Open| one.reply == NONE;
        let (caller, callee) = (reply.receiver, reply.sender);
        let between = |one: &Open| one.caller == caller && one.callee == callee;
        if reply.parent != 0 {
            let named = |one: &Open| {
                between(one)
                    && messages.get(one.request as usize).is_some_and(|one| one.id == reply.parent)
            };
            let near = near.iter().position(|one| named(one) && waits(one));
            let far = || self.by_message.get(&reply.parent).copied();
            let free = |place: &usize| waits(&open[*place]) && between(&open[*place]);
            if let Some(place) = near.or_else(far).filter(free) {
                return Some(place);
            }
        }
        if let Some(place) = near.iter().position(|one| between(one) && waits(one)) {
            return Some(place);
        }
        let (places, next) = self.by_parties.get_mut(&(caller, callee))?;
        while let Some(place) = places.get(*next) {
            if waits(&open[*place]) {
                return Some(*place);
            }
            *next += 1;
        }
        None
    }
}
