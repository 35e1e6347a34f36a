//! Records to messages, messages to transactions.

use super::{
    INDEX_BITS, Message, NONE, Part, TIME_UNKNOWN, Transaction, TreeBuilder, index_of, time_key,
};
use crate::MessageBatch;
use crate::outcome::ProblemKind;
use crate::record::Record;

/// Transactions of a tree whose ids differ by less than this many bits are ordered by packed keys.
const TRANSACTION_BITS: u32 = 128 - 1 - 64 - INDEX_BITS;

impl TreeBuilder {
    /// Makes one message of all records about it.
    pub(super) fn join_ends(&mut self, records: &[Record], part: &mut Part) {
        self.keys.clear();
        let key = |(record, index): (&Record, u128)| u128::from(record.message) << 64 | index;
        self.keys.extend(records.iter().zip(0..).map(key));
        self.keys.sort_unstable();
        self.times.clear();
        self.times.extend(records.iter().map(|record| record.time));
        self.messages.clear();
        let mut rest = self.keys.as_slice();
        let record = |key: &u128| &records[index_of(*key) as usize];
        while let Some(key) = rest.first() {
            let count = rest.iter().take_while(|other| *other >> 64 == key >> 64).count();
            let (same, others) = rest.split_at(count);
            rest = others;
            self.messages.push(match same {
                [key] => of_one(record(key)),
                [a, b] if let Some(message) = of_both(record(a), record(b), part) => message,
                _ => of_many(record(key), same.iter().map(record), part),
            });
        }
        part.counts.messages += self.messages.len() as u64;
    }

    /// Orders messages by transaction, then requests first, then by time, then by id.
    fn order_messages(&mut self) {
        let messages = &self.messages;
        let ids = || messages.iter().map(|message| message.transaction);
        let smallest = ids().min().unwrap_or(0);
        self.order.clear();
        if ids().max().unwrap_or(0) - smallest >= 1 << TRANSACTION_BITS {
            self.order.extend(0..messages.len() as u32);
            self.order.sort_unstable_by_key(|index| {
                let message = &messages[*index as usize];
                (message.transaction, message.reply, message.time, *index)
            });
            return;
        }
        self.keys.clear();
        self.keys.extend(messages.iter().zip(0..).map(|(message, index)| {
            let transaction = u128::from(message.transaction - smallest);
            let rank = transaction << 1 | u128::from(message.reply);
            (rank << 64 | time_key(message.time)) << INDEX_BITS | index
        }));
        self.keys.sort_unstable();
        self.order.extend(self.keys.iter().map(|key| index_of(*key)));
    }

    /// Puts the messages of each transaction together.
    pub(super) fn group_transactions(&mut self, tree: u64, part: &mut Part) {
        self.order_messages();
        let messages = &self.messages;
        self.transactions.clear();
        for (place, index) in (0..).zip(&self.order) {
            let message = &messages[*index as usize];
            match self.transactions.last_mut() {
                Some(last) if last.id == message.transaction => {
                    last.to = place + 1;
                    last.first = earlier(last.first, message.first);
                    last.last = last.last.max(message.last);
                    let conflict = last.parent_id != message.parent_transaction
                        && last.parent_id != 0
                        && message.parent_transaction != 0;
                    if conflict && !last.has_parent_conflict {
                        last.has_parent_conflict = true;
                        part.problems.add(ProblemKind::ParentConflict, 1, tree);
                    }
                    last.parent_id = last.parent_id.max(message.parent_transaction);
                }
                _ => self.transactions.push(Transaction {
                    id: message.transaction,
                    parent: NONE,
                    has_parent_id: false,
                    has_parent_conflict: false,
                    parent_id: message.parent_transaction,
                    first: message.first,
                    last: message.last,
                    from: place,
                    to: place + 1,
                    depth: 0,
                }),
            }
        }
        for transaction in &self.transactions {
            if transaction.first != TIME_UNKNOWN {
                let nanos = transaction.last.saturating_sub(transaction.first);
                part.counts.transactions_timed += 1;
                part.counts.transaction_nanos += nanos.max(0) as u128;
            }
        }
    }
}

/// The message of two records, if they are its two ends: the same as [`of_many`], for nearly all.
fn of_both(a: &Record, b: &Record, part: &mut Part) -> Option<Message> {
    let (sent, received) = match (a.sent(), b.sent()) {
        (true, false) => (a, b),
        (false, true) => (b, a),
        _ => return None,
    };
    let known = sent.time != TIME_UNKNOWN && received.time != TIME_UNKNOWN;
    let agree = sent.service == received.service && sent.bytes == received.bytes;
    if !known || !agree || sent.parent_message != received.parent_message {
        return None;
    }
    part.counts.both_ends += 1;
    if sent.process != received.process {
        part.skew.add(sent.process, received.process, received.time.saturating_sub(sent.time));
    }
    let message = of_one(sent);
    Some(Message {
        receiver: received.process,
        parent_transaction: sent.parent_transaction.max(received.parent_transaction),
        reply: message.reply || received.flags & MessageBatch::FLAG_REPLY != 0,
        first: sent.time.min(received.time),
        last: sent.time.max(received.time),
        ..message
    })
}

/// The earlier of two times, either of which may be unknown.
pub(super) fn earlier(a: i64, b: i64) -> i64 {
    match (a, b) {
        (TIME_UNKNOWN, known) | (known, TIME_UNKNOWN) => known,
        _ => a.min(b),
    }
}

fn of_one(record: &Record) -> Message {
    let (sender, receiver) =
        if record.sent() { (record.process, record.peer) } else { (record.peer, record.process) };
    Message {
        id: record.message,
        parent: record.parent_message,
        transaction: record.transaction,
        parent_transaction: record.parent_transaction,
        time: record.time,
        first: record.time,
        last: record.time,
        sender,
        receiver,
        service: record.service,
        bytes: record.bytes,
        reply: record.flags & MessageBatch::FLAG_REPLY != 0,
    }
}

/// Joins several records of one message. Each end is told by its earliest record; what the sender
/// says goes before what the receiver says.
fn of_many<'r>(
    first: &'r Record,
    records: impl Iterator<Item = &'r Record> + Clone,
    part: &mut Part,
) -> Message {
    let (sent, sent_ends) = end(records.clone().filter(|record| record.sent()));
    let (received, received_ends) = end(records.clone().filter(|record| !record.sent()));
    let mut message = match (sent, received) {
        (Some(sent), Some(received)) => {
            part.counts.both_ends += 1;
            let known = sent.time != TIME_UNKNOWN && received.time != TIME_UNKNOWN;
            if known && sent.process != received.process {
                let nanos = received.time.saturating_sub(sent.time);
                part.skew.add(sent.process, received.process, nanos);
            }
            let (a, b) = (of_one(sent), of_one(received));
            Message {
                receiver: received.process,
                time: if a.time == TIME_UNKNOWN { b.time } else { a.time },
                service: if a.service == MessageBatch::NAME_NONE { b.service } else { a.service },
                bytes: if a.bytes == MessageBatch::BYTES_UNKNOWN { b.bytes } else { a.bytes },
                parent: if a.parent == 0 { b.parent } else { a.parent },
                ..a
            }
        }
        (sent, received) => of_one(sent.or(received).unwrap_or(first)),
    };
    let mut count = 0;
    for record in records {
        count += 1;
        message.parent_transaction = message.parent_transaction.max(record.parent_transaction);
        message.reply |= record.flags & MessageBatch::FLAG_REPLY != 0;
        message.first = earlier(message.first, record.time);
        message.last = message.last.max(record.time);
    }
    if sent_ends > 1 || received_ends > 1 {
        part.problems.add(ProblemKind::MessageConflict, 1, first.tree);
    }
    part.counts.duplicates += count - sent_ends - received_ends;
    message
}

/// The earliest record of one end, and how many processes claim to be that end.
fn end<'r>(records: impl Iterator<Item = &'r Record> + Clone) -> (Option<&'r Record>, u64) {
    let rank = |record: &Record| {
        let unknown = record.time == TIME_UNKNOWN;
        let rest = (record.bytes, record.service, record.transaction, record.parent_message);
        (unknown, record.time, record.process, record.peer, rest)
    };
    let Some(first) = records.clone().min_by_key(|record| rank(record)) else { return (None, 0) };
    if records.clone().all(|record| record.process == first.process) {
        return (Some(first), 1);
    }
    let mut processes: Vec<u32> = records.map(|record| record.process).collect();
    processes.sort_unstable();
    processes.dedup();
    (Some(first), processes.len() as u64)
}
