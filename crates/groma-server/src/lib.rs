//! The loop and the doors: the store on disk, what is imported into it, the PostgreSQL wire.
//!
//! ```text
//! files --import--> World (journal in the data folder) <--Engine--> wire --> psql, drivers, groma
//! live sources --schedule--^                                  \--> http --> programs
//! ```
//!
//! One process at a time holds a data folder ([`Store::open`]); it may serve it ([`Server`]), and
//! then says where in `server.json` ([`Beacon`]), so that others ask it instead.

mod audit;
mod beacon;
mod clock;
mod guard;
mod http;
mod import;
mod journal;
mod metrics;
mod retention;
mod schedule;
mod serve;
mod store;
mod tls;
mod users;
mod wire;
mod work;

pub use audit::AUDIT_FILE_BYTES_MAX;
pub use beacon::{Beacon, Running};
pub use guard::LOGIN_DELAY_MAX;
pub use http::HTTP_BODY_BYTES_MAX;
pub use import::{FolderImporter, Listener, Progress};
pub use journal::RedbJournal;
pub use schedule::{
    EVERY_MIN, POLLS_AT_ONCE_MAX, SOURCES_MAX, SecretPlace, SourceConfig, Sources, SourcesError,
};
pub use serve::{CONNECTIONS_MAX, DEFAULT_ADDRESS, ServeConfig, ServeError, Server};
pub use store::{OpenError, Store, StoreOptions};
pub use tls::{TlsError, TlsFiles};
pub use users::{TOKENS_MAX, USER_TOKENS_MAX, USERS_MAX, new_password};
pub use wire::{TextRows, text_rows};
