//! One socket, from its first byte to its last: TLS, messages, idleness, a client that vanishes.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::{Sink, SinkExt as _, Stream as _, future};
use pgwire::api::{ClientInfo as _, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use pgwire::tokio::server::{negotiate_tls, process_error, process_message};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::Door;
use super::error::turned_away;
use super::extended::Statement;
use crate::metrics::Limit;

/// How long a client may take to come in.
const STARTUP_PATIENCE: Duration = Duration::from_secs(60);
/// Most bytes that are taken from a client before it is known who it is.
const STARTUP_BYTES_MAX: usize = 64 << 10;
/// Most bytes of one message of a client that is in: a statement, its values, a part of a COPY.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// How often a server looks whether the client of a running statement is still there.
const CLIENT_CHECK_PERIOD: Duration = Duration::from_millis(500);

/// From where a client came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// Whether it is on this machine, so that no network lies between.
    pub(crate) is_local: bool,
}

/// Serves one client until it leaves or vanishes.
pub(crate) async fn attend(socket: TcpStream, door: Arc<Door>) -> io::Result<()> {
    let socket = socket.into_std()?;
    let twin = TcpStream::from_std(socket.try_clone()?)?;
    let socket = TcpStream::from_std(socket)?;
    let _connected = door.metrics.wire.connected();
    tokio::select! {
        ended = converse(socket, &door) => ended,
        gone = vanished(&twin) => gone,
    }
}

async fn converse(socket: TcpStream, door: &Arc<Door>) -> io::Result<()> {
    let is_local = is_local(&socket)?;
    let tls = door.tls.as_ref().map(|tls| tls.wire.clone());
    let mut startup_patience = pin!(tokio::time::sleep(STARTUP_PATIENCE));
    let negotiated = tokio::select! {
        () = &mut startup_patience => return Ok(()),
        negotiated = negotiate_tls::<Statement>(socket, tls) => negotiated?,
    };
    let Some(mut socket) = negotiated else { return Ok(()) };
    // What stood behind the request for TLS came in clear, from whoever was between.
    if socket.is_secure() && !socket.read_buffer().is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes in clear before TLS began"));
    }
    socket.session_extensions().insert(Origin { is_local });
    loop {
        let is_stranger = matches!(
            socket.state(),
            PgWireConnectionState::AwaitingStartup
                | PgWireConnectionState::AuthenticationInProgress
        );
        let next = future::poll_fn(|context| {
            let polled = pin!(&mut socket).poll_next(context);
            let read = socket.read_buffer();
            let is_too_long = match is_stranger {
                true => read.len() > STARTUP_BYTES_MAX,
                false => announced_bytes(read) > MESSAGE_BYTES_MAX,
            };
            match polled {
                Poll::Ready(next) => Poll::Ready(Ok(next)),
                Poll::Pending if is_too_long => {
                    door.metrics.hit(Limit::Body);
                    Poll::Ready(Err(too_long(is_stranger)))
                }
                Poll::Pending => Poll::Pending,
            }
        });
        let heard = tokio::select! {
            heard = next => heard,
            () = &mut startup_patience, if is_stranger => return Ok(()),
            () = silence(door.idle_timeout), if !is_stranger => Err(idle()),
        };
        let message = match heard {
            Ok(Some(Ok(message))) => message,
            Ok(_) => return Ok(()),
            Err(error) => {
                door.note(&error);
                return dismiss(&mut socket, error.into()).await;
            }
        };
        if matches!(message, PgWireFrontendMessage::Terminate(_)) {
            return Ok(());
        }
        let waits_for_sync = match socket.state() {
            PgWireConnectionState::CopyInProgress(extended) => extended,
            _ => message.is_extended_query(),
        };
        let handlers = || Arc::clone(door);
        let processed = process_message(
            message,
            &mut socket,
            handlers(),
            handlers(),
            handlers(),
            handlers(),
            handlers(),
        );
        if let Err(error) = Box::pin(processed).await {
            door.note(&error);
            let told = ErrorInfo::from(error);
            if is_stranger || told.is_fatal() {
                return dismiss(&mut socket, told).await;
            }
            let told = PgWireError::UserError(Box::new(told));
            process_error(&mut socket, told, waits_for_sync).await?;
        }
    }
}

/// Tells why, as the last word. Whoever is not in gets no second try on the same socket: it would be
/// outside of the bounds of time and bytes that hold for strangers.
async fn dismiss<C>(client: &mut C, mut why: ErrorInfo) -> io::Result<()>
where
    C: Sink<PgWireBackendMessage, Error = io::Error> + Unpin,
{
    why.severity = "FATAL".to_owned();
    client.send(PgWireBackendMessage::ErrorResponse(why.into())).await?;
    client.close().await
}

/// How long the message is that has begun to come, by what it says itself; 0 where it says nothing yet.
fn announced_bytes(read: &[u8]) -> usize {
    let length = read.get(1..5).and_then(|bytes| bytes.try_into().ok());
    length.map_or(0, |bytes| u32::from_be_bytes(bytes) as usize)
}

fn too_long(is_stranger: bool) -> PgWireError {
    let (bytes_max, hint) = match is_stranger {
        true => (STARTUP_BYTES_MAX, "See whether the client speaks PostgreSQL's protocol 3."),
        false => (MESSAGE_BYTES_MAX, "Send several statements, or the rows with COPY FROM STDIN."),
    };
    let text = format!("a message of more than {bytes_max} bytes is not taken");
    turned_away("54000", text, hint.into())
}

/// Returns when a client has been silent for so long; never without a bound.
async fn silence(patience: Option<Duration>) {
    match patience {
        Some(patience) => tokio::time::sleep(patience).await,
        None => future::pending().await,
    }
}

fn idle() -> PgWireError {
    turned_away(
        "57P05",
        "terminating connection due to idle-session timeout".into(),
        "Connect again; the server was started with --idle-timeout.".into(),
    )
}

/// Whether both ends are on this machine.
fn is_local(socket: &TcpStream) -> io::Result<bool> {
    let (peer, own) = (socket.peer_addr()?.ip(), socket.local_addr()?.ip());
    Ok(peer.to_canonical().is_loopback() || peer == own)
}

/// Returns when the other end has closed. The wire reads nothing while a statement runs, so that
/// it would not notice; PostgreSQL calls this `client_connection_check_interval`.
async fn vanished(socket: &TcpStream) -> io::Result<()> {
    loop {
        tokio::time::sleep(CLIENT_CHECK_PERIOD).await;
        if socket.ready(Interest::READABLE).await?.is_read_closed() {
            return Ok(());
        }
    }
}
