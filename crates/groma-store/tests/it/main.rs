//! The store from outside: databases, laws, faults, checks.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod check;
mod compaction;
mod faulty;
mod forks;
mod laws;
mod made;
mod oracle;
mod past;
mod schema;
mod shared;
mod truth;
mod world;
