//! The wire as clients see it: psql, and a driver.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod copy;
mod cursors;
mod driver;
mod http;
mod import;
mod introspection;
mod jdbc;
mod killed;
mod limits;
#[path = "../../../groma-connect/tests/it/netbox_double.rs"]
mod netbox_double;
mod psql;
mod python;
mod retention;
mod roles;
mod savepoints;
mod schedule;
mod served;
mod strangers;
mod tls;
