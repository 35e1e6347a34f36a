//! Starts a probe, and watches a load with its truth at both ends of the window.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use groma_capacity::{Measured, Tier};
use groma_probe::{Options, Probe, ProbeError, Report, Target};

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

/// Watches for a while before, so that the locks are known when it counts.
pub(crate) fn watch(probe: &mut Probe, load: &mut Load, seconds: f64) -> (Report, Truth, Truth) {
    measure(probe, 0.4);
    let before = load.truth();
    let report = measure(probe, seconds);
    (report, before, load.truth())
}

pub(crate) fn measure(probe: &mut Probe, seconds: f64) -> Report {
    probe.measure(Duration::from_secs_f64(seconds), &AtomicBool::new(false))
}

pub(crate) fn measured(report: &Report) -> &Measured {
    report.processes[0].measured.as_ref().unwrap()
}
