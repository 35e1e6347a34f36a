//! What is left to know once the rights of a debugger are given up, as `groma probe` does.

use std::process::{Child, Command, Stdio};

use groma_capacity::Tier;
use groma_probe::{Options, Target};

use crate::load::Load;
use crate::watched::{measure, probe_with};

/// Privileges are those of a thread: this one ends with them.
fn given_up(watch: impl FnOnce() + Send + 'static) {
    std::thread::spawn(watch).join().unwrap();
}

fn dropping() -> Options {
    Options { tier: Some(Tier::BpfOwner), drop_privileges: true, ..Options::default() }
}

#[test]
fn clients_are_counted_all_the_same() {
    given_up(|| {
        let load = Load::start("serve threads=3");
        let target = Target::Pids(vec![load.pid()]);
        let Some(mut probe) = probe_with(target, dropping()) else { return };
        let samples = measure(&mut probe, 0.5).processes.remove(0).samples;
        assert!(samples.requests > Some(0), "{samples:?}");
        assert_eq!(samples.clients, Some(3.0), "{samples:?}");
    });
}

/// Its clients are those of a whole family.
#[test]
fn who_may_share_a_port_has_no_number_of_clients() {
    given_up(|| {
        let load = Load::start("family threads=2");
        let target = Target::Pids(vec![load.pid()]);
        let Some(mut probe) = probe_with(target, dropping()) else { return };
        let samples = measure(&mut probe, 0.5).processes.remove(0).samples;
        assert_eq!(samples.clients, None, "{samples:?}");
        assert!(samples.warnings.iter().any(|text| text.contains("--children")), "{samples:?}");
    });
}

struct Python(Child);

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_a_program_hides_was_read_before() {
    let python =
        Command::new("python3").args(["-c", "while True: pass"]).stdin(Stdio::null()).spawn();
    let Ok(python) = python.map(Python) else { return println!("skipped: no python3") };
    given_up(move || {
        // It is one only once it has executed.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let target = Target::Pids(vec![python.0.id()]);
        let Some(mut probe) = probe_with(target, dropping()) else { return };
        let warnings = measure(&mut probe, 0.3).processes.remove(0).samples.warnings;
        assert!(warnings.iter().any(|text| text.starts_with("a Python program")), "{warnings:?}");
    });
}

#[test]
fn of_who_comes_later_that_is_said_to_be_unknown() {
    given_up(|| {
        let mut load = Load::start("exec");
        let Some(mut probe) = probe_with(Target::Pids(vec![load.pid()]), dropping()) else {
            return;
        };
        let unknown = "may not be read without CAP_SYS_PTRACE";
        let mut is_unknown = |seconds| {
            let warnings = measure(&mut probe, seconds).processes.remove(0).samples.warnings;
            warnings.iter().any(|text| text.contains(unknown))
        };
        assert!(!is_unknown(0.2));
        load.say("x");
        load.truth();
        assert!(is_unknown(0.8));
    });
}
