//! The estimators against the truth of the simulator: acceptance tests 1 and 2 of the specification.

use groma_capacity::{
    Contended, Discipline, Distribution, Experiment, LockSamples, Method, OwnerSamples, Samples,
    Tier, Workload, equation25, estimate,
};

use crate::worlds::{DISCIPLINES, THINKS, one_lock, run};

const SHARES: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// As the paper simulated: 10 clients, Z/D = 100/403.
const PAPER_THINK: f64 = 100.0 / 403.0;

/// The same number of requests at every load.
fn paced(think: f64, experiment: Experiment) -> Experiment {
    let slower = (1.0 + think) / 2.0;
    let (window, tick) = (experiment.window * slower, experiment.tick * slower);
    Experiment { window, tick, ..experiment }
}

fn watched(discipline: Discipline, distribution: Distribution) -> Experiment {
    let windows = 8;
    Experiment {
        seed: 7,
        discipline,
        distribution,
        windows,
        window: 250.0,
        tick: 0.05,
        ..Experiment::default()
    }
}

/// Largest error of each method over all p, against the share realised in the same windows.
fn errors(cpus: f64, clients: usize, think: f64, experiment: &Experiment) -> Vec<(Method, f64)> {
    let methods = [Method::Owner, Method::Busy, Method::Holds, Method::Root, Method::Contended];
    let mut worst: Vec<_> = methods.into_iter().map(|method| (method, 0.0_f64)).collect();
    for p in SHARES {
        let outcome = run(&one_lock(p, cpus, clients, think), experiment);
        let service = &outcome.services[0];
        let measured = estimate(&service.samples).unwrap();
        let lock = &measured.locks[0];
        assert_eq!(lock.method, Method::Owner);
        let shares = lock.others.iter().copied().chain([(lock.method, lock.share)]);
        for (method, share) in shares {
            if let Some((_, most)) = worst.iter_mut().find(|(known, _)| *known == method) {
                *most = most.max((share.value - service.shares[0]).abs());
            }
        }
    }
    worst
}

fn worst(errors: &[(Method, f64)], method: Method) -> f64 {
    errors.iter().find(|(known, _)| *known == method).map_or(f64::NAN, |(_, error)| *error)
}

/// A and B everywhere, C at heavy load: N = 4, three loads, three ways to share CPUs.
#[test]
fn owner_busy_and_holds_are_right_at_any_load() {
    for discipline in DISCIPLINES {
        for think in THINKS {
            let experiment = paced(think, watched(discipline, Distribution::Exponential));
            let errors = errors(4.0, 10, think, &experiment);
            println!("{discipline:?}, think {think}: {errors:.3?}");
            assert!(worst(&errors, Method::Owner) < 0.02, "A, {discipline:?}, {think}");
            assert!(worst(&errors, Method::Busy) < 0.02, "B, {discipline:?}, {think}");
            let holds_most = if think < 1.0 { 0.02 } else { 0.03 };
            assert!(worst(&errors, Method::Holds) < holds_most, "C, {discipline:?}, {think}");
            assert!(worst(&errors, Method::Root) < 0.1, "D, {discipline:?}, {think}");
            assert!(worst(&errors, Method::Contended) < 0.08, "G, {discipline:?}, {think}");
        }
    }
}

#[test]
fn other_distributions_and_more_cpus_change_nothing() {
    let wild = Distribution::Hyperexponential { variation: 4.0 };
    for distribution in [Distribution::Deterministic, wild] {
        for think in THINKS {
            let experiment = paced(think, watched(Discipline::Shared, distribution));
            let errors = errors(4.0, 10, think, &experiment);
            println!("{distribution:?}, think {think}: {errors:.3?}");
            assert!(worst(&errors, Method::Owner) < 0.02);
            assert!(worst(&errors, Method::Busy) < 0.02);
        }
    }
    for (cpus, clients) in [(2.0, 10), (16.0, 40)] {
        let experiment = watched(Discipline::Shared, Distribution::Exponential);
        let errors = errors(cpus, clients, 0.25, &experiment);
        println!("{cpus} CPUs: {errors:.3?}");
        assert!(worst(&errors, Method::Owner) < 0.02);
        assert!(worst(&errors, Method::Holds) < 0.02);
    }
}

/// Figure 4 of the paper: exact to 0.6, bent above, flat at 1 − 1/N.
#[test]
fn equation_25_reads_as_in_figure_4() {
    let experiment =
        Experiment { discipline: Discipline::FirstCome, windows: 40, ..Experiment::default() };
    let found: Vec<f64> = SHARES
        .into_iter()
        .map(|p| {
            let outcome = run(&one_lock(p, 4.0, 10, PAPER_THINK), &experiment);
            estimate(&outcome.services[0].samples).unwrap().equation25.unwrap()
        })
        .collect();
    println!("{found:.3?}");
    for (p, found) in SHARES.into_iter().zip(&found).take(6) {
        assert!((found - p).abs() < 0.02, "p {p}: {found}");
    }
    // The measured row of the specification.
    for (found, expected) in found[6..].iter().zip([0.669, 0.725, 0.747]) {
        assert!((found - expected).abs() < 0.01, "{found} against {expected}");
    }
    assert!(found[8] <= 0.751);
}

/// Its ceiling is the number of CPUs, not the program.
#[test]
fn equation_25_cannot_pass_its_ceiling_and_fails_at_light_load() {
    for (cpus, clients, expected) in [(2.0, 10, 0.5), (4.0, 10, 0.749), (16.0, 40, 0.9)] {
        let outcome = run(&one_lock(0.9, cpus, clients, 0.25), &Experiment::default());
        let measured = estimate(&outcome.services[0].samples).unwrap();
        let found = measured.equation25.unwrap();
        assert!((found - expected).abs() < 0.012, "{cpus} CPUs: {found}");
        assert!(found <= measured.equation25_ceiling + 1e-9);
    }
    let light = run(
        &one_lock(0.9, 4.0, 10, 19.0),
        &paced(19.0, Experiment { windows: 60, ..Experiment::default() }),
    );
    let found = estimate(&light.services[0].samples).unwrap().equation25.unwrap();
    assert!(found < 0.3, "{found}");
    assert!((equation25(4.0 * 0.33) - 0.2424).abs() < 1e-4, "the example of the paper");
}

#[test]
fn two_locks_are_told_apart() {
    let workload = Workload {
        locks: [0.3, 0.1].map(groma_capacity::LockDemand::new).to_vec(),
        ..one_lock(0.6, 4.0, 10, 1.0)
    };
    let outcome = run(&workload, &watched(Discipline::Shared, Distribution::Exponential));
    let measured = estimate(&outcome.services[0].samples).unwrap();
    for (lock, expected) in measured.locks.iter().zip([0.3, 0.1]) {
        assert!((lock.share.value - expected).abs() < 0.02, "{lock:?}");
    }
    assert!((measured.parallel.unwrap().value - 0.6).abs() < 0.02);
}

/// Nineteen in twenty intervals of a window hold what was true in it.
#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let experiment = Experiment {
        windows: 200,
        window: 20.0,
        ..watched(Discipline::Shared, Distribution::Exponential)
    };
    let outcome = run(&one_lock(0.6, 4.0, 10, 1.0), &experiment);
    let service = &outcome.services[0];
    let held = service
        .windows
        .iter()
        .zip(&service.window_shares)
        .filter(|(window, truth)| {
            let share = estimate(window).unwrap().locks[0].share;
            (share.low..=share.high).contains(&truth[0])
        })
        .count();
    assert!(held >= 186, "{held} of 200");
}

#[test]
fn windows_add_up() {
    let experiment =
        Experiment { windows: 6, ..watched(Discipline::Shared, Distribution::Exponential) };
    let outcome = run(&one_lock(0.6, 4.0, 10, 1.0), &experiment);
    let service = &outcome.services[0];
    let mut sum = service.windows[0].clone();
    service.windows[1..].iter().for_each(|window| sum.add(window));
    assert_eq!(sum, service.samples);
    let requests: u64 = service.windows.iter().filter_map(|window| window.requests).sum();
    assert_eq!(sum.requests, Some(requests));
}

fn counted() -> Samples {
    let mut samples = Samples::new(Tier::BpfOwner, 5.0, 4.0, 2.5);
    samples.requests = Some(10_000);
    samples
}

/// 10,000 requests at N·U = 0.5 without a wait: the serial share is below 0.0006.
#[test]
fn nothing_waited_is_a_bound_and_not_a_one() {
    let measured = estimate(&counted()).unwrap();
    let parallel = measured.parallel.unwrap();
    assert_eq!(measured.method, Some(Method::Bound));
    assert!((1.0 - parallel.low - 0.0006).abs() < 1e-9, "{parallel:?}");
    // Two clients meet half as often as arrivals would.
    let two = Samples { clients: Some(2.0), ..counted() };
    assert!((estimate(&two).unwrap().unseen.unwrap() - 0.0012).abs() < 1e-9);
    // One never meets anybody, and without a count nothing is known.
    let one = Samples { clients: Some(1.0), ..counted() };
    assert_eq!(estimate(&one).unwrap().unseen, Some(1.0));
    let uncounted = Samples { requests: None, ..counted() };
    assert_eq!(estimate(&uncounted).unwrap().parallel, None);
}

#[test]
fn the_method_follows_from_what_was_counted() {
    let followed = LockSamples {
        name: "0x1".to_owned(),
        waits: 400,
        holds: 350,
        hold_cpu_time: 0.035,
        hold_time: 0.05,
        ..LockSamples::default()
    };
    let owned = LockSamples { owner: Some(OwnerSamples::ticks(900, 2500)), ..followed.clone() };
    let few = LockSamples { owner: Some(OwnerSamples::ticks(9, 25)), ..followed.clone() };
    let bare = LockSamples { holds: 0, hold_cpu_time: 0.0, hold_time: 0.0, ..followed.clone() };
    let method = |lock: &LockSamples, requests: Option<u64>| {
        let samples = Samples { locks: vec![lock.clone()], requests, ..counted() };
        let lock = estimate(&samples).unwrap().locks.remove(0);
        (lock.method, (lock.share.value * 1000.0).round())
    };
    assert_eq!(method(&owned, Some(10_000)), (Method::Owner, 360.0));
    // 10,000 · 0.1 ms of 2.5 s.
    assert_eq!(method(&followed, Some(10_000)), (Method::Holds, 400.0));
    assert_eq!(method(&few, Some(10_000)), (Method::Holds, 400.0));
    // √(70/s · 0.1 ms · 0.7) of half a CPU.
    assert_eq!(method(&followed, None), (Method::Root, 140.0));
    assert_eq!(method(&bare, Some(10_000)), (Method::Contended, 80.0));
    assert_eq!(method(&bare, None), (Method::Bound, 0.0));
}

#[test]
fn a_lower_bound_is_called_one() {
    let mut samples = Samples::new(Tier::Stat, 5.0, 4.0, 8.0);
    samples.contended = Some(Contended { time: 1.0, cpu_time: 2.0 });
    let measured = estimate(&samples).unwrap();
    let parallel = measured.parallel.unwrap();
    assert_eq!((parallel.low, parallel.value, parallel.high), (0.5, 0.5, 1.0));
    assert_eq!(measured.method, Some(Method::Equation25));
    assert!(measured.warnings[0].contains("cannot pass 0.750"), "{:?}", measured.warnings);
}

#[test]
fn what_cannot_be_is_refused() {
    assert!(estimate(&Samples::new(Tier::Proc, 5.0, 4.0, 0.0)).is_err());
    assert!(estimate(&Samples::new(Tier::Proc, 0.0, 4.0, 1.0)).is_err());
    assert!(estimate(&Samples::new(Tier::Proc, 5.0, 4.0, f64::NAN)).is_err());
}
