//! What the probe says, beside what is true: one run after another over a grid of p and load.

use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use groma_capacity::{Estimate, Measured, Method};
use groma_probe::{Options, Probe, ProcessReport, Target};

use crate::clients::Clients;
use crate::lab::{Lab, Neighbours};
use crate::os;
use crate::spec::{Load, Service};
use crate::truth::Window;
use crate::words::words;

/// Before the window: the locks are found, the clients are under way.
const WARM_UP: Duration = Duration::from_millis(700);
/// Of the probe, above the server and its clients: it must not wait for them.
const PROBE_PRIORITY: i32 = 2;

words! {
    /// How much is asked of a server, as its think time against its demand.
    pub enum Pressure {
        /// Z = D/4: 10 clients ask for 8 CPUs.
        Heavy = "heavy",
        /// Z = 9 D: for one CPU.
        Medium = "medium",
        /// Z = 19 D: for half a CPU.
        Light = "light",
    }
}

impl Pressure {
    /// The think time of its clients.
    pub fn think(self, demand: Duration) -> Duration {
        demand.mul_f64(match self {
            Pressure::Heavy => 0.25,
            Pressure::Medium => 9.0,
            Pressure::Light => 19.0,
        })
    }

    /// Ticks a second and CPU at which 3 s give about 2,400 samples of a process so busy; primes.
    pub fn rate_hz(self) -> u64 {
        match self {
            Pressure::Heavy => 997,
            Pressure::Medium => 1_499,
            Pressure::Light => 2_503,
        }
    }
}

/// One run: a server, its clients, a probe.
#[derive(Debug, Clone)]
pub struct Run {
    /// The server.
    pub service: Service,
    /// Its clients.
    pub load: Load,
    /// The probe.
    pub probe: Options,
    /// Busy threads beside them.
    pub neighbours: usize,
    /// How long it is watched.
    pub time: Duration,
}

/// What was true in a window, and what the probe said of it.
#[derive(Debug, Clone)]
pub struct Checked {
    /// By the server's own account.
    pub truth: Window,
    /// By the probe.
    pub report: ProcessReport,
    /// Of the machine, after the run: over the last minute.
    pub load_average: f64,
}

impl Run {
    /// The usual run of this p at this pressure.
    pub fn new(service: Service, pressure: Pressure, time: Duration) -> Run {
        Run {
            load: Load {
                think: pressure.think(service.demand),
                real_time: service.real_time,
                ..Load::default()
            },
            probe: Options { rate_hz: pressure.rate_hz(), ..Options::default() },
            service,
            neighbours: 0,
            time,
        }
    }

    /// Starts all, watches, and ends all. `program` is a `groma-lab`.
    ///
    /// # Errors
    /// Something does not start, or the probe is refused: the text says what and why.
    pub fn check(&self, program: &Path) -> Result<Checked, String> {
        let lab = Lab::start(program, &self.service).map_err(|error| error.to_string())?;
        let pid = lab.pid();
        self.check_lab(lab, pid)
    }

    /// The same for a server that runs already, as process `pid`.
    ///
    /// # Errors
    /// As [`Run::check`].
    pub fn check_lab(&self, mut lab: Lab, pid: u32) -> Result<Checked, String> {
        let said = |error: std::io::Error| error.to_string();
        let _neighbours = Neighbours::start(self.neighbours).map_err(said)?;
        let _clients = Clients::start(lab.address(), &self.load).map_err(said)?;
        if self.service.real_time {
            os::become_real_time(PROBE_PRIORITY).map_err(said)?;
        }
        let mut probe = start(pid, self.probe.clone())?;
        let never = AtomicBool::new(false);
        probe.measure(WARM_UP, &never);
        let from = lab.truth().map_err(said)?;
        let report = probe.measure(self.time, &never);
        let truth = from.until(&lab.truth().map_err(said)?);
        let report = report.processes.into_iter().find(|process| process.pid == pid);
        let report = report.ok_or("the probe says nothing of the server")?;
        Ok(Checked { truth, report, load_average: load_average() })
    }
}

/// A probe of one process.
///
/// # Errors
/// Why it was refused, and what to try.
pub fn start(pid: u32, options: Options) -> Result<Probe, String> {
    Probe::start(Target::Pids(vec![pid]), options).map_err(|error| match error.hint() {
        Some(hint) => format!("{error}. {hint}"),
        None => error.to_string(),
    })
}

impl Checked {
    /// p as the probe says, by its best method.
    pub fn p(&self) -> Option<Estimate> {
        self.report.measured.as_ref()?.parallel
    }

    /// p by one method, if that could say something of each lock.
    pub fn p_by(&self, method: Method) -> Option<f64> {
        let measured = self.report.measured.as_ref()?;
        match method {
            Method::Equation25 => measured.equation25,
            _ => p_by(measured, method),
        }
    }

    /// How far p is from the truth.
    pub fn error(&self) -> Option<f64> {
        self.p().map(|p| p.value - self.truth.p)
    }
}

fn p_by(measured: &Measured, method: Method) -> Option<f64> {
    if measured.locks.is_empty() {
        return None;
    }
    let shares: Option<Vec<f64>> = (measured.locks.iter())
        .map(|lock| {
            let chosen = (lock.method == method).then_some(lock.share);
            let others =
                || lock.others.iter().find(|(other, _)| *other == method).map(|(_, of)| *of);
            chosen.or_else(others).map(|share| share.value)
        })
        .collect();
    shares.map(|shares| 1.0 - shares.iter().sum::<f64>())
}

/// Processes that wanted to run, over the last minute. NaN: unknown.
pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

/// One line of the grid.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was injected.
    pub p: f64,
    /// What was asked of the server.
    pub pressure: Pressure,
    /// What came of it.
    pub checked: Checked,
}

/// The names of the columns of [`Row::csv`].
pub const CSV_HEADER: &str = "p,load,truth,estimate,low,high,error,owner,holds,equation25,method,\
                              tier,cpus_used,throughput,waits,ticks,load_average";

impl Row {
    /// One line of numbers; what is unknown is empty.
    pub fn csv(&self) -> String {
        let Row { p, pressure, checked } = self;
        let (truth, estimate) = (&checked.truth, checked.p());
        let measured = checked.report.measured.as_ref();
        let number =
            |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.5}"));
        [
            p.to_string(),
            pressure.to_string(),
            number(Some(truth.p)),
            number(estimate.map(|p| p.value)),
            number(estimate.map(|p| p.low)),
            number(estimate.map(|p| p.high)),
            number(checked.error()),
            number(checked.p_by(Method::Owner)),
            number(checked.p_by(Method::Holds)),
            number(checked.p_by(Method::Equation25)),
            measured.and_then(|measured| measured.method).map_or("", Method::name).to_owned(),
            measured.map_or("", |measured| measured.tier.name()).to_owned(),
            number(Some(truth.cpus_used)),
            number(Some(truth.throughput)),
            number(Some(truth.waits)),
            checked.report.samples.ticks.to_string(),
            number(Some(checked.load_average)),
        ]
        .join(",")
    }
}

/// The head of the table that [`Row`] prints.
pub const TABLE_HEADER: &str = "   p load      truth   says    95 %           error   owner   holds  Eq. 25  method   CPUs   req/s  waits/s  ticks  load";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { p, pressure, checked } = self;
        let number =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
        let by = |method| number(checked.p_by(method));
        let estimate = checked.p();
        let measured = checked.report.measured.as_ref();
        write!(
            f,
            "{p:>4.2} {:<7} {:>7.4} {:>6} {:>6}-{:<6} {:>7} {:>7} {:>7} {:>7}  {:<7} {:>5.2} {:>7.1} {:>8.1} {:>6} {:>5.1}",
            pressure.to_string(),
            checked.truth.p,
            number(estimate.map(|p| p.value)),
            number(estimate.map(|p| p.low)),
            number(estimate.map(|p| p.high)),
            checked.error().map_or("-".to_owned(), |error| format!("{error:+.4}")),
            by(Method::Owner),
            by(Method::Holds),
            by(Method::Equation25),
            measured.and_then(|measured| measured.method).map_or("-", Method::name),
            checked.truth.cpus_used,
            checked.truth.throughput,
            checked.truth.waits,
            checked.report.samples.ticks,
            checked.load_average,
        )
    }
}

/// The errors of one method at one pressure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// Runs in which it said something.
    pub runs: usize,
    /// The middle one of their absolute errors.
    pub median: f64,
    /// The largest.
    pub max: f64,
    /// Their mean, with sign.
    pub bias: f64,
}

/// The errors of a method over the rows. `None`: it never said anything.
pub fn errors<'a>(rows: impl Iterator<Item = &'a Row>, method: Option<Method>) -> Option<Errors> {
    let of = |row: &Row| {
        let said = match method {
            Some(method) => row.checked.p_by(method),
            None => row.checked.p().map(|p| p.value),
        };
        said.map(|p| p - row.checked.truth.p)
    };
    let signed: Vec<f64> = rows.filter_map(of).collect();
    let bias = signed.iter().sum::<f64>() / signed.len() as f64;
    let mut sizes: Vec<f64> = signed.iter().map(|error| error.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let max = *sizes.last()?;
    Some(Errors { runs: sizes.len(), median: sizes[sizes.len() / 2], max, bias })
}
