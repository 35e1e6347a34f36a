//! The command as people call it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod called;
mod capacity;
mod errors;
mod help;
mod killed;
#[path = "../../../groma-connect/tests/it/netbox_double.rs"]
mod netbox_double;
mod probe;
mod schema;
mod sources;
mod verbs;
