//! Segments and the reconstruction from files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use groma_events::{
    Columns, EventsError, KeepCalls, ReconstructOptions, SegmentOptions, SegmentReader,
    SegmentWriter, reconstruct,
};
use groma_model::Timestamp;
use groma_trace::{Direction, MessageBatch, MessageRecord};
use parquet::arrow::ArrowWriter;

fn record(tree: u64, number: u64) -> MessageRecord {
    let reply = number % 2 == 1;
    let ends = if reply { ("b", "a") } else { ("a", "b") };
    MessageRecord {
        time: (number != 3).then_some(Timestamp((tree * 10 + number) as i64)),
        process: ends.0.into(),
        direction: Direction::Send,
        peer: ends.1.into(),
        message: tree * 1000 + number + 1,
        parent_message: if reply { tree * 1000 + number } else { 0 },
        reply,
        tree,
        transaction: tree * 1000 + number / 2 + 1,
        parent_transaction: if number < 2 { 0 } else { tree * 1000 + 1 },
        session: tree / 2,
        service: tree.is_multiple_of(2).then(|| "s".into()),
        bytes: (number != 2).then_some(number * 7),
        status: (number != 1).then_some(200),
    }
}

fn log(trees: u64) -> MessageBatch {
    let mut batch = MessageBatch::default();
    for number in 0..4 {
        (1..=trees).for_each(|tree| batch.push(&record(tree, number)));
    }
    batch
}

fn write(path: &Path, batch: &MessageBatch, row_group_records: usize) -> PathBuf {
    let mut writer = SegmentWriter::create(path, SegmentOptions { row_group_records }).unwrap();
    writer.write(batch).unwrap();
    let summary = writer.finish().unwrap();
    assert_eq!(summary.records, batch.len() as u64);
    assert_eq!(summary.file_bytes, fs::metadata(path).unwrap().len());
    path.into()
}

#[test]
fn two_writers_of_one_segment_do_not_write_into_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.parquet");
    let open = || SegmentWriter::create(&path, SegmentOptions::default()).unwrap();
    let (mut first, mut second) = (open(), open());
    first.write(&log(3)).unwrap();
    second.write(&log(5)).unwrap();
    assert_eq!(first.finish().unwrap().records, 12);
    assert_eq!(records(&path).len(), 12);
    assert_eq!(second.finish().unwrap().records, 20);
    assert_eq!(records(&path).len(), 20);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no part is left");
}

fn records(path: &Path) -> Vec<MessageRecord> {
    let reader = SegmentReader::open(path).unwrap();
    let mut records = Vec::new();
    for row_group in 0..reader.row_groups() {
        for batch in reader.read(row_group, Columns::All).unwrap() {
            let batch = batch.unwrap();
            let name = |number: u32| batch.names[number as usize].clone();
            let known = |number: u32| (number != MessageBatch::NAME_NONE).then(|| name(number));
            records.extend((0..batch.len()).map(|row| MessageRecord {
                time: Some(Timestamp(batch.time[row])).filter(|time| time.0 != i64::MIN),
                process: name(batch.process[row]),
                direction: match batch.flags[row] & MessageBatch::FLAG_SENT {
                    0 => Direction::Receive,
                    _ => Direction::Send,
                },
                peer: name(batch.peer[row]),
                message: batch.message[row],
                parent_message: batch.parent_message[row],
                reply: batch.flags[row] & MessageBatch::FLAG_REPLY != 0,
                tree: batch.tree[row],
                transaction: batch.transaction[row],
                parent_transaction: batch.parent_transaction[row],
                session: batch.session[row],
                service: known(batch.service[row]),
                bytes: Some(batch.bytes[row].into()).filter(|bytes| *bytes != u64::from(u32::MAX)),
                status: Some(batch.status[row]).filter(|status| *status != i32::MIN),
            }));
        }
    }
    records
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder.path().join("a.parquet"), &log(50), 70);
    let expected: Vec<MessageRecord> =
        (0..4).flat_map(|number| (1..=50).map(move |tree| record(tree, number))).collect();
    assert_eq!(records(&path), expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no part is left");
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let mut writer = SegmentWriter::create(&path, SegmentOptions::default()).unwrap();
    writer.write(&log(3)).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Threads, passes and row groups cut the work differently; the answer is the same as in memory.
#[test]
fn however_the_work_is_cut_the_answer_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let batch = log(500);
    let expected = groma_trace::reconstruct(std::slice::from_ref(&batch), &[]);
    let path = folder.path().join("a.parquet");
    for (row_group_records, threads, spilled_bytes_max) in
        [(10_000, 1, usize::MAX), (100, 2, usize::MAX), (77, 3, 9_000), (500, 2, 1)]
    {
        let files = [write(&path, &batch, row_group_records)];
        let options = ReconstructOptions { threads, spilled_bytes_max, ..Default::default() };
        let done = reconstruct(&files, &options);
        let mut whole = done.reconstruction;
        assert!(done.unreadable.is_empty());
        assert_eq!(whole.counts, expected.counts);
        assert_eq!(whole.names, expected.names);
        let sorted = |mut cells: Vec<groma_trace::MatrixCell>| {
            cells.sort();
            cells
        };
        assert_eq!(sorted(std::mem::take(&mut whole.matrix)), sorted(expected.matrix.clone()));
        let trees = |trees: &groma_trace::Trees| {
            let mut rows: Vec<_> = (0..trees.len()).map(|index| trees.get(index)).collect();
            rows.sort();
            rows
        };
        assert_eq!(trees(&whole.trees), trees(&expected.trees));
        assert_eq!(whole.sessions.len(), expected.sessions.len());
        let calls = |parts: &[groma_trace::Calls]| -> usize {
            parts.iter().map(|part| part.calls.len()).sum()
        };
        assert_eq!(calls(&whole.calls), calls(&expected.calls));
    }
}

/// Columns in another order, ids as text and as signed numbers, times and sizes as plain numbers.
#[test]
fn files_of_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let text = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let number = |values: Vec<Option<i64>>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let rows = RecordBatch::try_from_iter_with_nullable([
        ("peer", text(vec![Some("b"), Some("a"), Some("x")]), true),
        ("process", text(vec![Some("a"), Some("b"), Some("y")]), true),
        ("direction", text(vec![Some("send"), Some("send"), None]), true),
        ("transaction", text(vec![Some("26-3"), Some("26-3"), Some("26-4")]), true),
        ("tree", text(vec![Some("26"), Some("26"), Some("26")]), true),
        ("message", number(vec![Some(1), Some(2), Some(3)]), true),
        ("reply", Arc::new(BooleanArray::from(vec![Some(false), Some(true), None])), true),
        ("time", number(vec![Some(5), Some(9), None]), true),
        ("bytes", number(vec![Some(100), Some(-1), None]), true),
        ("something_else", number(vec![None, None, None]), true),
    ])
    .unwrap();
    let file = fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let done = reconstruct(&[path], &ReconstructOptions::default());
    let whole = done.reconstruction;
    assert_eq!(whole.trees.id, [groma_trace::id_of_text("26")]);
    assert_eq!((whole.counts.records, whole.counts.records_left_out), (3, 1));
    assert_eq!(whole.matrix.len(), 1);
    assert_eq!((whole.matrix[0].request_bytes, whole.matrix[0].unknown_size), (100, 1));
    assert_eq!(whole.trees.duration(0), Some(4));
}

#[test]
fn what_is_no_message_log_is_told_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(&folder.path().join("good.parquet"), &log(20), 1000);
    let bytes = fs::read(&good).unwrap();
    let cut = folder.path().join("cut.parquet");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let text = folder.path().join("text.parquet");
    fs::write(&text, "time,process\n").unwrap();
    let other = folder.path().join("other.parquet");
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let rows = RecordBatch::try_from_iter([("process", column)]).unwrap();
    let mut writer =
        ArrowWriter::try_new(fs::File::create(&other).unwrap(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let error = SegmentReader::open(&other).unwrap_err();
    assert!(matches!(&error, EventsError::NotMessages { .. }), "{error}");
    let missing = folder.path().join("missing.parquet");
    let options = ReconstructOptions { calls: KeepCalls::No, ..Default::default() };
    let done = reconstruct(&[cut, text, other, missing, good], &options);
    assert_eq!(done.unreadable.len(), 4);
    assert_eq!(done.reconstruction.counts.trees, 20);
}

/// Bytes turned at random in the middle of a segment: told or wrong, but never a panic.
#[test]
fn damage_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(&folder.path().join("good.parquet"), &log(300), 100);
    let bytes = fs::read(&good).unwrap();
    let bad = folder.path().join("bad.parquet");
    for step in 0..60 {
        let mut damaged = bytes.clone();
        let at = 4 + step * (bytes.len() - 8) / 60;
        damaged[at] ^= 0x55;
        damaged[at + 1] ^= 0xFF;
        fs::write(&bad, &damaged).unwrap();
        reconstruct(std::slice::from_ref(&bad), &ReconstructOptions::default());
    }
}
