//! Predictions, targets, and what is said when nothing helps.

use groma_capacity::{
    Axis, Bottleneck, CapacityError, Change, Estimate, Experiment, Lever, Limits, Measured, Method,
    Samples, Solver, Target, Tier, Unit, Way, estimate, full_at, needed, predict, predict_curve,
};

use crate::worlds::{near, one_lock, run};

/// 4 CPUs, 10 clients that think for 4 D: p as given, throughput of the exact chain.
fn probed(p: f64, doubt: f64) -> Measured {
    let now = one_lock(p, 4.0, 10, 4.0).solve().unwrap();
    let share = Estimate::new(1.0 - p, 1.0 - p - doubt, 1.0 - p + doubt);
    Measured::given(4.0, now.throughput, Some(now.throughput), Some(10.0), &[("lock", share)])
}

/// The table of the specification: from 4 CPUs and 10 clients to many more.
#[test]
fn predictions_from_a_small_service_hold_for_a_large_one() {
    for (p, cpus, clients, expected, by_amdahl) in [
        (0.6, 8.0, 40.0, 2.5, 2.077),
        (0.8, 8.0, 40.0, 4.946, 2.603),
        (0.9, 16.0, 80.0, 9.973, 4.12),
    ] {
        let found = predict(&probed(p, 0.0), &Change::to_cpus(cpus).with_clients(clients)).unwrap();
        near("throughput", found.throughput.value, expected, 0.002);
        near("Amdahl", found.amdahl, by_amdahl, 0.01);
        assert_eq!(found.tier, Tier::Given);
    }
}

/// The whole way: simulate, probe, predict, simulate what was predicted.
#[test]
fn what_is_probed_predicts_what_happens() {
    let experiment = Experiment { windows: 20, window: 200.0, tick: 0.05, ..Experiment::default() };
    for (p, cpus, clients) in [(0.3, 2.0, 12), (0.8, 2.0, 12), (0.8, 8.0, 40), (0.9, 16.0, 40)] {
        let before = run(&one_lock(p, 4.0, 10, 4.0), &experiment);
        let now = estimate(&before.services[0].samples).unwrap();
        let after = run(&one_lock(p, cpus, clients, 4.0), &experiment).classes[0];
        let change = Change::to_cpus(cpus).with_clients(clients as f64);
        let found = predict(&now, &change).unwrap();
        let what = format!("p {p}, {cpus} CPUs, {clients} clients");
        near(&what, found.throughput.value, after.throughput.value, 0.04);
        near(&what, found.response.unwrap().value, after.response.value, 0.12);
    }
}

/// "At capacity at 42 % CPU": more CPUs do not help, and an autoscaler at 60 % never knows.
#[test]
fn a_full_lock_is_called_one() {
    let now = probed(0.4, 0.01);
    let found = predict(&now, &Change::to_cpus(16.0).with_clients(100.0)).unwrap();
    assert_eq!(found.bottleneck, Bottleneck::Lock("lock".to_owned()));
    near("most", found.throughput_max.value, 1.0 / 0.6, 1e-9);
    assert!(
        found.throughput_max.low < 1.0 / 0.61 + 1e-9
            && found.throughput_max.high > 1.0 / 0.59 - 1e-9
    );
    let as_is = predict(&now, &Change::default()).unwrap();
    assert_eq!(as_is.bottleneck, Bottleneck::Lock("lock".to_owned()));
    // Its holder hardly ever waits for one of four CPUs.
    near("full at", as_is.utilisation_full.value, 0.4167, 0.002);
    near("full at", full_at(4.0, Estimate::exact(0.4)).value, 0.4167, 0.001);
    assert_eq!(full_at(2.0, Estimate::exact(0.9)).value, 1.0);
    near("now", as_is.ratio.value, 1.0, 1e-3);
    assert!(now.throughput.is_some_and(|rate| as_is.throughput.low <= rate));
}

#[test]
fn doubt_about_the_lock_is_doubt_about_the_prediction() {
    let change = Change::to_cpus(8.0).with_clients(40.0);
    let sure = predict(&probed(0.8, 0.001), &change).unwrap().throughput;
    let unsure = predict(&probed(0.8, 0.03), &change).unwrap().throughput;
    assert!(unsure.low < sure.low && sure.low < sure.value);
    assert!(sure.high < unsure.high);
    let truth = one_lock(0.78, 8.0, 40, 4.0).solve().unwrap().throughput;
    assert!((unsure.low..unsure.high).contains(&truth), "{truth} in {unsure:?}");
}

#[test]
fn the_smallest_change_is_the_smallest() {
    let now = probed(0.9, 0.0);
    let asked = 1.05 * now.throughput.unwrap();
    // Ten clients that think for 4 D can ask no more than 10/5 D.
    let found =
        needed(&now, &Change::default(), &[Target::Throughput(asked)], Limits::default()).unwrap();
    assert!(!found.holds);
    let way = |lever| found.ways.iter().find(|way| way.lever == lever).unwrap();
    assert!(!way(Lever::Cpus).holds);
    let Way { holds: true, change, prediction, .. } = way(Lever::Clients) else { panic!() };
    let clients = change.clients.unwrap();
    assert!(prediction.throughput.value >= asked);
    let fewer = predict(&now, &Change::default().with_clients(clients - 1.0)).unwrap();
    assert!(fewer.throughput.value < asked);
    assert!(found.summary.starts_with("no number of CPUs"), "{}", found.summary);
}

#[test]
fn more_cpus_when_they_are_enough() {
    let busy = one_lock(0.95, 2.0, 20, 4.0).solve().unwrap();
    let now = Measured::given(
        2.0,
        busy.throughput,
        Some(busy.throughput),
        Some(20.0),
        &[("lock", Estimate::exact(0.05))],
    );
    let target = Target::Response(1.5);
    let found = needed(&now, &Change::default(), &[target], Limits::default()).unwrap();
    assert!(found.ways[0].holds);
    let cpus = found.ways[0].change.cpus.unwrap();
    assert!(predict(&now, &Change::to_cpus(cpus)).unwrap().response.unwrap().value <= 1.5);
    assert!(predict(&now, &Change::to_cpus(cpus - 1.0)).unwrap().response.unwrap().value > 1.5);
    assert_eq!(
        found.summary,
        format!("{cpus} CPUs instead of 2 give a response within 1.500000 s")
    );
    assert!(
        needed(&now, &Change::default(), &[Target::Response(100.0)], Limits::default())
            .unwrap()
            .holds
    );
    assert!(
        needed(&now, &Change::default(), &[Target::Response(-1.0)], Limits::default()).is_err()
    );
}

#[test]
fn a_lock_that_is_full_wants_shorter_sections() {
    let full = one_lock(0.5, 4.0, 40, 1.0).solve().unwrap();
    let lock = [("0x7f", Estimate::exact(0.5))];
    let now = Measured::given(4.0, full.throughput, Some(full.throughput), Some(40.0), &lock);
    let found =
        needed(&now, &Change::default(), &[Target::Throughput(3.0)], Limits::default()).unwrap();
    assert!(found.summary.contains("lock 0x7f is full at 2"), "{}", found.summary);
    let Way { lever, holds: true, change, prediction } = &found.ways[1] else { panic!() };
    assert_eq!(*lever, Lever::LockSpeed);
    assert!((1.49..1.7).contains(&change.lock_speed[0].speed), "{change:?}");
    assert!(prediction.throughput.value >= 3.0);
    // Neither alone, but both: 4 CPUs give at most 8 where D_p = 0.5.
    let both =
        needed(&now, &Change::default(), &[Target::Throughput(9.0)], Limits::default()).unwrap();
    assert!(both.ways.iter().any(|way| way.lever == Lever::CpusAndLockSpeed && way.holds));
}

/// Half of it under a lock, on two CPUs: each alone would be full at 2, but holders of the lock wait for
/// CPUs while others wait for the lock.
#[test]
fn full_is_what_the_model_gives_to_ever_more_clients() {
    let many = one_lock(0.5, 2.0, 1_000, 0.0).solve().unwrap();
    near("all that it gives", many.throughput, 1.689, 0.002);
    let now = one_lock(0.5, 2.0, 10, 4.0).solve().unwrap();
    let lock = [("0x7f", Estimate::exact(0.5))];
    let now = Measured::given(2.0, now.throughput, Some(now.throughput), Some(10.0), &lock);
    let found = predict(&now, &Change::default().with_clients(500.0)).unwrap();
    near("most", found.throughput_max.value, many.throughput, 0.002);
    near("full at", found.utilisation_full.value, many.throughput / 2.0, 0.002);
    assert_eq!(found.full_first, Bottleneck::Lock("0x7f".to_owned()));
    assert!(found.throughput.value <= found.throughput_max.value * 1.001);
}

/// p may be as low as 0.3 although only a tenth was seen under a lock.
#[test]
fn what_may_be_under_unseen_locks_is_in_the_low_end() {
    let seen = ("0x7f", Estimate::new(0.1, 0.09, 0.11));
    let mut now = Measured::given(4.0, 1.0, Some(400.0), Some(10.0), &[seen]);
    now.parallel = Some(Estimate::new(0.9, 0.3, 0.91));
    let found = predict(&now, &Change::to_cpus(8.0).with_clients(100.0)).unwrap();
    assert!(found.throughput.value > 2_000.0, "{found:?}");
    // 0.59 of a request's 2.5 ms one after the other.
    assert!(found.throughput.low < 400.0 / 0.59 * 1.01, "{found:?}");
}

#[test]
fn several_targets_are_held_at_once_or_not_at_all() {
    let now = one_lock(0.6, 2.0, 8, 2.0).solve().unwrap();
    let lock = [("0x7f", Estimate::exact(0.4))];
    let now = Measured::given(2.0, now.throughput, Some(now.throughput), Some(8.0), &lock);
    let (rate, time) = (1.3 * now.throughput.unwrap(), 1.1);
    let targets = [Target::Throughput(rate), Target::Response(time)];
    let found = needed(&now, &Change::default(), &targets, Limits::default()).unwrap();
    assert!(found.ways.iter().any(|way| way.holds), "{}", found.summary);
    for way in found.ways.iter().filter(|way| way.holds) {
        let then = predict(&now, &way.change).unwrap();
        assert!(then.throughput.value >= rate && then.response.unwrap().value <= time, "{way:?}");
    }
}

/// Ten clients on two CPUs: neither gives it alone.
#[test]
fn more_clients_may_need_more_cpus() {
    let now = one_lock(1.0, 2.0, 10, 4.0).solve().unwrap();
    let now = Measured::given(2.0, now.throughput, Some(now.throughput), Some(10.0), &[]);
    let targets = [Target::Throughput(4.0)];
    let found = needed(&now, &Change::default(), &targets, Limits::default()).unwrap();
    let both = found.ways.iter().find(|way| way.lever == Lever::CpusAndClients).unwrap();
    assert!(both.holds && both.change.cpus > Some(2.0) && both.change.clients > Some(10.0));
    // At another load: twice the clients, and the same throughput in a shorter time.
    let base = Change::default().with_clients(20.0);
    let targets = [Target::Response(1.5)];
    let found = needed(&now, &base, &targets, Limits::default()).unwrap();
    let cpus = found.ways.iter().find(|way| way.lever == Lever::Cpus).unwrap();
    assert!(cpus.holds && cpus.change.clients == Some(20.0), "{cpus:?}");
}

#[test]
fn curves_rise_with_cpus_and_their_ends_enclose_them() {
    let cpus: Vec<f64> = (1..=16).map(f64::from).collect();
    let base = Change::default().with_clients(40.0);
    let curve = predict_curve(&probed(0.8, 0.02), &base, Axis::Cpus, &cpus).unwrap();
    for pair in curve.windows(2) {
        assert!(pair[1].throughput.value >= pair[0].throughput.value - 1e-9);
    }
    for point in &curve {
        let Estimate { value, low, high } = point.throughput;
        assert!(low <= value && value <= high);
        assert!(value <= point.throughput_max.value + 1e-9);
    }
}

/// No clients known: arrivals that wait for nobody.
#[test]
fn without_clients_the_load_is_arrivals() {
    let lock = [("lock", Estimate::exact(0.4))];
    let now = Measured::given(4.0, 2.0, Some(200.0), None, &lock);
    let twice = predict(&now, &Change { load: 1.2, ..Change::default() }).unwrap();
    near("throughput", twice.throughput.value, 240.0, 1e-6);
    assert_eq!((twice.solver, twice.bottleneck.clone()), (Solver::Open, Bottleneck::Clients));
    assert_eq!(twice.full_first, Bottleneck::Lock("lock".to_owned()));
    // 1/D_l = 1/(0.4 · 10 ms): no more than 250.
    let too_many = predict(&now, &Change { load: 2.0, ..Change::default() }).unwrap();
    assert!(too_many.throughput.value <= 250.0 + 1e-6 && too_many.throughput.value > 240.0);
    assert_eq!(too_many.response, None);
    let asked = predict(&now, &Change::default().with_clients(10.0)).unwrap_err();
    assert_eq!(asked, CapacityError::NoClients);
    assert!(asked.hint().unwrap().contains("load"));
}

/// No requests counted: work in CPU seconds, and no response time is made up.
#[test]
fn without_requests_the_unit_is_cpu_seconds() {
    let lock = [("lock", Estimate::exact(0.5))];
    let now = Measured::given(4.0, 1.5, None, None, &lock);
    let found = predict(&now, &Change { load: 2.0, ..Change::default() }).unwrap();
    assert_eq!((found.unit, found.response), (Unit::CpuSeconds, None));
    near("most", found.throughput_max.value, 2.0, 1e-9);
    assert!(found.throughput.value <= 2.0);
}

/// What was only bounded stays bounded: the low end has the largest lock that could be unseen.
#[test]
fn an_unseen_lock_is_in_the_low_end() {
    let mut samples = Samples::new(Tier::BpfOwner, 10.0, 4.0, 20.0);
    samples.requests = Some(300);
    let now = estimate(&samples).unwrap();
    assert_eq!(now.method, Some(Method::Bound));
    let found =
        predict(&now, &Change { load: 10.0, cpus: Some(32.0), ..Change::default() }).unwrap();
    assert!(found.throughput.high > 290.0, "{found:?}");
    // 3/(300 · 2) = 0.005 of 0.0667 s a request: at most 3,000 per second, so not in the way.
    assert!(found.throughput_max.low < found.throughput_max.value * 1.01);
    samples.requests = None;
    let unknown = estimate(&samples).unwrap();
    let found =
        predict(&unknown, &Change { load: 4.0, cpus: Some(32.0), ..Change::default() }).unwrap();
    near("high", found.throughput.high, 8.0, 0.01);
    near("low", found.throughput.low, 2.0, 0.01);
}

#[test]
fn nonsense_is_refused_with_what_to_try() {
    let now = probed(0.8, 0.0);
    for change in [
        Change::to_cpus(0.0),
        Change::to_cpus(f64::INFINITY),
        Change::default().with_clients(-1.0),
        Change { load: f64::NAN, ..Change::default() },
        Change::to_lock_speed(0.0),
    ] {
        assert!(predict(&now, &change).is_err(), "{change:?}");
    }
    let mut change = Change::to_lock_speed(2.0);
    change.lock_speed[0].lock = Some("cache".to_owned());
    let error = predict(&now, &change).unwrap_err();
    assert_eq!(error.to_string(), "no lock named \"cache\" was measured");
    assert_eq!(error.hint().unwrap(), "Known are lock.");
}
