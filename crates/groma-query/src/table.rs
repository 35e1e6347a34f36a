//! A table is a file: its name, its columns with their manual, and a function that gives its rows.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, RecordBatch,
    RecordBatchOptions, StringBuilder, TimestampNanosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::stream;
use groma_model::{Timestamp, Value, ValueType};
use tokio::sync::mpsc::Sender;

use crate::View;
use crate::scans::Scans;

/// A derived or administrative table of every database.
pub(crate) struct Table {
    /// Schema it stands in, such as `traffic`.
    pub(crate) schema: &'static str,
    /// Name, a plural relation.
    pub(crate) name: &'static str,
    /// One sentence for the manual.
    pub(crate) doc: &'static str,
    /// Columns in the order of the manual.
    pub(crate) columns: &'static [Column],
    /// Gives all rows. Runs on a thread of its own.
    pub(crate) rows: fn(&View, &mut Sheet) -> Result<()>,
}

/// A column of a table or table function.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) of: Type,
    pub(crate) doc: &'static str,
}

/// Shorthand for the lists of columns.
pub(crate) const fn column(name: &'static str, of: Type, doc: &'static str) -> Column {
    Column { name, of, doc }
}

/// What a column holds; every column may be NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Integer,
    Float,
    Boolean,
    Time,
    Texts,
    Integers,
}

impl Type {
    pub(crate) fn arrow(self) -> DataType {
        let list = |item| DataType::List(Arc::new(Field::new("item", item, true)));
        match self {
            Type::Text => DataType::Utf8,
            Type::Integer => DataType::Int64,
            Type::Float => DataType::Float64,
            Type::Boolean => DataType::Boolean,
            Type::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Type::Texts => list(DataType::Utf8),
            Type::Integers => list(DataType::Int64),
        }
    }
}

/// The Arrow schema of a list of columns.
pub(crate) fn arrow_schema<'a>(columns: impl IntoIterator<Item = (&'a str, Type)>) -> SchemaRef {
    let field = |(name, of): (&str, Type)| Field::new(name, of.arrow(), true);
    Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
}

impl Table {
    pub(crate) fn arrow_schema(&self) -> SchemaRef {
        arrow_schema(self.columns.iter().map(|column| (column.name, column.of)))
    }
}

/// One value of a row.
#[derive(Debug, Clone)]
pub(crate) enum Cell<'a> {
    Null,
    Text(&'a str),
    Owned(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Time(Timestamp),
    Texts(Vec<String>),
    Integers(&'a [i64]),
    /// Lists that may hold NULLs.
    MaybeTexts(Vec<Option<String>>),
    MaybeIntegers(Vec<Option<i64>>),
}

impl Cell<'_> {
    /// A bound of a validity; NULL where there is none.
    pub(crate) fn bound(time: Timestamp) -> Cell<'static> {
        let is_open = time == Timestamp::MIN || time == Timestamp::MAX;
        if is_open { Cell::Null } else { Cell::Time(time) }
    }

    /// A value as people write it; NULL: there is none.
    pub(crate) fn printed(
        value: Option<&Value>,
        of: &ValueType,
        schema: &groma_model::Schema,
    ) -> Cell<'static> {
        value.map_or(Cell::Null, |value| Cell::Owned(value.print(of, schema)))
    }
}

/// Rows per batch handed to the engine.
const BATCH_ROWS: usize = 8192;
/// Batches that may wait between the thread that makes them and the engine.
const BATCHES_QUEUED_MAX: usize = 4;

/// Rows that become a batch of typed columns.
pub(crate) struct BatchBuilder {
    schema: SchemaRef,
    builders: Vec<Builder>,
    rows: usize,
}

impl BatchBuilder {
    pub(crate) fn new(schema: SchemaRef) -> BatchBuilder {
        let of = |field: &Arc<Field>| Builder::new(field.data_type());
        let builders = schema.fields().iter().map(of).collect();
        BatchBuilder { schema, builders, rows: 0 }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If a cell is not of its column's type: a table is wrong, and its test says so.
    pub(crate) fn add<'a>(&mut self, row: impl IntoIterator<Item = Cell<'a>>) {
        let mut width = 0;
        for (builder, cell) in self.builders.iter_mut().zip(row) {
            builder.append(cell);
            width += 1;
        }
        assert_eq!(
            width,
            self.schema.fields().len(),
            "a row has as many cells as there are columns"
        );
        self.rows += 1;
    }

    /// The rows added since the last batch.
    pub(crate) fn take(&mut self) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = self.builders.iter_mut().map(Builder::finish).collect();
        // `count(*)` reads no column: then only the number of rows tells.
        let rows = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &rows)?)
    }
}

/// Where a table writes its rows, which leave in batches.
pub(crate) struct Sheet {
    made: BatchBuilder,
    out: Sender<Result<RecordBatch>>,
}

/// The reader went away; stop making rows. Not an error for anybody.
fn reader_gone() -> datafusion::error::DataFusionError {
    datafusion::error::DataFusionError::Execution("the reader went away".into())
}

impl Sheet {
    /// Adds a row, as [`BatchBuilder::add`] does.
    pub(crate) fn push<const N: usize>(&mut self, row: [Cell<'_>; N]) -> Result<()> {
        self.push_row(row)
    }

    /// As [`Sheet::push`], for rows whose width is known only when running.
    pub(crate) fn push_row<'a>(&mut self, row: impl IntoIterator<Item = Cell<'a>>) -> Result<()> {
        self.made.add(row);
        if self.made.rows == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Where its rows go; closed when the reader went away.
    pub(crate) fn reader(&self) -> Sender<Result<RecordBatch>> {
        self.out.clone()
    }

    fn flush(&mut self) -> Result<()> {
        if self.made.rows == 0 {
            return Ok(());
        }
        let batch = self.made.take()?;
        self.out.blocking_send(Ok(batch)).map_err(|_| reader_gone())
    }
}

enum Builder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Boolean(BooleanBuilder),
    Time(TimestampNanosecondBuilder),
    Texts(ListBuilder<StringBuilder>),
    Integers(ListBuilder<Int64Builder>),
}

impl Builder {
    fn new(of: &DataType) -> Builder {
        match of {
            DataType::Int64 => Builder::Integer(Int64Builder::new()),
            DataType::Float64 => Builder::Float(Float64Builder::new()),
            DataType::Boolean => Builder::Boolean(BooleanBuilder::new()),
            DataType::Timestamp(..) => {
                Builder::Time(TimestampNanosecondBuilder::new().with_timezone("UTC"))
            }
            DataType::List(item) if item.data_type() == &DataType::Int64 => {
                Builder::Integers(ListBuilder::new(Int64Builder::new()))
            }
            DataType::List(_) => Builder::Texts(ListBuilder::new(StringBuilder::new())),
            _ => Builder::Text(StringBuilder::new()),
        }
    }

    fn append(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Builder::Text(builder), Cell::Text(text)) => builder.append_value(text),
            (Builder::Text(builder), Cell::Owned(text)) => builder.append_value(text),
            (Builder::Text(builder), Cell::Null) => builder.append_null(),
            (Builder::Integer(builder), Cell::Integer(number)) => builder.append_value(number),
            (Builder::Integer(builder), Cell::Null) => builder.append_null(),
            (Builder::Float(builder), Cell::Float(number)) => builder.append_value(number),
            (Builder::Float(builder), Cell::Null) => builder.append_null(),
            (Builder::Boolean(builder), Cell::Boolean(truth)) => builder.append_value(truth),
            (Builder::Boolean(builder), Cell::Null) => builder.append_null(),
            (Builder::Time(builder), Cell::Time(time)) => builder.append_value(time.0),
            (Builder::Time(builder), Cell::Null) => builder.append_null(),
            (Builder::Texts(builder), Cell::Texts(texts)) => {
                builder.append_value(texts.into_iter().map(Some))
            }
            (Builder::Texts(builder), Cell::Null) => builder.append_null(),
            (Builder::Integers(builder), Cell::Integers(numbers)) => {
                builder.append_value(numbers.iter().copied().map(Some));
            }
            (Builder::Integers(builder), Cell::Null) => builder.append_null(),
            (Builder::Texts(builder), Cell::MaybeTexts(texts)) => builder.append_value(texts),
            (Builder::Integers(builder), Cell::MaybeIntegers(numbers)) => {
                builder.append_value(numbers);
            }
            (_, cell) => panic!("the cell {cell:?} is not of its column's type"),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Text(builder) => Arc::new(builder.finish()),
            Builder::Integer(builder) => Arc::new(builder.finish()),
            Builder::Float(builder) => Arc::new(builder.finish()),
            Builder::Boolean(builder) => Arc::new(builder.finish()),
            Builder::Time(builder) => Arc::new(builder.finish()),
            Builder::Texts(builder) => Arc::new(builder.finish()),
            Builder::Integers(builder) => Arc::new(builder.finish()),
        }
    }
}

/// What makes rows: a table's function with its view, or a table function with its arguments.
pub(crate) type Rows = Arc<dyn Fn(&mut Sheet) -> Result<()> + Send + Sync>;

/// Rows as a table of the SQL engine.
#[derive(Clone)]
pub(crate) struct RowsTable {
    schema: SchemaRef,
    rows: Rows,
}

impl RowsTable {
    pub(crate) fn new(schema: SchemaRef, rows: Rows) -> RowsTable {
        RowsTable { schema, rows }
    }
}

impl fmt::Debug for RowsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowsTable").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for RowsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partition: Arc<dyn PartitionStream> = Arc::new(self.clone());
        let schema = Arc::clone(&self.schema);
        Ok(Arc::new(StreamingTableExec::try_new(
            schema,
            vec![partition],
            projection,
            [],
            false,
            limit,
        )?))
    }
}

impl PartitionStream for RowsTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = Arc::clone(&self.rows);
        stream_rows(&context, Arc::clone(&self.schema), move |sheet| rows(sheet))
    }
}

/// Rows made on a thread of their own, while they are read. It waits while nobody reads, so that there
/// are so many of them at most.
pub(crate) fn stream_rows(
    context: &TaskContext,
    schema: SchemaRef,
    rows: impl FnOnce(&mut Sheet) -> Result<()> + Send + 'static,
) -> SendableRecordBatchStream {
    let scans = context.session_config().get_extension::<Scans>();
    let place = match scans.map(|scans| scans.begin()).transpose() {
        Ok(place) => place,
        Err(error) => {
            let refused = stream::once(async { Err(error.into()) });
            return Box::pin(RecordBatchStreamAdapter::new(schema, refused));
        }
    };
    let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&schema), BATCHES_QUEUED_MAX);
    let out = stream.tx();
    stream.spawn_blocking(move || {
        let _place = place;
        let mut sheet = Sheet { made: BatchBuilder::new(schema), out: out.clone() };
        match rows(&mut sheet).and_then(|()| sheet.flush()) {
            Err(_) if out.is_closed() => Ok(()),
            answered => answered,
        }
    });
    stream.build()
}
