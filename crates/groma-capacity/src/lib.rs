//! How a running program scales.
//!
//! A probe counts ([`Samples`]); [`estimate`] makes of the counts what each lock costs and how parallel
//! the rest is ([`Measured`]); [`predict`] says what other CPUs, clients or faster locks would give
//! ([`Prediction`]), [`needed`] which change is enough. Behind them are the models of a service in
//! balance ([`Workload::solve`]) and a simulator that judges estimators and models.
//!
//! Times are `f64` seconds, rates per second, shares in [0, 1]. N is the number of CPUs, U their
//! utilisation, X the throughput, D the CPU time of a request and p the share of it outside of locks:
//! N·U = X·D, and U_l = X·D_l is how busy the holders of lock l are. Pure: no clock, no files, and dice
//! only from a seed.

mod error;
mod estimators;
mod figures;
mod measured;
mod models;
pub mod report;
mod samples;
mod simulator;
mod tier;
mod what_if;

pub use error::CapacityError;
pub use estimators::{SAMPLES_WANTED, equation25, equation25_ceiling, estimate};
pub use figures::{FigureOptions, InjectedPoint, WindowPoint, figure_injected, figure_windows};
pub use measured::{Estimate, Lock, Measured, Method, Wait};
pub use models::{
    Bounds, CLIENTS_MAX, Class, Flow, LOCKS_MAX, Load, LockDemand, Network, NetworkClass,
    NetworkSolution, POPULATIONS_MAX, Queue, Resource, SERVERS_MAX, SERVICES_MAX, Service, Serving,
    Solution, Solver, System, SystemSolution, Usl, Workload, amdahl, erlang_c, fit_usl,
};
pub use samples::{Contended, LockSamples, OwnerSamples, Samples, WaitKind, WaitSamples};
pub use simulator::{
    ClassOutcome, Discipline, Distribution, EVENTS_MAX, Experiment, Order, Outcome, ServiceOutcome,
    WINDOWS_MAX, simulate,
};
pub use tier::Tier;
pub use what_if::{
    Axis, Bottleneck, Change, Lever, Limits, LockSpeed, Needed, Prediction, Target, Unit, Way,
    full_at, needed, predict, predict_curve,
};
