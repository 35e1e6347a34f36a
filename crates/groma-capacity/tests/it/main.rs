//! The doors of the crate.

mod chain;
