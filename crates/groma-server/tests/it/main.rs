//! The wire as clients see it: psql, and a driver.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod driver;
mod import;
mod introspection;
mod limits;
mod psql;
mod served;
