//! Starts a probe, and watches a load with its truth at both ends of the window.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use groma_capacity::{Estimate, Measured, Method, Tier};
use groma_probe::{Options, Probe, ProbeError, ProcessReport, Report, Target};

use crate::load::{Load, Truth};

/// A probe of that tier; `None`, with a printed reason, where the system does not allow it.
pub(crate) fn probe(target: Target, tier: Tier) -> Option<Probe> {
    probe_with(target, Options { tier: Some(tier), ..Options::default() })
}

pub(crate) fn probe_with(target: Target, options: Options) -> Option<Probe> {
    match Probe::start(target, options) {
        Ok(probe) => Some(probe),
        Err(error @ ProbeError::Refused { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// With so many ticks four standard errors are 0.05 at most.
const TICKS_WANTED: u64 = 1_600;
/// Seconds of a window after which fewer must do.
const SECONDS_MAX: f64 = 10.0;

/// Watches for a while before, so that the locks are known when it counts, and for longer where others
/// leave few processors.
pub(crate) fn watch(probe: &mut Probe, load: &mut Load, seconds: f64) -> (Report, Truth, Truth) {
    measure(probe, 0.4);
    let mut seconds = seconds;
    loop {
        let before = load.truth();
        let report = measure(probe, seconds);
        let after = load.truth();
        let ticks = of(&report, load.pid()).samples.ticks;
        if ticks == 0 || ticks >= TICKS_WANTED || seconds > SECONDS_MAX {
            return (report, before, after);
        }
        println!("{ticks} ticks, again");
        seconds *= 2.0;
    }
}

/// What is said of a process; of another pid namespace there is only one.
pub(crate) fn of(report: &Report, pid: u32) -> &ProcessReport {
    let found = report.processes.iter().find(|process| process.pid == pid);
    found.unwrap_or(&report.processes[0])
}

/// A sampled share is as right as its ticks allow: four standard errors, and what the method is off by.
#[track_caller]
pub(crate) fn assert_share(said: Estimate, truth: f64, ticks: u64) {
    let off_max = 4.0 * (truth * (1.0 - truth) / ticks as f64).sqrt() + 0.02;
    println!("{said:?}, truth {truth:.3} ± {off_max:.3} by {ticks} ticks");
    assert!((said.value - truth).abs() < off_max, "{said:?}, truth {truth} ± {off_max}");
}

/// The same of p, of the first process.
#[track_caller]
pub(crate) fn assert_p(process: &ProcessReport, truth: f64) {
    let measured = process.measured.as_ref().unwrap();
    assert_eq!(measured.method, Some(Method::Owner), "{measured:#?}");
    assert_share(measured.parallel.unwrap(), truth, process.samples.ticks);
}

pub(crate) fn measure(probe: &mut Probe, seconds: f64) -> Report {
    probe.measure(Duration::from_secs_f64(seconds), &AtomicBool::new(false))
}

pub(crate) fn measured(report: &Report) -> &Measured {
    report.processes[0].measured.as_ref().unwrap()
}
