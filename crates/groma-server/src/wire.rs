//! The PostgreSQL wire: one [`Connection`] per client, on the database it named.
//!
//! ```text
//! socket --attend--> startup -> (simple | extended | copy) -> work on the engine's threads -> rows
//! ```
//!
//! The engine never runs on the threads that read the sockets, so that a cancel, a deadline or a
//! client that went away ends a statement at once, however busy the engine is.

mod attend;
mod connection;
mod copy;
mod error;
mod extended;
mod parameters;
mod rows;
mod simple;
mod startup;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use async_trait::async_trait;
use groma_query::Engine;
use pgwire::api::cancel::CancelHandler;
use pgwire::error::PgWireError;
use pgwire::messages::cancel::CancelRequest;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use connection::Registry;

use crate::guard::Guard;
use crate::metrics::Metrics;
use crate::tls::Tls;
use crate::users::{UserBook, Verifier};

pub(crate) use attend::attend;
pub use rows::{TextRows, text_rows};

/// What all connections share.
pub(crate) struct Door {
    pub(crate) engine: Engine,
    pub(crate) engine_threads: Handle,
    pub(crate) users: Arc<UserBook>,
    /// What lets in the owner of the data folder. `None`: nothing does.
    pub(crate) owner: Option<Verifier>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) tls: Option<Tls>,
    pub(crate) metrics: Arc<Metrics>,
    /// How long a client may say nothing. `None`: as long as it wants.
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) registry: Arc<Registry>,
    /// How many clients may have a session at the same time.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) places_max: usize,
}

impl Door {
    /// Counts an error that a client is told.
    fn note(&self, error: &PgWireError) {
        self.metrics.wire.errors.fetch_add(1, Relaxed);
        if let PgWireError::UserError(info) = error {
            self.metrics.note_error(&info.code, &info.message);
        }
    }
}

#[async_trait]
impl CancelHandler for Door {
    async fn on_cancel_request(&self, request: CancelRequest) {
        self.registry.cancel(request.pid, &request.secret_key.to_bytes());
    }
}
