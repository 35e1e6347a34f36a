//! Rules that the oracle does not tell.

use groma_model::Timestamp;
use groma_trace::{
    Direction, MessageBatch, MessageRecord, ProblemKind, Reconstruction, hierarchical_id,
    id_of_text, reconstruct,
};

fn record(text: &str) -> MessageRecord {
    // time process > peer (sent) or time process < peer (received), message, transaction, parent
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |index: usize| words[index].parse::<u64>().unwrap();
    MessageRecord {
        time: Some(Timestamp(number(0) as i64)),
        process: words[1].into(),
        direction: if words[2] == ">" { Direction::Send } else { Direction::Receive },
        peer: words[3].into(),
        message: number(4),
        parent_message: 0,
        reply: words.get(7) == Some(&"reply"),
        tree: 1,
        transaction: number(5),
        parent_transaction: number(6),
        session: 9,
        service: None,
        bytes: Some(10),
        status: None,
    }
}

fn of(log: &str) -> Reconstruction {
    let mut batch = MessageBatch::default();
    log.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .for_each(|line| batch.push(&record(line)));
    reconstruct(&[batch], &[50])
}

#[test]
fn whoever_took_a_call_carries_the_calls_that_follow() {
    let whole = of("0 e < c 1 1 0
                    1 e > f 2 2 1
                    2 f > a 3 2 1
                    3 f > b 4 3 2
                    60 g > b 5 4 0");
    let calls = &whole.calls[0].calls;
    let name = |index: u32| whole.names[index as usize].to_string();
    let told: Vec<_> = calls
        .iter()
        .map(|call| (name(call.caller) + &name(call.callee), call.carrier_distance()))
        .collect();
    let some = |text: &str, distance| (text.to_owned(), distance);
    assert_eq!(
        told,
        [
            some("ce", None),
            some("gb", None),
            some("ef", Some(2)),
            some("fa", Some(1)),
            some("fb", Some(2)),
        ]
    );
    assert_eq!(whole.calls[0].epochs, [0, 1, 0, 0, 0]);
    assert!(whole.matrix.iter().any(|cell| cell.epoch == 1 && cell.requests == 1));
}

#[test]
fn both_clocks_tell_their_offset() {
    // b is 40 ahead of a; the way takes 10.
    let whole = of("100 a > b 1 1 0
                    150 b < a 1 1 0
                    160 b > a 2 1 0 reply
                    130 a < b 2 1 0 reply");
    assert_eq!(whole.skew.len(), 1);
    assert_eq!((whole.skew[0].offset_nanos, whole.skew[0].both_ways), (40, true));
    assert_eq!((whole.counts.both_ends, whole.counts.duplicates), (2, 0));
    assert_eq!((whole.counts.calls, whole.counts.calls_whole), (1, 1));
}

#[test]
fn records_that_hang_nowhere_are_told() {
    let whole = of("1 a > b 0 1 0
                    2 a > b 1 1 0");
    assert_eq!((whole.counts.records, whole.counts.records_left_out), (2, 1));
    assert_eq!(whole.problems[0].kind, ProblemKind::RecordIncomplete);
}

#[test]
fn a_chain_of_a_hundred_thousand_is_no_trouble() {
    let mut batch = MessageBatch::default();
    for id in 1..=100_000_u64 {
        let mut one = record("1 a > b 1 1 0");
        (one.message, one.transaction, one.parent_transaction) = (id, id, id - 1);
        batch.push(&one);
    }
    let whole = reconstruct(&[batch], &[]);
    assert_eq!(whole.trees.depth, [99_999]);
}

#[test]
fn one_transaction_of_many_calls_is_no_trouble() {
    let mut batch = MessageBatch::default();
    for id in 1..=100_000_u64 {
        let mut one = record("1 a > b 1 1 0");
        (one.message, one.reply) = (id, id % 2 == 0);
        if one.reply {
            (one.process, one.peer) = (one.peer, one.process);
        }
        batch.push(&one);
    }
    let whole = reconstruct(&[batch], &[]);
    assert_eq!((whole.counts.calls, whole.counts.calls_whole), (50_000, 50_000));
}

#[test]
fn ids_may_be_text() {
    assert_eq!(id_of_text("ff"), 255);
    assert_eq!(id_of_text("0000000000000000"), 0);
    assert_ne!(id_of_text("463ac35c9f6413ad48485a3953bb6124"), 0);
    assert_eq!(id_of_text("ABCDEF0123456789A"), id_of_text("abcdef0123456789a"));
    let (tree, transaction, parent) = hierarchical_id("26-3-11-5-1").unwrap();
    assert_eq!(hierarchical_id("26-3-11-5").unwrap().1, parent);
    assert_eq!(hierarchical_id("26").unwrap(), (tree, tree, 0));
    assert_ne!(transaction, parent);
}
