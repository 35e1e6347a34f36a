//! COPY on the wire: a line per message on the way out, bytes cut anywhere on the way in.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use groma_query::{CopyForm, CopyIn, QueryError};
use pgwire::api::copy::CopyHandler;
use pgwire::api::results::Tag;
use pgwire::api::{ClientInfo, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::{CopyData, CopyDone, CopyFail, CopyInResponse, CopyOutResponse};
use pgwire::messages::response::CommandComplete;

use super::Door;
use super::connection::Connection;
use super::error::{refused, to_wire};
use super::rows::{Rows, cells};
use super::simple::complete;
use crate::work::Limits;

/// Code of text, as against binary, of the whole and of each column.
const TEXT: i8 = 0;

/// Sends all rows as lines.
pub(super) async fn send<C>(client: &mut C, mut rows: Rows, form: &CopyForm) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin + Send,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let fields = Arc::clone(&rows.fields);
    let (columns, formats) = columns(fields.len());
    let begin = CopyOutResponse::new(TEXT, columns, formats);
    client.feed(PgWireBackendMessage::CopyOutResponse(begin)).await?;
    if form.has_header() {
        let mut line = Vec::new();
        form.write_line(fields.iter().map(|field| Some(field.name())), &mut line);
        client.feed(PgWireBackendMessage::CopyData(CopyData::new(line.into()))).await?;
    }
    let mut count = 0;
    while let Some(row) = rows.next().await {
        let cells = cells(&row?);
        let mut line = Vec::new();
        form.write_line(cells.iter().map(Option::as_deref), &mut line);
        client.feed(PgWireBackendMessage::CopyData(CopyData::new(line.into()))).await?;
        count += 1;
    }
    client.feed(PgWireBackendMessage::CopyDone(CopyDone::new())).await?;
    let done = CommandComplete::from(Tag::new("COPY").with_rows(count));
    client.feed(PgWireBackendMessage::CommandComplete(done)).await?;
    Ok(())
}

/// Asks the client for lines.
pub(super) async fn begin<C>(
    client: &mut C,
    connection: &Connection,
    copy: CopyIn,
    limits: Limits,
    extended: bool,
) -> PgWireResult<()>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let (columns, formats) = columns(copy.columns());
    connection.begin_copy(copy, limits);
    client.set_state(PgWireConnectionState::CopyInProgress(extended));
    let begin = CopyInResponse::new(TEXT, columns, formats);
    client.send(PgWireBackendMessage::CopyInResponse(begin)).await?;
    Ok(())
}

fn columns(count: usize) -> (i16, Vec<i16>) {
    (i16::try_from(count).unwrap_or(i16::MAX), vec![TEXT.into(); count])
}

#[async_trait]
impl CopyHandler for Door {
    async fn on_copy_data<C>(&self, client: &mut C, data: CopyData) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let connection = Connection::of(client)?;
        let (mut copy, limits) = copying(&connection)?;
        let push = async move { copy.push(&data.data).map(|()| copy) };
        // What does not fit ends the COPY here; what the client still sends of it is passed over.
        let copy = connection.work(&limits, push).await?;
        connection.begin_copy(copy, limits);
        Ok(())
    }

    async fn on_copy_done<C>(&self, client: &mut C, _done: CopyDone) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let connection = Connection::of(client)?;
        let (copy, limits) = copying(&connection)?;
        let session = Arc::clone(&connection.session);
        let tag = connection.work(&limits, async move { copy.finish(&session).await }).await?;
        complete(client, &connection, &tag).await
    }

    async fn on_copy_fail<C>(&self, client: &mut C, fail: CopyFail) -> PgWireError
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        drop(Connection::of(client).map(|connection| connection.take_copy()));
        to_wire(QueryError::new("57014", format!("COPY from stdin failed: {}", fail.message)))
    }
}

fn copying(connection: &Connection) -> PgWireResult<(CopyIn, Limits)> {
    connection.take_copy().ok_or_else(|| refused("08P01", "no COPY is in progress"))
}
