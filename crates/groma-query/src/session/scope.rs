//! What one statement sees: every database that it names at one version, and the functions over them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use datafusion::sql::parser::Statement as PlannedStatement;
use datafusion::sql::sqlparser::ast::Statement as Ast;

use futures::StreamExt as _;

use super::Session;
use crate::catalog::{Asker, Databases, Reader};
use crate::statement::refuse_ignored;
use crate::{QueryError, Who, functions, graph};

/// What one statement sees.
pub(crate) struct Scope {
    pub(crate) state: SessionState,
    pub(crate) databases: Arc<Databases>,
    matches: graph::Matches,
}

impl Scope {
    pub(crate) async fn plan(&self, mut ast: Ast) -> Result<LogicalPlan, QueryError> {
        refuse_ignored(&ast)?;
        functions::named::place_arguments(&mut ast)?;
        let ast = graph::expand_calls(ast, self, &self.matches).await?;
        let planned = self.state.statement_to_plan(PlannedStatement::Statement(Box::new(ast)));
        // A database that cannot be seen is the reason, not that its tables are missing.
        planned.await.map_err(|error| self.databases.refusal().unwrap_or_else(|| error.into()))
    }

    /// Carries out a plan; its rows are made while they are read.
    pub(crate) async fn execute(
        &self,
        plan: LogicalPlan,
    ) -> Result<(SchemaRef, SendableRecordBatchStream), QueryError> {
        let searches = functions::per_row::are_in(&plan)?;
        let frame = DataFrame::new(self.state.clone(), plan);
        let schema = Arc::clone(frame.schema().inner());
        let rows = frame.execute_stream().await?;
        Ok((schema, if searches { apart(rows, self.databases.reader()) } else { rows }))
    }
}

/// Rows made by a task of their own: a search does not give way, so that whoever waits for the rows
/// could not go. The search asks for the reader.
fn apart(mut rows: SendableRecordBatchStream, reader: Reader) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let mut ahead = RecordBatchReceiverStreamBuilder::new(Arc::clone(&schema), 1);
    let out = ahead.tx();
    ahead.spawn(async move {
        while let Some(batch) = rows.next().await {
            let failed = batch.is_err();
            if out.send(batch).await.is_err() || failed {
                break;
            }
        }
        Ok(())
    });
    let read = ahead.build().inspect(move |_| {
        let _ = &reader;
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, read))
}

impl Session {
    /// A scope for one statement: every database that it names is pinned at one version.
    pub(crate) fn scope(&self, who: &Who) -> Result<Scope, QueryError> {
        let (engine, ledger) = (self.engine.clone(), Arc::clone(&self.ledger));
        self.scope_over(Arc::new(Databases::new(engine, self.asker(who), ledger)))
    }

    pub(super) fn scope_over(&self, databases: Arc<Databases>) -> Result<Scope, QueryError> {
        let matches = graph::Matches::default();
        // A copy: built from its parts, every function would be registered anew for each statement.
        let mut state = self.base.clone();
        state.mark_start_execution();
        state.config_mut().set_extension(Arc::clone(&databases));
        state.config_mut().set_extension(Arc::clone(databases.who()));
        state.register_catalog_list(Arc::clone(&databases) as _);
        state.register_relation_planner(Arc::new(matches.clone()))?;
        // It only replaces what it registered itself, which is never refused.
        let registered = functions::per_row::register(&mut state, &databases, &self.database);
        debug_assert!(registered.is_ok(), "functions are registered");
        Ok(Scope { state, databases, matches })
    }

    pub(super) fn asker(&self, who: &Who) -> Asker {
        // Each lock is given back before the next is taken.
        let accounting = self.settings().accounting();
        let read_only = self.is_read_only();
        Asker { accounting, who: Arc::new(who.clone()), read_only }
    }
}
