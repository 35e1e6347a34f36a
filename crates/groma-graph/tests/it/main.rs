//! The graph against answers found by brute force, and an index that follows against one built anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cutting;
mod following;
mod matching;
mod networkx;
mod ways;
mod world;
