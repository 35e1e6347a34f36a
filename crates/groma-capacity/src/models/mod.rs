//! What a system gives in balance, from what its requests ask.

mod workload;

pub use workload::{Load, LockDemand, Solution, Solver, Workload};
