//! Network namespaces other than the machine's own, from what `/proc` shows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use groma_model::Problem;

use super::processes::Process;
use crate::live::Recording;

/// One namespace.
#[derive(Debug, Default)]
pub(super) struct Namespace {
    /// As `ip netns` or its container names it, else its inode.
    pub(super) name: String,
    pub(super) ports: Vec<Port>,
    pub(super) neighbors: Vec<(String, IpAddr, String)>,
}

/// One of its interfaces.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) index: Option<u32>,
    /// Of the other end of a pair, in the namespace where that one is.
    pub(super) other_index: Option<u32>,
    pub(super) mac: Option<String>,
    pub(super) mtu: Option<i64>,
    /// With the length of the prefix.
    pub(super) addresses: Vec<(IpAddr, u8)>,
}

impl Namespace {
    /// Its interface as the machine's model names it: `web/eth0`.
    pub(super) fn port(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    /// The addresses that others can reach.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let all = self.ports.iter().flat_map(|port| &port.addresses).map(|(ip, _)| *ip);
        all.filter(|ip| !ip.is_loopback())
    }
}

/// Reads all that were recorded, by inode.
pub(super) fn read(
    recording: &Recording,
    processes: &[Process],
    problems: &mut Vec<Problem>,
) -> BTreeMap<u64, Namespace> {
    let inodes: BTreeSet<u64> = (recording.parts().iter())
        .filter_map(|part| part.name.strip_prefix("net-")?.split_once('.')?.0.parse().ok())
        .collect();
    let mut namespaces = BTreeMap::new();
    for inode in inodes {
        let text = |table: &str| {
            let bytes = recording.part(&format!("net-{inode}.{table}")).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let own = || processes.iter().filter(|process| process.namespace == Some(inode));
        let container = own().find_map(|process| process.container.clone());
        let named = own().find_map(|process| process.namespace_name.clone());
        let name = named.or(container).unwrap_or_else(|| format!("netns-{inode}"));
        let mut namespace = Namespace { name, ..Namespace::default() };
        namespace.ports = ports(&text("links"), &text("dev"));
        for (name, ip, length) in addresses_6(&text("if_inet6")) {
            if let Some(port) = namespace.ports.iter_mut().find(|port| port.name == name) {
                port.addresses.push((ip.into(), length));
            }
        }
        let ips = addresses_4(&text("fib_trie"));
        let mut wired: Vec<_> =
            namespace.ports.iter_mut().filter(|port| port.name != "lo").collect();
        match (&mut wired[..], ips.is_empty()) {
            (_, true) => {}
            ([only], false) => only.addresses.extend(ips.iter().map(|(ip, n)| ((*ip).into(), *n))),
            (others, false) => {
                let reason = format!(
                    "which of the {} interfaces of namespace {} has which IPv4 address is not told",
                    others.len(),
                    namespace.name
                );
                let shown = ips.iter().map(|(ip, _)| ip.to_string()).collect::<Vec<_>>().join(" ");
                problems.push(Problem::new(&*recording.source, &shown, reason));
            }
        }
        namespace.neighbors = neighbors(&text("arp"));
        namespaces.insert(inode, namespace);
    }
    namespaces
}

/// From lines such as `eth0 2 17 02:42:ac:11:00:02 1500`, else from the names in `/proc/<pid>/net/dev`.
fn ports(links: &str, devices: &str) -> Vec<Port> {
    let link = |line: &str| {
        let mut fields = line.split(' ');
        let name = fields.next()?.to_owned();
        let (index, other) = (fields.next()?.parse().ok(), fields.next()?.parse().ok());
        let mac = fields.next().filter(|mac| mac.len() == 17 && *mac != "00:00:00:00:00:00");
        let mtu = fields.next().and_then(|mtu| mtu.parse().ok());
        let mac = mac.map(str::to_owned);
        Some(Port { name, index, other_index: other, mac, mtu, addresses: Vec::new() })
    };
    if !links.is_empty() {
        return links.lines().filter_map(link).collect();
    }
    let names = devices.lines().filter_map(|line| Some(line.split_once(':')?.0.trim()));
    names.map(|name| Port { name: name.into(), ..Port::default() }).collect()
}

/// `fe800000000000000042acfffe110002 02 40 20 80     eth0`
fn addresses_6(text: &str) -> Vec<(String, Ipv6Addr, u8)> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ip = u128::from_str_radix(fields.first()?, 16).ok()?;
        let length = u8::from_str_radix(fields.get(2)?, 16).ok()?;
        Some(((*fields.get(5)?).to_owned(), Ipv6Addr::from(ip), length))
    };
    text.lines().filter_map(line).collect()
}

/// Own addresses, each with the length of the longest connected prefix around it, from a tree of prefixes.
/// The loopback net is left out.
fn addresses_4(text: &str) -> Vec<(Ipv4Addr, u8)> {
    let (mut own, mut nets, mut last) = (BTreeSet::new(), BTreeSet::new(), None);
    for line in text.lines().map(str::trim) {
        if let Some(ip) = line.strip_prefix("|-- ") {
            last = ip.parse::<Ipv4Addr>().ok();
        } else if let (Some(entry), Some(ip)) = (line.strip_prefix('/'), last) {
            let Some((length, kind)) = entry.split_once(' ') else { continue };
            let Ok(length) = length.parse::<u8>() else { continue };
            match kind {
                "host LOCAL" if length == 32 && !ip.is_loopback() => drop(own.insert(ip)),
                "link UNICAST" => drop(nets.insert((length, ip))),
                _ => {}
            }
        }
    }
    let holds = |net: Ipv4Addr, length: u8, ip: Ipv4Addr| {
        ipnet::Ipv4Net::new(net, length).is_ok_and(|net| net.contains(&ip))
    };
    let length = |ip| {
        let around = nets.iter().rev().find(|(length, net)| holds(*net, *length, ip));
        around.map_or(32, |(length, _)| *length)
    };
    own.into_iter().map(|ip| (ip, length(ip))).collect()
}

/// `172.17.0.1  0x1  0x2  02:42:1d:8f:00:01  *  eth0`: interface, address, MAC address.
fn neighbors(text: &str) -> Vec<(String, IpAddr, String)> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (ip, mac) = (fields.first()?.parse().ok()?, (*fields.get(3)?).to_owned());
        let answered = fields.get(2).is_some_and(|flags| *flags != "0x0");
        (answered && mac != "00:00:00:00:00:00")
            .then(|| (fields.get(5).map(|f| (*f).to_owned()), ip, mac))
    };
    let full = |(port, ip, mac): (Option<String>, IpAddr, String)| Some((port?, ip, mac));
    text.lines().skip(1).filter_map(line).filter_map(full).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_the_tree() {
        let tree = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 172.17.0.0/16 2 0 2
        |-- 172.17.0.0
           /16 link UNICAST
        |-- 172.17.0.2
           /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
";
        assert_eq!(addresses_4(tree), [("172.17.0.2".parse().unwrap(), 16)]);
        assert_eq!(
            addresses_6("fe800000000000000042acfffe110002 02 40 20 80     eth0\n"),
            [("eth0".into(), "fe80::42:acff:fe11:2".parse().unwrap(), 64)]
        );
    }
}
