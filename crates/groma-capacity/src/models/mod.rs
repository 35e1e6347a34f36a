//! What a system gives in balance, from what its requests ask.

mod amdahl;
mod bounds;
mod chain;
mod erlang;
mod flow;
mod fold;
mod linearizer;
mod network;
mod ring;
mod service;
mod system;
mod usl;
mod workload;

pub use amdahl::amdahl;
pub use bounds::{Bounds, Resource};
pub use erlang::{Queue, SERVERS_MAX, erlang_c};
pub use network::{Network, NetworkClass, NetworkSolution, POPULATIONS_MAX, Serving};
pub use service::{CLIENTS_MAX, LOCKS_MAX};
pub use system::{Class, Flow, SERVICES_MAX, Service, System, SystemSolution};
pub use usl::{Usl, fit_usl};
pub use workload::{Load, LockDemand, Solution, Solver, Workload};
