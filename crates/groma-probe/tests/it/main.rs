//! The probe on real processes: each test starts a load of its own, watches it, and compares.
//!
//! What the system does not allow is skipped with a printed reason.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod life;
mod load;
mod object;
mod owner;
mod privileges;
mod sampled;
mod waits;
mod watched;
