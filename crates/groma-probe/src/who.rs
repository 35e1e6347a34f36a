//! Who a process is beyond its id, so that it is the same one after it is started anew.

use std::fs;

use crate::process;

/// Ticks of the kernel's clock per second, as `/proc` counts them on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What this machine calls itself; empty: it does not say.
pub(crate) fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// When it was started, seconds since 1970; `None`: it is gone.
pub(crate) fn started(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let booted = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(booted.trim().parse::<f64>().ok()? + process::birth(pid)? as f64 / TICKS_PER_SECOND)
}

/// The innermost service of systemd that it belongs to: `nginx.service`.
pub(crate) fn unit(pid: u32) -> Option<String> {
    unit_of(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
}

fn unit_of(cgroup: &str) -> Option<String> {
    let paths = || cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let unified = cgroup.lines().find_map(|line| line.strip_prefix("0::"));
    let unit =
        |path: &str| path.rsplit('/').find(|part| part.ends_with(".service")).map(str::to_owned);
    unified.and_then(unit).or_else(|| paths().find_map(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_service_is_the_unit() {
        let unit = |text| unit_of(text);
        assert_eq!(unit("0::/system.slice/nginx.service\n").as_deref(), Some("nginx.service"));
        let nested = "0::/user.slice/user@0.service/app.slice/a.service\n";
        assert_eq!(unit(nested).as_deref(), Some("a.service"));
        let both = "12:cpu:/system.slice/db.service\n0::/\n";
        assert_eq!(unit(both).as_deref(), Some("db.service"));
        assert_eq!(unit("0::/user.slice/session-2.scope\n"), None);
    }

    #[test]
    fn this_process_was_started_lately_on_a_machine_with_a_name() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let started = started(std::process::id()).unwrap();
        assert!((0.0..3_600.0).contains(&(now.as_secs_f64() + 2.0 - started)), "{started}");
        assert!(!host().is_empty());
    }
}
