//! The simple protocol: a text of statements, each answered before the next one begins.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use groma_query::{CopyForm, CopyIn, Outcome, QueryError};
use pgwire::api::portal::Format;
use pgwire::api::query::{SimpleQueryHandler, send_query_response, send_ready_for_query};
use pgwire::api::results::{QueryResponse, Response, Tag};
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse, TransactionStatus};
use pgwire::messages::simplequery::Query;

use super::Door;
use super::connection::Connection;
use super::copy;
use super::error::{internal, notice, refused};
use super::rows::{self, Begun, Rows};
use crate::work::Limits;

#[async_trait]
impl SimpleQueryHandler for Door {
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        let connection = Connection::of(client)?;
        client.set_state(PgWireConnectionState::QueryInProgress);
        self.answer_request(client, &connection, query.query).await?;
        // While lines of COPY come in, its end is what makes us ready again.
        if !matches!(client.state(), PgWireConnectionState::CopyInProgress(_)) {
            client.set_state(PgWireConnectionState::ReadyForQuery);
            let status = client.transaction_status();
            send_ready_for_query(client, status).await?;
        }
        Ok(())
    }

    /// Never called: [`SimpleQueryHandler::on_query`] is ours.
    async fn do_query<C>(&self, _client: &mut C, _sql: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Err(internal())
    }
}

impl Door {
    async fn answer_request<C>(
        &self,
        client: &mut C,
        connection: &Connection,
        sql: String,
    ) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        check(connection, client.transaction_status(), &sql)?;
        let limits = connection.begin();
        let session = Arc::clone(&connection.session);
        let requests = connection.work(&limits, async move { session.read(&sql) }).await?;
        let last = requests.len() - 1;
        for (index, request) in requests.into_iter().enumerate() {
            connection.metrics.statements.fetch_add(1, Relaxed);
            let tag = request.rows_tag();
            let session = Arc::clone(&connection.session);
            let begun = connection
                .work(&limits, async move { begin(session.carry_out(request).await?).await });
            let begun = begun.await?;
            tell(client, connection).await?;
            match Answer::of(connection, &limits, begun, &Format::UnifiedText)? {
                Answer::Rows(mut rows) => {
                    rows.set_command_tag(tag);
                    send_query_response(client, rows, true).await?;
                }
                Answer::Done(tag) => complete(client, connection, &tag).await?,
                Answer::CopyOut(rows, form) => copy::send(client, rows, &form).await?,
                Answer::CopyIn(copy) if index == last => {
                    copy::begin(client, connection, *copy, limits.clone(), false).await?;
                }
                Answer::CopyIn(_) => {
                    return Err(refused("0A000", "COPY FROM STDIN must be the last statement"));
                }
            }
        }
        Ok(())
    }
}

/// What the wire answers to an outcome of the engine.
pub(crate) enum Answer {
    Rows(QueryResponse),
    Done(String),
    CopyOut(Rows, CopyForm),
    CopyIn(Box<CopyIn>),
}

/// An outcome whose first rows are made.
pub(crate) enum Started {
    Rows(Begun),
    Done(String),
    CopyOut(Begun, CopyForm),
    CopyIn(Box<CopyIn>),
}

/// Makes the first rows of an outcome. Runs on the engine's threads.
pub(crate) async fn begin(outcome: Outcome) -> Result<Started, QueryError> {
    Ok(match outcome {
        Outcome::Rows { schema, stream } => Started::Rows(Begun::read(schema, stream).await?),
        Outcome::Command { tag } => Started::Done(tag),
        Outcome::CopyOut { schema, stream, form } => {
            Started::CopyOut(Begun::read(schema, stream).await?, form)
        }
        Outcome::CopyIn(copy) => Started::CopyIn(copy),
    })
}

impl Answer {
    pub(crate) fn of(
        connection: &Connection,
        limits: &Limits,
        started: Started,
        format: &Format,
    ) -> PgWireResult<Answer> {
        let limits = limits.clone();
        Ok(match started {
            Started::Rows(begun) => {
                Answer::Rows(rows::response(connection, limits, begun, format)?)
            }
            Started::Done(tag) => Answer::Done(tag),
            Started::CopyOut(begun, form) => {
                let text = Format::UnifiedText;
                Answer::CopyOut(Rows::of(connection, limits, begun, &text)?, form)
            }
            Started::CopyIn(copy) => Answer::CopyIn(copy),
        })
    }
}

/// Sends the tag of a command, and keeps track of transactions.
pub(crate) async fn complete<C>(
    client: &mut C,
    connection: &Connection,
    tag: &str,
) -> PgWireResult<()>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    if tag.is_empty() {
        let empty = PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new());
        client.feed(empty).await?;
        return Ok(());
    }
    match tag.split(' ').next().unwrap_or_default() {
        // Of a ROLLBACK TO SAVEPOINT the transaction goes on, also after an error.
        "BEGIN" | "START" | "COMMIT" | "ROLLBACK" => {
            client.set_transaction_status(match connection.session.is_in_transaction() {
                true => TransactionStatus::Transaction,
                false => TransactionStatus::Idle,
            });
        }
        _ => {}
    }
    let complete = CommandComplete::from(Tag::new(tag));
    client.feed(PgWireBackendMessage::CommandComplete(complete)).await?;
    Ok(())
}

/// Sends what the session has to tell.
pub(crate) async fn tell<C>(client: &mut C, connection: &Connection) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    for told in connection.session.take_notices() {
        client.feed(PgWireBackendMessage::NoticeResponse(notice(told).into())).await?;
    }
    Ok(())
}

/// Whether a statement may be read at all, with what the session should know of before.
pub(crate) fn check(
    connection: &Connection,
    status: TransactionStatus,
    sql: &str,
) -> PgWireResult<()> {
    // The library puts this character in the place of bytes that are no text.
    if sql.contains(char::REPLACEMENT_CHARACTER) {
        return Err(refused("22021", "invalid byte sequence for encoding \"UTF8\""));
    }
    if status == TransactionStatus::Error {
        connection.session.note_failure();
    }
    refuse_in_failed_transaction(status, sql)
}

/// After an error inside `BEGIN`, nothing runs until the block ends, as in PostgreSQL.
fn refuse_in_failed_transaction(status: TransactionStatus, sql: &str) -> PgWireResult<()> {
    let first = sql.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty());
    let ends = ["rollback", "commit", "end", "abort"];
    let ends_the_block =
        first.is_some_and(|first| ends.iter().any(|word| first.eq_ignore_ascii_case(word)));
    if status == TransactionStatus::Error && !ends_the_block {
        return Err(refused(
            "25P02",
            "current transaction is aborted, commands ignored until end of transaction block",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_transaction_takes_only_its_end() {
        let failed = TransactionStatus::Error;
        assert!(refuse_in_failed_transaction(failed, "  rollback;").is_ok());
        assert!(refuse_in_failed_transaction(failed, "COMMIT").is_ok());
        assert!(refuse_in_failed_transaction(failed, "SELECT 1").is_err());
        assert!(refuse_in_failed_transaction(TransactionStatus::Idle, "SELECT 1").is_ok());
    }
}
