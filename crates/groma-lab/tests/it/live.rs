//! The probe against the truth, on this kernel, now.
//!
//! Each test skips itself, and says why, where the kernel refuses what it needs. `GROMA_SOAK=1` runs
//! the whole grid. Errors are bounded, throughputs are not: the machine may be busy.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use groma_capacity::{Method, Tier};
use groma_lab::check::{Checked, Pressure, Run};
use groma_lab::{Lab, Load, LockKind, PoolKind, Service, os, programs};
use groma_probe::{Options, Probe, Target};

use crate::program;

const TIME: Duration = Duration::from_secs(4);
/// So many ticks leave a sampling error well below 0.02.
const TICKS_MIN: u64 = 2_400;
/// Ticks a second and CPU: more than the usual 997, so that light loads give enough in `TIME`.
const RATE_HZ: u64 = 2_503;

/// Whether this tier works here; prints why not.
fn can_watch(tier: Tier) -> bool {
    let options = Options { tier: Some(tier), ..Options::default() };
    match Probe::start(Target::Pids(vec![1]), options) {
        Ok(_) => true,
        Err(error) => {
            println!("skipped: {error}");
            false
        }
    }
}

fn in_soak() -> bool {
    std::env::var_os("GROMA_SOAK").is_some()
}

fn run(service: Service, pressure: Pressure) -> Run {
    let mut run = Run::new(service, pressure, TIME);
    run.probe.rate_hz = RATE_HZ;
    run
}

/// Where others leave few processors, it takes longer until there are enough ticks.
fn until_enough(mut run: Run) -> Checked {
    loop {
        let checked = run.check(program()).unwrap();
        if checked.report.samples.ticks >= TICKS_MIN / 2 || run.time > 4 * TIME {
            return checked;
        }
        println!("{} ticks, again", checked.report.samples.ticks);
        run.time *= 2;
    }
}

/// Four standard errors of what was sampled: ticks, or holds that are exponential.
fn sampled(checked: &Checked, method: Method) -> f64 {
    let (p, samples) = (checked.truth.p, &checked.report.samples);
    match method {
        Method::Holds => {
            let holds: u64 = samples.locks.iter().map(|lock| lock.holds).sum();
            4.0 * (1.0 - p) / (holds as f64).sqrt()
        }
        _ => 4.0 * (p * (1.0 - p) / samples.ticks as f64).sqrt(),
    }
}

/// The probe's p is so near the truth as its samples allow, with the method it should have used; `bound` is
/// what the method itself may be off by.
#[track_caller]
fn assert_near(checked: &Checked, method: Method, bound: f64) {
    let measured = checked.report.measured.as_ref().unwrap();
    let error = checked.error().unwrap();
    let facts = format!(
        "truth {:.4}, error {error:+.4}, {} ticks, load {}, {measured:#?}",
        checked.truth.p, checked.report.samples.ticks, checked.load_average
    );
    assert_eq!(measured.method, Some(method), "{facts}");
    assert!(error.abs() <= bound + sampled(checked, method), "{facts}");
}

#[test]
fn p_is_right_at_every_load() {
    if !can_watch(Tier::BpfOwner) {
        return;
    }
    let cells: Vec<(f64, Pressure)> = if in_soak() {
        let tenths = (1..10).map(|tenth| f64::from(tenth) / 10.0);
        tenths.flat_map(|p| Pressure::ALL.iter().map(move |load| (p, *load))).collect()
    } else {
        use Pressure::{Heavy, Light, Medium};
        vec![(0.1, Heavy), (0.5, Medium), (0.9, Heavy), (0.3, Light), (0.7, Medium)]
    };
    for (p, pressure) in cells {
        let checked = until_enough(run(Service::with_p(p), pressure));
        println!(
            "{p} {pressure}: truth {:.4} error {:+.4}",
            checked.truth.p,
            checked.error().unwrap()
        );
        assert_near(&checked, Method::Owner, 0.01);
    }
}

#[test]
fn p_is_right_where_processors_are_short() {
    if !can_watch(Tier::BpfOwner) {
        return;
    }
    for (p, pressure) in [(0.3, Pressure::Heavy), (0.8, Pressure::Medium)] {
        let mut run = run(Service::with_p(p), pressure);
        run.neighbours = 6;
        assert_near(&until_enough(run), Method::Owner, 0.01);
    }
}

#[test]
fn short_sections_are_seen() {
    if !can_watch(Tier::BpfOwner) {
        return;
    }
    let service = Service { demand: Duration::from_micros(300), ..Service::with_p(0.5) };
    assert_near(&until_enough(run(service, Pressure::Heavy)), Method::Owner, 0.02);
}

#[test]
fn two_locks_are_told_apart() {
    if !can_watch(Tier::BpfOwner) {
        return;
    }
    let service = Service { shares: vec![0.3, 0.1], ..Service::default() };
    let checked = until_enough(run(service, Pressure::Heavy));
    assert_near(&checked, Method::Owner, 0.01);
    let measured = checked.report.measured.as_ref().unwrap();
    assert_eq!(measured.locks.len(), 2, "{measured:#?}");
    for (lock, share) in measured.locks.iter().zip(&checked.truth.shares) {
        let off_max = 0.01 + sampled(&checked, Method::Owner);
        assert!((lock.share.value - share).abs() <= off_max, "{share} {measured:#?}");
    }
}

#[test]
fn a_lock_without_an_owner_is_measured_by_its_holds() {
    if !can_watch(Tier::BpfFutex) {
        return;
    }
    let service = Service { lock: LockKind::Ownerless, ..Service::with_p(0.4) };
    assert_near(&until_enough(run(service, Pressure::Heavy)), Method::Holds, 0.03);
}

#[test]
fn a_pool_that_waits_for_work_is_no_contention() {
    if !can_watch(Tier::BpfOwner) {
        return;
    }
    for pool in PoolKind::ALL {
        let service = Service { pool: Some(*pool), shares: vec![], ..Service::default() };
        let checked = run(service, Pressure::Medium).check(program()).unwrap();
        let measured = checked.report.measured.as_ref().unwrap();
        // The mutex of the condition is held for less than a microsecond. Preempted in there, its
        // holder does make others wait, and then that is contention.
        let share: f64 = measured.locks.iter().map(|lock| lock.share.value).sum();
        let few = 0.01 + 4.0 / (checked.report.samples.ticks as f64).sqrt();
        assert!(share < few, "{pool}: {measured:#?}");
        assert!(measured.parallel.is_none_or(|p| p.high > 1.0 - few), "{pool}: {measured:#?}");
        assert!(checked.report.idle.futex_waits > 20, "{pool}: {:?}", checked.report.idle);
    }
    let service = Service { pool: Some(PoolKind::Condvar), ..Service::with_p(0.5) };
    assert_near(&until_enough(run(service, Pressure::Heavy)), Method::Owner, 0.01);
}

#[test]
fn threads_that_come_and_go_change_nothing() {
    if !can_watch(Tier::BpfOwner) {
        return;
    }
    let mut run = run(Service::with_p(0.5), Pressure::Heavy);
    run.load = Load { reconnect: true, ..run.load };
    assert_near(&until_enough(run), Method::Owner, 0.01);
}

#[test]
fn a_process_in_a_pid_namespace_is_measured() {
    if !can_watch(Tier::BpfOwner) {
        return;
    }
    let before = ["unshare", "--pid", "--fork", "--kill-child"];
    let made = Command::new(before[0]).args(&before[1..]).arg("true").status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: no new PID namespace can be made here");
        return;
    }
    let run = run(Service::with_p(0.3), Pressure::Heavy);
    let lab = Lab::start_under(&before, program(), &run.service).unwrap();
    let children = format!("/proc/{0}/task/{0}/children", lab.pid());
    let pid = fs::read_to_string(children).unwrap().trim().parse().unwrap();
    let checked = run.check_lab(lab, pid).unwrap();
    assert!(checked.report.namespace.is_some());
    assert_near(&checked, Method::Owner, 0.01);
}

#[test]
fn who_may_nothing_still_measures_his_own() {
    if !os::is_root() {
        println!("skipped: only root can become nobody");
        return;
    }
    // Where nobody can execute it and write.
    let folder = tempfile::tempdir().unwrap();
    open_to_all(folder.path());
    let (copy, csv) = (folder.path().join("groma-lab"), folder.path().join("rows.csv"));
    fs::copy(program(), &copy).unwrap();
    // Holds that last several looks, and holds that are over before the next.
    for demand in ["4ms", "300us"] {
        let output = Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(&copy)
            .args(["check", "--values", "0.3,0.7", "--loads", "heavy", "--for", "4s"])
            .args(["--demand", demand, "--csv"])
            .arg(&csv)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let rows = fs::read_to_string(&csv).unwrap();
        println!("{demand}\n{rows}");
        rows.lines().skip(1).for_each(truth_is_inside);
    }
}

/// A row of the table of a check in tier 3.
fn truth_is_inside(row: &str) {
    let cells: Vec<&str> = row.split(',').collect();
    let cell = |index: usize| cells[index].parse::<f64>().unwrap();
    assert_eq!(cells[11], "proc", "{row}");
    let (truth, low, high) = (cell(2), cell(4), cell(5));
    // One interval in twenty is allowed to miss, a little.
    assert!((low - 0.03..=high + 0.03).contains(&truth), "{row}");
    assert!(low > 0.0 || high < 1.0, "{row}");
}

/// Semaphores that one may pass, and locks that never sleep: nobody can tell how much is serial, and
/// nobody says so.
#[test]
fn locks_that_cannot_be_seen_are_no_certainty() {
    if !can_watch(Tier::BpfOwner) {
        return;
    }
    for lock in [LockKind::Semaphore, LockKind::Spin] {
        for (p, pressure) in [(0.3, Pressure::Heavy), (0.9, Pressure::Light)] {
            let service = Service { lock, ..Service::with_p(p) };
            let checked = run(service, pressure).check(program()).unwrap();
            let measured = checked.report.measured.as_ref().unwrap();
            let facts = format!("{lock} {p} {pressure}: {:.3} {measured:#?}", checked.truth.p);
            match measured.parallel {
                Some(said) => {
                    let within = said.low - 0.03..=said.high + 0.03;
                    assert!(within.contains(&checked.truth.p), "{facts}");
                    assert!(pressure == Pressure::Light, "{facts}");
                }
                None => assert!(measured.unknown().is_some(), "{facts}"),
            }
        }
    }
}

/// Its interpreter lock is a condition variable: read as idle waiting, p would be 1.
#[test]
fn a_program_that_hides_its_locks_is_unknown() {
    if !can_watch(Tier::BpfOwner) {
        return;
    }
    let cases = programs::cases();
    let case = cases.iter().find(|case| case.program == "python").unwrap();
    let python = match case.start(TIME) {
        Ok(python) => python,
        Err(error) => return println!("skipped: python3: {error}"),
    };
    let options = Options::default();
    let mut probe = Probe::start(Target::Pids(vec![python.pid()]), options).unwrap();
    let report = probe.measure(TIME, &AtomicBool::new(false));
    let truth = python.finish().unwrap().truth.unwrap();
    let measured = report.processes[0].measured.as_ref().unwrap();
    assert!(truth.p < 0.7, "{truth:?}");
    assert_eq!(measured.parallel, None, "{measured:#?}");
    assert!(measured.warnings.iter().any(|text| text.starts_with("p cannot be known")));
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
}
