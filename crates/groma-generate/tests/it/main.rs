//! What was written is what was promised: counted again from the files, by naive code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod acceptance;
mod files;
mod paths;
mod recount;
mod world;
