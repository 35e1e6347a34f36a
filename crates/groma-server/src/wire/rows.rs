//! From batches of the engine to rows of the wire.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::vec;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_pg::datatypes::{arrow_schema_to_pg_fields, encode_recordbatch};
use futures::future::FutureExt;
use futures::stream::{self, StreamExt};
use groma_query::{QueryError, SendableRecordBatchStream};
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldInfo, QueryResponse};
use pgwire::error::PgWireResult;
use pgwire::messages::data::DataRow;

use super::connection::Connection;
use super::error::to_wire;
use crate::metrics::DoorMetrics;
use crate::work::{Ahead, BATCHES_AHEAD_MAX, Limits};

/// Rows that the engine has begun to make before the client is told of them: of a small answer all, so
/// that nobody need wait for a task.
pub(crate) struct Begun {
    schema: SchemaRef,
    first: Vec<RecordBatch>,
    /// What is still to be made; `None`: all is there.
    rest: Option<SendableRecordBatchStream>,
}

impl Begun {
    /// Makes the first batch, and those behind it that are ready. Runs on the engine's threads.
    /// Errors: of the first batch.
    pub(crate) async fn read(
        schema: SchemaRef,
        mut stream: SendableRecordBatchStream,
    ) -> Result<Begun, QueryError> {
        let mut first = Vec::new();
        let mut next = stream.next().await;
        while let Some(batch) = next {
            first.push(batch?);
            if first.len() == BATCHES_AHEAD_MAX {
                return Ok(Begun { schema, first, rest: Some(stream) });
            }
            next = match stream.next().now_or_never() {
                Some(next) => next,
                None => return Ok(Begun { schema, first, rest: Some(stream) }),
            };
        }
        Ok(Begun { schema, first, rest: None })
    }
}

/// A response whose rows the engine makes while the client reads them.
/// Dropping it stops the engine.
pub(crate) fn response(
    connection: &Connection,
    limits: Limits,
    begun: Begun,
    format: &Format,
) -> PgWireResult<QueryResponse> {
    let rows = Rows::of(connection, limits, begun, format)?;
    Ok(QueryResponse::new(
        Arc::clone(&rows.fields),
        stream::unfold(rows, |mut rows| async { rows.next().await.map(|row| (row, rows)) }),
    ))
}

/// Rows as the engine makes them. Dropping them stops the engine.
pub(crate) struct Rows {
    pub(crate) fields: Arc<Vec<FieldInfo>>,
    first: vec::IntoIter<RecordBatch>,
    rest: Option<Ahead>,
    limits: Limits,
    metrics: Arc<DoorMetrics>,
    batch: Option<Box<dyn Iterator<Item = PgWireResult<DataRow>> + Send>>,
}

impl Rows {
    pub(crate) fn of(
        connection: &Connection,
        limits: Limits,
        begun: Begun,
        format: &Format,
    ) -> PgWireResult<Rows> {
        let fields = Arc::new(arrow_schema_to_pg_fields(&begun.schema, format, None)?);
        let first = begun.first.into_iter();
        let rest = begun.rest.map(|batches| Ahead::start(&connection.engine_threads, batches));
        let metrics = Arc::clone(&connection.metrics);
        Ok(Rows { fields, first, rest, limits, metrics, batch: None })
    }

    pub(crate) async fn next(&mut self) -> Option<PgWireResult<DataRow>> {
        loop {
            if let Some(row) = self.batch.as_mut().and_then(Iterator::next) {
                let bytes = row.as_ref().map_or(0, |row| row.data.len());
                self.metrics.rows.fetch_add(1, Relaxed);
                self.metrics.bytes.fetch_add(bytes as u64, Relaxed);
                return Some(row);
            }
            let batch = match (self.first.next(), &mut self.rest) {
                (Some(batch), _) => batch,
                (None, Some(rest)) => match rest.next(&self.limits).await? {
                    Ok(batch) => batch,
                    Err(error) => return Some(Err(to_wire(error))),
                },
                (None, None) => return None,
            };
            self.batch = Some(encode_recordbatch(Arc::clone(&self.fields), batch));
        }
    }
}

/// Rows as PostgreSQL writes them in text, with the name and type of each column.
#[derive(Debug, Clone, PartialEq)]
pub struct TextRows {
    /// Name and PostgreSQL type, such as `("bytes", "int8")`.
    pub columns: Vec<(String, String)>,
    /// `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What a client would see of these batches in text, without a wire between.
pub fn text_rows(schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<TextRows, QueryError> {
    let refused = |error: pgwire::error::PgWireError| {
        QueryError::new("0A000", format!("a value cannot be shown as text: {error}"))
    };
    let fields =
        Arc::new(arrow_schema_to_pg_fields(schema, &Format::UnifiedText, None).map_err(refused)?);
    let columns = (fields.iter())
        .map(|field| (field.name().to_owned(), field.datatype().name().to_owned()))
        .collect();
    let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        for row in encode_recordbatch(Arc::clone(&fields), batch) {
            rows.push(cells(&row.map_err(refused)?));
        }
    }
    Ok(TextRows { columns, rows })
}

/// The cells of a row on the wire: each a length (-1: NULL) and its bytes.
pub(crate) fn cells(row: &DataRow) -> Vec<Option<String>> {
    let mut rest: &[u8] = &row.data;
    let mut cells = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (cell, after) = after.split_at(length.unwrap_or(0).min(after.len()));
        cells.push(length.map(|_| String::from_utf8_lossy(cell).into_owned()));
        rest = after;
    }
    cells
}
