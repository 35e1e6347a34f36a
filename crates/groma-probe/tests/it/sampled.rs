//! Tiers 3 and 4, without BPF; and what watching costs.

use std::process::Command;

use groma_capacity::{Method, Tier};
use groma_probe::Target;

use crate::load::Load;
use crate::watched::{measure, measured, probe, watch};

/// Beside its interval: what is read from outside is read by a thread that waits for a CPU like all others.
const OFF_MAX: f64 = 0.1;

#[test]
fn owners_are_seen_from_outside() {
    let mut load = Load::start("locks threads=4 hold_us=3000 work_us=3000 think_us=9000");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::Proc) else { return };
    let (report, before, after) = watch(&mut probe, &mut load, 2.0);
    let (parallel, truth) = (measured(&report).parallel.unwrap(), before.parallel_until(&after));
    println!("p {parallel:?}, truth {truth:.3}");
    let within = parallel.low - OFF_MAX..=parallel.high + OFF_MAX;
    assert!(within.contains(&truth), "{parallel:?}, truth {truth}");
}

/// As nobody, on a process of nobody: a second copy of this test binary does the watching.
#[test]
fn nobody_may_watch_its_own() {
    const INSIDE: &str = "GROMA_PROBE_NOBODY";
    if std::env::var_os(INSIDE).is_some() {
        return owners_are_seen_from_outside();
    }
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("it");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode;
    std::fs::set_permissions(folder.path(), open(0o755)).unwrap();
    std::fs::set_permissions(&binary, open(0o755)).unwrap();
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]);
    let output = nobody
        .arg(&binary)
        .args(["--exact", "sampled::nobody_may_watch_its_own", "--nocapture"])
        .env(INSIDE, "1")
        .current_dir("/")
        .output();
    let Ok(output) = output else { return println!("skipped: setpriv is not installed") };
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

#[test]
fn the_coarsest_tier_says_that_it_is_a_lower_bound() {
    let load = Load::start("locks threads=4 hold_us=500 work_us=500 think_us=1500");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::Stat) else { return };
    let report = measure(&mut probe, 1.0);
    let measured = measured(&report);
    println!(
        "p {:?} by {:?}, ceiling {}",
        measured.parallel, measured.method, measured.equation25_ceiling
    );
    assert_eq!(report.tier.expected_error(), None);
    assert!(measured.parallel.is_none_or(|p| p.value <= measured.equation25_ceiling + 1e-9));
    assert!(matches!(measured.method, None | Some(Method::Equation25)));
}

/// By the kernel's own accounting of every BPF program of the machine.
#[test]
fn watching_costs_little() {
    const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";
    if std::fs::write(SWITCH, "1").is_err() {
        return println!("skipped: {SWITCH} cannot be set");
    }
    let load = Load::start("locks threads=4 hold_us=200 work_us=200 think_us=800");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    let window = measure(&mut probe, 2.0).window;
    let cost = probe.cost().unwrap();
    // Another test may want it too, and then ends first: off is how it was found.
    let _ = std::fs::write(SWITCH, "0");
    println!("{:.2} % of a CPU: {cost:?}", 100.0 * cost.seconds / window);
    // How often they run is up to everyone on this machine.
    assert!(cost.runs > 100);
    assert!(cost.seconds / (cost.runs as f64) < 3e-6, "{cost:?}");
}
