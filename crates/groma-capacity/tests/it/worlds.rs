//! Systems of a few words.

use groma_capacity::{
    Discipline, Experiment, Load, LockDemand, Outcome, System, Workload, simulate,
};

/// Heavy, medium and light load: think times in units of D.
pub(crate) const THINKS: [f64; 3] = [0.25, 4.0, 19.0];

pub(crate) const DISCIPLINES: [Discipline; 3] =
    [Discipline::Shared, Discipline::FirstCome, Discipline::RoundRobin { quantum: 0.1 }];

/// One lock, D = 1.
pub(crate) fn one_lock(parallel: f64, cpus: f64, clients: usize, think: f64) -> Workload {
    Workload {
        cpus,
        parallel,
        locks: vec![LockDemand::new(1.0 - parallel)],
        devices: vec![],
        delay: 0.0,
        load: Load::Closed { clients: clients as f64, think },
    }
}

pub(crate) fn run(workload: &Workload, experiment: &Experiment) -> Outcome {
    let Load::Closed { clients, think } = workload.load else { panic!("a closed workload") };
    simulate(&System::of(workload, clients as usize, think), experiment).unwrap()
}

/// Both within `most` of each other, relative.
#[track_caller]
pub(crate) fn near(what: &str, ours: f64, theirs: f64, most: f64) {
    let error = ours / theirs - 1.0;
    assert!(error.abs() <= most, "{what}: {ours} against {theirs}, {:+.2} %", error * 100.0);
}
