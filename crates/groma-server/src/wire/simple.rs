//! The simple protocol: a text of statements, run in order.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use groma_query::Outcome;
use pgwire::api::portal::Format;
use pgwire::api::query::SimpleQueryHandler;
use pgwire::api::results::{Response, Tag};
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::TransactionStatus;

use super::Door;
use super::connection::{Connection, Limits};
use super::error::refused;
use super::rows;

#[async_trait]
impl SimpleQueryHandler for Door {
    async fn do_query<C>(&self, client: &mut C, sql: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let connection = Connection::of(client)?;
        refuse_in_failed_transaction(client.transaction_status(), sql)?;
        let limits = connection.begin();
        let (session, sql) = (Arc::clone(&connection.session), sql.to_owned());
        let outcomes = connection.work(&limits, async move { session.execute(&sql).await }).await?;
        let mut responses = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            let format = Format::UnifiedText;
            responses.push(respond(client, &connection, &limits, outcome, &format).await?);
        }
        Ok(responses)
    }
}

/// What the wire answers to an outcome of the engine.
pub(crate) async fn respond<C>(
    client: &mut C,
    connection: &Connection,
    limits: &Limits,
    outcome: Outcome,
    format: &Format,
) -> PgWireResult<Response>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let tag = match outcome {
        Outcome::Rows { schema, stream } => {
            return rows::response(connection, limits.clone(), &schema, stream, format)
                .map(Response::Query);
        }
        Outcome::Command { tag } => tag,
    };
    let wire_tag = Tag::new(&tag);
    Ok(match tag.split(' ').next().unwrap_or_default() {
        "BEGIN" | "START" => {
            connection.end_transaction();
            Response::TransactionStart(wire_tag)
        }
        "COMMIT" => {
            connection.end_transaction();
            Response::TransactionEnd(wire_tag)
        }
        "ROLLBACK" => {
            if connection.end_transaction() {
                client
                    .feed(PgWireBackendMessage::NoticeResponse(nothing_taken_back().into()))
                    .await?;
            }
            Response::TransactionEnd(wire_tag)
        }
        "INSERT" | "UPDATE" | "DELETE" | "CREATE" | "DROP" => {
            connection.note_write();
            Response::Execution(wire_tag)
        }
        _ => Response::Execution(wire_tag),
    })
}

/// After an error inside `BEGIN`, nothing runs until the block ends, as in PostgreSQL.
pub(crate) fn refuse_in_failed_transaction(
    status: TransactionStatus,
    sql: &str,
) -> PgWireResult<()> {
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

fn nothing_taken_back() -> ErrorInfo {
    let mut notice = ErrorInfo::new(
        "WARNING".to_owned(),
        "25000".to_owned(),
        "ROLLBACK takes nothing back: every statement was committed when it was answered"
            .to_owned(),
    );
    notice.hint = Some("To try a change, make a fork: CREATE DATABASE try TEMPLATE live.".into());
    notice
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
