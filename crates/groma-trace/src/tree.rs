//! One transaction tree out of its records.
//!
//! records -> messages (both ends as one) -> transactions -> parents -> calls in causal order.
//! Every answer depends on the set of records only, never on their order, and every buffer is
//! bounded by the number of records: an id is compared, never counted up to.

use crate::MessageBatch;
use crate::calls::Calls;
use crate::outcome::{Counts, ProblemKind, Problems, Tree, Trees};
use crate::record::Record;
use crate::services::ServiceTable;
use crate::skew::Skew;

mod calls;
mod messages;
mod parents;

/// What a part of the log gave.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Totals. Records are counted by who reads them, sessions at the end.
    pub counts: Counts,
    /// Trees.
    pub trees: Trees,
    /// Calls, tree by tree.
    pub calls: Calls,
    /// Traffic by service.
    pub services: ServiceTable,
    /// Clock skew.
    pub skew: Skew,
    /// What was wrong.
    pub problems: Problems,
}

/// Builds trees, one after the other; keeps its buffers from tree to tree.
#[derive(Debug, Default)]
pub struct TreeBuilder {
    /// Times at which the topology changed, sorted.
    epochs: Vec<i64>,
    /// What is being sorted, packed into one number with its index in the lowest bits: numbers are
    /// sorted without branches and without a look at what they stand for.
    keys: Vec<u128>,
    times: Vec<i64>,
    /// Sorted by id.
    messages: Vec<Message>,
    /// Indexes into `messages`, by transaction; requests first, then by time.
    order: Vec<u32>,
    /// Sorted by id.
    transactions: Vec<Transaction>,
    walk: parents::Walk,
    pairing: calls::Pairing,
}

/// A message, whichever ends logged it.
#[derive(Debug, Clone, Copy)]
struct Message {
    id: u64,
    parent: u64,
    transaction: u64,
    parent_transaction: u64,
    /// When it was sent, or else received; [`MessageBatch::TIME_UNKNOWN`].
    time: i64,
    /// Last time that a record gives; equal to `first` if there is one.
    first: i64,
    last: i64,
    sender: u32,
    receiver: u32,
    service: u32,
    bytes: u32,
    reply: bool,
}

/// A transaction: a request, its reply, and what was called for it.
#[derive(Debug, Clone, Copy)]
struct Transaction {
    id: u64,
    /// Index of the parent in the tree, or [`NONE`].
    parent: u32,
    /// Whether a parent was named.
    has_parent_id: bool,
    has_parent_conflict: bool,
    parent_id: u64,
    first: i64,
    last: i64,
    /// Its messages: `order[from..to]`.
    from: u32,
    to: u32,
    /// Steps from its root.
    depth: u32,
}

/// Bits of a key that hold an index: a tree has at most [`crate::TREE_RECORDS_MAX`] records.
const INDEX_BITS: u32 = 20;
const _: () = assert!(crate::TREE_RECORDS_MAX == 1 << INDEX_BITS);

/// The index that is packed into a key.
fn index_of(key: u128) -> u32 {
    key as u32 & ((1 << INDEX_BITS) - 1)
}

/// A time as a number of the same order; an unknown time is the smallest.
fn time_key(time: i64) -> u128 {
    u128::from(time as u64 ^ 1 << 63)
}

const NONE: u32 = u32::MAX;
const TIME_UNKNOWN: i64 = MessageBatch::TIME_UNKNOWN;

impl TreeBuilder {
    /// A builder that puts calls into epochs that begin at the times `epochs`.
    pub fn new(epochs: &[i64]) -> TreeBuilder {
        let mut epochs = epochs.to_vec();
        epochs.sort_unstable();
        epochs.dedup();
        TreeBuilder { epochs, ..TreeBuilder::default() }
    }

    /// Adds the tree that `records` show, which all have the same tree id and are complete; at most
    /// [`crate::TREE_RECORDS_MAX`]. Cost: about n log n for n records.
    pub fn build(&mut self, records: &[Record], part: &mut Part) {
        let Some(tree) = records.first().map(|record| record.tree) else { return };
        self.join_ends(records, part);
        self.group_transactions(tree, part);
        self.link_parents(tree, part);
        self.add_calls(part);
        let (start, end, longest_silence) = self.times(part);
        let root = self.root();
        part.counts.transactions += self.transactions.len() as u64;
        part.counts.trees += 1;
        let session = session(tree, records, part);
        part.trees.push(Tree {
            id: tree,
            session,
            root: root.map_or(0, |root| root.id),
            start,
            end,
            longest_silence,
            service: root.map_or(MessageBatch::NAME_NONE, |root| self.service(&root)),
            transactions: self.transactions.len() as u32,
            messages: self.messages.len() as u32,
            depth: self.transactions.iter().map(|one| one.depth).max().unwrap_or(0),
            missing_parents: self.walk.missing.len() as u32,
        });
    }

    /// First and last time, and the longest time between.
    fn times(&mut self, part: &mut Part) -> (i64, i64, i64) {
        self.times.sort_unstable();
        let known = self.times.partition_point(|time| *time == TIME_UNKNOWN);
        part.counts.unknown_time += known as u64;
        let times = &self.times[known..];
        let (Some(start), Some(end)) = (times.first(), times.last()) else {
            return (TIME_UNKNOWN, TIME_UNKNOWN, 0);
        };
        let silences = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        (*start, *end, silences.max().unwrap_or(0))
    }

    /// The earliest transaction without a parent in the tree.
    fn root(&self) -> Option<Transaction> {
        let roots = self.transactions.iter().filter(|one| one.parent == NONE);
        // One that names no parent is a better root than one whose parent is missing.
        roots
            .min_by_key(|one| (one.has_parent_id, one.first == TIME_UNKNOWN, one.first, one.id))
            .copied()
    }

    /// What a transaction asked for, as its first message that says so.
    fn service(&self, transaction: &Transaction) -> u32 {
        self.order[transaction.from as usize..transaction.to as usize]
            .iter()
            .map(|index| self.messages[*index as usize].service)
            .find(|service| *service != MessageBatch::NAME_NONE)
            .unwrap_or(MessageBatch::NAME_NONE)
    }

    fn epoch_of(&self, time: i64) -> u16 {
        if self.epochs.is_empty() {
            return 0;
        }
        self.epochs.partition_point(|epoch| *epoch <= time).min(usize::from(u16::MAX)) as u16
    }
}

/// The session of a tree: the largest id, if its records do not agree.
fn session(tree: u64, records: &[Record], part: &mut Part) -> u64 {
    let session = records.iter().map(|record| record.session).max().unwrap_or(0);
    if records.iter().any(|record| record.session != session && record.session != 0) {
        part.problems.add(ProblemKind::SessionConflict, 1, tree);
    }
    part.counts.trees_without_session += u64::from(session == 0);
    session
}
