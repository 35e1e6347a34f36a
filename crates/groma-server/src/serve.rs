//! The listening socket: who may come in, how many, and how it ends.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pgwire::tokio::process_socket;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::wire::{Door, Handlers};
use crate::{Beacon, Store};

/// Where a server listens unless told otherwise.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5433);
/// How many clients may have a session at the same time, unless told otherwise.
pub const CONNECTIONS_MAX: u16 = 100;
/// How many sockets more may be open for a moment: to cancel, or to be told that all is full.
const SOCKETS_WITHOUT_SESSION_MAX: usize = 50;
/// How often a server looks whether the client of a running statement is still there.
const CLIENT_CHECK_PERIOD: Duration = Duration::from_millis(500);
/// How long a stopping server waits for a commit or an import that cannot be broken off.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// How a server listens.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// How many clients may have a session at the same time.
    pub connections_max: usize,
}

impl Default for ServeConfig {
    fn default() -> Self {
        ServeConfig { listen: DEFAULT_ADDRESS, connections_max: CONNECTIONS_MAX.into() }
    }
}

/// A server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The system gave no threads, or `server.json` could not be written.
    #[error("cannot start the server")]
    Start(#[from] io::Error),
}

impl ServeError {
    /// What to try, as one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            ServeError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => Some(
                "Another program listens there; choose a port with --listen 127.0.0.1:5434.".into(),
            ),
            ServeError::Listen { .. } => Some("Choose an address of this machine.".into()),
            ServeError::Start(_) => None,
        }
    }
}

/// A store behind the PostgreSQL wire. Nobody is asked for a password yet: whoever reaches the
/// address may read and write, which is why it is a loopback address unless told otherwise.
pub struct Server {
    store: Store,
    listener: TcpListener,
    address: SocketAddr,
    door: Arc<Door>,
    engine_threads: Runtime,
    sockets: Arc<Semaphore>,
    _beacon: Beacon,
}

impl Server {
    /// Listens; clients wait until [`Server::run`].
    pub async fn bind(store: Store, config: &ServeConfig) -> Result<Server, ServeError> {
        let listen_failed = |source| ServeError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen_failed)?;
        let address = listener.local_addr().map_err(listen_failed)?;
        let engine_threads =
            Builder::new_multi_thread().thread_name("groma-engine").enable_all().build()?;
        let door = Door::new(
            store.engine().clone(),
            engine_threads.handle().clone(),
            config.connections_max,
        );
        let beacon = Beacon::light(store.folder(), address)?;
        Ok(Server {
            store,
            listener,
            address,
            door: Arc::new(door),
            engine_threads,
            sockets: Arc::new(Semaphore::new(config.connections_max + SOCKETS_WITHOUT_SESSION_MAX)),
            _beacon: beacon,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The store behind it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Serves until `stop` is ready. Then statements that run are broken off and clients leave;
    /// a commit that has begun is waited for, some seconds at most.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut clients = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = clients.join_next(), if !clients.is_empty() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, peer)) => self.welcome(&mut clients, socket, peer),
                    Err(error) => {
                        // Out of file descriptors, mostly: give clients time to leave.
                        tracing::warn!(%error, "a client could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        clients.shutdown().await;
        let Server { engine_threads, .. } = self;
        // A runtime may not be dropped where async code runs.
        let ended = tokio::task::spawn_blocking(move || {
            engine_threads.shutdown_timeout(SHUTDOWN_PATIENCE);
        });
        if ended.await.is_err() {
            tracing::error!("the engine's threads did not end well");
        }
    }

    fn welcome(&self, clients: &mut JoinSet<()>, socket: TcpStream, peer: SocketAddr) {
        let Ok(permit) = Arc::clone(&self.sockets).try_acquire_owned() else {
            tracing::warn!(%peer, "too many open sockets: a client was turned away");
            return;
        };
        let door = Arc::clone(&self.door);
        clients.spawn(async move {
            let _permit = permit;
            if let Err(error) = attend(socket, door).await {
                tracing::debug!(%peer, %error, "a connection ended");
            }
        });
    }
}

/// Serves one client until it leaves or vanishes.
async fn attend(socket: TcpStream, door: Arc<Door>) -> io::Result<()> {
    let socket = socket.into_std()?;
    let twin = TcpStream::from_std(socket.try_clone()?)?;
    let socket = TcpStream::from_std(socket)?;
    tokio::select! {
        ended = process_socket(socket, None, Handlers(door)) => ended,
        gone = vanished(&twin) => gone,
    }
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
