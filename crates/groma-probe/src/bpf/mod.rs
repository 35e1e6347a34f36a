//! Tiers 1 and 2: programs in the kernel.
//!
//! `bpf/probe.bpf.c` counts, [`layout`] names the words it counts in, [`load`] attaches it, [`watch`]
//! reads it and finds locks, [`count`] makes samples of a window.

mod calls;
mod count;
mod layout;
mod load;
mod locks;
mod watch;

pub(crate) use calls::is_known;
pub(crate) use watch::Watch;
