//! Reads a segment, or any Parquet file with its columns, row group by row group.
//!
//! Columns may stand in any order. `time`, `reply`, `parent_message`, `parent_transaction`,
//! `session`, `service`, `bytes` and `status` may be absent. Ids may be numbers or text (see
//! [`groma_trace::id_of_text`]); a number below zero keeps its 64 bits.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use groma_model::Timestamp;
use groma_trace::MessageBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use crate::EventsError;
use crate::columns::{self, Dictionaries, NameSink};
use crate::segment::column;

/// Most records that are held in columns at once.
pub const BATCH_RECORDS_MAX: usize = 256 * 1024;
/// Records that are decoded at once: small enough to stay in a processor's cache.
const DECODED_RECORDS: usize = 16 * 1024;

/// Which columns are read; the others are given as unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// All.
    All,
    /// All but the status, which says nothing about what hangs together.
    Structure,
    /// Tree ids only.
    Tree,
}

impl Columns {
    fn wants(self, name: &str) -> bool {
        match self {
            Columns::All => true,
            Columns::Structure => name != column::STATUS,
            Columns::Tree => name == column::TREE,
        }
    }
}

/// An open segment. Cheap to share between threads.
#[derive(Debug)]
pub struct SegmentReader {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

impl SegmentReader {
    /// Opens a file and checks that its columns are those of a message log.
    pub fn open(path: &Path) -> Result<SegmentReader, EventsError> {
        let file = File::open(path).map_err(EventsError::io("open", path))?;
        let load =
            |options| ArrowReaderMetadata::load(&file, options).map_err(EventsError::parquet(path));
        // What the writer's Arrow thought of the types is not asked: only Parquet's own types.
        let plain = load(ArrowReaderOptions::new().with_skip_arrow_metadata(true))?;
        columns::check(plain.schema())
            .map_err(|what| EventsError::NotMessages { path: path.into(), what })?;
        let options = ArrowReaderOptions::new().with_schema(with_dictionaries(plain.schema()));
        Ok(SegmentReader { path: path.into(), metadata: load(options)? })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many row groups it has.
    pub fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// How many records row group `row_group` has; 0 if there is no such row group.
    pub fn row_group_records(&self, row_group: usize) -> usize {
        let groups = self.metadata.metadata().row_groups();
        groups.get(row_group).map_or(0, |group| usize::try_from(group.num_rows()).unwrap_or(0))
    }

    /// How many records it has.
    pub fn records(&self) -> u64 {
        (0..self.row_groups()).map(|group| self.row_group_records(group) as u64).sum()
    }

    /// Whether its columns are those that [`crate::SegmentWriter`] writes, in name, type and order.
    pub fn is_as_written(&self) -> bool {
        let (ours, theirs) = (crate::segment::schema(), self.metadata.schema());
        let same = |(a, b): (&Arc<Field>, &Arc<Field>)| {
            a.name() == b.name() && a.data_type() == b.data_type()
        };
        ours.fields().len() == theirs.fields().len()
            && ours.fields().iter().zip(theirs.fields()).all(same)
    }

    /// First and last time in it, from its statistics, of a file that [`Self::is_as_written`].
    /// `None`: no record has a time, or there are no statistics.
    pub fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let groups = self.metadata.metadata().row_groups().iter();
        groups
            .filter_map(|group| {
                let of_time =
                    |chunk: &&ColumnChunkMetaData| chunk.column_path().string() == column::TIME;
                match group.columns().iter().find(of_time)?.statistics()? {
                    Statistics::Int64(times) => Some((*times.min_opt()?, *times.max_opt()?)),
                    _ => None,
                }
            })
            .reduce(|(first, last), (from, to)| (first.min(from), last.max(to)))
            .map(|(first, last)| (Timestamp(first), Timestamp(last)))
    }

    /// The records of a row group, in batches of [`BATCH_RECORDS_MAX`] (the last may be smaller).
    /// A name may stand several times in the names of a batch.
    pub fn read(&self, row_group: usize, columns: Columns) -> Result<Batches<'_>, EventsError> {
        Ok(Batches { reader: self, rows: self.rows(row_group, columns)? })
    }

    pub(crate) fn rows(
        &self,
        row_group: usize,
        wanted: Columns,
    ) -> Result<ParquetRecordBatchReader, EventsError> {
        let file = File::open(&self.path).map_err(EventsError::io("open", &self.path))?;
        let schema = self.metadata.schema();
        let leaves = schema.fields().iter().enumerate();
        let leaves = leaves.filter(|(_, field)| columns::known(field.name(), wanted_by(wanted)));
        let roots: Vec<usize> = leaves.map(|(index, _)| index).collect();
        let mask =
            ProjectionMask::roots(self.metadata.metadata().file_metadata().schema_descr(), roots);
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_row_groups(vec![row_group])
            .with_projection(mask)
            .with_batch_size(DECODED_RECORDS)
            .build()
            .map_err(EventsError::parquet(&self.path))
    }

    /// Replaces the records of `batch` by the next ones of `rows`, at most [`BATCH_RECORDS_MAX`],
    /// with names numbered by `names`; `known` must always
    /// come with the same `names`. Says whether there were any.
    pub(crate) fn next_batch(
        &self,
        rows: &mut ParquetRecordBatchReader,
        names: &mut dyn NameSink,
        known: &mut Dictionaries,
        batch: &mut MessageBatch,
    ) -> Result<bool, EventsError> {
        let bad = |what: String| EventsError::Damaged { path: self.path.clone(), what };
        batch.clear_records();
        while batch.len() < BATCH_RECORDS_MAX {
            let Some(decoded) = guarded(|| rows.next()).map_err(bad)? else { break };
            let decoded = decoded.map_err(|error| bad(error.to_string()))?;
            columns::append(&decoded, names, known, batch).map_err(bad)?;
        }
        Ok(!batch.is_empty())
    }
}

/// The Parquet library asserts some things about its input that a damaged file breaks: what it
/// was doing is lost, the rest of the log is not.
fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read))
        .map_err(|_| "the Parquet library gave up on damaged data".to_owned())
}

fn wanted_by(columns: Columns) -> impl Fn(&str) -> bool {
    move |name| columns.wants(name)
}

/// Text columns with few values are read as they are stored: dictionary and numbers.
fn with_dictionaries(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let dictionary = columns::is_name(field.name())
            && matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8);
        if !dictionary {
            return field.clone();
        }
        let key = Box::new(DataType::Int32);
        let kind = DataType::Dictionary(key, Box::new(DataType::Utf8));
        Arc::new(Field::new(field.name(), kind, field.is_nullable()))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batches of a row group.
pub struct Batches<'r> {
    reader: &'r SegmentReader,
    rows: ParquetRecordBatchReader,
}

impl Iterator for Batches<'_> {
    type Item = Result<MessageBatch, EventsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = MessageBatch::default();
        let mut names = Vec::new();
        let known = &mut Dictionaries::default();
        let filled = self.reader.next_batch(&mut self.rows, &mut names, known, &mut batch);
        batch.names = names;
        filled.map(|some| some.then_some(batch)).transpose()
    }
}
