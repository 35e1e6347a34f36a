//! What a report says of the model: the programs it measured, their locks, where they run.

use groma_model::{Observation, Raw, Timestamp};

use super::{Names, ProcessReport, ReportError, WindowReport};
use crate::{Change, Measured, WaitKind, predict};

/// All that a window says. What a program no longer has, such as a count of requests, is said to be
/// absent. Cost: linear, and one prediction per process, for what is full first.
///
/// # Errors
/// A value has no meaning; a report that was [`read`](super::read) has none such.
pub fn facts(window: &WindowReport, names: &mut Names) -> Result<Vec<Observation>, ReportError> {
    let at = window.ended_at()?;
    let mut out = Vec::new();
    let cpus = window.machine.cpus.map(|cpus| cpus.round() as i64);
    out.push(
        Observation::new("compute.host", &*window.host, at)
            .with_some("cpus", cpus.filter(|cpus| *cpus > 0)),
    );
    for (process, name) in window.processes.iter().zip(names.of(window)?) {
        let Some(measured) = process.measured()? else { continue };
        let key = process_key(&window.host, process);
        out.push(
            Observation::new("compute.process", &*key, at)
                .with("pid", i64::from(process.pid))
                .with_some("unit", process.unit.clone())
                .with_some("started", process.started_at()?.map(|at| Raw::Text(at.to_string()))),
        );
        out.push(scalability(window, process, &measured, &name, key, at)?);
        out.extend(contention(&measured, &name, at));
    }
    Ok(out)
}

/// As the machine calls it when it is asked itself: `web1/nginx[812]`.
fn process_key(host: &str, process: &ProcessReport) -> String {
    format!("{host}/{}[{}]", process.comm, process.pid)
}

fn scalability(
    window: &WindowReport,
    process: &ProcessReport,
    measured: &Measured,
    name: &str,
    key: String,
    at: Timestamp,
) -> Result<Observation, ReportError> {
    let now = predict(measured, &Change::default()).ok();
    let bottleneck = measured.full().or(now.as_ref().map(|now| now.bottleneck.clone()));
    let p = measured.parallel;
    // Fewer than the machine has: then its affinity or a quota says so.
    let cpus_limit =
        window.machine.cpus.filter(|cpus| measured.cpus < *cpus).map(|_| measured.cpus);
    let wait = |kind: WaitKind| measured.waits.iter().find(|wait| wait.kind == kind);
    let mut said = Observation::new("capacity.scalability", name, at)
        .with("process", key)
        .with("host", &*window.host)
        .with("name", process.service())
        .with("pid", i64::from(process.pid))
        .with("started", or_absent(process.started_at()?.map(|at| at.to_string())))
        .with("release", or_absent(process.release.clone()))
        .with("measured_at", at.to_string())
        .with("window_seconds", measured.window)
        .with("p", or_absent(p.map(|p| p.value)))
        .with("p_low", or_absent(p.map(|p| p.low)))
        .with("p_high", or_absent(p.map(|p| p.high)))
        .with("method", or_absent(measured.method.map(|method| method.name())))
        .with("p_eq25", or_absent(measured.equation25))
        .with("unseen", or_absent(measured.unseen))
        .with("cpus_available", measured.cpus)
        .with("cpus_limit", or_absent(cpus_limit))
        .with("cpus_used", measured.cpus_used)
        .with("starved", or_absent(measured.starved))
        .with("throughput", or_absent(measured.throughput))
        .with("threads", or_absent(measured.threads))
        .with("clients", or_absent(measured.clients));
    for (kind, waiters, utilisation) in [
        (WaitKind::Disk, "disk_waiters", "disk_utilisation"),
        (WaitKind::Network, "network_waiters", "network_utilisation"),
        (WaitKind::Memory, "memory_waiters", "memory_utilisation"),
    ] {
        let wait = wait(kind);
        said = said
            .with(waiters, or_absent(wait.map(|wait| wait.threads)))
            .with(utilisation, or_absent(wait.and_then(|wait| wait.utilisation)));
    }
    let warnings = measured.warnings.iter().map(|warning| Raw::Text(warning.clone())).collect();
    Ok(said
        .with("demand_seconds", or_absent(measured.demand()))
        .with("bottleneck", or_absent(bottleneck.map(|limit| limit.name())))
        .with("full_first", or_absent(now.as_ref().map(|now| now.full_first.name())))
        .with("throughput_max", or_absent(now.as_ref().map(|now| now.throughput_max.value)))
        .with("full_at", or_absent(now.as_ref().map(|now| now.utilisation_full.value)))
        .with("utilisation", measured.utilisation())
        .with("tier", measured.tier.name())
        .with("samples", or_absent(process.ticks.and_then(|count| i64::try_from(count).ok())))
        .with("warnings", Raw::List(warnings)))
}

fn contention<'a>(
    measured: &'a Measured,
    name: &'a str,
    at: Timestamp,
) -> impl Iterator<Item = Observation> + 'a {
    measured.locks.iter().map(move |lock| {
        let demand = measured.demand().map(|demand| demand * lock.share.value);
        Observation::new("capacity.contention", format!("{name}/{}", lock.name), at)
            .with("scalability", name)
            .with("name", &*lock.name)
            .with("lock", &*lock.kind)
            .with("measured_at", at.to_string())
            .with("share", lock.share.value)
            .with("share_low", lock.share.low)
            .with("share_high", lock.share.high)
            .with("method", lock.method.name())
            .with("utilisation", lock.utilisation)
            .with("demand_seconds", or_absent(demand))
            .with("hold_seconds", or_absent(lock.hold))
            .with("hand_off_seconds", or_absent(lock.hand_off))
            .with("waits_per_second", lock.waits)
            .with("wait_seconds", or_absent(lock.wait))
            .with("wait_p50_seconds", or_absent(lock.wait_p50))
            .with("wait_p99_seconds", or_absent(lock.wait_p99))
            .with("contended_fraction", lock.contended)
            .with("queue", lock.queue)
    })
}

/// What is not known now is said not to be there, so that what was known before does not stay.
fn or_absent(value: Option<impl Into<Raw>>) -> Raw {
    value.map_or(Raw::Absent, Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What limits is what was seen to be full, where a model without clients would say that they do.
    #[test]
    fn a_machine_whose_cpus_are_full_limits() {
        let limit = |busy: f64| {
            let window = format!(
                r#"{{"tier":"proc","window_seconds":5,"cpus":4,"cpus_used":1,"starved":0.5,"machine_busy":{busy}}}"#
            );
            let process = format!(r#"{{"pid":7,"comm":"shop","window":{window}}}"#);
            let text = format!(r#"{{"host":"web1","at":100,"processes":[{process}]}}"#);
            let report = super::super::read(&text).unwrap();
            let facts = facts(&report, &mut Names::default()).unwrap();
            let said = format!("{facts:?}");
            said.contains(r#"Text("cpu")"#) && !said.contains(r#"Text("clients")"#)
        };
        assert!(limit(1.0));
        assert!(!limit(0.6));
    }
}
