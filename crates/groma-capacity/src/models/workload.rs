//! One service: what a request asks of CPUs, locks and devices, and how many there are.

/// A service with one kind of request.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// CPUs, N; a fraction is a quota.
    pub cpus: f64,
    /// CPU seconds of a request outside of locks, D_p.
    pub parallel: f64,
    /// Locks, in the order a request takes them; it never holds two.
    pub locks: Vec<LockDemand>,
    /// Devices with a queue, one request at a time: a disk.
    pub devices: Vec<f64>,
    /// Seconds a request waits for nobody: the network, a disk of unknown load.
    pub delay: f64,
    /// Who asks.
    pub load: Load,
}

/// What a request does while it holds a lock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LockDemand {
    /// CPU seconds per request, D_l.
    pub demand: f64,
    /// Seconds between the release of a lock somebody waits for and the work of the next holder, h.
    pub hand_off: f64,
}

/// Where requests come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// So many clients, each of which thinks for `think` seconds between an answer and the next request.
    Closed {
        /// N_c.
        clients: f64,
        /// Z, seconds.
        think: f64,
    },
    /// So many arrivals per second, whatever the response.
    Open {
        /// λ.
        rate: f64,
    },
}

/// How something was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solver {
    /// The exact Markov chain of the closed network.
    Chain,
    /// The same with the smaller locks folded into delays, to keep it small.
    FoldedChain,
    /// Product form: exact convolution.
    ProductForm,
    /// Services replaced by stations of equal flow, then product form.
    Aggregated,
    /// Approximate mean value analysis (Linearizer).
    Linearizer,
    /// Open arrivals at a station of equal flow.
    Open,
    /// Discrete events.
    Simulation,
}

impl Solver {
    /// `chain`, `folded-chain`, `product-form`, `aggregated`, `linearizer`, `open`, `simulation`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::FoldedChain => "folded-chain",
            Self::ProductForm => "product-form",
            Self::Aggregated => "aggregated",
            Self::Linearizer => "linearizer",
            Self::Open => "open",
            Self::Simulation => "simulation",
        }
    }
}

/// A service in balance.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Requests per second, X.
    pub throughput: f64,
    /// Seconds from request to answer, R; infinite if more arrive than can be served.
    pub response: f64,
    /// Share of the CPUs in use, U.
    pub utilisation: f64,
    /// Per lock, the share of the time its holder is on a CPU, U_l.
    pub locks: Vec<f64>,
    /// Per lock, the mean number at it: its holder and those who wait.
    pub queues: Vec<f64>,
    /// How it was computed.
    pub solver: Solver,
}

impl LockDemand {
    /// A lock whose hand-over takes no time.
    pub const fn new(demand: f64) -> Self {
        Self { demand, hand_off: 0.0 }
    }
}

impl Workload {
    /// CPU seconds per request, D.
    pub fn demand(&self) -> f64 {
        self.parallel + self.locks.iter().map(|lock| lock.demand).sum::<f64>()
    }
}
