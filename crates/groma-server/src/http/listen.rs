//! Sockets of the HTTP door: how many, with TLS or without, and whose.

use std::fmt;
use std::future::IntoFuture as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::router;
use crate::metrics;
use crate::wire::Door;

/// How long a client may take for the greetings of TLS.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How many clients may have been greeted and not been taken yet.
const GREETED_MAX: usize = 16;

/// Serves until `stop` is ready, and what was begun to its end. `sockets`: how many may be open.
pub(crate) async fn serve(
    listener: TcpListener,
    door: Arc<Door>,
    sockets: Arc<Semaphore>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let Ok(address) = listener.local_addr() else { return };
    let (sender, greeted) = mpsc::channel(GREETED_MAX);
    let router = router(Arc::clone(&door)).into_make_service_with_connect_info::<Peer>();
    let greeted = Greeted { greeted, address, door: Arc::clone(&door) };
    let served = axum::serve(greeted, router).with_graceful_shutdown(stop);
    tokio::select! {
        () = accept(listener, door, sockets, sender) => {}
        ended = served.into_future() => if let Err(error) = ended {
            tracing::error!(%error, "the HTTP door has closed");
        },
    }
}

async fn accept(
    listener: TcpListener,
    door: Arc<Door>,
    sockets: Arc<Semaphore>,
    greeted: mpsc::Sender<(Io, Peer)>,
) {
    loop {
        // The socket is taken only when there is a place: others wait in the system's queue.
        let Ok(permit) = Arc::clone(&sockets).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((socket, address)) => {
                let (door, greeted) = (Arc::clone(&door), greeted.clone());
                tokio::spawn(async move {
                    let greeting = greet(socket, address, &door, permit);
                    match tokio::time::timeout(HANDSHAKE_PATIENCE, greeting).await {
                        Ok(Ok(client)) => drop(greeted.send(client).await),
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

async fn greet(
    socket: TcpStream,
    address: SocketAddr,
    door: &Door,
    permit: OwnedSemaphorePermit,
) -> io::Result<(Io, Peer)> {
    socket.set_nodelay(true)?;
    let (own, ip) = (socket.local_addr()?.ip(), address.ip().to_canonical());
    let peer = Peer {
        ip,
        is_local: ip.is_loopback() || address.ip() == own,
        _held: Arc::new((permit, door.metrics.http.connected())),
    };
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

/// Clients that have been greeted.
struct Greeted {
    greeted: mpsc::Receiver<(Io, Peer)>,
    address: SocketAddr,
    door: Arc<Door>,
}

impl Listener for Greeted {
    type Io = Io;
    type Addr = Peer;

    async fn accept(&mut self) -> (Io, Peer) {
        match self.greeted.recv().await {
            Some(client) => client,
            // Nobody accepts any more: the server ends.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        let held = Semaphore::new(1);
        let permit = Arc::new(held).try_acquire_owned().map_err(io::Error::other)?;
        let connected = self.door.metrics.http.connected();
        Ok(Peer { ip: self.address.ip(), is_local: true, _held: Arc::new((permit, connected)) })
    }
}

/// From where a request came. While it is there, its socket is counted.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) ip: IpAddr,
    /// Whether it is on this machine, so that no network lies between.
    pub(super) is_local: bool,
    _held: Arc<(OwnedSemaphorePermit, metrics::Connected)>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ip)
    }
}

impl Connected<IncomingStream<'_, Greeted>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Greeted>) -> Peer {
        stream.remote_addr().clone()
    }
}
