//! Groma's message log as Parquet: a thin door to the reader of our own segments, which takes any file
//! with these columns. `docs/message-log.md` is the manual.

use std::path::Path;

use groma_events::{Columns, EventsError, SegmentReader};
use groma_model::{Problem, Timestamp};
use groma_trace::{Direction, MessageBatch, MessageRecord};

use super::out::Out;
use crate::{Heard, Importer, Input, Takes};

pub(crate) static IMPORTER: Importer = Importer {
    name: "message-log",
    doc: "Groma's message log as Parquet.",
    takes: Takes::File,
    recognises: |_: &Path, first| first.starts_with(b"PAR1"),
    decode,
};

fn decode(input: &Input, _observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut out = Out::new(sink);
    for path in &input.paths {
        if let Err(error) = decode_file(path, &mut out) {
            out.problem(problem(path, &error));
        }
    }
    out.finish(&input.source);
}

/// A row group that cannot be read is a problem; the next one is tried.
fn decode_file(path: &Path, out: &mut Out<'_>) -> Result<(), EventsError> {
    let reader = SegmentReader::open(path)?;
    for row_group in 0..reader.row_groups() {
        let batches = match reader.read(row_group, Columns::All) {
            Ok(batches) => batches,
            Err(error) => {
                out.problem(problem(path, &error));
                continue;
            }
        };
        for batch in batches {
            match batch {
                Ok(batch) => give_records(&batch, path, row_group, out),
                Err(error) => {
                    out.problem(problem(path, &error));
                    break;
                }
            }
        }
    }
    Ok(())
}

fn give_records(batch: &MessageBatch, path: &Path, row_group: usize, out: &mut Out<'_>) {
    let mut incomplete = 0_u64;
    for row in 0..batch.len() {
        match record(batch, row) {
            Some(record) => out.message(record),
            None => incomplete += 1,
        }
    }
    if incomplete > 0 {
        let place = format!("{}:row group {row_group}", path.display());
        let reason =
            format!("{incomplete} records lack process, peer, message, tree or transaction");
        out.problem(Problem::new(place, "", reason));
    }
}

/// A row, if it has all that a record must have.
fn record(batch: &MessageBatch, row: usize) -> Option<MessageRecord> {
    let name = |index: u32| batch.names.get(index as usize).cloned();
    let known = |id: u64| (id != 0).then_some(id);
    let flag = |flag| batch.flags[row] & flag != 0;
    let sent = flag(MessageBatch::FLAG_SENT);
    Some(MessageRecord {
        time: Some(batch.time[row])
            .filter(|time| *time != MessageBatch::TIME_UNKNOWN)
            .map(Timestamp),
        process: name(batch.process[row])?,
        direction: if sent { Direction::Send } else { Direction::Receive },
        peer: name(batch.peer[row])?,
        message: known(batch.message[row])?,
        parent_message: batch.parent_message[row],
        reply: flag(MessageBatch::FLAG_REPLY),
        tree: known(batch.tree[row])?,
        transaction: known(batch.transaction[row])?,
        parent_transaction: batch.parent_transaction[row],
        session: batch.session[row],
        service: name(batch.service[row]),
        bytes: Some(batch.bytes[row])
            .filter(|bytes| *bytes != MessageBatch::BYTES_UNKNOWN)
            .map(u64::from),
        status: Some(batch.status[row]).filter(|status| *status != MessageBatch::STATUS_UNKNOWN),
    })
}

fn problem(path: &Path, error: &EventsError) -> Problem {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    Problem::new(path.display().to_string(), cause.as_deref().unwrap_or(""), error.to_string())
}
