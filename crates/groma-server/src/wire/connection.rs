//! One client: its session, and what can end its running statement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use groma_query::{CopyIn, QueryError, Session};
use pgwire::api::ClientInfo;
use pgwire::error::PgWireResult;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::error::{refused, to_wire};
use crate::metrics::DoorMetrics;
use crate::work::{self, Limits};

/// One client.
pub(crate) struct Connection {
    pub(crate) session: Arc<Session>,
    pub(super) engine_threads: Handle,
    running: Mutex<Option<watch::Sender<bool>>>,
    copying: Mutex<Option<(CopyIn, Limits)>>,
    pub(crate) metrics: Arc<DoorMetrics>,
    /// Gives the place back when the client goes.
    _place: OwnedSemaphorePermit,
}

impl Connection {
    pub(crate) fn new(
        session: Session,
        engine_threads: Handle,
        metrics: Arc<DoorMetrics>,
        place: OwnedSemaphorePermit,
    ) -> Connection {
        Connection {
            session: Arc::new(session),
            engine_threads,
            running: Mutex::new(None),
            copying: Mutex::new(None),
            metrics,
            _place: place,
        }
    }

    /// The connection of a client that has passed the startup.
    pub(crate) fn of<C: ClientInfo>(client: &C) -> PgWireResult<Arc<Connection>> {
        client
            .session_extensions()
            .get::<Registered>()
            .map(|registered| Arc::clone(&registered.connection))
            .ok_or_else(|| refused("08P01", "a statement came before the startup was done"))
    }

    /// Limits for the next message: what was to cancel until now is no longer cancelled.
    pub(crate) fn begin(&self) -> Limits {
        let (sender, limits) = Limits::begin(self.session.statement_timeout());
        *self.running() = Some(sender);
        limits
    }

    /// Work on the engine's threads, until it is done or a limit is reached.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        limits: &Limits,
        work: impl Future<Output = Result<T, QueryError>> + Send + 'static,
    ) -> PgWireResult<T> {
        work::run(&self.engine_threads, limits, work).await.map_err(to_wire)
    }

    /// Begins to take lines from the client.
    pub(crate) fn begin_copy(&self, copy: CopyIn, limits: Limits) {
        *self.copying() = Some((copy, limits));
    }

    /// The COPY that takes lines; whoever does not put it back ends it.
    pub(crate) fn take_copy(&self) -> Option<(CopyIn, Limits)> {
        self.copying().take()
    }

    fn cancel(&self) {
        if let Some(running) = self.running().as_ref() {
            running.send_replace(true);
        }
    }

    fn copying(&self) -> MutexGuard<'_, Option<(CopyIn, Limits)>> {
        self.copying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, Option<watch::Sender<bool>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections by what a cancel request names: process number and secret.
#[derive(Default)]
pub(crate) struct Registry {
    connections: Mutex<HashMap<Key, Arc<Connection>>>,
}

type Key = (i32, Vec<u8>);

impl Registry {
    pub(crate) fn register(
        self: &Arc<Self>,
        pid: i32,
        secret: &[u8],
        connection: Connection,
    ) -> Registered {
        let (key, connection) = ((pid, secret.to_vec()), Arc::new(connection));
        self.lock().insert(key.clone(), Arc::clone(&connection));
        Registered { key, connection, registry: Arc::clone(self) }
    }

    /// Cancels what the connection runs; no effect if there is none of this name.
    pub(crate) fn cancel(&self, pid: i32, secret: &[u8]) {
        let connection = self.lock().get(&(pid, secret.to_vec())).cloned();
        if let Some(connection) = connection {
            connection.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the registry, given back when the connection is dropped.
pub(crate) struct Registered {
    key: Key,
    connection: Arc<Connection>,
    registry: Arc<Registry>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.key);
    }
}
