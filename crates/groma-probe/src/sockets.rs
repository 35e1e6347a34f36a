//! Which sockets a process serves: a wait on those is a wait for the next request, not a demand.

use std::collections::BTreeSet;
use std::fs;

/// Descriptors looked at per window and group.
const DESCRIPTORS_MAX: usize = 8192;
const AF_UNIX: u64 = 1;
/// States of `/proc/net/tcp`.
const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// What a group of processes serves at this moment.
#[derive(Debug, Default)]
pub(crate) struct Serving {
    listening: BTreeSet<u16>,
    clients: usize,
    /// Ports above are handed out to those who ask for none: nobody serves on them.
    ephemeral_from: u16,
}

impl Serving {
    /// Looks at the sockets of the processes, which share a network namespace.
    pub(crate) fn of(members: &[u32]) -> Self {
        let Some(first) = members.first() else { return Self::default() };
        let tables: Vec<String> = ["tcp", "tcp6"]
            .iter()
            .filter_map(|table| fs::read_to_string(format!("/proc/{first}/net/{table}")).ok())
            .collect();
        let rows: Vec<Row> =
            tables.iter().flat_map(|table| table.lines().skip(1).filter_map(row)).collect();
        let listening: BTreeSet<u16> =
            rows.iter().filter(|row| row.state == LISTEN).map(|row| row.port).collect();
        let own = if listening.is_empty() { BTreeSet::new() } else { sockets_of(members) };
        let clients = rows.iter().filter(|row| {
            row.state == ESTABLISHED && listening.contains(&row.port) && own.contains(&row.inode)
        });
        Self { clients: clients.count(), ephemeral_from: ephemeral_from(), listening }
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

    /// Connections of clients; `None`: it does not listen on TCP, so nobody knows.
    pub(crate) fn clients(&self) -> Option<f64> {
        (!self.listening.is_empty() && self.clients > 0).then_some(self.clients as f64)
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

fn sockets_of(members: &[u32]) -> BTreeSet<u64> {
    members
        .iter()
        .filter_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok())
        .flatten()
        .take(DESCRIPTORS_MAX)
        .filter_map(|entry| {
            let link = fs::read_link(entry.ok()?.path()).ok()?;
            link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
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
        let serving = Serving::of(&[std::process::id()]);
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
