//! A server whose scalability is known, clients for it, and the check of what a probe says of it.
//!
//! ```text
//!  clients ──r──▶ server: burn D·share under lock l, D·p under none ──r──▶ clients
//!                   │t                                        ▲
//!                   ▼                                         │ futexes, ticks, /proc
//!                 truth: CPU time inside each section      groma-probe
//!                   └──────────────── compared ───────────────┘
//! ```
//!
//! The truth is the server's own: the CPU clock of its threads around each critical section, over
//! the window of the probe. What was *injected* is only the mean of the dice.

mod burn;
mod chart;
pub mod check;
mod clients;
pub mod figures;
mod flags;
mod lab;
mod lock;
pub mod os;
mod pool;
pub mod predict;
pub mod programs;
mod server;
mod spec;
mod truth;
mod verbs;
mod words;

pub use chart::{Axis, Chart, Mark, Series};
pub use clients::{Ask, Clients, Seen, Served};
pub use flags::Flags;
pub use lab::{LISTENING, Lab, Neighbours};
pub use lock::LockKind;
pub use pool::PoolKind;
pub use server::serve;
pub use spec::{CONNECTIONS_MAX, LOCKS_MAX, Load, Order, Service, Shape};
pub use truth::{LockTruth, Truth, Window};
pub use verbs::run;
