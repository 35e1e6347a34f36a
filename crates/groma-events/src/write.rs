//! Writes a segment: whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Int32Array, RecordBatch, StringArray,
    TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;
use groma_trace::MessageBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::EventsError;
use crate::segment::{DIRECTION_RECEIVE, DIRECTION_SEND, column, schema};

/// Most writers of one segment at the same time, with those that a killed process left.
const PARTS_MAX: u32 = 100;

/// How a segment is written.
#[derive(Debug, Clone)]
pub struct SegmentOptions {
    /// Records in a row group, the unit in which a segment is read and reconstructed.
    pub row_group_records: usize,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        SegmentOptions { row_group_records: 256 * 1024 }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSummary {
    /// The file.
    pub path: PathBuf,
    /// Rows in it.
    pub records: u64,
    /// Its size on disk.
    pub file_bytes: u64,
}

/// Writes batches to a segment. The file appears under its name when [`SegmentWriter::finish`]
/// has made it durable; a writer that is dropped before leaves nothing, a process that is killed
/// before leaves a file that ends in `.part`.
pub struct SegmentWriter {
    path: PathBuf,
    part: PathBuf,
    /// `None` once it is finished.
    writer: Option<ArrowWriter<File>>,
    records: u64,
}

impl SegmentWriter {
    /// Starts a segment at `path`; an older file of that name stays until `finish`.
    pub fn create(path: &Path, options: SegmentOptions) -> Result<SegmentWriter, EventsError> {
        let (part, file) = create_part(path).map_err(EventsError::io("create", path))?;
        let writer = ArrowWriter::try_new(file, schema(), Some(properties(&options)))
            .map_err(EventsError::parquet(path))?;
        Ok(SegmentWriter { path: path.into(), part, writer: Some(writer), records: 0 })
    }

    /// Appends the records of `batch`.
    pub fn write(&mut self, batch: &MessageBatch) -> Result<(), EventsError> {
        let rows = record_batch(batch)
            .map_err(|what| EventsError::Batch { path: self.path.clone(), what })?;
        if let Some(writer) = &mut self.writer {
            writer.write(&rows).map_err(EventsError::parquet(&self.path))?;
        }
        self.records += batch.len() as u64;
        Ok(())
    }

    /// Makes the segment durable and gives it its name.
    pub fn finish(mut self) -> Result<SegmentSummary, EventsError> {
        if let Some(writer) = self.writer.take() {
            let file = writer.into_inner().map_err(EventsError::parquet(&self.path))?;
            file.sync_all().map_err(EventsError::io("sync", &self.part))?;
        }
        fs::rename(&self.part, &self.path).map_err(EventsError::io("rename", &self.part))?;
        sync_folder(&self.path)?;
        let file = fs::metadata(&self.path).map_err(EventsError::io("look at", &self.path))?;
        let path = std::mem::take(&mut self.path);
        Ok(SegmentSummary { path, records: self.records, file_bytes: file.len() })
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // Best effort: a file that ends in `.part` is never read.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// A file of its own, so that two writers of one segment do not write into each other's.
fn create_part(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut created = Err(io::ErrorKind::AlreadyExists.into());
    for number in 0..PARTS_MAX {
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".{number}.part"));
        let part = PathBuf::from(part);
        created = File::create_new(&part).map(|file| (part, file));
        if !matches!(&created, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
            break;
        }
    }
    created
}

/// A new name is durable when its folder is.
fn sync_folder(path: &Path) -> Result<(), EventsError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let open = File::open(folder).map_err(EventsError::io("open", folder))?;
    open.sync_all().map_err(EventsError::io("sync", folder))
}

/// Ids and times grow slowly from row to row: differences pack them to a quarter.
fn properties(options: &SegmentOptions) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_max_row_group_row_count(Some(options.row_group_records.max(1)))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_compression(Compression::ZSTD(ZstdLevel::default()));
    for name in [
        column::TIME,
        column::MESSAGE,
        column::PARENT_MESSAGE,
        column::TREE,
        column::TRANSACTION,
        column::PARENT_TRANSACTION,
        column::SESSION,
        column::BYTES,
    ] {
        let path = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
}

/// Above this size of its dictionary a column of a row group falls back to plain text.
const DICTIONARY_BYTES_MAX: usize = 8 << 20;

fn record_batch(batch: &MessageBatch) -> Result<RecordBatch, String> {
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(batch.names.iter()));
    let ends: ArrayRef = Arc::new(StringArray::from(vec![DIRECTION_RECEIVE, DIRECTION_SEND]));
    let ends_of = |flags: &u8| i32::from(flags & MessageBatch::FLAG_SENT != 0);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(
            TimestampNanosecondArray::new(
                batch.time.clone().into(),
                known(&batch.time, MessageBatch::TIME_UNKNOWN),
            )
            .with_timezone("UTC"),
        ),
        name_column(&batch.process, &names)?,
        dictionary(batch.flags.iter().map(ends_of).collect(), None, &ends)?,
        name_column(&batch.peer, &names)?,
        Arc::new(BooleanArray::from_iter(
            batch.flags.iter().map(|flags| Some(flags & MessageBatch::FLAG_REPLY != 0)),
        )),
        id_column(&batch.message),
        id_or_null_column(&batch.parent_message),
        id_column(&batch.tree),
        id_column(&batch.transaction),
        id_or_null_column(&batch.parent_transaction),
        id_or_null_column(&batch.session),
        name_column(&batch.service, &names)?,
        Arc::new(UInt32Array::new(
            batch.bytes.clone().into(),
            known(&batch.bytes, MessageBatch::BYTES_UNKNOWN),
        )),
        Arc::new(Int32Array::new(
            batch.status.clone().into(),
            known(&batch.status, MessageBatch::STATUS_UNKNOWN),
        )),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|error| error.to_string())
}

/// Where `values` are not `unknown`; `None` if none is.
fn known<T: PartialEq>(values: &[T], unknown: T) -> Option<NullBuffer> {
    let nulls = NullBuffer::from_iter(values.iter().map(|value| *value != unknown));
    (nulls.null_count() > 0).then_some(nulls)
}

fn id_column(ids: &[u64]) -> ArrayRef {
    Arc::new(UInt64Array::new(ids.to_vec().into(), None))
}

fn id_or_null_column(ids: &[u64]) -> ArrayRef {
    Arc::new(UInt64Array::new(ids.to_vec().into(), known(ids, 0)))
}

fn name_column(keys: &[u32], names: &ArrayRef) -> Result<ArrayRef, String> {
    let nulls = known(keys, MessageBatch::NAME_NONE);
    let key = |key: &u32| if *key == MessageBatch::NAME_NONE { 0 } else { *key as i32 };
    dictionary(keys.iter().map(key).collect(), nulls, names)
}

fn dictionary(
    keys: ScalarBuffer<i32>,
    nulls: Option<NullBuffer>,
    names: &ArrayRef,
) -> Result<ArrayRef, String> {
    let array = DictionaryArray::<Int32Type>::try_new(Int32Array::new(keys, nulls), names.clone());
    Ok(Arc::new(array.map_err(|error| error.to_string())?))
}
