//! The same answers, from code that is too simple to be wrong and too slow to be used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groma_model::Timestamp;
use groma_trace::{Direction, MessageBatch, MessageRecord, Reconstruction, reconstruct};
use proptest::prelude::*;

/// Of a tree: session, start, end, silence, transactions, messages, depth.
type TreeRow = (u64, i64, i64, i64, u32, u32, u32);
/// Of the matrix: requests, replies, their bytes, unknown sizes.
type Cell = (u64, u64, u64, u64, u64);

/// What is compared.
#[derive(Debug, PartialEq, Eq, Default)]
struct Answer {
    messages: u64,
    duplicates: u64,
    both_ends: u64,
    local: u64,
    missing_parents: u64,
    orphans: u64,
    early: u64,
    late: u64,
    cycles: u64,
    /// By id.
    trees: BTreeMap<u64, TreeRow>,
    /// By id: trees, start, end.
    sessions: BTreeMap<u64, (u32, i64, i64)>,
    /// By caller and callee.
    matrix: BTreeMap<(String, String), Cell>,
    /// By service: requests, replies, bytes, unknown sizes.
    services: BTreeMap<String, (u64, u64, u64, u64)>,
}

const UNKNOWN: i64 = MessageBatch::TIME_UNKNOWN;

fn naive(records: &[MessageRecord]) -> Answer {
    let mut answer = Answer::default();
    let trees: BTreeSet<u64> = records.iter().map(|record| record.tree).collect();
    for tree in trees {
        let records: Vec<&MessageRecord> =
            records.iter().filter(|record| record.tree == tree).collect();
        let ids: BTreeSet<u64> = records.iter().map(|record| record.message).collect();
        answer.messages += ids.len() as u64;
        let of = |id: u64| records.iter().filter(move |record| record.message == id);
        for id in &ids {
            let sent = of(*id).filter(|record| record.direction == Direction::Send).count() as u64;
            let received = of(*id).count() as u64 - sent;
            answer.duplicates += sent.saturating_sub(1) + received.saturating_sub(1);
            answer.both_ends += u64::from(sent > 0 && received > 0);
            let one = of(*id).next().unwrap();
            let (sender, receiver) = ends(one);
            if sender == receiver {
                answer.local += 1;
                continue;
            }
            let in_transaction = |flag: &&&MessageRecord| flag.transaction == one.transaction;
            let flagged = records.iter().filter(in_transaction).any(|record| record.reply);
            let answers = of(one.parent_message).any(|parent| {
                parent.message != one.message
                    && parent.transaction == one.transaction
                    && ends(parent) == (receiver.clone(), sender.clone())
            });
            let reply = one.reply || !flagged && answers;
            let service = one.service.as_deref().unwrap_or("").to_owned();
            let (caller, callee) = if reply { (receiver, sender) } else { (sender, receiver) };
            let sum = answer.services.entry(service).or_default();
            *(if reply { &mut sum.1 } else { &mut sum.0 }) += 1;
            sum.2 += one.bytes.unwrap_or(0);
            sum.3 += u64::from(one.bytes.is_none());
            let cell = answer.matrix.entry((caller, callee)).or_default();
            let (count, bytes) =
                if reply { (&mut cell.1, &mut cell.3) } else { (&mut cell.0, &mut cell.2) };
            *count += 1;
            *bytes += one.bytes.unwrap_or(0);
            cell.4 += u64::from(one.bytes.is_none());
        }
        // Transactions: id -> (parent, first, last).
        let mut transactions: BTreeMap<u64, (u64, i64, i64)> = BTreeMap::new();
        for record in &records {
            let known = transactions.entry(record.transaction).or_insert((0, i64::MAX, UNKNOWN));
            known.0 = known.0.max(record.parent_transaction);
            if let Some(time) = record.time {
                known.1 = known.1.min(time.0);
                known.2 = known.2.max(time.0);
            }
        }
        let parent = |id: u64| {
            let parent = transactions[&id].0;
            (parent != 0 && parent != id).then_some(parent)
        };
        let missing = |id: &u64| parent(*id).filter(|id| !transactions.contains_key(id));
        let mut cut = BTreeSet::new();
        for id in transactions.keys() {
            let mut way = vec![*id];
            while let Some(next) = parent(way[way.len() - 1]).filter(|_| way.len() < 100) {
                if !transactions.contains_key(&next) {
                    break;
                }
                way.push(next);
            }
            if way.len() == 100 {
                cut.insert(*way[50..].iter().min().unwrap());
            }
        }
        answer.cycles += cut.len() as u64;
        let depth = |id: u64| {
            let (mut at, mut depth) = (id, 0);
            while let Some(next) = parent(at).filter(|_| !cut.contains(&at)) {
                depth += 1;
                if !transactions.contains_key(&next) {
                    break;
                }
                at = next;
            }
            depth
        };
        let all_missing: Vec<u64> = transactions.keys().filter_map(missing).collect();
        answer.orphans += all_missing.len() as u64;
        answer.missing_parents += all_missing.iter().collect::<BTreeSet<_>>().len() as u64;
        for (id, child) in &transactions {
            let Some(parent) = parent(*id).filter(|_| !cut.contains(id)) else { continue };
            let Some(parent) = transactions.get(&parent) else { continue };
            if child.2 != UNKNOWN && parent.2 != UNKNOWN {
                answer.early += u64::from(child.1 < parent.1);
                answer.late += u64::from(parent.2 < child.2);
            }
        }
        let mut times: Vec<i64> =
            records.iter().filter_map(|record| record.time.map(|time| time.0)).collect();
        times.sort();
        let silence = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        let start = times.first().copied().unwrap_or(UNKNOWN);
        let end = times.last().copied().unwrap_or(UNKNOWN);
        let session = records.iter().map(|record| record.session).max().unwrap();
        let deepest = transactions.keys().map(|id| depth(*id)).max().unwrap();
        let sizes = (transactions.len() as u32, ids.len() as u32);
        let row = (session, start, end, silence, sizes.0, sizes.1, deepest);
        answer.trees.insert(tree, row);
        if session != 0 {
            let known = answer.sessions.entry(session).or_insert((0, UNKNOWN, UNKNOWN));
            known.0 += 1;
            if start != UNKNOWN {
                known.1 = if known.1 == UNKNOWN { start } else { known.1.min(start) };
                known.2 = known.2.max(end);
            }
        }
    }
    answer
}

fn ends(record: &MessageRecord) -> (String, String) {
    let (process, peer) = (record.process.to_string(), record.peer.to_string());
    match record.direction {
        Direction::Send => (process, peer),
        Direction::Receive => (peer, process),
    }
}

fn answer_of(whole: &Reconstruction) -> Answer {
    let name = |name: u32| whole.names.get(name as usize).map_or("", |name| name).to_string();
    let counts = &whole.counts;
    let trees = (0..whole.trees.len()).filter_map(|index| whole.trees.get(index));
    let trees = trees.map(|tree| {
        let sizes = (tree.transactions, tree.messages, tree.depth);
        let times = (tree.start, tree.end, tree.longest_silence);
        (tree.id, (tree.session, times.0, times.1, times.2, sizes.0, sizes.1, sizes.2))
    });
    let sessions = (0..whole.sessions.len()).map(|index| {
        let sessions = &whole.sessions;
        (sessions.id[index], (sessions.trees[index], sessions.start[index], sessions.end[index]))
    });
    let matrix = whole.matrix.iter().map(|cell| {
        let bytes = (cell.request_bytes, cell.reply_bytes, cell.unknown_size);
        let key = (name(cell.caller), name(cell.callee));
        (key, (cell.requests, cell.replies, bytes.0, bytes.1, bytes.2))
    });
    let services = whole.services.iter().map(|cell| {
        (name(cell.service), (cell.requests, cell.replies, cell.bytes, cell.unknown_size))
    });
    Answer {
        messages: counts.messages,
        duplicates: counts.duplicates,
        both_ends: counts.both_ends,
        local: counts.local_messages,
        missing_parents: counts.missing_parents,
        orphans: counts.orphans,
        early: counts.early_children,
        late: counts.late_children,
        cycles: counts.cycles,
        trees: trees.collect(),
        sessions: sessions.collect(),
        matrix: matrix.collect(),
        services: services.collect(),
    }
}

prop_compose! {
    // A call has one service, as all its messages say.
    fn message()(
        tree in 1_u64..4, transaction in 1_u64..7, parent in 0_u64..8, session in 0_u64..3,
        ends in (0_usize..4, 0_usize..4), reply in prop::bool::weighted(0.4),
        parent_message in 0_u64..25, bytes in prop::option::of(0_u64..1000),
    ) -> MessageRecord {
        let name = |index: usize| Arc::<str>::from(["a", "b", "c", "d"][index]);
        MessageRecord {
            time: None, process: name(ends.0), direction: Direction::Send, peer: name(ends.1),
            message: 0, parent_message, reply, tree, transaction, parent_transaction: parent,
            session, service: Some(name(transaction as usize % 2)), bytes, status: None,
        }
    }
}

prop_compose! {
    /// Messages whose ends were logged never, once or several times, in no order.
    fn log()(messages in prop::collection::vec(message(), 1..24))(
        records in prop::collection::vec(
            (0..messages.len(), any::<bool>(), prop::option::weighted(0.8, 0_i64..60)), 0..60),
        messages in Just(messages),
    ) -> Vec<MessageRecord> {
        let record = |(index, sent, time): (usize, bool, Option<i64>)| {
            let mut record = MessageRecord {
                message: index as u64 + 1,
                time: time.map(Timestamp),
                ..messages[index].clone()
            };
            if !sent {
                std::mem::swap(&mut record.process, &mut record.peer);
                record.direction = Direction::Receive;
            }
            record
        };
        records.into_iter().map(record).collect()
    }
}

fn batches(records: &[MessageRecord], size: usize) -> Vec<MessageBatch> {
    let batch = |records: &[MessageRecord]| {
        let mut batch = MessageBatch::default();
        records.iter().for_each(|record| batch.push(record));
        batch
    };
    records.chunks(size).map(batch).collect()
}

proptest! {
    #[test]
    fn reconstruction_equals_the_oracle(records in log(), size in 1_usize..20) {
        let whole = reconstruct(&batches(&records, size), &[]);
        prop_assert_eq!(answer_of(&whole), naive(&records));
        let calls: u64 = whole.calls.iter().map(|part| part.calls.len() as u64).sum();
        prop_assert_eq!(calls, whole.counts.calls);
        let asked: u64 = whole.matrix.iter().map(|cell| cell.requests + cell.replies).sum();
        prop_assert_eq!(asked + whole.counts.local_messages, whole.counts.messages);
        for part in &whole.calls {
            for (index, call) in part.calls.iter().enumerate() {
                if let Some(distance) = call.carrier_distance() {
                    prop_assert_eq!(part.calls[index - distance].callee, call.caller);
                }
            }
        }
    }

    #[test]
    fn the_order_of_records_does_not_matter(records in log()) {
        let there = reconstruct(&batches(&records, 100), &[]);
        let turned: Vec<MessageRecord> = records.iter().rev().cloned().collect();
        let back = reconstruct(&batches(&turned, 100), &[]);
        prop_assert_eq!(there.counts, back.counts);
        prop_assert_eq!(there.trees, back.trees);
        prop_assert_eq!(there.calls, back.calls);
        prop_assert_eq!(there.skew, back.skew);
        prop_assert_eq!(there.problems, back.problems);
    }
}
