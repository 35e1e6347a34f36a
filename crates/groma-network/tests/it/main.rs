//! One binary, a module per concern.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attach;
mod reasons;
mod routing;
mod switching;
mod traps;
mod world;
