//! What is asked: databases, tables and functions on the SQL engine.
//!
//! ```text
//! text --statement--> what to do --session--> plan over pinned views --> rows
//!                                    `--dml--> facts --> commit
//! ```
//!
//! A [`View`] is one database at one version; a statement pins one per database that it names.
//! A table is a file in `tables/`, a table function one in `functions/`; what both read and what
//! costs more than a scan (network, trees, traffic) is derived once per version in `derive`.
//! **Invariant:** nothing here but `dml` and the session's CREATE and DROP commits to the world.

mod alike;
mod audit;
mod capacity;
mod catalog;
mod changes;
mod clock;
mod compaction;
mod copy;
mod derive;
mod dialect;
mod dml;
mod engine;
mod epochs;
mod error;
mod functions;
mod graph;
mod handover;
mod kind_table;
mod memory;
mod messages;
mod parties;
mod past;
mod pg;
mod rebalance;
mod scans;
mod schedule;
mod schema_changes;
mod session;
mod settings;
mod statement;
mod stretch;
mod table;
mod tables;
mod tally;
mod traffic;
mod users;
mod view;
mod who;

pub use audit::{AUDITED_TEXT_BYTES_MAX, Audit, AuditEntry};
pub use compaction::Compacted;
pub use copy::{COPY_ROW_BYTES_MAX, CopyForm, CopyIn};
pub use datafusion::common::ParamValues;
pub use datafusion::execution::SendableRecordBatchStream;
pub use engine::{
    AskedBy, Engine, EngineOptions, Import, ImportReport, ImportedFile, Importer, Listing,
};
pub use error::QueryError;
pub use scans::{SCANS_MAX, SCANS_OF_SESSION_MAX};
pub use schedule::{Doing, Schedule, Scheduled};
pub use session::{
    CURSORS_MAX, Given, Notice, Outcome, Prepared, Request, SAVEPOINTS_MAX, Session, Work,
};
pub use statement::STACK_BYTES;
pub use users::{Secret, Token, User, UserChange, UserSettings, Users};
pub(crate) use view::View;
pub use who::{Role, Standing, Who};
