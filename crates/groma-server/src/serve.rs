//! The listening socket: who may come in, how many, and how it ends.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use groma_connect::live::BackOff;
use groma_query::STACK_BYTES;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::http;
use crate::retention;
use crate::tls::Tls;
use crate::users::{Verifier, random};
use crate::wire::{Door, attend};
use crate::{Beacon, Running, SourceConfig, Sources, Store, TlsError, TlsFiles};

/// Where a server listens unless told otherwise.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5433);
/// How many clients may have a session at the same time, unless told otherwise.
pub const CONNECTIONS_MAX: u16 = 100;
/// How many sockets more may be open for a moment: to cancel, or to be told that all is full.
const SOCKETS_WITHOUT_SESSION_MAX: usize = 50;
/// How long a stopping server waits for a commit or an import that cannot be broken off.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// How a server listens.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where the HTTP door listens. `None`: there is none.
    pub http: Option<SocketAddr>,
    /// How many clients may have a session at the same time.
    pub connections_max: usize,
    /// Certificate and key. `None`: no TLS, and no other machine may come in.
    pub tls: Option<TlsFiles>,
    /// How long a client may say nothing. `None`: as long as it wants.
    pub idle_timeout: Option<Duration>,
    /// Whom to ask again and again, and how often.
    pub sources: Vec<SourceConfig>,
    /// How long to leave a source alone that does not answer.
    pub back_off: BackOff,
    /// How long what was known is kept, at least. `None`: for ever.
    pub retain: Option<Duration>,
}

impl Default for ServeConfig {
    fn default() -> Self {
        ServeConfig {
            listen: DEFAULT_ADDRESS,
            http: None,
            connections_max: CONNECTIONS_MAX.into(),
            tls: None,
            idle_timeout: None,
            sources: Vec::new(),
            back_off: BackOff::FETCHES,
            retain: None,
        }
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
    /// Other machines could come in, unasked or in clear.
    #[error("{address} can be reached from other machines, and {lacks}")]
    Open {
        /// Where it would have listened.
        address: SocketAddr,
        /// What is missing.
        lacks: &'static str,
    },
    /// Certificate or key cannot be used.
    #[error("TLS cannot be offered")]
    Tls(#[from] TlsError),
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
            ServeError::Open { .. } => Some(
                "Add users (groma user add name --role admin) and name a certificate with --tls-cert and --tls-key, or listen at 127.0.0.1.".into(),
            ),
            ServeError::Tls(error) => Some(error.hint()),
            ServeError::Start(_) => None,
        }
    }
}

/// A store behind the PostgreSQL wire. Without users whoever is on this machine may do all, and nobody
/// else may come in; with users all are asked for a password, and other machines for TLS.
pub struct Server {
    store: Store,
    listener: TcpListener,
    address: SocketAddr,
    http: Option<(TcpListener, SocketAddr)>,
    door: Arc<Door>,
    engine_threads: Runtime,
    sources: Sources,
    /// Each door has sockets of its own, so that a crowd before one does not shut the other.
    sockets: Arc<Semaphore>,
    http_sockets: Arc<Semaphore>,
    retain: Option<Duration>,
    _beacon: Beacon,
}

impl Server {
    /// Listens; clients wait until [`Server::run`].
    pub fn bind(store: Store, config: &ServeConfig) -> BoxFuture<'_, Result<Server, ServeError>> {
        Server::listening(store, config).boxed()
    }

    async fn listening(store: Store, config: &ServeConfig) -> Result<Server, ServeError> {
        let tls = config.tls.as_ref().map(Tls::load).transpose()?;
        let users = Arc::clone(store.users());
        for address in [Some(config.listen), config.http].into_iter().flatten() {
            refuse_open_doors(address, users.is_empty(), tls.is_some())?;
        }
        let (listener, address) = listen(config.listen).await?;
        let http = match config.http {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let engine_threads = Builder::new_multi_thread()
            .thread_name("groma-engine")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()?;
        let secret: String = random::<24>().iter().map(|byte| format!("{byte:02x}")).collect();
        let door = Door {
            engine: store.engine().clone(),
            engine_threads: engine_threads.handle().clone(),
            users,
            owner: Some(Verifier::of(&secret)),
            guard: Arc::default(),
            tls,
            metrics: Arc::default(),
            idle_timeout: config.idle_timeout,
            registry: Arc::default(),
            places: Arc::new(Semaphore::new(config.connections_max)),
            places_max: config.connections_max,
        };
        let running = Running { pid: std::process::id(), address, secret: Some(secret) };
        let beacon = Beacon::light(store.folder(), &running)?;
        let sources = Sources {
            schedule: Arc::clone(store.schedule()),
            threads: engine_threads.handle().clone(),
            back_off: config.back_off,
        };
        sources.set(config.sources.clone());
        let sockets_max = config.connections_max + SOCKETS_WITHOUT_SESSION_MAX;
        let sockets = || Arc::new(Semaphore::new(sockets_max));
        Ok(Server {
            store,
            listener,
            address,
            http,
            door: Arc::new(door),
            engine_threads,
            sources,
            sockets: sockets(),
            http_sockets: sockets(),
            retain: config.retain,
            _beacon: beacon,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the HTTP door listens. `None`: there is none.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(|(_, address)| *address)
    }

    /// Whether there are users, so that whoever comes in is asked for a password.
    pub fn asks_for_passwords(&self) -> bool {
        !self.store.users().is_empty()
    }

    /// The store behind it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The sources that it asks, to be changed while it runs.
    pub fn sources(&self) -> Sources {
        self.sources.clone()
    }

    /// Serves until `stop` is ready. Then statements that run are broken off and clients leave;
    /// a commit that has begun is waited for, some seconds at most.
    pub fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
        self.boxed_until(stop.boxed())
    }

    /// Boxed here, so that the server is not compiled again by whoever runs it.
    fn boxed_until(self, stop: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        self.serve_until(stop).boxed()
    }

    async fn serve_until(mut self, stop: BoxFuture<'static, ()>) {
        let (http_stop, http_stopped) = oneshot::channel::<()>();
        let http = self.http.take().map(|(listener, _)| {
            let (door, sockets) = (Arc::clone(&self.door), Arc::clone(&self.http_sockets));
            tokio::spawn(http::serve(listener, door, sockets, async { drop(http_stopped.await) }))
        });
        let retention = self.retain.map(|retain| {
            let retained = Arc::clone(&self.door.metrics.retained);
            let keep = retention::keep_for(self.store.engine().clone(), retain, retained);
            self.engine_threads.spawn(keep)
        });
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
        self.store.schedule().stop();
        clients.shutdown().await;
        if let Some(retention) = retention {
            retention.abort();
        }
        drop(http_stop);
        if let Some(mut http) = http
            && tokio::time::timeout(SHUTDOWN_PATIENCE, &mut http).await.is_err()
        {
            http.abort();
        }
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

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Closed by default: where other machines can come, they are asked who they are, and in TLS.
fn refuse_open_doors(
    address: SocketAddr,
    nobody_known: bool,
    has_tls: bool,
) -> Result<(), ServeError> {
    let lacks = match (nobody_known, has_tls) {
        (true, false) => "there are no users and no TLS",
        (true, true) => "there are no users",
        (false, false) => "there is no TLS",
        (false, true) => return Ok(()),
    };
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(ServeError::Open { address, lacks })
}
