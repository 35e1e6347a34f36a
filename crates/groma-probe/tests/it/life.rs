//! Targets that begin, end and change: nothing of them stays behind.

use groma_capacity::Tier;
use groma_probe::{Options, Report, Target};

use crate::load::Load;
use crate::watched::{assert_p, measure, of, probe, probe_with, watch};

#[test]
fn threads_that_end_leave_nothing() {
    let load = Load::start("churn threads=3 hold_us=100 work_us=100 think_us=500");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    measure(&mut probe, 1.0);
    let kept = probe.kept();
    println!("{kept:?}");
    // Three that start, one that answers, the harness, those that live at this moment.
    assert!(kept.threads <= 16, "{kept:?}");
}

#[test]
fn a_target_that_ends_is_told_and_forgotten() {
    let mut load = Load::start("locks threads=4 hold_us=300 work_us=300 think_us=1000");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    let report = measure(&mut probe, 0.5);
    assert!(!report.ended && !report.processes[0].ended);
    load.end();
    let report = measure(&mut probe, 20.0);
    assert!(report.ended && report.window < 10.0);
    assert!(report.processes[0].ended);
    let kept = probe.kept();
    println!("{kept:?}");
    assert_eq!((kept.groups, kept.threads, kept.locks, kept.targets), (0, 0, 0, 0));
}

/// One of two, before the first window is over.
#[test]
fn who_ends_at_once_keeps_the_name() {
    let stays = Load::start("locks threads=1 work_us=100 think_us=1000");
    let mut ends = Load::start("locks threads=1 work_us=100 think_us=1000");
    let target = Target::Pids(vec![stays.pid(), ends.pid()]);
    let Some(mut probe) = probe(target, Tier::BpfOwner) else { return };
    let named = |pid: u32, report: &Report| {
        let process = report.processes.iter().find(|process| process.pid == pid);
        process.map(|process| (process.comm.clone(), process.ended))
    };
    let (stayed, ended) = (stays.pid(), ends.pid());
    ends.end();
    let report = measure(&mut probe, 0.3);
    let (comm, _) = named(stayed, &report).unwrap();
    assert!(!comm.is_empty());
    assert_eq!(named(ended, &report), Some((comm, true)));
}

#[test]
fn another_program_in_the_same_process_begins_anew() {
    let mut load = Load::start("exec");
    let Some(mut probe) = probe(Target::Pids(vec![load.pid()]), Tier::BpfOwner) else { return };
    measure(&mut probe, 0.2);
    load.say("x");
    load.truth();
    let report = measure(&mut probe, 0.8);
    let warnings = &report.processes[0].samples.warnings;
    assert!(warnings.iter().any(|warning| warning.contains("another program")), "{warnings:?}");
    let report = measure(&mut probe, 0.8);
    assert_eq!(report.processes[0].samples.locks.len(), 1);
    assert!(report.processes[0].samples.locks[0].owner.unwrap().owned > 0.0);
}

#[test]
fn the_whole_machine_has_the_load_in_it() {
    let mut load = Load::start("locks threads=4 hold_us=500 work_us=500 think_us=1500");
    let Some(mut probe) = probe(Target::All, Tier::BpfOwner) else { return };
    let (report, before, after) = watch(&mut probe, &mut load, 1.5);
    let truth = before.parallel_until(&after);
    assert_eq!(of(&report, load.pid()).pid, load.pid());
    assert_p(of(&report, load.pid()), truth);
    assert!(report.processes.iter().all(|process| process.pid != std::process::id()));
}

#[test]
fn children_count_with_their_parent() {
    let load = Load::start("parent");
    let options =
        Options { tier: Some(Tier::BpfOwner), follow_children: true, ..Options::default() };
    let Some(mut probe) = probe_with(Target::Pids(vec![load.pid()]), options) else { return };
    for last in [false, false, false, true] {
        let report = measure(&mut probe, 1.0);
        let process = &report.processes[0];
        println!("{} processes, {:.2} s of CPU", process.processes, process.samples.cpu_time);
        assert!(process.processes >= 2);
        // The parent alone uses nothing.
        if process.samples.ticks > 20 {
            break;
        }
        assert!(!last, "{} ticks", process.samples.ticks);
    }
}
