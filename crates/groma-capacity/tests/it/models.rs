//! Product form, tiers, the law of scalability, bounds.

use groma_capacity::{
    Class, Experiment, Flow, Load, LockDemand, Network, NetworkClass, Resource, Service, Serving,
    Solver, System, Workload, amdahl, erlang_c, fit_usl, simulate,
};
use proptest::prelude::*;

use crate::worlds::{near, one_lock};

/// Mean value analysis as in the textbooks, for queues and delays: the oracle of the convolution.
fn mean_values(clients: usize, think: f64, demands: &[f64]) -> f64 {
    let mut queues = vec![0.0; demands.len()];
    let mut rate = 0.0;
    for population in 1..=clients {
        let times: Vec<f64> = demands.iter().zip(&queues).map(|(d, q)| d * (1.0 + q)).collect();
        rate = population as f64 / (think + times.iter().sum::<f64>());
        queues = times.iter().map(|time| rate * time).collect();
    }
    rate
}

proptest! {
    #[test]
    fn convolution_is_mean_value_analysis(
        clients in 1_usize..40,
        think in 0.0..5.0_f64,
        demands in prop::collection::vec(0.01..2.0_f64, 1..5),
    ) {
        let expected = mean_values(clients, think, &demands);
        let network = Network {
            stations: vec![Serving::Servers(1); demands.len()],
            classes: vec![NetworkClass { clients, think, demands }],
        };
        let found = network.solve().unwrap();
        prop_assert_eq!(found.solver, Solver::ProductForm);
        prop_assert!((found.throughputs[0] / expected - 1.0).abs() < 1e-9);
        // Little: all clients are somewhere.
        let inside: f64 = found.queues.iter().map(|queue| queue[0]).sum();
        prop_assert!((inside + found.throughputs[0] * think - clients as f64).abs() < 1e-6);
    }

    /// A class split in two equal halves is the same class.
    #[test]
    fn halves_of_a_class_are_the_class(
        half in 1_usize..8,
        think in 0.0..5.0_f64,
        demands in prop::collection::vec(0.01..2.0_f64, 2),
        servers in 1_usize..4,
    ) {
        let stations = vec![Serving::Servers(servers), Serving::Servers(1)];
        let class = |clients| NetworkClass { clients, think, demands: demands.clone() };
        let whole = Network { stations: stations.clone(), classes: vec![class(2 * half)] };
        let halves = Network { stations, classes: vec![class(half), class(half)] };
        let (whole, halves) = (whole.solve().unwrap(), halves.solve().unwrap());
        let sum: f64 = halves.throughputs.iter().sum();
        prop_assert!((whole.throughputs[0] / sum - 1.0).abs() < 1e-9);
    }
}

/// The chain without locks and the network of product form are the same thing.
#[test]
fn chain_and_product_form_agree_where_both_are_exact() {
    let workload = Workload {
        cpus: 3.0,
        parallel: 1.0,
        locks: vec![],
        devices: vec![0.3],
        delay: 0.5,
        load: Load::Closed { clients: 12.0, think: 2.0 },
    };
    let network = Network {
        stations: vec![Serving::Servers(3), Serving::Servers(1), Serving::Delay],
        classes: vec![NetworkClass { clients: 12, think: 2.0, demands: vec![1.0, 0.3, 0.5] }],
    };
    let (chain, network) = (workload.solve().unwrap(), network.solve().unwrap());
    near("throughput", chain.throughput, network.throughputs[0], 1e-6);
    near("response", chain.response, network.responses[0], 1e-6);
}

#[test]
fn linearizer_is_near_the_exact_answer_and_says_that_it_is_not() {
    let class = |clients, think, demands: [f64; 3]| NetworkClass {
        clients,
        think,
        demands: demands.to_vec(),
    };
    let network = |scale: usize| Network {
        stations: vec![Serving::Servers(1), Serving::Servers(1), Serving::Delay],
        classes: vec![
            class(7 * scale, 5.0, [0.5, 0.2, 0.1]),
            class(7 * scale, 8.0, [0.1, 0.6, 0.4]),
        ],
    };
    let exact = network(6).solve().unwrap();
    assert_eq!(exact.solver, Solver::ProductForm);
    let larger = network(10).solve().unwrap();
    assert_eq!(larger.solver, Solver::Linearizer);
    // Both are full, so more clients change little.
    for (large, exact) in larger.throughputs.iter().zip(&exact.throughputs) {
        near("throughput", *large, *exact, 0.02);
    }
}

fn tier(name: &str, cpus: f64, parallel: f64, lock: f64) -> Service {
    Service {
        name: name.to_owned(),
        cpus,
        parallel,
        locks: vec![LockDemand::new(lock)],
        devices: vec![],
        delay: 0.01,
    }
}

fn shop(buyers: usize, robots: usize) -> System {
    let visit = |service, work| Flow::Visit { service, work };
    System {
        services: vec![
            tier("web", 2.0, 0.04, 0.01),
            tier("app", 4.0, 0.06, 0.03),
            tier("database", 2.0, 0.02, 0.02),
        ],
        classes: vec![
            Class {
                name: "buyers".to_owned(),
                clients: buyers,
                think: 1.0,
                flow: Flow::Sequence(vec![visit(0, 1.0), visit(1, 1.0), visit(2, 3.0)]),
            },
            Class {
                name: "robots".to_owned(),
                clients: robots,
                think: 0.5,
                flow: Flow::Sequence(vec![visit(0, 1.0), visit(1, 0.5)]),
            },
        ],
    }
}

/// Requests that visit several services, of one class and of two: within 2 % of the simulator.
#[test]
fn tiers_agree_with_the_simulator() {
    let experiment = Experiment { windows: 20, window: 150.0, ..Experiment::default() };
    for (buyers, robots) in [(5, 0), (25, 0), (60, 0), (10, 10), (30, 5)] {
        let system = shop(buyers, robots);
        let ours = system.solve(&experiment).unwrap();
        let theirs = simulate(&system, &experiment).unwrap();
        assert_eq!(ours.solver, Solver::Aggregated);
        for (class, (ours, theirs)) in ours.throughputs.iter().zip(&theirs.classes).enumerate() {
            if theirs.throughput.value > 0.0 {
                let what = format!("{buyers} buyers, {robots} robots, class {class}");
                near(&what, *ours, theirs.throughput.value, 0.02);
            }
        }
    }
}

/// The textbook example of the `usl` package for R (SPEC SDM91): its documented coefficients.
#[test]
fn the_law_of_scalability_fits_a_known_series() {
    let series = [
        (1.0, 64.9),
        (18.0, 995.9),
        (36.0, 1652.4),
        (72.0, 1853.2),
        (108.0, 1828.9),
        (144.0, 1775.0),
        (216.0, 1702.2),
    ];
    let fit = fit_usl(&series).unwrap();
    println!("{fit:?}");
    assert!((fit.contention.value - 0.0277).abs() < 0.0005, "{fit:?}");
    assert!((fit.coherency.value - 0.000104).abs() < 0.000_002, "{fit:?}");
    assert!((fit.peak_load.unwrap() - 96.5).abs() < 0.5, "{fit:?}");
    assert!(fit.explained > 0.98);
    assert!(fit.contention.low > 0.0 && fit.contention.high > fit.contention.value);
}

#[test]
fn the_law_is_found_again_and_never_negative() {
    let law = |load: f64| 100.0 * load / (1.0 + 0.05 * (load - 1.0) + 0.001 * load * (load - 1.0));
    let exact: Vec<_> =
        (1..=32).step_by(3).map(|load| (f64::from(load), law(load.into()))).collect();
    let fit = fit_usl(&exact).unwrap();
    assert!(
        (fit.contention.value - 0.05).abs() < 1e-6 && (fit.coherency.value - 0.001).abs() < 1e-7
    );
    assert!(fit.explained > 0.999_999);
    // Better than linear: contention would be negative.
    let super_linear = fit_usl(&[(1.0, 10.0), (2.0, 21.0), (4.0, 44.0), (8.0, 90.0)]).unwrap();
    assert_eq!((super_linear.contention.value, super_linear.coherency.value), (0.0, 0.0));
    assert_eq!(super_linear.peak, None);
    assert!(fit_usl(&[(1.0, 10.0), (2.0, 19.0)]).is_err());
    assert!(fit_usl(&[(1.0, 10.0), (2.0, 19.0), (0.0, 1.0)]).is_err());
}

#[test]
fn erlang_is_exact_and_stable() {
    // Erlang's tables: 10 servers, 8 erlang.
    let queue = erlang_c(10, 8.0, 1.0).unwrap();
    assert!((queue.waiting - 0.4092).abs() < 1e-4, "{}", queue.waiting);
    // One server: ρ/(1−ρ).
    assert!((erlang_c(1, 0.8, 1.0).unwrap().inside - 4.0).abs() < 1e-9);
    let huge = erlang_c(100_000, 99_500.0, 1.0).unwrap();
    assert!(huge.waiting > 0.0 && huge.waiting < 1.0);
    assert!(erlang_c(2, 2.0, 1.0).unwrap().response.is_infinite());
}

#[test]
fn bounds_name_what_fills_first() {
    let workload = Workload {
        locks: vec![LockDemand::new(0.1), LockDemand::new(0.3)],
        ..one_lock(0.6, 4.0, 100, 1.0)
    };
    let bounds = workload.bounds();
    let (resource, most) = bounds.first_full();
    assert_eq!(resource, Resource::Lock(1));
    assert!((most - 1.0 / 0.3).abs() < 1e-9);
    assert_eq!(one_lock(0.6, 4.0, 1, 9.0).bounds().lowest(), (Resource::Clients, 0.1));
    assert!((amdahl(0.5, 4.0) - 1.6).abs() < 1e-9);
}
