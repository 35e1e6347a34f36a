//! Which sockets a process serves: a wait on those is a wait for the next request, not a demand.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

use crate::process;

/// Descriptors looked at per window and group.
const DESCRIPTORS_MAX: usize = 8192;
const AF_UNIX: u64 = 1;
const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;
/// States of `/proc/net/tcp`.
const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// What a group of processes serves at this moment.
#[derive(Debug, Default)]
pub(crate) struct Serving {
    listening: BTreeSet<u16>,
    clients: usize,
    /// Other processes may serve on its ports too, and whose a connection is may not be seen.
    shares_port: bool,
    /// Ports above are handed out to those who ask for none: nobody serves on them.
    ephemeral_from: u16,
}

impl Serving {
    /// Looks at the sockets of the processes, which share a network namespace. `used` are the ports on
    /// which data of theirs has moved or was waited for, as the kernel side packs them.
    ///
    /// Whose a socket is, tell the descriptors of a process, to who has the rights of a debugger. To
    /// others it is theirs if they use its port and nobody of their family is left that could.
    pub(crate) fn of(members: &[u32], used: impl Iterator<Item = u64>) -> Self {
        let Some(first) = members.first() else { return Self::default() };
        let tables: Vec<String> = ["tcp", "tcp6"]
            .iter()
            .filter_map(|table| fs::read_to_string(format!("/proc/{first}/net/{table}")).ok())
            .collect();
        let rows: Vec<Row> =
            tables.iter().flat_map(|table| table.lines().skip(1).filter_map(row)).collect();
        let listening: BTreeSet<u16> =
            rows.iter().filter(|row| row.state == LISTEN).map(|row| row.port).collect();
        let accepted =
            rows.iter().filter(|row| row.state == ESTABLISHED && listening.contains(&row.port));
        let (clients, shares_port) = match sockets_of(members) {
            _ if listening.is_empty() => (0, false),
            Some(own) => (accepted.filter(|row| own.contains(&row.inode)).count(), false),
            None => {
                let used: BTreeSet<u16> = used.filter_map(tcp_port).collect();
                let clients = accepted.filter(|row| used.contains(&row.port)).count();
                (clients, clients > 0 && has_family_outside(members))
            }
        };
        Self { clients, shares_port, ephemeral_from: ephemeral_from(), listening }
    }

    /// True if a socket of this local port (family, name and number, as the kernel side packs them) was
    /// accepted by the process, not opened by it.
    pub(crate) fn is_ours(&self, port: u64) -> bool {
        let (family, named, number) = (port >> 32, port >> 16 & 1 == 1, port as u16);
        if family == AF_UNIX {
            return named;
        }
        self.listening.contains(&number) || (number != 0 && number < self.ephemeral_from)
    }

    /// Connections of clients; `None`: it does not listen on TCP, or not alone, so nobody knows.
    pub(crate) fn clients(&self) -> Option<f64> {
        (self.clients > 0 && !self.shares_port).then_some(self.clients as f64)
    }

    /// What the reader should know of that.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        self.shares_port.then_some(
            "its clients are not counted: its parent or children may serve on the same port; watch \
             the parent with --children to count all as one",
        )
    }
}

struct Row<'a> {
    port: u16,
    state: &'a str,
    inode: u64,
}

/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`
fn row(line: &str) -> Option<Row<'_>> {
    let mut fields = line.split_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Row { port: u16::from_str_radix(port, 16).ok()?, state, inode })
}

/// The number of the port, if it is one of TCP or UDP.
fn tcp_port(packed: u64) -> Option<u16> {
    matches!(packed >> 32, AF_INET | AF_INET6).then_some(packed as u16)
}

/// Their sockets; `None`: we may not see them.
fn sockets_of(members: &[u32]) -> Option<BTreeSet<u64>> {
    let is_hidden = |error: &std::io::Error| error.kind() == ErrorKind::PermissionDenied;
    let mut sockets = BTreeSet::new();
    let mut left = DESCRIPTORS_MAX;
    for pid in members {
        // A process that is gone, or a descriptor that was closed since, serves nobody.
        let folder = match fs::read_dir(format!("/proc/{pid}/fd")) {
            Err(error) if is_hidden(&error) => return None,
            folder => folder.into_iter().flatten().flatten(),
        };
        for entry in folder.take(left) {
            left -= 1;
            let link = match fs::read_link(entry.path()) {
                Err(error) if is_hidden(&error) => return None,
                link => link.unwrap_or_default(),
            };
            let inode = link.to_str().and_then(|link| link.strip_prefix("socket:["));
            let inode = inode.and_then(|inode| inode.strip_suffix(']')?.parse::<u64>().ok());
            sockets.extend(inode);
        }
    }
    Some(sockets)
}

/// Whether a parent or child that runs the same program, and so may serve on the same sockets, is none of
/// these. We serve nobody.
fn has_family_outside(members: &[u32]) -> bool {
    let Some(&first) = members.first() else { return false };
    let (comm, parent) = (process::comm(first), process::parent(first));
    let is_parent_or_child = |pid: &u32| {
        parent == Some(*pid)
            || process::parent(*pid).is_some_and(|parent| members.contains(&parent))
    };
    let is_outside = |pid: &u32| *pid != std::process::id() && !members.contains(pid);
    let is_family = |pid: &u32| is_outside(pid) && is_parent_or_child(pid);
    process::all().iter().filter(|pid| is_family(pid)).any(|pid| process::comm(*pid) == comm)
}

fn ephemeral_from() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn an_accepted_connection_is_a_client() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let away = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (_accepted, _) = listener.accept().unwrap();
        let serving = Serving::of(&[std::process::id()], std::iter::empty());
        assert!(serving.is_ours(2 << 32 | u64::from(port)));
        assert!(!serving.is_ours(2 << 32 | u64::from(away.local_addr().unwrap().port())));
        assert!(serving.clients().unwrap() >= 1.0);
    }

    #[test]
    fn a_named_unix_socket_was_accepted() {
        let serving = Serving::default();
        assert!(serving.is_ours(AF_UNIX << 32 | 1 << 16));
        assert!(!serving.is_ours(AF_UNIX << 32));
    }
}
