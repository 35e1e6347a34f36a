//! What threads wait for: work, disks, sockets; and what is not contention.

use groma_capacity::{Tier, WaitKind};
use groma_probe::{Options, Probe, ProbeError, Requests, Target};

use crate::load::Load;
use crate::watched::{measure, probe, probe_with};

fn seconds_for(report: &groma_probe::Report, kind: WaitKind) -> f64 {
    let waits = &report.processes[0].samples.waits;
    waits.iter().find(|wait| wait.kind == kind).map_or(0.0, |wait| wait.time)
}

/// A pool of threads that wait on a condition variable would look fully contended if all futexes counted.
#[test]
fn a_pool_that_waits_for_work_is_not_contended() {
    let load = Load::start("queue threads=6");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    measure(&mut probe, 0.3);
    let process = &measure(&mut probe, 1.0).processes[0];
    println!("{:?}, idle {:?}", process.samples.locks, process.idle);
    assert!(process.idle.futex_waits > 20);
    assert!(process.idle.futex > process.samples.window, "six threads wait for work or a CPU");
    // Where its holder is interrupted, the mutex of the queue is waited for.
    let contended: f64 = process.samples.locks.iter().map(|lock| lock.wait_time).sum();
    assert!(contended < 0.2 * process.idle.futex, "{contended} s");
    assert!(process.samples.locks.iter().all(|lock| lock.kind != "condition"));
}

#[test]
fn a_request_is_a_reply_after_a_receive() {
    let mut load = Load::start("serve threads=3");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    measure(&mut probe, 0.2);
    let before = load.served();
    let report = measure(&mut probe, 2.0);
    let truth = load.served() - before;
    let samples = &report.processes[0].samples;
    println!("{:?} requests, truth {truth}; clients {:?}", samples.requests, samples.clients);
    let counted = samples.requests.unwrap();
    // The two do not look at the same moment, which others may make a while.
    assert!(counted.abs_diff(truth) <= truth / 8 + 10, "{counted} of {truth}");
    assert_eq!(samples.clients, Some(3.0));
    // Waiting for the next request is no demand, and the clients in the same process wait for a server.
    assert!(report.processes[0].idle.clients > 0.0);
    assert!(seconds_for(&report, WaitKind::Network) > 0.0);
}

/// What happened while it was attached is of no window.
#[test]
fn the_first_window_counts_no_more_than_the_others() {
    let mut load = Load::start("serve threads=3");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    let before = load.served();
    let report = measure(&mut probe, 0.5);
    let truth = load.served() - before;
    let counted = report.processes[0].samples.requests.unwrap();
    println!("{counted} requests, truth {truth}");
    assert!(counted <= truth + truth / 10 + 10, "{counted} of {truth}");
}

#[test]
fn calls_can_be_chosen_as_requests_and_disks_are_seen() {
    let load = Load::start("disk threads=2");
    let options = Options {
        requests: Requests::Calls(vec!["fdatasync".to_owned()]),
        tier: Some(Tier::BpfOwner),
        ..Options::default()
    };
    let Some(mut probe) = probe_with(Target::Pids(vec![load.pid()]), options) else { return };
    let report = measure(&mut probe, 1.0);
    println!("{:?}", report.processes[0].samples.waits);
    assert!(report.processes[0].samples.requests.unwrap() > 0);
    assert!(seconds_for(&report, WaitKind::Disk) > 0.05);
    assert!(seconds_for(&report, WaitKind::Network) < 0.01);
}

#[test]
fn a_wrong_name_is_refused_with_a_reason() {
    for names in [vec!["no_such_call"], vec!["none", "sendto"], vec!["sendto", "../sendto"]] {
        let requests = Requests::Calls(names.iter().map(|name| (*name).to_owned()).collect());
        // No coarser tier, which counts no calls at all, stands in for it.
        let options = Options { requests, ..Options::default() };
        let error = Probe::start(Target::Pids(vec![std::process::id()]), options).err().unwrap();
        println!("{error}. {}", error.hint().unwrap());
        assert!(matches!(&error, ProbeError::NoCall { name } if names.contains(&name.as_str())));
    }
}
