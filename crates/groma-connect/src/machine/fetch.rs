//! Reads the machine. Nothing is understood here beyond what is needed to find the next file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use groma_model::{Problem, Timestamp};

use super::{IMPORTER, SCHEME, netlink};
use crate::live::{FetchError, Recording};

/// Most processes that are looked at.
const PROCESSES_MAX: usize = 100_000;
/// Most open files of one process that are looked at.
const FILES_MAX: usize = 1 << 20;
/// Most bytes of one file of `/proc` or `/sys`.
const FILE_SIZE_MAX: u64 = 64 << 20;
/// Most network namespaces that are looked into.
const NAMESPACES_MAX: usize = 4096;

/// Small files as they are, by the name of their part.
const FILES: [(&str, &str); 9] = [
    ("hostname", "/proc/sys/kernel/hostname"),
    ("machine-id", "/etc/machine-id"),
    ("os-release", "/etc/os-release"),
    ("meminfo", "/proc/meminfo"),
    ("cpuinfo", "/proc/cpuinfo"),
    ("stat", "/proc/stat"),
    ("vendor", "/sys/class/dmi/id/sys_vendor"),
    ("model", "/sys/class/dmi/id/product_name"),
    ("serial", "/sys/class/dmi/id/product_serial"),
];
/// Files that any machine has.
const NEEDED: [&str; 3] = ["hostname", "meminfo", "stat"];
/// Tables of a network namespace, below `/proc/<pid>/net`.
const TABLES: [&str; 4] = ["tcp", "tcp6", "udp", "udp6"];
/// What else is readable of a namespace that is not ours.
const OTHER_TABLES: [&str; 4] = ["dev", "fib_trie", "if_inet6", "arp"];

pub(super) fn fetch(now: Timestamp) -> Result<Recording, FetchError> {
    let mut recording = Recording::new(SCHEME.usage, String::new(), &IMPORTER, now);
    for (part, path) in FILES {
        match read(Path::new(path)) {
            Ok(bytes) => add(&mut recording, part, bytes)?,
            Err(error) if NEEDED.contains(&part) => lack(&mut recording, path, &error),
            Err(_) => {}
        }
    }
    let name = recording.part("hostname").map(|name| String::from_utf8_lossy(name).into_owned());
    recording.source = super::source_of(name.as_deref().unwrap_or_default().trim());
    for (part, request) in netlink::dumps() {
        match netlink::dump(request) {
            Ok(bytes) => add(&mut recording, part, bytes)?,
            Err(error) => lack(&mut recording, part, &error),
        }
    }
    add(&mut recording, "speeds", speeds())?;
    let namespaces = processes(&mut recording)?;
    for table in TABLES {
        match read(&Path::new("/proc/self/net").join(table)) {
            Ok(bytes) => add(&mut recording, &format!("net-self.{table}"), bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => lack(&mut recording, &format!("/proc/self/net/{table}"), &error),
        }
    }
    other_namespaces(&namespaces, &mut recording)?;
    lldp_frames(&mut recording)?;
    Ok(recording)
}

fn add(recording: &mut Recording, name: &str, bytes: Vec<u8>) -> Result<(), FetchError> {
    match recording.add(name, bytes) {
        true => Ok(()),
        false => Err(FetchError::TooLarge { what: SCHEME.usage.into() }),
    }
}

fn lack(recording: &mut Recording, place: &str, error: &io::Error) {
    recording.lack(Problem::new(place, "", format!("cannot be read: {error}")));
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_SIZE_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_text(path: &Path) -> Option<String> {
    read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// `eth0 10000`: Mbit/s, of interfaces that say so.
fn speeds() -> Vec<u8> {
    let mut lines = String::new();
    for path in folders(Path::new("/sys/class/net")) {
        let (Some(name), Some(speed)) =
            (path.file_name().and_then(|name| name.to_str()), read_text(&path.join("speed")))
        else {
            continue;
        };
        if speed.parse::<u64>().is_ok() {
            lines.push_str(&format!("{name} {speed}\n"));
        }
    }
    lines.into_bytes()
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Writes `processes`, one JSON object a line, and gives a process of each network namespace that is not ours.
fn processes(recording: &mut Recording) -> Result<BTreeMap<u64, PathBuf>, FetchError> {
    let own = fs::metadata("/proc/self/ns/net").map(|meta| meta.ino()).ok();
    let named = named_namespaces();
    let (mut lines, mut closed, mut namespaces) = (String::new(), 0_u64, BTreeMap::new());
    let mut pids: Vec<u32> = folders(Path::new("/proc"))
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    if pids.len() > PROCESSES_MAX {
        let reason = format!("{} processes, more than the {PROCESSES_MAX} read", pids.len());
        recording.lack(Problem::new("/proc", "", reason));
        pids.truncate(PROCESSES_MAX);
    }
    for pid in pids {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        // A process that ended meanwhile is none.
        let Some(stat) = read_text(&folder.join("stat")) else { continue };
        let namespace = fs::metadata(folder.join("ns/net")).map(|meta| meta.ino()).ok();
        let (sockets, whole) = sockets(&folder);
        closed += u64::from(!whole);
        let other = namespace.filter(|namespace| Some(*namespace) != own);
        if let Some(other) = other {
            namespaces.entry(other).or_insert_with(|| folder.clone());
        }
        let line = serde_json::json!({
            "pid": pid,
            "stat": stat,
            "program": program(&folder),
            "cgroup": read_text(&folder.join("cgroup")),
            "namespace": other,
            "namespace_name": other.and_then(|other| named.get(&other)),
            "sockets": sockets,
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    if closed > 0 {
        let reason = format!(
            "the open files of {closed} processes may not be read, so their sockets have no owner; root may"
        );
        recording.lack(Problem::new("/proc/*/fd", "", reason));
    }
    add(recording, "processes", lines.into_bytes())?;
    Ok(namespaces)
}

/// The program, without its arguments.
fn program(folder: &Path) -> Option<String> {
    let line = read(&folder.join("cmdline")).ok()?;
    let first = line.split(|byte| *byte == 0).next().filter(|first| !first.is_empty())?;
    Some(String::from_utf8_lossy(first).into_owned())
}

/// Inodes of the sockets that a process holds, and whether all its files could be read.
fn sockets(folder: &Path) -> (BTreeSet<u64>, bool) {
    let Ok(entries) = fs::read_dir(folder.join("fd")) else {
        return (BTreeSet::new(), !folder.join("fd").exists());
    };
    let links =
        entries.flatten().take(FILES_MAX).filter_map(|entry| fs::read_link(entry.path()).ok());
    let inode = |link: PathBuf| {
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok()
    };
    (links.filter_map(inode).collect(), true)
}

/// Names that `ip netns` gave, by inode.
fn named_namespaces() -> BTreeMap<u64, String> {
    let name = |path: PathBuf| {
        let inode = fs::metadata(&path).ok()?.ino();
        Some((inode, path.file_name()?.to_str()?.to_owned()))
    };
    folders(Path::new("/run/netns")).into_iter().filter_map(name).collect()
}

fn other_namespaces(
    namespaces: &BTreeMap<u64, PathBuf>,
    recording: &mut Recording,
) -> Result<(), FetchError> {
    if namespaces.len() > NAMESPACES_MAX {
        let reason =
            format!("{} network namespaces, more than the {NAMESPACES_MAX} read", namespaces.len());
        recording.lack(Problem::new("/proc/*/ns/net", "", reason));
    }
    for (inode, folder) in namespaces.iter().take(NAMESPACES_MAX) {
        for table in TABLES.iter().chain(&OTHER_TABLES) {
            if let Ok(bytes) = read(&folder.join("net").join(table)) {
                add(recording, &format!("net-{inode}.{table}"), bytes)?;
            }
        }
        add(recording, &format!("net-{inode}.links"), links_inside(folder))?;
    }
    Ok(())
}

/// `eth0 2 17 02:42:ac:11:00:02 1500`: name, own index, index of the other end, MAC address, MTU. Empty where `/sys`
/// may not be read or is of another namespace.
fn links_inside(folder: &Path) -> Vec<u8> {
    let devices = read_text(&folder.join("net/dev")).unwrap_or_default();
    let known: BTreeSet<&str> =
        devices.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    let mut lines = String::new();
    let mut seen = BTreeSet::new();
    for path in folders(&folder.join("root/sys/class/net")) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let file = |file: &str| read_text(&path.join(file)).unwrap_or_else(|| "-".into());
        let (index, other, mac, mtu) =
            (file("ifindex"), file("iflink"), file("address"), file("mtu"));
        if path.is_dir() {
            lines.push_str(&format!("{name} {index} {other} {mac} {mtu}\n"));
            seen.insert(name.to_owned());
        }
    }
    if seen.iter().map(String::as_str).eq(known) { lines.into_bytes() } else { Vec::new() }
}

/// Frames of neighbours, as systemd-networkd keeps them: each with its length in front.
fn lldp_frames(recording: &mut Recording) -> Result<(), FetchError> {
    for path in folders(Path::new("/run/systemd/netif/lldp")) {
        let Some(index) = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok())
        else {
            continue;
        };
        if let Ok(bytes) = read(&path) {
            add(recording, &format!("lldp-{index}"), bytes)?;
        }
    }
    Ok(())
}
