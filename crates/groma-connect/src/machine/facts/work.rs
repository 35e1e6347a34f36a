//! Containers, processes, what they listen on and who they talk to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use groma_model::{Decoded, Observation};

use super::Told;
use super::network::Own;
use crate::machine::processes::Process;
use crate::machine::sockets::{self, Socket};

const TABLES: [&str; 4] = ["tcp", "tcp6", "udp", "udp6"];

/// A socket with its namespace; `None`: that of the machine.
type Placed = (Option<u64>, Socket);

/// A place where somebody waits for others to speak.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Listener {
    /// Key of its instance.
    key: String,
    namespace: Option<u64>,
    is_tcp: bool,
    ip: IpAddr,
    port: u16,
    /// Index of its process.
    process: usize,
}

pub(super) fn write(told: &Told<'_>, own: &Own, decoded: &mut Decoded) {
    write_namespaces(told, &mut decoded.observations);
    write_containers(told, &mut decoded.observations);
    write_processes(told, &mut decoded.observations);
    let sockets = sockets(told, decoded);
    // Where several processes share a socket, the first, who opened it, is its owner.
    let mut owners: HashMap<u64, usize> = HashMap::new();
    for (index, process) in told.processes.iter().enumerate() {
        for inode in &process.sockets {
            owners.entry(*inode).or_insert(index);
        }
    }
    let listeners = listeners(told, &sockets, &owners);
    for listener in listeners.values() {
        let process = &told.processes[listener.process];
        decoded.observations.push(
            told.observe("service.instance", &*listener.key)
                .with("runs_on", format!("process/{}", key(told, process)))
                .with_some("address", address(told, own, listener)),
        );
    }
    let listeners: Vec<&Listener> = listeners.values().collect();
    write_connections(told, own, &sockets, &owners, &listeners, decoded);
}

fn write_namespaces(told: &Told<'_>, out: &mut Vec<Observation>) {
    for namespace in told.namespaces.values() {
        for port in &namespace.ports {
            let name = namespace.port(&port.name);
            let id = told.port(&name);
            out.push(
                told.observe("physical.port", &*id)
                    .with("device", &*told.host)
                    .with("name", &*name)
                    .with("type", if port.name == "lo" { "loopback" } else { "ethernet" })
                    .with_some("mac", port.mac.clone())
                    .with_some("mtu", port.mtu)
                    .with("vrf", &*namespace.name),
            );
            for (ip, length) in port.addresses.iter().filter(|(ip, _)| !ip.is_loopback()) {
                out.push(
                    told.observe("network.address", format!("{id}|{ip}"))
                        .with("ip", ip.to_string())
                        .with("prefix_length", i64::from(*length))
                        .with("port", &*id)
                        .with("vrf", &*namespace.name),
                );
            }
        }
        for (port, ip, mac) in &namespace.neighbors {
            let port = namespace.port(port);
            out.push(
                told.observe("network.neighbor", format!("{}|{port}|{ip}", told.host))
                    .with("device", &*told.host)
                    .with("port", told.port(&port))
                    .with("ip", ip.to_string())
                    .with("mac", &**mac),
            );
        }
    }
}

fn write_containers(told: &Told<'_>, out: &mut Vec<Observation>) {
    let mut containers: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for process in &told.processes {
        if let Some(container) = &process.container {
            let namespace = containers.entry(container).or_default();
            *namespace = namespace.or(process.namespace);
        }
    }
    for (container, namespace) in containers {
        let namespace = namespace.and_then(|inode| told.namespaces.get(&inode));
        let ip = namespace.and_then(|namespace| namespace.addresses().min_by_key(IpAddr::is_ipv6));
        out.push(
            told.observe("compute.container", container_key(told, container))
                .with("runs_on", format!("host/{}", told.host))
                .with_some("address", ip.map(|ip| ip.to_string())),
        );
    }
}

fn container_key(told: &Told<'_>, container: &str) -> String {
    format!("{}/{container}", told.host)
}

/// `web1/nginx[812]`
fn key(told: &Told<'_>, process: &Process) -> String {
    format!("{}/{}[{}]", told.host, process.name, process.pid)
}

fn write_processes(told: &Told<'_>, out: &mut Vec<Observation>) {
    let booted = told.text("stat").and_then(|text| booted(&text));
    for process in &told.processes {
        let runs_on = match &process.container {
            Some(container) => format!("container/{}", container_key(told, container)),
            None => format!("host/{}", told.host),
        };
        out.push(
            told.observe("compute.process", key(told, process))
                .with("runs_on", runs_on)
                .with("pid", i64::from(process.pid))
                .with_some("program", process.program.clone())
                .with_some("unit", process.unit.clone())
                .with_some("started", booted.map(|at| at.saturating_add(process.started))),
        );
    }
}

/// `btime 1763771234`, in nanoseconds.
fn booted(text: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse::<i64>().ok()?.checked_mul(1_000_000_000)
}

fn sockets(told: &Told<'_>, decoded: &mut Decoded) -> Vec<Placed> {
    let mut all = Vec::new();
    let others = told.namespaces.keys().map(|inode| (Some(*inode), inode.to_string()));
    for (namespace, name) in std::iter::once((None, "self".to_owned())).chain(others) {
        for table in TABLES {
            let part = format!("net-{name}.{table}");
            let Some(text) = told.text(&part) else { continue };
            let place = format!("{}/{part}", told.recording.source);
            let read = sockets::read(table, &place, &text, &mut decoded.problems);
            all.extend(read.into_iter().map(|socket| (namespace, socket)));
        }
    }
    all
}

/// By what they wait on. Of UDP only sockets at a port that is not from the range for callers.
fn listeners(
    told: &Told<'_>,
    sockets: &[Placed],
    owners: &HashMap<u64, usize>,
) -> BTreeMap<(Option<u64>, bool, IpAddr, u16), Listener> {
    const CALLERS_FROM: u16 = 32_768;
    let mut listeners = BTreeMap::new();
    let mut keys = BTreeSet::new();
    let mut waiting: Vec<&Placed> = (sockets.iter())
        .filter(|(_, socket)| socket.listens())
        .filter(|(_, socket)| socket.is_tcp || socket.local.1 < CALLERS_FROM)
        .collect();
    waiting.sort_by_key(|(namespace, socket)| (*namespace, socket.is_tcp, socket.local));
    for (namespace, socket) in waiting {
        let Some(process) = owners.get(&socket.inode).copied() else { continue };
        let (ip, port) = socket.local;
        let at = (*namespace, socket.is_tcp, ip, port);
        let name = &told.processes[process].name;
        let place = match namespace.and_then(|inode| told.namespaces.get(&inode)) {
            Some(namespace) => format!("{}/{}/{name}:{port}", told.host, namespace.name),
            None => format!("{}/{name}:{port}", told.host),
        };
        let mut key = if socket.is_tcp { place } else { format!("{place}/udp") };
        if !keys.insert(key.clone()) {
            // The same port on several addresses.
            key = format!("{key}@{ip}");
            keys.insert(key.clone());
        }
        let listener =
            Listener { key, namespace: *namespace, is_tcp: socket.is_tcp, ip, port, process };
        listeners.entry(at).or_insert(listener);
    }
    listeners
}

/// Where others reach it: `10.0.0.1:8080`; that of the machine or namespace if it listens on all.
fn address(told: &Told<'_>, own: &Own, listener: &Listener) -> Option<String> {
    let ip = if !listener.ip.is_unspecified() {
        Some(listener.ip)
    } else {
        match listener.namespace.and_then(|inode| told.namespaces.get(&inode)) {
            Some(namespace) => namespace.addresses().min_by_key(IpAddr::is_ipv6),
            None => own.main_address,
        }
    };
    ip.map(|ip| SocketAddr::new(ip, listener.port).to_string())
}

/// All connections of one process to one address and port, or from one address to one of its ports.
#[derive(Default)]
struct Connection {
    instance: Option<String>,
    count: i64,
}

fn write_connections(
    told: &Told<'_>,
    own: &Own,
    sockets: &[Placed],
    owners: &HashMap<u64, usize>,
    listeners: &[&Listener],
    decoded: &mut Decoded,
) {
    // (process, is_in, is_tcp, far address, the port that is not the caller's)
    let mut connections: BTreeMap<(usize, bool, bool, IpAddr, u16), Connection> = BTreeMap::new();
    for (namespace, socket) in sockets.iter().filter(|(_, socket)| socket.is_connected()) {
        let Some(process) = owners.get(&socket.inode).copied() else { continue };
        let (ip, port) = socket.local;
        let taken_by = listeners.iter().find(|listener| {
            let same = (listener.namespace, listener.is_tcp, listener.port)
                == (*namespace, socket.is_tcp, port);
            same && (listener.ip == ip || listener.ip.is_unspecified())
        });
        let (is_in, port, instance) = match taken_by {
            Some(listener) => (true, port, Some(listener.key.clone())),
            None => (false, socket.remote.1, called(told, own, *namespace, socket, listeners)),
        };
        let connection =
            connections.entry((process, is_in, socket.is_tcp, socket.remote.0, port)).or_default();
        connection.instance = connection.instance.take().or(instance);
        connection.count += 1;
    }
    for ((process, is_in, is_tcp, ip, port), connection) in connections {
        let process = key(told, &told.processes[process]);
        let protocol = if is_tcp { "tcp" } else { "udp" };
        let far = SocketAddr::new(ip, port);
        let name = match is_in {
            true => format!("{ip}>{process}:{port}/{protocol}"),
            false => format!("{process}>{far}/{protocol}"),
        };
        decoded.observations.push(
            told.observe("service.connection", name)
                .with("process", process)
                .with("direction", if is_in { "in" } else { "out" })
                .with("protocol", protocol)
                .with("remote_ip", ip.to_string())
                .with("port", i64::from(port))
                .with_some("instance", connection.instance)
                .with("count", connection.count),
        );
    }
}

/// The listener of this machine that is called, if it is one.
fn called(
    told: &Told<'_>,
    own: &Own,
    caller: Option<u64>,
    socket: &Socket,
    listeners: &[&Listener],
) -> Option<String> {
    let (ip, port) = socket.remote;
    let has = |namespace: Option<u64>| match namespace.and_then(|inode| told.namespaces.get(&inode))
    {
        Some(namespace) => namespace.addresses().any(|own| own == ip),
        None => own.addresses.contains(&ip) && !ip.is_loopback(),
    };
    let found = listeners.iter().find(|listener| {
        listener.is_tcp == socket.is_tcp
            && listener.port == port
            && (listener.ip == ip || listener.ip.is_unspecified())
            && if ip.is_loopback() { listener.namespace == caller } else { has(listener.namespace) }
    });
    found.map(|listener| listener.key.clone())
}
