//! One binary, a module per concern.

mod attach;
mod reasons;
mod routing;
mod switching;
mod traps;
mod world;
