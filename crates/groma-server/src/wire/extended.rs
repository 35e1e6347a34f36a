//! The extended protocol: prepared statements, parameters, portals, text and binary rows.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arrow_pg::datatypes::arrow_schema_to_pg_fields;
use async_trait::async_trait;
use futures::{Sink, SinkExt};
use groma_query::Prepared;
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{
    ExtendedQueryHandler, send_describe_response, send_partial_query_response,
};
use pgwire::api::results::{DescribePortalResponse, FieldInfo, Response, Tag};
use pgwire::api::stmt::QueryParser;
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Describe, Execute, TARGET_TYPE_BYTE_PORTAL, TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};

use super::Door;
use super::connection::Connection;
use super::copy;
use super::error::{internal, refused, to_wire};
use super::parameters;
use super::simple::{Answer, begin, check, complete, tell};
use crate::work::Limits;

/// A statement that was planned once.
#[derive(Clone)]
pub(crate) struct Statement {
    sql: Arc<str>,
    prepared: Arc<Prepared>,
}

/// Plans statements in the session of the client.
pub(crate) struct Planner;

#[async_trait]
impl QueryParser for Planner {
    type Statement = Statement;

    async fn parse_sql<C>(
        &self,
        client: &C,
        sql: &str,
        _types: &[Option<Type>],
    ) -> PgWireResult<Option<Statement>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let connection = Connection::of(client)?;
        check(&connection, client.transaction_status(), sql)?;
        let limits = connection.begin();
        let (session, text) = (Arc::clone(&connection.session), sql.to_owned());
        let prepared =
            connection.work(&limits, async move { session.prepare(&text).await }).await?;
        Ok(Some(Statement { sql: sql.into(), prepared: Arc::new(prepared) }))
    }

    fn get_parameter_types(&self, statement: &Statement) -> PgWireResult<Vec<Type>> {
        parameters::types(&statement.prepared)
    }

    fn get_result_schema(
        &self,
        statement: &Statement,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        match statement.prepared.schema() {
            Some(schema) => {
                arrow_schema_to_pg_fields(schema, format.unwrap_or(&Format::UnifiedText), None)
            }
            None => Ok(Vec::new()),
        }
    }
}

#[async_trait]
impl ExtendedQueryHandler for Door {
    type Statement = Statement;
    type QueryParser = Planner;

    fn query_parser(&self) -> Arc<Planner> {
        Arc::new(Planner)
    }

    /// As the library does it, after the counts were checked that it takes on trust.
    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        match client.portal_store().get_statement(name) {
            Some(Entry::Value(stored)) => {
                check_counts(&message, &stored.statement.prepared)?;
                let portal = Portal::try_new(&message, stored)?;
                client.portal_store().put_portal(Arc::new(portal));
            }
            Some(Entry::Empty) => {
                let portal = message.portal_name.as_deref().unwrap_or(DEFAULT_NAME);
                client.portal_store().put_empty_portal(portal);
            }
            None => return Err(PgWireError::StatementNotFound(name.to_owned())),
        }
        client.send(PgWireBackendMessage::BindComplete(BindComplete::new())).await?;
        Ok(())
    }

    /// As the library does it, but that a command has no rows; an open cursor is described as a portal too.
    async fn on_describe<C>(&self, client: &mut C, message: Describe) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        if message.target_type == TARGET_TYPE_BYTE_PORTAL
            && client.portal_store().get_portal(name).is_none()
            && let Some(schema) = Connection::of(client)?.session.cursor_schema(name)
        {
            let fields = arrow_schema_to_pg_fields(&schema, &Format::UnifiedText, None)?;
            return send_describe_response(client, &DescribePortalResponse::new(fields)).await;
        }
        if message.target_type == TARGET_TYPE_BYTE_STATEMENT
            && let Some(Entry::Value(stored)) = client.portal_store().get_statement(name)
            && stored.statement.prepared.schema().is_none()
        {
            // The library tells of no columns, which JDBC takes for rows, if there are parameters.
            let described = self.do_describe_statement(client, &stored).await?;
            let types = described.parameters.iter().map(Type::oid).collect();
            let types =
                PgWireBackendMessage::ParameterDescription(ParameterDescription::new(types));
            client.feed(types).await?;
            client.feed(PgWireBackendMessage::NoData(NoData::new())).await?;
            return Ok(());
        }
        self._on_describe(client, message).await
    }

    /// Rows go out as the engine makes them; the library's own way would first collect them all.
    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => portal,
            Some(Entry::Empty) => {
                let empty = PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new());
                client.feed(empty).await?;
                return Ok(());
            }
            None => return Err(PgWireError::PortalNotFound(name.to_owned())),
        };
        let rows_max = usize::try_from(message.max_rows).unwrap_or(0); // 0: all
        client.set_state(PgWireConnectionState::QueryInProgress);
        execute(client, &portal, rows_max).await?;
        if !matches!(client.state(), PgWireConnectionState::CopyInProgress(_)) {
            client.set_state(PgWireConnectionState::ReadyForQuery);
        }
        Ok(())
    }

    /// Never called: [`ExtendedQueryHandler::on_execute`] is ours.
    async fn do_query<C>(
        &self,
        _client: &mut C,
        _portal: &Portal<Statement>,
        _rows_max: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Err(internal())
    }
}

async fn execute<C>(client: &mut C, portal: &Portal<Statement>, rows_max: usize) -> PgWireResult<()>
where
    C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    C::PortalStore: PortalStore<Statement = Statement>,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let state = portal.state();
    let mut state = state.lock().await;
    if !matches!(*state, PortalExecutionState::Initial) {
        return send_rows(client, &mut state, rows_max).await;
    }
    let connection = Connection::of(client)?;
    let limits = connection.begin();
    let answer = answer(client, &connection, &limits, portal).await?;
    tell(client, &connection).await?;
    if let Answer::Rows(mut rows) = answer {
        rows.set_command_tag(portal.statement.statement.prepared.rows_tag());
        *state = PortalExecutionState::Suspended(rows);
        return send_rows(client, &mut state, rows_max).await;
    }
    *state = PortalExecutionState::Finished;
    match answer {
        Answer::CopyOut(rows, form) => copy::send(client, rows, &form).await,
        Answer::CopyIn(copy) => copy::begin(client, &connection, *copy, limits, true).await,
        Answer::Done(tag) => complete(client, &connection, &tag).await,
        Answer::Rows(_) => Ok(()),
    }
}

async fn answer<C>(
    client: &mut C,
    connection: &Connection,
    limits: &Limits,
    portal: &Portal<Statement>,
) -> PgWireResult<Answer>
where
    C: ClientInfo + Unpin + Send + Sync,
{
    let statement = &portal.statement.statement;
    check(connection, client.transaction_status(), &statement.sql)?;
    connection.metrics.statements.fetch_add(1, Relaxed);
    let given = parameters::read(portal, &statement.prepared)?;
    let parameters = statement.prepared.bind(given).map_err(to_wire)?;
    let session = Arc::clone(&connection.session);
    let prepared = Arc::clone(&statement.prepared);
    let work = async move { begin(session.run(&prepared, parameters).await?).await };
    let started = connection.work(limits, work).await?;
    Answer::of(connection, limits, started, &portal.result_column_format)
}

async fn send_rows<C>(
    client: &mut C,
    state: &mut PortalExecutionState,
    rows_max: usize,
) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let PortalExecutionState::Suspended(rows) = state else {
        let complete = CommandComplete::from(Tag::new("SELECT").with_rows(0));
        client.feed(PgWireBackendMessage::CommandComplete(complete)).await?;
        return Ok(());
    };
    if !send_partial_query_response(client, rows, rows_max).await? {
        *state = PortalExecutionState::Finished;
    }
    Ok(())
}

/// A format code for none, for all, or for each; as many parameters as the statement has.
fn check_counts(message: &Bind, prepared: &Prepared) -> PgWireResult<()> {
    let wanted = prepared.parameter_types().len();
    let given = message.parameters.len();
    if given != wanted {
        return Err(refused(
            "08P01",
            format!(
                "bind message supplies {given} parameters, but the statement requires {wanted}"
            ),
        ));
    }
    let columns = prepared.schema().map_or(0, |schema| schema.fields().len());
    for (codes, count, of) in [
        (message.parameter_format_codes.len(), given, "parameters"),
        (message.result_column_format_codes.len(), columns, "columns"),
    ] {
        if codes > 1 && codes != count {
            return Err(refused(
                "08P01",
                format!("bind message has {codes} format codes for {count} {of}"),
            ));
        }
    }
    Ok(())
}
