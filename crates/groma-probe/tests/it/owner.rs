//! Tier 1: the share of a lock, by ticks that find its owner on a CPU.

use std::process::Command;

use groma_capacity::{LockSamples, Method, Tier};
use groma_probe::Target;

use crate::load::Load;
use crate::watched::{assert_p, assert_share, measure, measured, probe, watch};

#[test]
fn owners_are_found_at_every_share() {
    for (hold_us, work_us) in [(100, 900), (500, 500), (800, 200)] {
        let mut load = Load::start(&format!(
            "locks threads=6 hold_us={hold_us} work_us={work_us} think_us=3000"
        ));
        let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
        let (report, before, after) = watch(&mut probe, &mut load, 2.0);
        assert_p(&report.processes[0], before.parallel_until(&after));
    }
}

#[test]
fn two_locks_are_told_apart() {
    let mut load =
        Load::start("locks threads=6 hold_us=300 hold2_us=100 work_us=600 think_us=3000");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    let (report, before, after) = watch(&mut probe, &mut load, 2.0);
    let locks = &measured(&report).locks;
    assert_eq!(locks.len(), 2, "{locks:?}");
    for (index, lock) in locks.iter().enumerate() {
        let ticks = report.processes[0].samples.ticks;
        assert_share(lock.share, before.share_until(&after, index), ticks);
    }
}

/// In a namespace of its own the owner word holds another number than the kernel knows the thread by.
#[test]
fn owners_are_found_in_a_pid_namespace() {
    let mut inside = Command::new("unshare");
    inside.args(["--pid", "--fork", "--kill-child"]).arg(std::env::current_exe().unwrap());
    let Some(mut load) =
        Load::start_by(inside, "locks threads=4 hold_us=500 work_us=500 think_us=1500")
    else {
        return println!("skipped: unshare --pid is not possible here");
    };
    let children =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", load.pid())).unwrap();
    let pid = children.split_whitespace().next().unwrap().parse().unwrap();
    let Some(mut probe) = probe(Target::Pids(vec![pid]), Tier::BpfOwner) else { return };
    let (report, before, after) = watch(&mut probe, &mut load, 2.0);
    assert!(report.processes[0].namespace.is_some());
    assert_p(&report.processes[0], before.parallel_until(&after));
}

/// Holds are exponential: their mean is off by four standard errors, and a tenth for what is around them.
#[track_caller]
fn assert_hold(lock: &LockSamples) {
    let (hold, truth) = (lock.hold_cpu_time / lock.holds as f64, 500e-6);
    let off_max = truth * (4.0 / (lock.holds as f64).sqrt() + 0.1);
    println!("{} holds of {hold} s", lock.holds);
    assert!((hold - truth).abs() < off_max, "{hold} s, {off_max} off at most: {lock:?}");
}

/// A lock that does not say who owns it: contended holds are followed instead.
#[test]
fn a_lock_without_an_owner_is_followed() {
    let mut load = Load::start("rust threads=6 hold_us=500 work_us=500 think_us=3000");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    let (report, ..) = watch(&mut probe, &mut load, 2.0);
    let lock = &report.processes[0].samples.locks[0];
    println!("{lock:?}");
    assert_eq!((lock.kind.as_str(), lock.owner), ("rust-mutex", None));
    assert_hold(lock);
}

/// A wait with a timeout may be for anything; its owner tells.
#[test]
fn a_lock_waited_for_with_a_timeout_has_its_owner() {
    let mut load = Load::start("timed threads=6 hold_us=1000 work_us=500 think_us=500");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    // It is known by its behaviour only after twenty waits.
    measure(&mut probe, 1.0);
    let (report, before, after) = watch(&mut probe, &mut load, 2.0);
    assert_p(&report.processes[0], before.parallel_until(&after));
}

/// Its two words are one lock, and what readers hold together is not serial.
#[test]
fn a_lock_of_readers_and_writers_is_one_and_not_sized() {
    let load = Load::start("rwlock threads=6 hold_us=1000 work_us=500 think_us=500");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    measure(&mut probe, 1.0);
    let report = measure(&mut probe, 1.0);
    let locks = &measured(&report).locks;
    assert_eq!(locks.len(), 1, "{locks:#?}");
    assert_eq!((locks[0].kind.as_str(), locks[0].method), ("pthread-rwlock", Method::Bound));
    assert!(report.processes[0].samples.locks[0].shared_waits > 0, "{report:#?}");
}

/// Tier 2: the same without ticks.
#[test]
fn without_ticks_holds_are_followed() {
    let mut load = Load::start("locks threads=6 hold_us=500 work_us=500 think_us=3000");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfFutex) else { return };
    let (report, ..) = watch(&mut probe, &mut load, 1.0);
    assert_eq!(report.tier, Tier::BpfFutex);
    let samples = &report.processes[0].samples;
    assert_eq!(samples.ticks, 0);
    let lock = &samples.locks[0];
    assert_eq!((lock.kind.as_str(), lock.owner), ("pthread-mutex", None));
    assert_hold(lock);
}

/// Without tracefs all system calls pass one door. In a mount namespace of its own, so that nobody else
/// misses it.
#[test]
fn owners_are_found_without_tracefs() {
    const INSIDE: &str = "GROMA_PROBE_NO_TRACEFS";
    if std::env::var_os(INSIDE).is_some() {
        let mut load = Load::start("locks threads=4 hold_us=500 work_us=500 think_us=1500");
        let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
        let (report, before, after) = watch(&mut probe, &mut load, 1.5);
        assert!(report.warnings.iter().any(|warning| warning.contains("tracefs")));
        assert_p(&report.processes[0], before.parallel_until(&after));
        return;
    }
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c"])
        .arg("umount -a -t tracefs; umount /sys/kernel/tracing 2>/dev/null; exec \"$@\"")
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "owner::owners_are_found_without_tracefs", "--nocapture"])
        .env(INSIDE, "1")
        .output();
    let Ok(output) = output else { return println!("skipped: unshare is not installed") };
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{said}");
    if said.contains("Operation not permitted") {
        return println!("skipped: unshare --mount is not possible here");
    }
    assert!(output.status.success());
}
