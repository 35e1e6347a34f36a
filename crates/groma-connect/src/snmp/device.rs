//! One device, as its MIBs describe it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use groma_model::Problem;

use super::walk::{self, Value, Walk};
use crate::host_name;
use crate::interface_name::{self, NameClass};
use crate::machine::port_id;

/// Below `1.3.6.1.2.1`.
macro_rules! mib2 {
    ($($part:literal),+) => {
        &[1, 3, 6, 1, 2, 1, $($part),+]
    };
}
/// Below `1.0.8802.1.1.2.1`, LLDP-MIB.
macro_rules! lldp {
    ($($part:literal),+) => {
        &[1, 0, 8802, 1, 1, 2, 1, $($part),+]
    };
}

const LAG_OF_PORT: &[u32] = &[1, 2, 840, 10006, 300, 43, 1, 2, 1, 1, 13];
const CHASSIS: i64 = 3;

/// What is known of a device.
#[derive(Debug, Default)]
pub(super) struct Device {
    /// Its host name; see [`key`] for the domain.
    pub(super) name: String,
    pub(super) fqdn: Option<String>,
    pub(super) os: Option<String>,
    pub(super) vendor: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) mac: Option<String>,
    /// By the number that its interfaces have.
    pub(super) ports: BTreeMap<u32, Port>,
    /// LAG to its members, by interface number.
    pub(super) lags: BTreeMap<u32, BTreeSet<u32>>,
    pub(super) vlans: BTreeMap<i64, Option<String>>,
    pub(super) macs: Vec<MacEntry>,
    pub(super) neighbors: Vec<(u32, IpAddr, String)>,
    pub(super) sightings: Vec<Sighting>,
    /// Interface number, state, whether it is the root port.
    pub(super) stp: Vec<(u32, &'static str, bool)>,
}

#[derive(Debug, Default)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) mac: Option<String>,
    pub(super) mtu: Option<i64>,
    pub(super) speed_bits_per_second: Option<i64>,
    pub(super) admin_up: Option<bool>,
    pub(super) up: Option<bool>,
    pub(super) description: Option<String>,
    pub(super) addresses: Vec<(IpAddr, Option<i64>)>,
    pub(super) pvid: Option<i64>,
    /// VLAN ids that leave it, and those that leave it without a tag.
    pub(super) egress: BTreeSet<i64>,
    pub(super) untagged: BTreeSet<i64>,
}

#[derive(Debug)]
pub(super) struct MacEntry {
    pub(super) vlan: Option<i64>,
    pub(super) mac: String,
    pub(super) port: Option<u32>,
    pub(super) kind: &'static str,
}

/// Who a port sees at its other end.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) port: u32,
    pub(super) system: Option<String>,
    pub(super) chassis: Option<String>,
    /// Names under which the far port may be known, the best first.
    pub(super) ports: Vec<String>,
}

/// Reads a walk. `None`: it names no device, which is a problem.
pub(super) fn read(place: &str, walk: &Walk, problems: &mut Vec<Problem>) -> Option<Device> {
    let name = walk.scalar(mib2!(1, 5)).and_then(Value::text);
    let name = name.or_else(|| walk.scalar(lldp!(3, 3)).and_then(Value::text));
    let Some(name) = name else {
        let reason =
            if walk.is_empty() { "it holds no value" } else { "the device says no name (sysName)" };
        problems.push(Problem::new(place, "", reason));
        return None;
    };
    let mut device = Device {
        fqdn: host_name::full(&name).map(str::to_owned),
        name,
        os: walk
            .scalar(mib2!(1, 1))
            .and_then(Value::text)
            .and_then(|text| text.lines().next().map(str::to_owned)),
        mac: walk.scalar(mib2!(17, 1, 1)).and_then(Value::mac),
        ..Device::default()
    };
    read_chassis(walk, &mut device);
    read_ports(walk, &mut device);
    read_lags(walk, &mut device);
    read_addresses(walk, &mut device);
    let bridge_ports = bridge_ports(walk);
    read_vlans(walk, &bridge_ports, &mut device);
    read_macs(walk, &bridge_ports, &mut device);
    read_stp(walk, &bridge_ports, &mut device);
    read_lldp(walk, &bridge_ports, &mut device);
    Some(device)
}

/// Takes the domain off the names, where that leaves them apart.
pub(super) fn key(devices: &mut [Device]) {
    let names: Vec<String> = devices.iter().map(|device| device.name.clone()).collect();
    let keys = host_name::keys(names.iter().map(String::as_str));
    for device in devices {
        if let Some(key) = keys.get(device.name.as_str()) {
            device.name = (*key).to_owned();
        }
    }
}

/// The first chassis of ENTITY-MIB.
fn read_chassis(walk: &Walk, device: &mut Device) {
    let mut chassis =
        walk.column(mib2!(47, 1, 1, 1, 1, 5)).filter(|(_, class)| class.integer() == Some(CHASSIS));
    let Some((index, _)) = chassis.next() else { return };
    let text = |oid: &[u32]| walk.cell(oid, index).and_then(Value::text);
    device.serial = text(mib2!(47, 1, 1, 1, 1, 11));
    device.vendor = text(mib2!(47, 1, 1, 1, 1, 12));
    device.model = text(mib2!(47, 1, 1, 1, 1, 13));
}

fn read_ports(walk: &Walk, device: &mut Device) {
    let numbers: BTreeSet<u32> =
        (walk.column(mib2!(2, 2, 1, 2)).chain(walk.column(mib2!(31, 1, 1, 1, 1))))
            .filter_map(|(index, _)| index.first().copied())
            .collect();
    for number in numbers {
        let cell = |oid: &[u32]| walk.cell(oid, &[number]);
        let integer = |oid: &[u32]| cell(oid).and_then(Value::integer);
        let described = cell(mib2!(2, 2, 1, 2)).and_then(Value::text);
        let Some(name) = cell(mib2!(31, 1, 1, 1, 1)).and_then(Value::text).or(described) else {
            continue;
        };
        // The gauge of 32 bits says its largest value of anything faster.
        let mbits = integer(mib2!(31, 1, 1, 1, 15)).filter(|mbits| *mbits > 0);
        let bits =
            integer(mib2!(2, 2, 1, 5)).filter(|bits| *bits > 0 && *bits < i64::from(u32::MAX));
        let state = |oid: &[u32]| match integer(oid) {
            Some(1) => Some(true),
            Some(2 | 6 | 7) => Some(false),
            _ => None,
        };
        device.ports.insert(
            number,
            Port {
                kind: port_type(integer(mib2!(2, 2, 1, 3)), &name),
                mac: cell(mib2!(2, 2, 1, 6)).and_then(Value::mac),
                mtu: integer(mib2!(2, 2, 1, 4)).filter(|mtu| *mtu > 0),
                speed_bits_per_second: mbits
                    .and_then(|mbits| mbits.checked_mul(1_000_000))
                    .or(bits),
                admin_up: state(mib2!(2, 2, 1, 7)),
                up: state(mib2!(2, 2, 1, 8)),
                description: cell(mib2!(31, 1, 1, 1, 18)).and_then(Value::text),
                name,
                ..Port::default()
            },
        );
    }
}

/// A word of the port's attribute `type`, from IANA's number and the name.
fn port_type(number: Option<i64>, name: &str) -> &'static str {
    match (number, interface_name::class(name)) {
        (_, NameClass::Management) => "management",
        (_, NameClass::Subinterface) => "subinterface",
        (Some(161), _) | (_, NameClass::Lag) => "lag",
        (Some(24), _) | (_, NameClass::Loopback) => "loopback",
        (Some(135 | 136), _) | (_, NameClass::Svi) => "svi",
        (_, NameClass::Vxlan) => "vxlan",
        (Some(209), _) => "bridge",
        (Some(6 | 62 | 69 | 117), _) => "ethernet",
        _ => "other",
    }
}

/// From IEEE8023-LAG-MIB, and from the stack of interfaces below a LAG.
fn read_lags(walk: &Walk, device: &mut Device) {
    let attached = walk
        .column(LAG_OF_PORT)
        .filter_map(|(index, lag)| Some((u32::try_from(lag.integer()?).ok()?, *index.first()?)));
    let stacked = walk.column(mib2!(31, 1, 2, 1, 3)).filter_map(|(index, _)| match index {
        [higher, lower] if *lower > 0 => Some((*higher, *lower)),
        _ => None,
    });
    for (lag, member) in attached.chain(stacked) {
        let is_lag = device.ports.get(&lag).is_some_and(|port| port.kind == "lag");
        if is_lag && lag != member && device.ports.contains_key(&member) {
            device.lags.entry(lag).or_default().insert(member);
        }
    }
}

fn read_addresses(walk: &Walk, device: &mut Device) {
    let mut found: BTreeMap<(u32, IpAddr), Option<i64>> = BTreeMap::new();
    for (index, port) in walk.column(mib2!(4, 20, 1, 2)) {
        let (Some(ip), Some(port)) = (walk::ip(index), port.integer()) else { continue };
        let mask = match walk.cell(mib2!(4, 20, 1, 3), index) {
            Some(Value::Ip(mask)) => Some(i64::from(u32::from(*mask).count_ones())),
            _ => None,
        };
        found.insert((port as u32, ip), mask);
    }
    for (index, port) in walk.column(mib2!(4, 34, 1, 3)) {
        let (Some((ip, _)), Some(port)) = (walk::typed_ip(index), port.integer()) else { continue };
        // The prefix is a row of another table, whose index ends with the length.
        let length = match walk.cell(mib2!(4, 34, 1, 5), index) {
            Some(Value::Oid(oid)) if oid.len() > 11 => oid.last().map(|length| i64::from(*length)),
            _ => None,
        };
        let known = found.entry((port as u32, ip)).or_default();
        *known = known.or(length);
    }
    for ((port, ip), length) in found {
        if let Some(port) = device.ports.get_mut(&port).filter(|_| !ip.is_loopback()) {
            port.addresses.push((ip, length));
        }
    }
    let mut seen = BTreeSet::new();
    let old = walk
        .column(mib2!(4, 22, 1, 2))
        .filter_map(|(index, mac)| Some((*index.first()?, walk::ip(index.get(1..)?)?, mac.mac()?)));
    let new = walk.column(mib2!(4, 35, 1, 4)).filter_map(|(index, mac)| {
        Some((*index.first()?, walk::typed_ip(index.get(1..)?)?.0, mac.mac()?))
    });
    for (port, ip, mac) in old.chain(new) {
        if seen.insert((port, ip)) {
            device.neighbors.push((port, ip, mac));
        }
    }
}

/// Number of a bridge's port to that of the interface.
fn bridge_ports(walk: &Walk) -> BTreeMap<u32, u32> {
    let port = |(index, number): (&[u32], &Value)| {
        Some((*index.first()?, u32::try_from(number.integer()?).ok()?))
    };
    walk.column(mib2!(17, 1, 4, 1, 2)).filter_map(port).collect()
}

/// As configured, else as they are now.
fn read_vlans(walk: &Walk, bridge_ports: &BTreeMap<u32, u32>, device: &mut Device) {
    for (index, name) in walk.column(mib2!(17, 7, 1, 4, 3, 1, 1)) {
        if let [vid] = index {
            device.vlans.insert(i64::from(*vid), name.text());
        }
    }
    let tables: [(&[u32], bool); 4] = [
        (mib2!(17, 7, 1, 4, 2, 1, 4), false),
        (mib2!(17, 7, 1, 4, 2, 1, 5), true),
        (mib2!(17, 7, 1, 4, 3, 1, 2), false),
        (mib2!(17, 7, 1, 4, 3, 1, 4), true),
    ];
    for (column, is_untagged) in tables {
        for (index, ports) in walk.column(column) {
            let Some(vid) = index.last().map(|vid| i64::from(*vid)) else { continue };
            device.vlans.entry(vid).or_default();
            for number in set_bits(ports.bytes()) {
                let Some(port) = bridge_ports.get(&number).and_then(|n| device.ports.get_mut(n))
                else {
                    continue;
                };
                if is_untagged {
                    port.untagged.insert(vid)
                } else {
                    port.egress.insert(vid)
                };
            }
        }
    }
    for (index, vid) in walk.column(mib2!(17, 7, 1, 4, 5, 1, 1)) {
        let port = index.first().and_then(|number| bridge_ports.get(number));
        if let Some(port) = port.and_then(|number| device.ports.get_mut(number)) {
            port.pvid = vid.integer().filter(|vid| (1..=4094).contains(vid));
        }
    }
}

/// The first bit of the first byte is port 1.
fn set_bits(bytes: &[u8]) -> impl Iterator<Item = u32> {
    (0_u32..).zip(bytes).flat_map(|(index, byte)| {
        (0..8).filter(move |bit| byte & (0x80 >> bit) != 0).map(move |bit| index * 8 + bit + 1)
    })
}

fn read_macs(walk: &Walk, bridge_ports: &BTreeMap<u32, u32>, device: &mut Device) {
    // A table of addresses may belong to several VLANs; most often it has the number of its only one.
    let mut vlan_of: BTreeMap<u32, i64> = BTreeMap::new();
    for (index, table) in walk.column(mib2!(17, 7, 1, 4, 2, 1, 3)) {
        if let (Some(vid), Some(table)) = (index.last(), table.integer()) {
            vlan_of.entry(table as u32).or_insert(i64::from(*vid));
        }
    }
    let with_vlan = walk.column(mib2!(17, 7, 1, 2, 2, 1, 2)).filter_map(|(index, port)| {
        let (table, mac) = index.split_first()?;
        let vlan = vlan_of.get(table).copied().unwrap_or(i64::from(*table));
        Some((Some(vlan), index, mac, port.integer()?, &mib2!(17, 7, 1, 2, 2, 1, 3)[..]))
    });
    let without = walk.column(mib2!(17, 4, 3, 1, 2)).filter_map(|(index, port)| {
        Some((None, index, index, port.integer()?, &mib2!(17, 4, 3, 1, 3)[..]))
    });
    let mut seen = BTreeSet::new();
    for (vlan, index, mac, port, status) in with_vlan.chain(without) {
        let bytes: Option<Vec<u8>> = mac.iter().map(|part| u8::try_from(*part).ok()).collect();
        let Some(mac) = bytes.and_then(|bytes| walk::mac(&bytes)) else { continue };
        // The table without VLANs says again what the other said.
        if !seen.insert((vlan, mac.clone()))
            || (vlan.is_none() && seen.iter().any(|(v, m)| v.is_some() && *m == mac))
        {
            continue;
        }
        let kind = match walk.cell(status, index).and_then(Value::integer) {
            Some(3) => "dynamic",
            Some(4) => "local",
            Some(5) => "static",
            Some(2) => continue, // Invalid.
            _ => "other",
        };
        let port = u32::try_from(port).ok().and_then(|port| bridge_ports.get(&port).copied());
        device.macs.push(MacEntry { vlan, mac, port, kind });
    }
}

fn read_stp(walk: &Walk, bridge_ports: &BTreeMap<u32, u32>, device: &mut Device) {
    let root = walk.scalar(mib2!(17, 2, 7)).and_then(Value::integer);
    for (index, state) in walk.column(mib2!(17, 2, 15, 1, 3)) {
        let Some(number) = index.first() else { continue };
        let state = match state.integer() {
            Some(1) => "disabled",
            Some(2 | 6) => "blocking",
            Some(3) => "listening",
            Some(4) => "learning",
            Some(5) => "forwarding",
            _ => continue,
        };
        if let Some(port) = bridge_ports.get(number) {
            device.stp.push((*port, state, root == Some(i64::from(*number))));
        }
    }
}

fn read_lldp(walk: &Walk, bridge_ports: &BTreeMap<u32, u32>, device: &mut Device) {
    for (index, id) in walk.column(lldp!(4, 1, 1, 7)) {
        let [_, local, _] = index else { continue };
        let cell = |oid: &[u32]| walk.cell(oid, index);
        let subtype = |oid: &[u32]| {
            cell(oid).and_then(Value::integer).and_then(|n| u8::try_from(n).ok()).unwrap_or(0)
        };
        let Some(port) = local_port(walk, *local, bridge_ports, device) else { continue };
        let mut ports: Vec<String> =
            port_id(subtype(lldp!(4, 1, 1, 6)), id.bytes()).into_iter().collect();
        ports.extend(cell(lldp!(4, 1, 1, 8)).and_then(Value::text));
        let chassis = cell(lldp!(4, 1, 1, 5)).filter(|_| subtype(lldp!(4, 1, 1, 4)) == 4);
        device.sightings.push(Sighting {
            port,
            system: cell(lldp!(4, 1, 1, 9)).and_then(Value::text),
            chassis: chassis.and_then(Value::mac),
            ports,
        });
    }
}

/// LLDP counts ports in its own way: it names them, or they are those of interfaces or of the bridge.
fn local_port(
    walk: &Walk,
    local: u32,
    bridge_ports: &BTreeMap<u32, u32>,
    device: &Device,
) -> Option<u32> {
    let names = [lldp!(3, 7, 1, 3), lldp!(3, 7, 1, 4)];
    for name in names.iter().filter_map(|oid| walk.cell(*oid, &[local]).and_then(Value::text)) {
        let wanted = interface_name::comparable(&name);
        let found =
            device.ports.iter().find(|(_, port)| interface_name::comparable(&port.name) == wanted);
        if let Some((number, _)) = found {
            return Some(*number);
        }
    }
    if device.ports.contains_key(&local) {
        return Some(local);
    }
    bridge_ports.get(&local).copied().filter(|number| device.ports.contains_key(number))
}
