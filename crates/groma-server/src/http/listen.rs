//! Sockets of the HTTP door: how many, with TLS or without, and whose.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::router;
use crate::metrics::Limit;
use crate::wire::Door;

/// How long a client may take for the greetings of TLS.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request, and say nothing between two of them. Whoever
/// reads an answer or sends a body is not bound by it.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// Serves until `stop` is ready, and what was begun to its end. `sockets`: how many may be open.
pub(crate) async fn serve(
    listener: TcpListener,
    door: Arc<Door>,
    sockets: Arc<Semaphore>,
    stop: impl Future<Output = ()>,
) {
    let router = router(Arc::clone(&door));
    // Closed when the server ends; all who serve a client have heard of it when it has no receiver.
    let (ending, ended) = watch::channel(());
    tokio::select! {
        () = accept(&listener, &door, sockets, &router, ended) => {}
        () = stop => {}
    }
    drop(listener);
    ending.send_replace(());
    ending.closed().await;
}

async fn accept(
    listener: &TcpListener,
    door: &Arc<Door>,
    sockets: Arc<Semaphore>,
    router: &Router,
    ended: watch::Receiver<()>,
) {
    loop {
        // The socket is taken only when there is a place: others wait in the system's queue.
        let Ok(permit) = Arc::clone(&sockets).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((socket, address)) => {
                let (door, router, ended) = (Arc::clone(door), router.clone(), ended.clone());
                tokio::spawn(async move {
                    let _held = (permit, door.metrics.http.connected());
                    let greeting = greet(socket, address, &door);
                    match tokio::time::timeout(HANDSHAKE_PATIENCE, greeting).await {
                        Ok(Ok((io, peer))) => converse(io, peer, &door, router, ended).await,
                        Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS"),
                        Err(_) => tracing::debug!(%address, "TLS took too long"),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a client could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Answers the requests of one client until it goes, is silent for too long, or the server ends.
async fn converse(io: Io, peer: Peer, door: &Door, router: Router, mut ended: watch::Receiver<()>) {
    let ip = peer.ip;
    let patience = door.idle_timeout.map_or(HEAD_PATIENCE, |idle| idle.min(HEAD_PATIENCE));
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .serve_connection(
                TokioIo::new(io),
                TowerToHyperService::new(router.layer(Extension(ConnectInfo(peer)))),
            )
    );
    loop {
        tokio::select! {
            served = served.as_mut() => {
                if let Err(error) = served {
                    if error.is_timeout() {
                        door.metrics.hit(Limit::Idle);
                    }
                    tracing::debug!(%ip, %error, "a client of the HTTP door was sent away");
                }
                return;
            }
            Ok(()) = ended.changed() => served.as_mut().graceful_shutdown(),
        }
    }
}

async fn greet(socket: TcpStream, address: SocketAddr, door: &Door) -> io::Result<(Io, Peer)> {
    socket.set_nodelay(true)?;
    let (own, ip) = (socket.local_addr()?.ip(), address.ip().to_canonical());
    let peer = Peer { ip, is_local: ip.is_loopback() || address.ip() == own };
    let io: Io = match &door.tls {
        Some(tls) => Box::new(tls.http.accept(socket).await?),
        None => Box::new(socket),
    };
    Ok((io, peer))
}

/// A stream of bytes, with TLS or without.
trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}
type Io = Box<dyn Bytes>;

/// From where a request came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) ip: IpAddr,
    /// Whether it is on this machine, so that no network lies between.
    pub(super) is_local: bool,
}
