//! Reconstruction against a naive oracle, and its rules one by one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod oracle;
mod replaying;
mod rules;
