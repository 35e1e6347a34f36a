//! Writes records as Parquet segments, on a thread of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use groma_events::{SegmentOptions, SegmentWriter};
use groma_trace::MessageBatch;

use crate::arrivals::Record;
use crate::layout::Layout;
use crate::traffic::{Progress, Traffic};
use crate::truth::Tally;
use crate::{GenerateError, Plan};

/// Records handed to the writing thread at once, and how many such batches may wait.
const BATCH_RECORDS: usize = 64 * 1024;
const BATCHES_WAITING_MAX: usize = 2;

/// Generates the traffic into segments `00000.parquet`, `00001.parquet`, ... of `folder`.
pub(crate) fn write(
    plan: &Plan,
    layout: &Layout,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Tally, GenerateError> {
    fs::create_dir_all(folder).map_err(GenerateError::writing(folder))?;
    thread::scope(|scope| {
        let (full, to_write) = sync_channel::<MessageBatch>(BATCHES_WAITING_MAX);
        let (emptied, to_fill) = sync_channel::<MessageBatch>(BATCHES_WAITING_MAX + 2);
        let writer = scope.spawn(move || {
            write_segments(folder, plan.segment_records as u64, &to_write, &emptied)
        });
        let mut batches = Batches {
            names: &layout.names,
            batch: named(&layout.names),
            batch_records: BATCH_RECORDS.min(plan.segment_records),
            full,
            to_fill,
        };
        let tally = Traffic::new(plan, layout).run(|record| batches.push(record), progress);
        let tally = tally.and_then(|tally| batches.finish().map(|()| tally));
        // The writer's error is the cause where both have one.
        match writer.join() {
            Ok(written) => written.and(tally),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Fills batches for the writing thread.
struct Batches<'a> {
    names: &'a [Arc<str>],
    batch: MessageBatch,
    batch_records: usize,
    full: SyncSender<MessageBatch>,
    to_fill: Receiver<MessageBatch>,
}

impl Batches<'_> {
    fn push(&mut self, record: &Record) -> Result<(), GenerateError> {
        let batch = &mut self.batch;
        batch.time.push(record.time);
        batch.process.push(record.process);
        batch.peer.push(record.peer);
        batch.service.push(record.service);
        batch.message.push(record.message);
        batch.parent_message.push(record.parent_message);
        batch.tree.push(record.tree);
        batch.transaction.push(record.transaction);
        batch.parent_transaction.push(record.parent_transaction);
        batch.session.push(record.session);
        batch.bytes.push(record.bytes);
        batch.status.push(record.status);
        batch.flags.push(record.flags);
        if batch.len() < self.batch_records {
            return Ok(());
        }
        let next = self.to_fill.try_recv().unwrap_or_else(|_| named(self.names));
        self.send(next)
    }

    fn finish(mut self) -> Result<(), GenerateError> {
        self.send(MessageBatch::default())
    }

    fn send(&mut self, next: MessageBatch) -> Result<(), GenerateError> {
        let batch = std::mem::replace(&mut self.batch, next);
        self.full.send(batch).map_err(|_| GenerateError::WriterStopped)
    }
}

fn named(names: &[Arc<str>]) -> MessageBatch {
    MessageBatch { names: names.to_vec(), ..MessageBatch::default() }
}

fn write_segments(
    folder: &Path,
    records_max: u64,
    batches: &Receiver<MessageBatch>,
    emptied: &SyncSender<MessageBatch>,
) -> Result<(), GenerateError> {
    let path = |segment: usize| -> PathBuf { folder.join(format!("{segment:05}.parquet")) };
    let mut segment = 0;
    let mut records = 0;
    let mut writer = SegmentWriter::create(&path(segment), SegmentOptions::default())?;
    for mut batch in batches {
        if records > 0 && records + batch.len() as u64 > records_max {
            writer.finish()?;
            segment += 1;
            records = 0;
            writer = SegmentWriter::create(&path(segment), SegmentOptions::default())?;
        }
        records += batch.len() as u64;
        writer.write(&batch)?;
        batch.clear_records();
        // A batch too many is dropped.
        let _ = emptied.try_send(batch);
    }
    writer.finish()?;
    Ok(())
}
