//! `groma-lab programs`

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use groma_capacity::{Lock, Measured};
use groma_probe::Options;

use super::{list, say};
use crate::{Flags, check, programs};

/// Locks told of each program.
const LOCKS_TOLD: usize = 3;

pub(super) fn run(mut flags: Flags) -> Result<(), String> {
    let only: Vec<String> = list(&mut flags, "only", "postgres,memcached,python,java")?;
    let time = flags.duration("for")?.unwrap_or(Duration::from_secs(5));
    flags.all_taken()?;
    for case in programs::cases().iter().filter(|case| only.iter().any(|one| one == case.program)) {
        let title = format!("{}, {}, {} clients", case.program, case.what, case.clients);
        match measure(case, time) {
            Ok(text) => say(&format!("{title}\n{text}\n"))?,
            Err(error) => say(&format!("{title}\n  not measured: {error}\n\n"))?,
        }
    }
    Ok(())
}

fn measure(case: &programs::Case, time: Duration) -> Result<String, String> {
    let program = case.start(time).map_err(|error| error.to_string())?;
    let options = Options { follow_children: program.forks(), ..Options::default() };
    let pid = program.pid();
    let mut probe = check::start(pid, options)?;
    let report = probe.measure(time, &AtomicBool::new(false));
    drop(probe);
    let outcome = program.finish().map_err(|error| error.to_string())?;
    let process = report.processes.into_iter().next().ok_or("the probe says nothing of it")?;
    let mut text = format!("  served {:.0}/s", outcome.throughput);
    if let Some(truth) = outcome.truth {
        text += &format!(", by its own account p {:.3}", truth.p);
    }
    text += &match &process.measured {
        Some(measured) => told(measured),
        None => "\n  it used no CPU time\n".to_owned(),
    };
    let idle = process.idle;
    text += &format!(
        "  waits for work: {} futex waits, {:.1} s; clients {:.1} s, poll {:.1} s, sleep {:.1} s\n",
        idle.futex_waits, idle.futex, idle.clients, idle.poll, idle.sleep
    );
    Ok(text)
}

fn told(measured: &Measured) -> String {
    let parallel = measured.parallel.map_or("cannot be known".to_owned(), |p| {
        format!("{:.3} ({:.3} to {:.3})", p.value, p.low, p.high)
    });
    let method = measured.method.map_or("none", |method| method.name());
    let counted = measured.throughput.map_or("?".to_owned(), |rate| format!("{rate:.0}"));
    let mut text = format!(
        "\n  probe ({}, method {method}): p {parallel}, {:.2} of {} CPUs, {counted} requests/s\n",
        measured.tier.name(),
        measured.cpus_used,
        measured.cpus,
    );
    for Lock { name, kind, share, method, waits, hold, .. } in
        measured.locks.iter().take(LOCKS_TOLD)
    {
        let hold = hold.map_or("?".to_owned(), |hold| format!("{:.1} µs", hold * 1e6));
        text += &format!(
            "  lock {name} {kind}: {:.3} of the CPU time ({}), {waits:.0} waits/s, hold {hold}\n",
            share.value,
            method.name()
        );
    }
    if let Some(rest) = measured.locks.len().checked_sub(LOCKS_TOLD).filter(|rest| *rest > 0) {
        text += &format!("  and {rest} more locks\n");
    }
    for wait in &measured.waits {
        text += &format!("  {:.2} threads wait for {}\n", wait.threads, wait.kind.name());
    }
    for warning in &measured.warnings {
        text += &format!("  warning: {warning}\n");
    }
    text
}
