//! The lab against itself, and the probe against the lab.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod cost;
mod lab;
mod live;

use std::path::Path;

/// The binary under test.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_groma-lab"))
}
