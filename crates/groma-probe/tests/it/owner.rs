//! Tier 1: the share of a lock, by ticks that find its owner on a CPU.

use std::process::Command;

use groma_capacity::{Method, Tier};
use groma_probe::Target;

use crate::load::Load;
use crate::watched::{measured, probe, watch};

/// Ticks are random: three standard errors of 2,000, and a little for the neighbours of the test.
const OFF_MAX: f64 = 0.04;

#[test]
fn owners_are_found_at_every_share() {
    for (hold_us, work_us) in [(100, 900), (500, 500), (800, 200)] {
        let mut load = Load::start(&format!(
            "locks threads=6 hold_us={hold_us} work_us={work_us} think_us=3000"
        ));
        let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
        let (report, before, after) = watch(&mut probe, &mut load, 2.0);
        let parallel = measured(&report).parallel.unwrap();
        let truth = before.parallel_until(&after);
        println!(
            "p {:.3} [{:.3}, {:.3}], truth {truth:.3}",
            parallel.value, parallel.low, parallel.high
        );
        assert!((parallel.value - truth).abs() < OFF_MAX, "{parallel:?}, truth {truth}");
        assert_eq!(measured(&report).method, Some(Method::Owner));
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
        let truth = before.share_until(&after, index);
        println!("share {:.3}, truth {truth:.3}", lock.share.value);
        assert!((lock.share.value - truth).abs() < OFF_MAX);
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
    let parallel = measured(&report).parallel.unwrap();
    let truth = before.parallel_until(&after);
    println!("p {:.3}, truth {truth:.3}", parallel.value);
    assert!((parallel.value - truth).abs() < OFF_MAX, "{parallel:?}, truth {truth}");
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
    let hold = lock.hold_cpu_time / lock.holds as f64;
    assert!((200e-6..1500e-6).contains(&hold), "a hold of 500 µs on average, seen as {hold} s");
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
    let hold = lock.hold_cpu_time / lock.holds as f64;
    assert!((200e-6..1500e-6).contains(&hold), "a hold of 500 µs on average, seen as {hold} s");
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
        let parallel = measured(&report).parallel.unwrap();
        let truth = before.parallel_until(&after);
        println!("p {:.3}, truth {truth:.3}", parallel.value);
        assert!((parallel.value - truth).abs() < OFF_MAX, "{parallel:?}, truth {truth}");
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
