//! The exact chain against what is known.

use groma_capacity::{Load, LockDemand, Solver, Workload};

/// One lock, D = 1.
pub(crate) fn one_lock(parallel: f64, cpus: f64, clients: f64, think: f64) -> Workload {
    Workload {
        cpus,
        parallel,
        locks: vec![LockDemand::new(1.0 - parallel)],
        devices: vec![],
        delay: 0.0,
        load: Load::Closed { clients, think },
    }
}

/// The predictions of the specification, which were checked against a simulation.
#[test]
fn one_lock_gives_the_numbers_of_the_specification() {
    for (parallel, cpus, clients, expected) in
        [(0.6, 8.0, 40.0, 2.5), (0.8, 8.0, 40.0, 4.946), (0.9, 16.0, 80.0, 9.973)]
    {
        let found = one_lock(parallel, cpus, clients, 4.0).solve().unwrap();
        assert_eq!(found.solver, Solver::Chain);
        assert!((found.throughput - expected).abs() < 0.001, "{parallel}: {}", found.throughput);
    }
}
