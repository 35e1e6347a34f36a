//! One binary, a module per concern.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attach;
#[path = "../../../groma-generate/src/fat_tree.rs"]
#[allow(unreachable_pub, reason = "it is public where it lives, and tests here need no generator")]
mod fat_tree;
mod reasons;
mod routing;
mod switching;
mod traps;
mod update;
mod world;
