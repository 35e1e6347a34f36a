//! The store in this process.

use std::path::Path;

use anyhow::{Context as _, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt as _;
use groma_query::{Outcome, QueryError, STACK_BYTES};
use groma_server::{Store, StoreOptions, text_rows};
use tokio::runtime::{Builder, Runtime};

use super::{Ask, Column, Heard, Refusal};

/// Answers from a data folder that this process holds.
pub(crate) struct Embedded {
    store: Store,
    runtime: Runtime,
}

impl Embedded {
    /// Opens a data folder, making it if it is not there.
    pub(crate) fn open(folder: &Path, options: StoreOptions) -> Result<Embedded> {
        let store = Store::open(folder, options).map_err(|error| Refusal::of_store(&error))?;
        let mut threads = Builder::new_multi_thread();
        let threads = threads.thread_stack_size(STACK_BYTES).enable_all();
        let runtime = threads.build().context("starting threads")?;
        Ok(Embedded { store, runtime })
    }

    /// The store, to be served.
    pub(crate) fn into_store(self) -> (Store, Runtime) {
        (self.store, self.runtime)
    }
}

impl Ask for Embedded {
    fn ask(
        &mut self,
        database: &str,
        sql: &str,
        hear: &mut dyn FnMut(Heard) -> Result<()>,
    ) -> Result<()> {
        let session = self.store.engine().session(database, "groma").map_err(refusal)?;
        self.runtime.block_on(async {
            for request in session.read(sql).map_err(refusal)? {
                let outcome = session.carry_out(request).await.map_err(refusal)?;
                let (schema, mut stream) = match outcome {
                    Outcome::Command { tag } => {
                        hear(Heard::Done(tag))?;
                        continue;
                    }
                    Outcome::Rows { schema, stream } => (schema, stream),
                    Outcome::CopyOut { .. } | Outcome::CopyIn(_) => {
                        let hint = "Serve the store (groma serve) and use \\copy in psql.";
                        let message = "lines of COPY go over the wire only";
                        return Err(Refusal::new(message, Some(hint.into())).into());
                    }
                };
                give(&schema, None, hear)?;
                while let Some(batch) = stream.next().await {
                    give(&schema, Some(batch.map_err(QueryError::from).map_err(refusal)?), hear)?;
                }
                hear(Heard::Done("SELECT".into()))?;
            }
            Ok(())
        })
    }
}

/// The rows of a batch, or the columns if there is none.
fn give(
    schema: &SchemaRef,
    batch: Option<RecordBatch>,
    hear: &mut dyn FnMut(Heard) -> Result<()>,
) -> Result<()> {
    let is_head = batch.is_none();
    let text = text_rows(schema, batch.into_iter().collect()).map_err(refusal)?;
    if is_head {
        let columns = text.columns.into_iter().map(|(name, of)| Column { name, of }).collect();
        hear(Heard::Columns(columns))?;
    }
    text.rows.into_iter().try_for_each(|row| hear(Heard::Row(row)))
}

fn refusal(error: QueryError) -> Refusal {
    Refusal {
        message: error.message().to_owned(),
        detail: error.detail().map(str::to_owned),
        hint: error.hint().map(str::to_owned),
        position: error.position(),
    }
}
