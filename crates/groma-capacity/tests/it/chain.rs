//! The exact chain, against known numbers and the simulator.

use groma_capacity::{CapacityError, Experiment, Load, LockDemand, Solver, Workload, erlang_c};

use crate::worlds::{near, one_lock, run};

fn closed(workload: Workload, clients: f64, think: f64) -> Workload {
    Workload { load: Load::Closed { clients, think }, ..workload }
}

/// Predictions of the specification, checked against another simulation when it was written.
#[test]
fn one_lock_gives_the_numbers_of_the_specification() {
    for (parallel, cpus, clients, expected) in
        [(0.6, 8.0, 40, 2.5), (0.8, 8.0, 40, 4.946), (0.9, 16.0, 80, 9.973)]
    {
        let found = one_lock(parallel, cpus, clients, 4.0).solve().unwrap();
        assert_eq!(found.solver, Solver::Chain);
        assert!((found.throughput - expected).abs() < 0.001, "{parallel}: {}", found.throughput);
        assert!((found.locks[0] - found.throughput * (1.0 - parallel)).abs() < 1e-9);
    }
}

#[test]
fn without_locks_it_is_the_machine_repairman() {
    // M/M/1//N: P(n) ∝ N!/(N−n)! (D/Z)^n.
    let (clients, think) = (7, 3.0);
    let found = one_lock(1.0, 1.0, clients, think).solve().unwrap();
    let (mut weight, mut total, mut idle) = (1.0, 0.0, 0.0);
    for inside in 0..=clients {
        total += weight;
        if inside == 0 {
            idle = weight;
        }
        weight *= (clients - inside) as f64 / think;
    }
    near("throughput", found.throughput, 1.0 - idle / total, 1e-9);
}

/// Acceptance: within 2 % of the simulator, at any load and number of CPUs.
#[test]
fn the_chain_and_the_simulator_agree() {
    for (parallel, cpus, clients, think) in [
        (0.2, 4.0, 10, 0.25),
        (0.6, 4.0, 10, 4.0),
        (0.9, 4.0, 10, 0.25),
        (0.9, 4.0, 10, 19.0),
        (0.5, 2.0, 12, 1.0),
        (0.8, 8.0, 40, 4.0),
        (0.9, 16.0, 80, 4.0),
        (0.7, 1.5, 6, 1.0),
    ] {
        let workload = one_lock(parallel, cpus, clients, think);
        let ours = workload.solve().unwrap();
        let experiment = Experiment { windows: 40, window: 250.0, ..Experiment::default() };
        let theirs = run(&workload, &experiment);
        let what = format!("p {parallel}, {cpus} CPUs, {clients} clients, think {think}");
        near(&what, ours.throughput, theirs.classes[0].throughput.value, 0.02);
        let inside = ours.throughput * ours.response;
        near(&what, inside, theirs.services[0].inside, 0.04);
    }
}

#[test]
fn several_locks_devices_delays_and_hand_overs_agree_with_the_simulator() {
    let workload = Workload {
        cpus: 3.0,
        parallel: 0.5,
        locks: vec![LockDemand { demand: 0.3, hand_off: 0.03 }, LockDemand::new(0.2)],
        devices: vec![0.25],
        delay: 0.4,
        load: Load::Closed { clients: 9.0, think: 1.0 },
    };
    let ours = workload.solve().unwrap();
    let experiment = Experiment { windows: 40, window: 500.0, ..Experiment::default() };
    let theirs = run(&workload, &experiment);
    near("throughput", ours.throughput, theirs.classes[0].throughput.value, 0.02);
    near("response", ours.response, theirs.classes[0].response.value, 0.02);
    assert_eq!(ours.solver, Solver::Chain);
}

/// Too large for the chain: the smaller locks are folded, or the service becomes a station.
#[test]
fn what_is_too_large_is_approximated_and_says_so() {
    let locks = |demands: &[f64]| demands.iter().map(|demand| LockDemand::new(*demand)).collect();
    let workload =
        Workload { locks: locks(&[0.2, 0.1, 0.05, 0.05]), ..one_lock(0.6, 8.0, 60, 8.0) };
    for (clients, think, solver) in
        [(60.0, 8.0, Solver::FoldedChain), (600.0, 100.0, Solver::Aggregated)]
    {
        let workload = closed(workload.clone(), clients, think);
        let ours = workload.solve().unwrap();
        assert_eq!(ours.solver, solver);
        let experiment = Experiment { windows: 20, window: 400.0, ..Experiment::default() };
        let theirs = run(&workload, &experiment);
        near("throughput", ours.throughput, theirs.classes[0].throughput.value, 0.02);
    }
}

/// A service as a station of equal flow against the chain: within 0.7 % over the whole range.
#[test]
fn an_open_service_without_locks_is_the_queue_of_erlang() {
    for (cpus, rate) in [(1.0, 0.5), (2.0, 1.9), (4.0, 1.0), (16.0, 15.0)] {
        let workload = Workload { load: Load::Open { rate }, ..one_lock(1.0, cpus, 1, 0.0) };
        let ours = workload.solve().unwrap();
        let theirs = erlang_c(cpus as usize, rate, 1.0).unwrap();
        near("response", ours.response, theirs.response, 1e-4);
        near("utilisation", ours.utilisation, theirs.utilisation, 1e-9);
    }
    let lock = Workload { load: Load::Open { rate: 2.0 }, ..one_lock(0.6, 4.0, 1, 0.0) };
    assert!(lock.solve().unwrap().response > 1.0);
    let full = Workload { load: Load::Open { rate: 3.0 }, ..lock };
    let full = full.solve().unwrap();
    assert!(full.response.is_infinite() && full.throughput <= 2.5);
}

#[test]
fn a_part_of_a_client_lies_between_two() {
    let solve = |clients: f64| closed(one_lock(0.6, 4.0, 1, 2.0), clients, 2.0).solve().unwrap();
    let (low, middle, high) = (solve(3.0), solve(3.5), solve(4.0));
    near("throughput", middle.throughput, (low.throughput + high.throughput) / 2.0, 1e-9);
    near("throughput", solve(0.5).throughput, solve(1.0).throughput / 2.0, 1e-9);
}

#[test]
fn what_has_no_meaning_is_refused() {
    let good = one_lock(0.6, 4.0, 10, 1.0);
    for bad in [
        Workload { cpus: 0.0, ..good.clone() },
        Workload { parallel: f64::NAN, ..good.clone() },
        Workload { delay: -1.0, ..good.clone() },
        Workload { parallel: 0.0, locks: vec![], ..good.clone() },
        Workload { locks: vec![LockDemand::new(0.1); 65], ..good.clone() },
        closed(good.clone(), 20_001.0, 1.0),
        closed(good.clone(), 0.0, 1.0),
    ] {
        assert!(bad.solve().is_err(), "{bad:?}");
    }
    let error = closed(good, 20_001.0, 1.0).solve().unwrap_err();
    assert!(matches!(error, CapacityError::TooLarge { limit: 20_000, .. }), "{error}");
}
