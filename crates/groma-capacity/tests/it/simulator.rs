//! The simulator against what is known of queues, and as an architect's bench.

use groma_capacity::{
    Class, Discipline, Distribution, Experiment, Flow, Load, LockDemand, Order, Service, System,
    Workload, erlang_c, simulate,
};

use crate::worlds::{DISCIPLINES, near, one_lock, run};

fn long() -> Experiment {
    Experiment { windows: 40, window: 500.0, ..Experiment::default() }
}

#[test]
fn the_same_seed_gives_the_same_outcome() {
    let workload = one_lock(0.6, 4.0, 10, 1.0);
    let experiment = Experiment { tick: 0.01, windows: 3, ..Experiment::default() };
    assert_eq!(run(&workload, &experiment), run(&workload, &experiment));
    let other = Experiment { seed: 2, ..experiment };
    assert_ne!(run(&workload, &experiment), run(&workload, &other));
}

/// Many clients that think long are arrivals that wait for nobody.
#[test]
fn it_agrees_with_erlang() {
    for (cpus, rate) in [(1.0, 0.6), (4.0, 3.2), (16.0, 13.6)] {
        let clients = 4_000;
        let workload = Workload {
            load: Load::Closed { clients: clients as f64, think: clients as f64 / rate },
            ..one_lock(1.0, cpus, clients, 0.0)
        };
        for discipline in DISCIPLINES {
            let experiment = Experiment { discipline, warm_up: 500.0, windows: 20, ..long() };
            let ours = run(&workload, &experiment);
            let theirs = erlang_c(cpus as usize, rate, 1.0).unwrap();
            let what = format!("{cpus} CPUs, {discipline:?}");
            near(&what, ours.classes[0].response.value, theirs.response, 0.05);
        }
    }
}

/// Sharing does not care how the work is distributed; first come, first served does (Pollaczek).
#[test]
fn distributions_and_disciplines_do_what_theory_says() {
    let (rate, clients) = (0.6, 4_000_usize);
    let workload = Workload {
        load: Load::Closed { clients: clients as f64, think: clients as f64 / rate },
        ..one_lock(1.0, 1.0, clients, 0.0)
    };
    let response = |discipline, distribution| {
        let experiment = Experiment {
            discipline,
            distribution,
            warm_up: 1_000.0,
            windows: 40,
            window: 2_000.0,
            ..Experiment::default()
        };
        run(&workload, &experiment).classes[0].response.value
    };
    let wild = Distribution::Hyperexponential { variation: 4.0 };
    let alone = 1.0 / (1.0 - rate);
    for distribution in [Distribution::Deterministic, Distribution::Exponential, wild] {
        near("shared", response(Discipline::Shared, distribution), alone, 0.05);
    }
    for (distribution, variation) in
        [(Distribution::Deterministic, 0.0), (Distribution::Exponential, 1.0), (wild, 4.0)]
    {
        let wait = rate / (1.0 - rate) * (1.0 + variation) / 2.0;
        near("first come", response(Discipline::FirstCome, distribution), 1.0 + wait, 0.1);
    }
    // Short turns are as good as sharing.
    let turns = Discipline::RoundRobin { quantum: 0.02 };
    near("turns", response(turns, wild), alone, 0.05);
}

#[test]
fn little_holds_and_flow_is_kept() {
    for order in [Order::LocksFirst, Order::ParallelFirst] {
        let workload = one_lock(0.5, 2.0, 8, 1.0);
        let outcome = run(&workload, &Experiment { order, ..long() });
        let (class, service) = (outcome.classes[0], &outcome.services[0]);
        near("inside", service.inside, class.throughput.value * class.response.value, 0.01);
        near("used", service.utilisation * 2.0, class.throughput.value, 0.01);
        near("share", service.shares[0], 0.5, 0.02);
    }
}

fn service(name: &str, cpus: f64, parallel: f64, lock: f64) -> Service {
    Service {
        name: name.to_owned(),
        cpus,
        parallel,
        locks: vec![LockDemand::new(lock)],
        devices: vec![],
        delay: 0.0,
    }
}

/// The same components, connected in another way.
#[test]
fn what_runs_at_once_answers_sooner() {
    let services = vec![
        service("web", 2.0, 0.2, 0.05),
        service("stock", 2.0, 0.5, 0.2),
        service("price", 2.0, 0.5, 0.2),
    ];
    let parts = vec![Flow::visit(1), Flow::visit(2)];
    let system = |inner: Flow| System {
        services: services.clone(),
        classes: vec![Class {
            name: "buyers".to_owned(),
            clients: 4,
            think: 10.0,
            flow: Flow::Sequence(vec![Flow::visit(0), inner, Flow::visit(0)]),
        }],
    };
    let row = simulate(&system(Flow::Sequence(parts.clone())), &long()).unwrap();
    let at_once = simulate(&system(Flow::Parallel(parts)), &long()).unwrap();
    let (row, at_once) = (row.classes[0].response.value, at_once.classes[0].response.value);
    // The longer of two sums of two exponentials instead of both.
    assert!(at_once < 0.85 * row && at_once > 0.6 * row, "{at_once} against {row}");
}

#[test]
fn at_once_without_queues_is_the_longest_part() {
    let parts: Vec<_> = (0..3).map(Flow::visit).collect();
    let alone = |name: &str| Service { locks: vec![], ..service(name, 1.0, 1.0, 0.0) };
    let system = System {
        services: vec![alone("a"), alone("b"), alone("c")],
        classes: vec![Class {
            name: "one".to_owned(),
            clients: 1,
            think: 1.0,
            flow: Flow::Parallel(parts),
        }],
    };
    let outcome = simulate(&system, &long()).unwrap();
    near("response", outcome.classes[0].response.value, 1.0 + 0.5 + 1.0 / 3.0, 0.02);
}
