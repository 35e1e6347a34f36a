//! The doors of the crate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chain;
mod ciw;
mod estimators;
mod figures;
mod models;
mod simulator;
mod what_if;
mod worlds;
