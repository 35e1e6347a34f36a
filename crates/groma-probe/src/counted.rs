//! What a source gives for each process at the end of a window.

use groma_capacity::Samples;

/// Parts of a window kept per process: a minute of them.
pub(crate) const SUBWINDOWS_MAX: usize = 600;

/// A process, or a process with its children, over one window.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    /// The first process.
    pub(crate) leader: u32,
    /// All of them.
    pub(crate) members: Vec<u32>,
    pub(crate) samples: Samples,
    pub(crate) idle: Idle,
    pub(crate) subwindows: Vec<SubWindow>,
    /// It began another program.
    pub(crate) restarted: bool,
    /// The last of its processes is gone.
    pub(crate) ended: bool,
}

/// Seconds that threads spent waiting for work, which is no demand; summed over threads.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Idle {
    /// Waits for condition variables, semaphores, parked threads.
    pub futex_waits: u64,
    /// In them.
    pub futex: f64,
    /// On sockets for the next request.
    pub clients: f64,
    /// In epoll, poll, select.
    pub poll: f64,
    /// Asleep.
    pub sleep: f64,
    /// In other calls: pipes, terminals, children.
    pub other: f64,
}

/// A part of a window, about 100 ms: for contention over time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SubWindow {
    /// Its end, seconds since the window began.
    pub until: f64,
    /// Ticks that found the process on a CPU.
    pub ticks: u64,
    /// Of them, by the owner of a known lock.
    pub ticks_owner: u64,
    /// Of them, while another thread waited for a lock.
    pub ticks_contended: u64,
    /// Seconds in which a thread waited for a lock.
    pub contended: f64,
}
