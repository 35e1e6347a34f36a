//! One binary, a module per concern.

mod bad_input;
mod heard;
mod paths;
mod suzieq;
mod tables;
mod traces;
mod traps;
