//! Cursors: queries of which a client takes some rows at a time.
//!
//! A cursor is a plan that runs while rows are fetched, so that it needs the memory of the plan, not
//! that of its answer. It sees its databases as they were when it was declared. One WITH HOLD goes
//! on after its transaction in the same way.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result as EngineResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use futures::stream::{self, StreamExt as _};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::Outcome;
use crate::QueryError;

/// Most cursors of one session that are open at the same time.
pub const CURSORS_MAX: usize = 64;

/// The cursors of a session.
#[derive(Default)]
pub(super) struct Cursors {
    open: BTreeMap<String, Cursor>,
}

struct Cursor {
    schema: SchemaRef,
    /// Whether it outlives its transaction.
    hold: bool,
    /// How deep in savepoints the transaction was when it was declared.
    depth: usize,
    rows: Arc<Mutex<Rows>>,
}

/// What is still to come.
struct Rows {
    stream: SendableRecordBatchStream,
    /// The rest of a batch of which some rows were fetched.
    rest: Option<RecordBatch>,
}

impl Cursors {
    /// Follows a statement after which the transaction is at a depth.
    pub(super) fn follow(&mut self, ast: &Ast, depth: usize) {
        match ast {
            Ast::Commit { .. } | Ast::Rollback { savepoint: None, .. } => {
                self.open.retain(|_, cursor| cursor.hold);
                self.open.values_mut().for_each(|cursor| cursor.depth = 0);
            }
            // Those of after the savepoint go with what was done since.
            Ast::Rollback { savepoint: Some(_), .. } => {
                self.open.retain(|_, cursor| cursor.depth < depth);
            }
            Ast::ReleaseSavepoint { .. } => {
                self.open.values_mut().for_each(|cursor| cursor.depth = cursor.depth.min(depth));
            }
            Ast::Discard { .. } => self.open.clear(),
            _ => {}
        }
    }

    /// Whether a cursor may be declared.
    ///
    /// # Errors
    /// There is one of this name, there are too many, or it would end at once.
    pub(super) fn check(&self, name: &str, hold: bool, depth: usize) -> Result<(), QueryError> {
        if depth == 0 && !hold {
            let reason = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(QueryError::new("25P01", reason)
                .with_hint("Say BEGIN first, or declare it WITH HOLD."));
        }
        if self.open.contains_key(name) {
            return Err(QueryError::new("42P03", format!("cursor \"{name}\" already exists")));
        }
        if self.open.len() >= CURSORS_MAX {
            let reason = format!("{CURSORS_MAX} cursors are open, and there may be no more");
            return Err(QueryError::new("53400", reason).with_hint("CLOSE those that are read."));
        }
        Ok(())
    }

    pub(super) fn declare(
        &mut self,
        name: String,
        hold: bool,
        depth: usize,
        schema: SchemaRef,
        stream: SendableRecordBatchStream,
    ) {
        let rows = Arc::new(Mutex::new(Rows { stream, rest: None }));
        self.open.insert(name, Cursor { schema, hold, depth, rows });
    }

    /// The columns of a cursor; `None`: there is none of this name.
    pub(super) fn schema(&self, name: &str) -> Option<SchemaRef> {
        self.open.get(name).map(|cursor| Arc::clone(&cursor.schema))
    }

    /// The next rows of a cursor, made while they are read; `None`: all that are left.
    pub(super) fn fetch(&self, name: &str, count: Option<usize>) -> Result<Outcome, QueryError> {
        let cursor = self.open.get(name).ok_or_else(|| no_cursor(name))?;
        let rows = Arc::clone(&cursor.rows).try_lock_owned().map_err(|_| {
            let reason = format!("rows of an earlier FETCH from \"{name}\" are still to be read");
            QueryError::new("55006", reason)
        })?;
        let schema = Arc::clone(&cursor.schema);
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&schema), next_rows(rows, count));
        Ok(Outcome::Rows { schema, stream: Box::pin(stream) })
    }

    /// Ends a cursor; `None`: all of them.
    pub(super) fn close(&mut self, name: Option<&str>) -> Result<(), QueryError> {
        match name {
            None => self.open.clear(),
            Some(name) => drop(self.open.remove(name).ok_or_else(|| no_cursor(name))?),
        }
        Ok(())
    }
}

pub(super) fn no_cursor(name: &str) -> QueryError {
    QueryError::new("34000", format!("cursor \"{name}\" does not exist"))
        .with_hint("A cursor ends with its transaction, unless it was declared WITH HOLD.")
}

fn next_rows(
    rows: OwnedMutexGuard<Rows>,
    count: Option<usize>,
) -> impl stream::Stream<Item = EngineResult<RecordBatch>> + Send {
    stream::try_unfold((rows, count), |(mut rows, count)| async move {
        if count == Some(0) {
            return Ok(None);
        }
        let Some(mut batch) = rows.next().await? else { return Ok(None) };
        if let Some(count) = count.filter(|count| *count < batch.num_rows()) {
            rows.rest = Some(batch.slice(count, batch.num_rows() - count));
            batch = batch.slice(0, count);
        }
        let count = count.map(|count| count - batch.num_rows());
        Ok(Some((batch, (rows, count))))
    })
}

impl Rows {
    async fn next(&mut self) -> EngineResult<Option<RecordBatch>> {
        match self.rest.take() {
            Some(rest) => Ok(Some(rest)),
            None => self.stream.next().await.transpose(),
        }
    }
}
