//! What `/proc` says of a process: who it is, what it may use, who its threads and children are.

use std::collections::BTreeMap;
use std::fs;

use crate::sys;

/// Threads whose run delay is read at most per window.
const THREADS_READ_MAX: usize = 4096;

/// Ids of all processes.
pub(crate) fn all() -> Vec<u32> {
    numbers("/proc")
}

/// Threads of a process by the ids of our namespace.
pub(crate) fn threads(pid: u32) -> Vec<u32> {
    numbers(&format!("/proc/{pid}/task"))
}

fn numbers(folder: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The short name, at most 15 bytes; `None`: it is gone.
pub(crate) fn comm(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim_end().to_owned())
}

/// The command line in one line, cut at 200 characters; empty for a kernel thread.
pub(crate) fn command(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&bytes).replace('\0', " ");
    line.trim_end().chars().take(200).collect()
}

/// The fields of `/proc/PID/stat` after the name, from the state on; `None`: it is gone.
pub(crate) fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// `None`: it is gone.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// When it began, in ticks since boot: tells it from a later process of the same id. `None`: it is gone
/// or a zombie.
pub(crate) fn birth(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    if matches!(fields.first()?.as_str(), "Z" | "X") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// A line of `/proc/PID/status`.
pub(crate) fn status(pid: u32, name: &str) -> Option<String> {
    field(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, name)
}

fn field(status: &str, name: &str) -> Option<String> {
    let line = status.lines().find(|line| line.split(':').next() == Some(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The process that a thread belongs to.
pub(crate) fn leader_of(tid: u32) -> Option<u32> {
    status(tid, "Tgid")?.parse().ok()
}

/// True if a thread of the process knows itself by this id: that of its innermost pid namespace.
pub(crate) fn has_thread(pid: u32, inner_tid: u32) -> bool {
    if inner_id(pid) == Some(pid) {
        return fs::exists(format!("/proc/{pid}/task/{inner_tid}")).unwrap_or(false);
    }
    threads(pid).into_iter().any(|tid| {
        fs::read_to_string(format!("/proc/{pid}/task/{tid}/status"))
            .is_ok_and(|status| innermost(&status) == Some(inner_tid))
    })
}

/// The id by which a process knows itself.
pub(crate) fn inner_id(pid: u32) -> Option<u32> {
    innermost(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn innermost(status: &str) -> Option<u32> {
    field(status, "NSpid")?.split_whitespace().last()?.parse().ok()
}

/// The pid namespace, if it is not ours.
pub(crate) fn foreign_namespace(pid: u32) -> Option<String> {
    let named = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let theirs = named(&pid.to_string())?;
    (Some(&theirs) != named("self").as_ref()).then(|| theirs.to_string_lossy().into_owned())
}

/// Seconds its threads were ready to run and got no CPU, since they began; `None`: the kernel does not
/// say. Threads that ended are not in it.
pub(crate) fn run_delay(pid: u32) -> Option<f64> {
    let mut sum = 0;
    let mut any = false;
    for tid in threads(pid).into_iter().take(THREADS_READ_MAX) {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")) else {
            continue;
        };
        if let Some(delay) =
            text.split_whitespace().nth(1).and_then(|field| field.parse::<u64>().ok())
        {
            sum += delay;
            any = true;
        }
    }
    any.then(|| sum as f64 / 1e9)
}

/// Children and their children, of all `parents`, without the parents themselves.
pub(crate) fn descendants(parents: &[u32]) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in all() {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next: Vec<u32> = parents.to_vec();
    while let Some(parent) = next.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(child);
            next.push(child);
        }
    }
    found
}

/// CPU time of several processes together, each since the last look.
#[derive(Debug, Default)]
pub(crate) struct CpuClocks {
    last: BTreeMap<u32, u64>,
}

impl CpuClocks {
    /// Seconds used by `members` since the last call; a member seen for the first time counts from
    /// now on. `None`: one of them has gone since, so the sum is not known.
    pub(crate) fn advance(&mut self, members: &[u32]) -> Option<f64> {
        let mut sum = 0;
        let mut complete = true;
        let mut now = BTreeMap::new();
        for &pid in members {
            let Some(clock) = sys::process_cpu_ns(pid) else { continue };
            now.insert(pid, clock);
            sum += clock.saturating_sub(*self.last.get(&pid).unwrap_or(&clock));
        }
        complete &= self.last.keys().all(|pid| now.contains_key(pid));
        self.last = now;
        complete.then_some(sum as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_by_name() {
        let status = "Name:\ta:b\nTgid:\t42\nNSpid:\t42\t7\n";
        assert_eq!(field(status, "Tgid").as_deref(), Some("42"));
        assert_eq!(field(status, "Name").as_deref(), Some("a:b"));
        assert_eq!(innermost(status), Some(7));
        assert_eq!(field(status, "Threads"), None);
    }

    #[test]
    fn we_exist() {
        let own = std::process::id();
        assert!(all().contains(&own));
        assert!(birth(own).is_some());
        assert!(has_thread(own, inner_id(own).unwrap()));
        assert!(!has_thread(own, u32::MAX));
        assert_eq!(leader_of(own), Some(own));
        assert_eq!(foreign_namespace(own), None);
    }
}
