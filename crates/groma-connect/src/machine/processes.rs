//! Processes and the containers and units they belong to.

use groma_model::Problem;
use serde::Deserialize;

/// Ticks of the kernel's clock per second, as `/proc` counts them on every Linux.
const TICKS_PER_SECOND: i64 = 100;
/// Digits of a container's id that people use.
const ID_LENGTH: usize = 12;

/// One line of the part `processes`, as it was recorded.
#[derive(Deserialize)]
struct Recorded {
    pid: u32,
    stat: String,
    program: Option<String>,
    cgroup: Option<String>,
    namespace: Option<u64>,
    namespace_name: Option<String>,
    #[serde(default)]
    sockets: Vec<u64>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// The kernel's short name of it.
    pub(super) name: String,
    pub(super) program: Option<String>,
    /// Nanoseconds since the machine was started.
    pub(super) started: i64,
    pub(super) container: Option<String>,
    pub(super) unit: Option<String>,
    /// Network namespace; `None`: that of the machine.
    pub(super) namespace: Option<u64>,
    pub(super) namespace_name: Option<String>,
    pub(super) sockets: Vec<u64>,
}

/// Reads the part. Threads of the kernel are left out: they have no program.
pub(super) fn read(text: &str, place: &str, problems: &mut Vec<Problem>) -> Vec<Process> {
    let mut processes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let read = serde_json::from_str(line).map_err(|error| error.to_string());
        match read.and_then(|recorded| process(recorded).ok_or("its stat is cut off".into())) {
            Ok(process) => processes.extend(process),
            Err(reason) => {
                problems.push(Problem::new(format!("{place}:{}", index + 1), line, reason));
            }
        }
    }
    processes
}

/// `Some(None)`: a thread of the kernel.
fn process(recorded: Recorded) -> Option<Option<Process>> {
    // `812 (nginx: worker) S 810 ...`: the name may hold anything, parentheses too.
    let (_, after) = recorded.stat.split_once('(')?;
    let (name, fields) = after.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let started: i64 = fields.get(19)?.parse().ok()?;
    let is_zombie = fields.first() == Some(&"Z");
    if is_zombie || recorded.program.is_none() && recorded.sockets.is_empty() {
        return Some(None);
    }
    let path = recorded.cgroup.as_deref().and_then(group_path).unwrap_or_default();
    Some(Some(Process {
        pid: recorded.pid,
        name: name.to_owned(),
        program: recorded.program,
        started: started.saturating_mul(1_000_000_000 / TICKS_PER_SECOND),
        container: container(path),
        unit: unit(path),
        namespace: recorded.namespace,
        namespace_name: recorded.namespace_name,
        sockets: recorded.sockets,
    }))
}

/// The path of the group: that of version 2 (`0::/path`), else the longest.
fn group_path(text: &str) -> Option<&str> {
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    text.lines()
        .find_map(|line| line.strip_prefix("0::"))
        .filter(|path| path.len() > 1)
        .or_else(|| paths.max_by_key(|path| path.len()))
}

/// The container that a group belongs to, as Docker, containerd, CRI-O, Podman, LXC and systemd-nspawn name it.
fn container(path: &str) -> Option<String> {
    let mut found = None;
    let mut above = "";
    for part in path.split('/') {
        let name = part.strip_suffix(".scope").unwrap_or(part);
        let id = name.rsplit(['-', ':']).next().unwrap_or(name);
        if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            found = Some(id[..ID_LENGTH].to_owned());
        } else if let Some(machine) = name.strip_prefix("machine-").filter(|_| part != name) {
            found = Some(machine.replace("\\x2d", "-"));
        } else if above == "lxc" && !part.is_empty() {
            found = Some(part.to_owned());
        } else if let Some(lxc) = name.strip_prefix("lxc.payload.") {
            found = Some(lxc.to_owned());
        }
        above = part;
    }
    found
}

/// The innermost service of systemd.
fn unit(path: &str) -> Option<String> {
    path.rsplit('/').find(|part| part.ends_with(".service")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_name_containers_and_units() {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        for path in [
            format!("/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
            format!("/kubepods/burstable/pod1/{id}"),
            format!("/machine.slice/libpod-{id}.scope/container"),
        ] {
            assert_eq!(container(&path).as_deref(), Some("0123456789ab"), "{path}");
        }
        assert_eq!(container("/lxc/web/init.scope").as_deref(), Some("web"));
        assert_eq!(container("/machine.slice/machine-db\\x2d1.scope").as_deref(), Some("db-1"));
        assert_eq!(container("/user.slice/user-1000.slice/session-2.scope"), None);
        assert_eq!(unit("/system.slice/nginx.service").as_deref(), Some("nginx.service"));
        assert_eq!(group_path("12:cpu:/a\n0::/b/c\n"), Some("/b/c"));
    }

    #[test]
    fn a_name_may_hold_parentheses() {
        let line = r#"{"pid":7,"stat":"7 (a) b) S 1 7 7 0 -1 4 0 0 0 0 1 2 3 4 20 0 1 0 250 1 2","program":"/bin/a","cgroup":null,"namespace":null,"namespace_name":null,"sockets":[5]}"#;
        let mut problems = Vec::new();
        let text = format!("{line}\n{{}}\n");
        let read = read(&text, "p", &mut problems);
        assert_eq!((read[0].name.as_str(), read[0].started), ("a) b", 2_500_000_000));
        assert_eq!(problems.len(), 1);
    }
}
