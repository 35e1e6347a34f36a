//! How well something was measured: every number that leaves this crate carries it.

/// From the finest to the coarsest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Given by a person or a simulation, not measured.
    Given,
    /// BPF with timer ticks and the owner words of locks.
    BpfOwner,
    /// BPF with futex calls and switches, without ticks.
    BpfFutex,
    /// `/proc` and reads of the target's memory, no BPF.
    Proc,
    /// `/proc/PID/stat` and wait channels alone: lower bounds of p.
    Stat,
}

impl Tier {
    /// All, the finest first.
    pub const ALL: [Self; 5] =
        [Self::Given, Self::BpfOwner, Self::BpfFutex, Self::Proc, Self::Stat];

    /// `given`, `bpf-owner`, `bpf-futex`, `proc`, `stat`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::BpfOwner => "bpf-owner",
            Self::BpfFutex => "bpf-futex",
            Self::Proc => "proc",
            Self::Stat => "stat",
        }
    }

    /// The tier of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name() == name)
    }

    /// Largest error of p to expect, as measured on real runs; `None`: one-sided, no bound.
    pub fn expected_error(self) -> Option<f64> {
        match self {
            Self::Given => Some(0.0),
            Self::BpfOwner => Some(0.01),
            Self::BpfFutex => Some(0.05),
            Self::Proc => Some(0.15),
            Self::Stat => None,
        }
    }
}
