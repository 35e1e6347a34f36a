//! The machine beneath: CPUs a process may use, CPU time taken away, stalls for memory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process;

/// CPUs a process can use: the least of affinity, cgroup quota and CPUs online. At least a hundredth.
pub(crate) fn cpus_of(pid: u32) -> f64 {
    let online = online();
    let allowed =
        process::status(pid, "Cpus_allowed_list").map_or(online, |list| list_length(&list) as f64);
    quotas(pid).into_iter().fold(allowed.min(online), f64::min).max(0.01)
}

/// CPUs online.
pub(crate) fn online() -> f64 {
    let list = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    (list_length(list.trim()) as f64).max(1.0)
}

/// `0-3,8` has five.
fn list_length(list: &str) -> usize {
    list.split(',')
        .filter_map(|range| {
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            let (low, high): (usize, usize) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
            (high + 1).checked_sub(low)
        })
        .sum()
}

/// The CPU quotas of the cgroups that a process is in, and of those above them.
fn quotas(pid: u32) -> Vec<f64> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let mut quotas = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        if controllers.is_empty() {
            for folder in unified(path) {
                quotas.extend(read(&folder.join("cpu.max")).and_then(|text| quota_v2(&text)));
            }
        } else if controllers.split(',').any(|controller| controller == "cpu") {
            for folder in upwards("/sys/fs/cgroup/cpu", path) {
                quotas.extend(quota_v1(
                    read(&folder.join("cpu.cfs_quota_us")),
                    read(&folder.join("cpu.cfs_period_us")),
                ));
            }
        }
    }
    quotas
}

/// The folder of a cgroup (version 2) and those above it.
fn unified(path: &str) -> Vec<PathBuf> {
    let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .into_iter()
        .find(|root| Path::new(root).join("cgroup.controllers").exists());
    root.map(|root| upwards(root, path)).unwrap_or_default()
}

fn upwards(root: &str, path: &str) -> Vec<PathBuf> {
    let full = Path::new(root).join(path.trim_start_matches('/'));
    full.ancestors().take_while(|folder| folder.starts_with(root)).map(Path::to_owned).collect()
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// `150000 100000` are one and a half CPUs; `max 100000` is no limit.
fn quota_v2(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota.parse().ok()?, period.parse().ok()?)
}

/// -1 is no limit.
fn quota_v1(quota: Option<String>, period: Option<String>) -> Option<f64> {
    ratio(quota?.trim().parse().ok()?, period?.trim().parse().ok()?)
}

fn ratio(quota: f64, period: f64) -> Option<f64> {
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

/// Sums since boot that are read at the ends of a window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    /// CPU time of all CPUs, in ticks of the kernel.
    ticks: u64,
    /// Of it, taken by the hypervisor.
    stolen: u64,
    /// Of it, idle.
    idle: u64,
}

/// The machine over a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Machine {
    /// CPUs online.
    pub cpus: f64,
    /// Share of the CPU time that was used by anyone, in [0, 1].
    pub busy: f64,
    /// Share of the CPU time that the hypervisor gave to others, in [0, 1].
    pub stolen: f64,
}

impl Totals {
    pub(crate) fn now() -> Self {
        fs::read_to_string("/proc/stat")
            .ok()
            .and_then(|text| Self::parse(&text))
            .unwrap_or_default()
    }

    /// `cpu user nice system idle iowait irq softirq steal …`
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<u64> = stat
            .lines()
            .next()?
            .strip_prefix("cpu ")?
            .split_whitespace()
            .filter_map(|field| field.parse().ok())
            .collect();
        Some(Self {
            ticks: fields.iter().take(8).sum(),
            idle: fields.get(3)? + fields.get(4)?,
            stolen: *fields.get(7)?,
        })
    }

    pub(crate) fn until(&self, later: &Self) -> Machine {
        let all = later.ticks.saturating_sub(self.ticks).max(1) as f64;
        let share = |now: u64, before: u64| (now.saturating_sub(before) as f64 / all).min(1.0);
        let stolen = share(later.stolen, self.stolen);
        let busy = (1.0 - share(later.idle, self.idle) - stolen).clamp(0.0, 1.0);
        Machine { cpus: online(), busy, stolen }
    }
}

/// Whose memory stalls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PressureOf {
    Cgroup,
    Machine,
}

/// Seconds since boot in which some task stalled for memory: in the cgroup of the process, or where that
/// is not known, on the machine. `None`: the kernel does not count (PSI is off).
pub(crate) fn memory_stalls(pid: u32) -> Option<(f64, PressureOf)> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::")).filter(|path| *path != "/");
    let file = own.and_then(|path| unified(path).into_iter().next());
    if let Some(text) = file.and_then(|folder| read(&folder.join("memory.pressure"))) {
        return Some((some_total(&text)?, PressureOf::Cgroup));
    }
    Some((some_total(&read(Path::new("/proc/pressure/memory"))?)?, PressureOf::Machine))
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=3395671`, in microseconds.
fn some_total(pressure: &str) -> Option<f64> {
    let line = pressure.lines().find(|line| line.starts_with("some"))?;
    let micros: f64 = line.rsplit_once("total=")?.1.trim().parse().ok()?;
    Some(micros / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        assert_eq!(list_length("0-3,8"), 5);
        assert_eq!(list_length("1"), 1);
        assert_eq!(list_length(""), 0);
        assert_eq!(list_length("3-1"), 0);
    }

    #[test]
    fn quotas_of_both_versions() {
        assert_eq!(quota_v2("150000 100000\n"), Some(1.5));
        assert_eq!(quota_v2("max 100000"), None);
        assert_eq!(quota_v1(Some("-1\n".into()), Some("100000".into())), None);
        assert_eq!(quota_v1(Some("25000".into()), Some("100000".into())), Some(0.25));
    }

    #[test]
    fn steal_is_not_busy() {
        let before = Totals::parse("cpu  100 0 100 800 0 0 0 0 0 0\n").unwrap();
        let after = Totals::parse("cpu  200 0 200 1500 0 0 0 100 0 0\n").unwrap();
        let machine = before.until(&after);
        assert!((machine.busy - 0.2).abs() < 1e-9);
        assert!((machine.stolen - 0.1).abs() < 1e-9);
    }

    #[test]
    fn pressure_is_in_microseconds() {
        let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=3395671\nfull avg10=0 total=1\n";
        assert_eq!(some_total(text), Some(3.395671));
    }

    #[test]
    fn we_may_use_some_cpu() {
        let cpus = cpus_of(std::process::id());
        assert!(cpus > 0.0 && cpus <= online());
    }
}
