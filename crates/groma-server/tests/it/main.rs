//! The wire as clients see it: psql, and a driver.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod copy;
mod driver;
mod http;
mod import;
mod introspection;
mod limits;
mod psql;
mod python;
mod roles;
mod served;
mod tls;
