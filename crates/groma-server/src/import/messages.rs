//! Message records of one input, as segments.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use groma_connect::Input;
use groma_events::{EventsError, SegmentOptions, SegmentReader, SegmentWriter};
use groma_model::{Source, Timestamp};
use groma_query::QueryError;
use groma_store::{Segment, SharedWorld};
use groma_trace::{MessageBatch, MessageRecord};

use super::claims::{Claim, Claims};

/// Records in one segment.
const SEGMENT_RECORDS_MAX: u64 = 16 << 20;
/// Records gathered before they are written.
const BATCH_RECORDS: usize = 65_536;
/// Names that a batch keeps; beyond, it starts anew.
const BATCH_NAMES_MAX: usize = 65_536;
/// First bytes of a Parquet file.
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// Gathers records and writes them to segments named after the bytes of their input.
pub(super) struct Messages {
    folder: PathBuf,
    source: Source,
    /// Start of the segments' names.
    stem: String,
    claims: Claims,
    /// Held until the segments are committed, so that a second import of the same bytes finds them.
    claim: Option<Claim>,
    batch: MessageBatch,
    writer: Option<Writer>,
    finished: Vec<Segment>,
    /// Records taken so far.
    pub(super) records: u64,
}

struct Writer {
    file: String,
    writer: SegmentWriter,
    records: u64,
    /// First and last time of its records.
    times: Option<(i64, i64)>,
}

impl Messages {
    pub(super) fn new(folder: PathBuf, source: Source, claims: Claims) -> Messages {
        Messages {
            folder,
            source,
            stem: String::new(),
            claims,
            claim: None,
            batch: MessageBatch::default(),
            writer: None,
            finished: Vec::new(),
            records: 0,
        }
    }

    /// Looks at the input before it is decoded. `Some`: its messages need no decoding, and how many
    /// there are: they were imported before, or the file is a segment and was copied. Waits for another
    /// import of the same bytes.
    pub(super) fn begin(
        &mut self,
        input: &Input,
        world: &SharedWorld,
        database: &str,
    ) -> Result<Option<u64>, QueryError> {
        let [path] = input.paths.as_slice() else { return Ok(None) };
        let Some(is_parquet) = first_bytes(path, input) else { return Ok(None) };
        let Ok(hash) = hash(path) else { return Ok(None) }; // the decoder will say why
        self.stem = format!("{}-{hash:016x}", input.importer.name);
        self.claim = Some(self.claims.take(&self.stem));
        let known: Vec<_> = (world.now().segments(database)?)
            .filter(|row| row.segment.file.starts_with(&self.stem))
            .map(|row| row.segment.records)
            .collect();
        if !known.is_empty() {
            return Ok(Some(known.iter().sum()));
        }
        if is_parquet && let Some(segment) = self.copy(path)? {
            let records = segment.records;
            self.finished.push(segment);
            return Ok(Some(records));
        }
        Ok(None)
    }

    pub(super) fn take(&mut self, records: &[MessageRecord]) -> Result<(), QueryError> {
        for record in records {
            self.batch.push(record);
            if self.batch.len() >= BATCH_RECORDS {
                self.write()?;
            }
        }
        self.records += records.len() as u64;
        Ok(())
    }

    /// Makes durable what is left, and gives all segments.
    pub(super) fn finish(&mut self) -> Result<Vec<Segment>, QueryError> {
        self.write()?;
        self.close()?;
        Ok(std::mem::take(&mut self.finished))
    }

    fn write(&mut self) -> Result<(), QueryError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = format!("{}-{:05}.parquet", self.stem, self.finished.len());
                let path = self.folder.join(&file);
                let writer = SegmentWriter::create(&path, SegmentOptions::default())
                    .map_err(cannot_write)?;
                none.insert(Writer { file, writer, records: 0, times: None })
            }
        };
        writer.writer.write(&self.batch).map_err(cannot_write)?;
        writer.records += self.batch.len() as u64;
        for time in self.batch.time.iter().filter(|time| **time != MessageBatch::TIME_UNKNOWN) {
            let (first, last) = writer.times.unwrap_or((*time, *time));
            writer.times = Some((first.min(*time), last.max(*time)));
        }
        let is_full = writer.records >= SEGMENT_RECORDS_MAX;
        if self.batch.names.len() > BATCH_NAMES_MAX {
            self.batch = MessageBatch::default();
        } else {
            self.batch.clear_records();
        }
        if is_full { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), QueryError> {
        let Some(Writer { file, writer, records, times }) = self.writer.take() else {
            return Ok(());
        };
        let summary = writer.finish().map_err(cannot_write)?;
        let (first, last) = times.unwrap_or((0, 0));
        self.finished.push(Segment {
            file: file.into(),
            source: Arc::clone(&self.source),
            records,
            from: Timestamp(first),
            to: Timestamp(last.saturating_add(1)),
            bytes: summary.file_bytes,
        });
        Ok(())
    }

    /// Copies a file that is a segment already; `None`: it is some other Parquet.
    fn copy(&self, path: &Path) -> Result<Option<Segment>, QueryError> {
        let Some(reader) = SegmentReader::open(path).ok().filter(SegmentReader::is_as_written)
        else {
            return Ok(None);
        };
        let file = format!("{}-00000.parquet", self.stem);
        let bytes = copy_durably(path, &self.folder, &file).map_err(|source| {
            cannot_write(EventsError::Io { what: "copy", path: path.to_owned(), source })
        })?;
        let (first, last) = reader.times().unwrap_or_default();
        Ok(Some(Segment {
            file: file.into(),
            source: Arc::clone(&self.source),
            records: reader.records(),
            from: first,
            to: Timestamp(last.0.saturating_add(1)),
            bytes,
        }))
    }
}

/// Whether a file is Parquet. `None`: the input gives no messages, or cannot be read.
fn first_bytes(path: &Path, input: &Input) -> Option<bool> {
    let of_traces = (groma_connect::TRACES.iter()).any(|known| known.name == input.importer.name);
    if !of_traces {
        return None;
    }
    let mut first = [0; PARQUET_MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.ok().map(|()| first == *PARQUET_MAGIC)
}

/// Names the content, so that the same bytes are imported once. A release of Rust may choose other
/// numbers; then they are imported again, and records are still counted once.
fn hash(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut hasher = DefaultHasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            length => hasher.write(&buffer[..length]),
        }
    }
}

/// The file appears under its name when it is whole and on disk.
fn copy_durably(from: &Path, folder: &Path, name: &str) -> io::Result<u64> {
    let part = folder.join(format!("{name}.part"));
    let copied = fs::copy(from, &part).and_then(|bytes| {
        File::open(&part)?.sync_all()?;
        fs::rename(&part, folder.join(name))?;
        File::open(folder)?.sync_all()?;
        Ok(bytes)
    });
    if copied.is_err() {
        // Best effort: what stays is swept when the store is opened.
        let _ = fs::remove_file(&part);
    }
    copied
}

fn cannot_write(error: EventsError) -> QueryError {
    let reason = std::error::Error::source(&error).map(|source| format!(": {source}"));
    QueryError::new(QueryError::IO, format!("{error}{}", reason.unwrap_or_default())).with_hint(
        error
            .hint()
            .unwrap_or("Check free space and permissions of the data folder, then try again."),
    )
}
