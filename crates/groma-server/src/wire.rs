//! The PostgreSQL wire: one [`Connection`] per client, on the database it named.
//!
//! ```text
//! startup -> (simple | extended) -> work on the engine's threads -> bounded channel -> rows
//! ```
//!
//! The engine never runs on the threads that read the sockets, so that a cancel, a deadline or a
//! client that went away ends a statement at once, however busy the engine is.

mod connection;
mod error;
mod extended;
mod rows;
mod simple;
mod startup;

use std::sync::Arc;

use async_trait::async_trait;
use groma_query::Engine;
use pgwire::api::PgWireServerHandlers;
use pgwire::api::auth::StartupHandler;
use pgwire::api::cancel::CancelHandler;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::messages::cancel::CancelRequest;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use connection::Registry;

pub use rows::{TextRows, text_rows};

/// What all connections share.
pub(crate) struct Door {
    engine: Engine,
    engine_threads: Handle,
    registry: Arc<Registry>,
    places: Arc<Semaphore>,
    places_max: usize,
}

impl Door {
    /// `places_max`: how many clients may have a session at the same time.
    pub(crate) fn new(engine: Engine, engine_threads: Handle, places_max: usize) -> Door {
        Door {
            engine,
            engine_threads,
            registry: Arc::default(),
            places: Arc::new(Semaphore::new(places_max)),
            places_max,
        }
    }
}

/// The handlers of one connection: all of them are the [`Door`].
pub(crate) struct Handlers(pub(crate) Arc<Door>);

impl PgWireServerHandlers for Handlers {
    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.0)
    }

    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.0)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.0)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.0)
    }
}

#[async_trait]
impl CancelHandler for Door {
    async fn on_cancel_request(&self, request: CancelRequest) {
        self.registry.cancel(request.pid, &request.secret_key.to_bytes());
    }
}
