//! What the commands of all devices said together, before it is written as facts.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::{Problem, Timestamp};

use crate::interface_name::comparable;

/// Name of a device.
pub(super) type DeviceName = String;
/// A device and the name of one of its ports.
pub(super) type PortKey = (DeviceName, String);

/// The name of the routing table that has none.
pub(super) const DEFAULT_VRF: &str = "default";

/// All that was said, one entry per thing.
#[derive(Default)]
pub(super) struct Capture {
    pub(super) devices: BTreeMap<DeviceName, Device>,
    pub(super) ports: BTreeMap<PortKey, Port>,
    pub(super) addresses: BTreeMap<(PortKey, String), Address>,
    pub(super) lags: BTreeMap<PortKey, Lag>,
    pub(super) sightings: Vec<Sighting>,
    pub(super) arp: BTreeMap<(PortKey, String), Arp>,
    pub(super) macs: BTreeMap<(DeviceName, i64, String, String), MacEntry>,
    pub(super) vlans: BTreeMap<(DeviceName, i64), Vlan>,
    pub(super) mlags: BTreeMap<DeviceName, Mlag>,
    pub(super) routes: BTreeMap<(DeviceName, String, String), Route>,
    pub(super) vteps: BTreeMap<(DeviceName, String), Timestamp>,
    /// VXLAN network id of a port that carries only one.
    pub(super) vxlan_vnis: BTreeMap<PortKey, i64>,
    /// VLANs of which a device lists a port as a member.
    pub(super) memberships: BTreeMap<PortKey, BTreeSet<i64>>,
    pub(super) problems: Vec<Problem>,
    spellings: BTreeMap<PortKey, String>,
}

/// A polled device.
#[derive(Default)]
pub(super) struct Device {
    pub(super) at: Timestamp,
    pub(super) family: Family,
    pub(super) fabric: Option<String>,
    pub(super) vendor: Option<String>,
    pub(super) model: Option<String>,
    pub(super) os: Option<String>,
    pub(super) address: Option<String>,
    pub(super) clock_synchronized: Option<bool>,
}

/// Whose commands a device speaks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// Plain Linux, perhaps with FRR.
    #[default]
    Linux,
    /// Linux made for switches: Cumulus, SONiC.
    LinuxSwitch,
    /// Arista EOS.
    Eos,
    /// Cisco NX-OS.
    Nxos,
    /// Juniper Junos of any product line.
    Junos,
    /// Cisco IOS and IOS-XE.
    Ios,
}

/// An interface.
#[derive(Default)]
pub(super) struct Port {
    pub(super) at: Timestamp,
    /// A word of the `type` attribute.
    pub(super) kind: Option<&'static str>,
    pub(super) mac: Option<String>,
    pub(super) mtu: Option<i64>,
    pub(super) speed_bits_per_second: Option<i64>,
    pub(super) admin_up: Option<bool>,
    pub(super) up: Option<bool>,
    pub(super) mode: Option<&'static str>,
    pub(super) access_vlan: Option<i64>,
    pub(super) native_vlan: Option<i64>,
    /// Empty: not known.
    pub(super) allowed_vlans: BTreeSet<i64>,
    pub(super) vlan: Option<i64>,
    pub(super) vrf: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) description: Option<String>,
}

/// An address on a port.
pub(super) struct Address {
    pub(super) at: Timestamp,
    pub(super) prefix_length: i64,
    pub(super) mac: Option<String>,
    /// Whether the device was told that others hold it too.
    pub(super) is_virtual: bool,
}

/// A link aggregation group.
#[derive(Default)]
pub(super) struct Lag {
    pub(super) at: Timestamp,
    pub(super) members: BTreeSet<String>,
    pub(super) mlag_id: Option<i64>,
}

/// A port sees a port of another device.
pub(super) struct Sighting {
    pub(super) at: Timestamp,
    pub(super) port: PortKey,
    /// The neighbour as it names itself, perhaps with its domain.
    pub(super) peer: String,
    /// What may name its port, the most likely first.
    pub(super) peer_ports: Vec<String>,
}

/// An ARP or ND entry.
pub(super) struct Arp {
    pub(super) at: Timestamp,
    pub(super) mac: Option<String>,
    pub(super) state: Option<String>,
}

/// A MAC table line. Its key holds the port, empty behind a tunnel.
pub(super) struct MacEntry {
    pub(super) at: Timestamp,
    pub(super) vtep: Option<String>,
    pub(super) kind: &'static str,
}

/// A VLAN as one device knows it.
#[derive(Default)]
pub(super) struct Vlan {
    pub(super) at: Timestamp,
    pub(super) name: Option<String>,
    pub(super) vni: Option<i64>,
    pub(super) vrf: Option<String>,
}

/// One side of an MLAG pair.
#[derive(Default)]
pub(super) struct Mlag {
    pub(super) at: Timestamp,
    pub(super) system_id: Option<String>,
    pub(super) peer_link: Option<String>,
    pub(super) up: Option<bool>,
}

/// A line of a routing table.
#[derive(Default)]
pub(super) struct Route {
    pub(super) at: Timestamp,
    pub(super) protocol: Option<String>,
    pub(super) hops: Vec<NextHop>,
    pub(super) drop: bool,
    pub(super) metric: Option<i64>,
    /// Among lines of one prefix the lowest wins.
    pub(super) rank: i64,
}

/// One way on. Empty texts: that part is absent.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NextHop {
    pub(super) ip: String,
    pub(super) port: String,
    pub(super) vtep: String,
}

impl Capture {
    /// The name under which a port of a device is known, however it is spelt here. A name never seen
    /// before is taken as it is.
    pub(super) fn spelling(&mut self, device: &str, name: &str) -> String {
        let name = name.trim().trim_matches('"');
        let key = (device.to_owned(), name.to_owned());
        if self.ports.contains_key(&key) {
            return name.to_owned();
        }
        let known = self.spellings.entry((key.0, comparable(name)));
        known.or_insert_with(|| name.to_owned()).clone()
    }

    /// The port of this name, made if it is new.
    pub(super) fn port(&mut self, device: &str, name: &str, at: Timestamp) -> &mut Port {
        let name = self.spelling(device, name);
        let port = self.ports.entry((device.to_owned(), name)).or_default();
        port.at = port.at.max(at);
        port
    }

    /// The LAG of this name and its port, made if it is new.
    pub(super) fn lag(&mut self, device: &str, name: &str, at: Timestamp) -> &mut Lag {
        self.port(device, name, at).kind.get_or_insert("lag");
        let key = (device.to_owned(), self.spelling(device, name));
        let lag = self.lags.entry(key).or_default();
        lag.at = lag.at.max(at);
        lag
    }

    /// The VLAN of a device, made if it is new.
    pub(super) fn vlan(&mut self, device: &str, vid: i64, at: Timestamp) -> &mut Vlan {
        let vlan = self.vlans.entry((device.to_owned(), vid)).or_default();
        vlan.at = vlan.at.max(at);
        vlan
    }

    /// Adds an address such as `10.0.0.1/24`; without a length it is that of one host.
    /// Addresses of loopback nets and of IPv6 link scope name no place in the network and are left out.
    pub(super) fn add_address(
        &mut self,
        device: &str,
        port: &str,
        prefix: &str,
        at: Timestamp,
    ) -> Result<Option<&mut Address>, String> {
        let (ip, length) = split_prefix(prefix)?;
        let local = match ip {
            std::net::IpAddr::V4(ip) => ip.is_loopback() || ip.is_unspecified(),
            std::net::IpAddr::V6(ip) => {
                ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local()
            }
        };
        if local {
            return Ok(None);
        }
        let port = self.spelling(device, port);
        let address = Address { at, prefix_length: length, mac: None, is_virtual: false };
        let key = ((device.to_owned(), port), ip.to_string());
        Ok(Some(self.addresses.entry(key).or_insert(address)))
    }

    /// Length of the net among a port's addresses in which `ip` lies.
    pub(super) fn prefix_length_of(&self, device: &str, port: &str, ip: &str) -> Option<i64> {
        let ip: std::net::IpAddr = ip.parse().ok()?;
        self.addresses.iter().find_map(|(((owner, name), own), address)| {
            let net = ipnet::IpNet::new(own.parse().ok()?, address.prefix_length as u8).ok()?;
            (owner == device && name == port && net.contains(&ip)).then_some(address.prefix_length)
        })
    }

    /// Adds a route, unless a better line of the same prefix is known.
    pub(super) fn add_route(&mut self, device: &str, vrf: &str, prefix: &str, mut route: Route) {
        for hop in &mut route.hops {
            if !hop.port.is_empty() {
                hop.port = self.spelling(device, &hop.port);
            }
        }
        let key = (device.to_owned(), vrf.to_owned(), prefix.to_owned());
        match self.routes.entry(key) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(route);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                if route.rank < entry.get().rank {
                    entry.insert(route);
                }
            }
        }
    }

    /// Adds a line of a MAC table; one behind a tunnel has no port.
    pub(super) fn add_mac(
        &mut self,
        device: &str,
        vlan: i64,
        mac: String,
        port: Option<&str>,
        entry: MacEntry,
    ) {
        let port = port.map_or_else(String::new, |port| self.spelling(device, port));
        let key = (device.to_owned(), vlan, mac, port);
        let known = self.macs.entry(key).or_insert(MacEntry { vtep: None, ..entry });
        if entry.vtep.is_some() {
            *known = entry;
        }
    }
}

/// Reads `10.0.0.1/24`, `10.0.0.1`, or the same in IPv6.
pub(super) fn split_prefix(prefix: &str) -> Result<(std::net::IpAddr, i64), String> {
    let (ip, length) = prefix.split_once('/').unwrap_or((prefix, ""));
    let ip: std::net::IpAddr =
        ip.trim().parse().map_err(|_| format!("\"{prefix}\" is not an address"))?;
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    let length = if length.is_empty() {
        longest
    } else {
        (length.parse().ok())
            .filter(|length| (0..=longest).contains(length))
            .ok_or_else(|| format!("\"{prefix}\" is not an address with a length"))?
    };
    Ok((ip, length))
}

/// A MAC address in lower case with colons, from `44:38:39:01:01:01`, `4438.3901.0101` or with hyphens.
pub(super) fn mac(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|c| !matches!(c, ':' | '.' | '-')).collect::<String>().to_lowercase();
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let pairs: Vec<&str> = (0..6).map(|i| &digits[2 * i..2 * i + 2]).collect();
    Some(pairs.join(":"))
}

/// As [`mac`], but the address of nobody (all zeros, on every loopback) is none.
pub(super) fn own_mac(text: &str) -> Option<String> {
    mac(text).filter(|mac| mac != "00:00:00:00:00:00")
}
