//! What the probe costs, by the kernel's own account.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use groma_lab::check;
use groma_lab::{Clients, Lab, Load, Service, os};
use groma_probe::{Options, Probe};

use crate::program;

const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";
/// The rate at which the cost is asked for.
const REQUESTS: f64 = 3_000.0;
const TIME: Duration = Duration::from_secs(1);
const WINDOWS: usize = 7;
/// Of a CPU, in the kernel: a hundredth on a machine of its own, and half as much again for one whose
/// neighbours take its caches.
const COST_MAX: f64 = 0.015;
/// Of the probe, above the server and its clients.
const PROBE_PRIORITY: i32 = 2;

/// The kernel counts the time of BPF programs while this lives.
struct Counting(String);

impl Counting {
    fn start() -> std::io::Result<Counting> {
        let before = fs::read_to_string(STATS)?;
        fs::write(STATS, "1")?;
        Ok(Counting(before))
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let _restored = fs::write(STATS, &self.0);
    }
}

/// Time spent so far in the BPF programs of this process, and how many there are.
fn programs_ns() -> (u64, usize) {
    let mut seen = std::collections::BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fdinfo").unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let number = |name: &str| -> Option<u64> {
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        };
        // A link has the id of its program too, but no time.
        if let (Some(id), Some(time)) = (number("prog_id:"), number("run_time_ns:")) {
            seen.insert(id, time);
        }
    }
    (seen.values().sum(), seen.len())
}

#[test]
fn the_probe_costs_little_of_a_cpu() {
    let Ok(_counting) = Counting::start() else {
        println!("skipped: {STATS} cannot be set");
        return;
    };
    if let Err(error) = os::become_real_time(PROBE_PRIORITY) {
        return println!("skipped: the real-time class: {error}");
    }
    let service =
        Service { demand: Duration::from_micros(300), real_time: true, ..Service::with_p(0.5) };
    let mut lab = Lab::start(program(), &service).unwrap();
    let mut probe = match check::start(lab.pid(), Options::default()) {
        Ok(probe) => probe,
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    let load = Load { think: Duration::from_micros(2_550), real_time: true, ..Load::default() };
    let _clients = Clients::start(lab.address(), &load).unwrap();
    thread::sleep(Duration::from_millis(500));
    probe.window();
    // A program that is interrupted seems to cost what was done meanwhile, and switches of others cost
    // too: the least of several is what the probe itself takes.
    let mut windows: Vec<Window> = (0..WINDOWS).map(|_| window(&mut lab, &mut probe)).collect();
    windows.sort_by(|a, b| a.at_rate.total_cmp(&b.at_rate));
    println!("{windows:#?}");
    let Window { at_rate, user, .. } = windows[0];
    assert!(at_rate <= COST_MAX, "{at_rate:.4} of a CPU at {REQUESTS} requests/s");
    assert!(user <= 0.02, "{user:.4} of a CPU outside the kernel");
}

/// What one window cost, in shares of a CPU.
#[derive(Debug)]
#[expect(dead_code, reason = "all of it is printed")]
struct Window {
    requests_a_second: f64,
    waits_a_second: f64,
    kernel: f64,
    /// In the kernel, had there been as many requests as is asked for.
    at_rate: f64,
    user: f64,
}

fn window(lab: &mut Lab, probe: &mut Probe) -> Window {
    let (truth, (kernel, programs), user) =
        (lab.truth().unwrap(), programs_ns(), os::thread_cpu_ns());
    let report = probe.measure(TIME, &AtomicBool::new(false));
    let user_ns = os::thread_cpu_ns() - user;
    let kernel_ns = programs_ns().0 - kernel;
    let window = truth.until(&lab.truth().unwrap());
    assert!(programs >= 4 && kernel_ns > 0, "{programs} programs, {kernel_ns} ns");
    assert!(report.processes[0].samples.ticks > 10, "{report:?}");
    let share = |ns: u64| ns as f64 / 1e9 / window.seconds;
    Window {
        requests_a_second: window.throughput,
        waits_a_second: window.waits,
        kernel: share(kernel_ns),
        at_rate: share(kernel_ns) * (REQUESTS / window.throughput).max(1.0),
        user: share(user_ns),
    }
}
