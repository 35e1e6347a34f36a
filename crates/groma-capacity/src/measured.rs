//! What is known of one process after a window: how parallel it is, and what its requests ask of what.

use crate::estimators::equation25_ceiling;
use crate::samples::WaitKind;
use crate::tier::Tier;
use crate::what_if::Bottleneck;

/// From this share of the time on something is full.
const FULL_MIN: f64 = 0.95;
/// Of the CPU time its threads wanted, the share not given from which on it lacks CPUs.
const STARVED_MIN: f64 = 0.1;

/// A number with the interval it lies in, at 95 % confidence where it was sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The best guess.
    pub value: f64,
    /// Lower end, at most `value`.
    pub low: f64,
    /// Upper end, at least `value`.
    pub high: f64,
}

impl Estimate {
    /// A number without doubt.
    pub const fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// A number and its interval; the ends are moved so that they enclose it.
    pub fn new(value: f64, low: f64, high: f64) -> Self {
        Self { value, low: low.min(value), high: high.max(value) }
    }

    /// The same, kept within `[low, high]`.
    pub fn clamp(self, low: f64, high: f64) -> Self {
        Self {
            value: self.value.clamp(low, high),
            low: self.low.clamp(low, high),
            high: self.high.clamp(low, high),
        }
    }

    /// Under a change that never reverses the order: `1 - x`, `x * c`, `1 / x`.
    pub fn map(self, change: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (change(self.low), change(self.high));
        Self::new(change(self.value), a.min(b), a.max(b))
    }

    /// Half the length of the interval.
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// How a share was found. The letters are those of `docs/capacity-models.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// A: ticks that found the owner of the lock on a CPU.
    Owner,
    /// B: how often the lock word was held, times how much of a hold is on a CPU.
    Busy,
    /// C: acquisitions times the mean contended hold.
    Holds,
    /// D: the root law, from contended holds alone.
    Root,
    /// G: the share of acquisitions that had to wait.
    Contended,
    /// The formula of the paper, in contended windows: a lower bound of p that cannot pass 1 − 1/N.
    Equation25,
    /// Nothing waited: only an upper bound of the serial share.
    Bound,
    /// Not measured: a person or a simulation said so.
    Given,
}

impl Method {
    /// `owner`, `busy`, `holds`, `root`, `contended`, `equation-25`, `bound`, `given`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Busy => "busy",
            Self::Holds => "holds",
            Self::Root => "root",
            Self::Contended => "contended",
            Self::Equation25 => "equation-25",
            Self::Bound => "bound",
            Self::Given => "given",
        }
    }
}

/// A process as it was over one or several windows: the input of every prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// How it was measured.
    pub tier: Tier,
    /// Seconds it was watched.
    pub window: f64,
    /// CPUs it could use, N.
    pub cpus: f64,
    /// CPUs it did use, N·U.
    pub cpus_used: f64,
    /// Requests per second, X; `None`: predictions are in CPU seconds per second instead.
    pub throughput: Option<f64>,
    /// The closed population N_c; `None`: its load is taken as arrivals that wait for nobody.
    pub clients: Option<f64>,
    /// Threads.
    pub threads: Option<f64>,
    /// p, the share of its CPU time outside of all locks. `None`: nothing can be said of it, and
    /// [`Measured::unknown`] tells why. With [`Method::Bound`] read it as "at least `low`".
    pub parallel: Option<Estimate>,
    /// How p was found: the method of its largest lock.
    pub method: Option<Method>,
    /// Per lock, the largest share first.
    pub locks: Vec<Lock>,
    /// Disk, network, memory.
    pub waits: Vec<Wait>,
    /// No lock that was never waited for can hold more than this share of the CPU time (95 %).
    pub unseen: Option<f64>,
    /// p by the paper's Eq. 25 in contended windows, for comparison.
    pub equation25: Option<f64>,
    /// What Eq. 25 cannot pass on these CPUs: 1 − 1/N.
    pub equation25_ceiling: f64,
    /// Share of the time its threads wanted to run in which they got no CPU.
    pub starved: Option<f64>,
    /// Share of the machine's CPU time that anyone used, in [0, 1].
    pub machine_busy: Option<f64>,
    /// What makes the above less than it looks.
    pub warnings: Vec<String>,
}

/// What one lock asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Lock {
    /// Names it within the process.
    pub name: String,
    /// `pthread-mutex`, `rust-mutex`, …
    pub kind: String,
    /// Its share of the process' CPU time: D_l/D.
    pub share: Estimate,
    /// How the share was found.
    pub method: Method,
    /// Why that method, in a few words.
    pub reason: String,
    /// What the other methods say, for comparison.
    pub others: Vec<(Method, Estimate)>,
    /// How busy its holders keep it on a CPU, U_l = share · N·U; at 1 it is full.
    pub utilisation: f64,
    /// On-CPU time of one contended hold, seconds.
    pub hold: Option<f64>,
    /// Delay from the wake to the return of the wait, seconds.
    pub hand_off: Option<f64>,
    /// Waits per second.
    pub waits: f64,
    /// Mean wait, seconds.
    pub wait: Option<f64>,
    /// Median wait, seconds.
    pub wait_p50: Option<f64>,
    /// 99th percentile of a wait, seconds.
    pub wait_p99: Option<f64>,
    /// Mean number of waiters.
    pub queue: f64,
    /// Share of the time with a waiter.
    pub contended: f64,
}

/// What requests wait for besides CPU and locks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wait {
    /// For what.
    pub kind: WaitKind,
    /// Mean number of threads that wait for it.
    pub threads: f64,
    /// Mean busy share of the device; `None`: unknown, it is taken as a delay without queue.
    pub utilisation: Option<f64>,
}

/// How the warning begins that says why there is no p.
pub(crate) const UNKNOWN: &str = "p cannot be known: ";

impl Measured {
    /// Why there is no p; `None`: there is one.
    pub fn unknown(&self) -> Option<&str> {
        self.warnings.iter().find_map(|warning| warning.strip_prefix(UNKNOWN))
    }

    /// CPU seconds per request, D; `None` without a count of requests, or if nothing was used.
    pub fn demand(&self) -> Option<f64> {
        self.throughput.filter(|rate| *rate > 0.0).map(|rate| self.cpus_used / rate)
    }

    /// Utilisation of the CPUs it could use, U.
    pub fn utilisation(&self) -> f64 {
        if self.cpus > 0.0 { self.cpus_used / self.cpus } else { 0.0 }
    }

    /// What was seen to be full, whatever a model says; `None`: no CPU, lock or disk of those measured.
    ///
    /// A lock is full that is held on a CPU nearly all the time, CPUs if the process uses nearly all that
    /// it may, or if all of the machine's are used and its threads wait for them. Where CPUs are not,
    /// a lock is full for which somebody always waits.
    pub fn full(&self) -> Option<Bottleneck> {
        let first = |is_full: fn(&Lock) -> bool| {
            self.locks.iter().find(|lock| is_full(lock)).map(|lock| lock.name.clone())
        };
        let over = |share: Option<f64>, least: f64| share.is_some_and(|share| share >= least);
        let has_no_cpu = over(self.machine_busy, FULL_MIN) && over(self.starved, STARVED_MIN);
        let disk = self.waits.iter().find(|wait| over(wait.utilisation, FULL_MIN));
        first(|lock| lock.queue > 0.0 && lock.utilisation >= FULL_MIN)
            .map(Bottleneck::Lock)
            .or((self.utilisation() >= FULL_MIN || has_no_cpu).then_some(Bottleneck::Cpu))
            .or(first(|lock| lock.contended >= FULL_MIN).map(Bottleneck::Lock))
            .or(disk.map(|wait| Bottleneck::Wait(wait.kind)))
    }

    /// A process as somebody describes it: `cpus_used` of `cpus`, `throughput` requests per second by
    /// `clients`, and the shares of its locks. The rest is unknown.
    pub fn given(
        cpus: f64,
        cpus_used: f64,
        throughput: Option<f64>,
        clients: Option<f64>,
        locks: &[(&str, Estimate)],
    ) -> Self {
        let mut locks: Vec<_> = locks
            .iter()
            .map(|(name, share)| Lock::given(name, *share, share.value * cpus_used))
            .collect();
        locks.sort_by(|a, b| b.share.value.total_cmp(&a.share.value));
        let shares: Vec<_> = locks.iter().map(|lock| lock.share).collect();
        Self {
            tier: Tier::Given,
            window: 0.0,
            cpus,
            cpus_used,
            throughput,
            clients,
            threads: None,
            parallel: Some(rest(&shares)),
            method: Some(Method::Given),
            locks,
            waits: Vec::new(),
            unseen: None,
            equation25: None,
            equation25_ceiling: equation25_ceiling(cpus),
            starved: None,
            machine_busy: None,
            warnings: Vec::new(),
        }
    }
}

impl Lock {
    /// A lock of which only the share is known.
    pub fn given(name: &str, share: Estimate, utilisation: f64) -> Self {
        Self {
            name: name.to_owned(),
            kind: "given".to_owned(),
            share,
            method: Method::Given,
            reason: "given, not measured".to_owned(),
            others: Vec::new(),
            utilisation,
            hold: None,
            hand_off: None,
            waits: 0.0,
            wait: None,
            wait_p50: None,
            wait_p99: None,
            queue: 0.0,
            contended: 0.0,
        }
    }
}

/// 1 − Σ of independent shares; the distances to the ends add like variances (MOVER, Zou and Donner 2008).
pub(crate) fn rest(shares: &[Estimate]) -> Estimate {
    let sum: f64 = shares.iter().map(|share| share.value).sum();
    let below: f64 = shares.iter().map(|share| (share.value - share.low).powi(2)).sum();
    let above: f64 = shares.iter().map(|share| (share.high - share.value).powi(2)).sum();
    Estimate::new(1.0 - sum, 1.0 - sum - above.sqrt(), 1.0 - sum + below.sqrt()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_is_named() {
        let lock = |utilisation, contended| {
            let lock = Lock::given("a", Estimate::exact(0.5), utilisation);
            Lock { queue: 1.0, contended, ..lock }
        };
        let with = |cpus_used, locks: Vec<Lock>, machine_busy, starved| {
            let measured = Measured::given(4.0, cpus_used, None, None, &[]);
            Measured { locks, machine_busy: Some(machine_busy), starved: Some(starved), ..measured }
        };
        let of_a = Some(Bottleneck::Lock("a".to_owned()));
        // Waits for a CPU alone are usual, and so is a machine that others use.
        assert_eq!(with(2.0, vec![], 0.6, 0.5).full(), None);
        assert_eq!(with(2.0, vec![], 1.0, 0.05).full(), None);
        assert_eq!(with(2.0, vec![], 1.0, 0.5).full(), Some(Bottleneck::Cpu));
        assert_eq!(with(3.9, vec![], 0.9, 0.0).full(), Some(Bottleneck::Cpu));
        assert_eq!(with(1.5, vec![lock(0.97, 0.5)], 1.0, 0.5).full(), of_a);
        // Its holders wait for CPUs, and so all wait for it.
        assert_eq!(with(1.5, vec![lock(0.4, 1.0)], 1.0, 0.5).full(), Some(Bottleneck::Cpu));
        assert_eq!(with(1.5, vec![lock(0.4, 1.0)], 0.5, 0.0).full(), of_a);
        assert_eq!(with(1.5, vec![lock(0.4, 0.3)], 0.5, 0.0).full(), None);
    }
}
