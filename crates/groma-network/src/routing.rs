//! Layer 3: addresses, subnets with their gateways, tunnel end points, routing tables.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::address::{Mac, PrefixMap, parse_ip, parse_prefix};
use crate::index::{DeviceIndex, PortIndex, VlanIndex};
use crate::inventory::{Inventory, PortType, Role};
use crate::problem::Problems;
use crate::read::Reader;
use crate::switching::Ties;
use crate::vlan::Vlans;

/// An IP network.
#[derive(Debug)]
pub(crate) struct Subnet {
    pub(crate) prefix: IpNet,
    pub(crate) vlan: Option<VlanIndex>,
    /// Ports of routers with an address in it.
    pub(crate) routers: Vec<(PortIndex, IpAddr)>,
    pub(crate) gateway: Option<Gateway>,
}

/// Who routes for a subnet.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    pub(crate) ip: Option<IpAddr>,
    pub(crate) mac: Option<Mac>,
    pub(crate) ties: Ties,
    /// Device with its port in the subnet, sorted.
    pub(crate) at: Vec<(DeviceIndex, Option<PortIndex>)>,
    pub(crate) vrf: u16,
}

/// A line of a routing table.
#[derive(Debug)]
pub(crate) struct TableRoute {
    pub(crate) protocol: Arc<str>,
    pub(crate) drop: bool,
    pub(crate) hops: Vec<NextHop>,
    metric: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NextHop {
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: Option<PortIndex>,
    pub(crate) vtep: Option<IpAddr>,
}

/// All that routing needs.
#[derive(Debug, Default)]
pub(crate) struct Routing {
    /// Ports that hold an address.
    pub(crate) owners: FxHashMap<IpAddr, Vec<PortIndex>>,
    pub(crate) addresses_of: FxHashMap<PortIndex, Vec<(IpAddr, Option<u8>)>>,
    pub(crate) subnets: Vec<Subnet>,
    subnet_by_prefix: PrefixMap<u32>,
    pub(crate) vtep_owners: FxHashMap<IpAddr, Vec<DeviceIndex>>,
    pub(crate) vteps_of: FxHashMap<DeviceIndex, Vec<IpAddr>>,
    tables: FxHashMap<(DeviceIndex, u16), PrefixMap<TableRoute>>,
    /// Devices whose routing tables were heard.
    pub(crate) routed_devices: FxHashSet<DeviceIndex>,
    /// Devices with routes from a routing protocol.
    pub(crate) speakers: FxHashSet<DeviceIndex>,
    /// Every prefix of every table, numbered.
    pub(crate) prefixes: PrefixMap<u32>,
    /// Routed ports of a VLAN on a device.
    pub(crate) svis: FxHashMap<(DeviceIndex, VlanIndex), Vec<PortIndex>>,
    /// Ports that route, with the tags of their subinterfaces.
    pub(crate) routed_ports: FxHashMap<PortIndex, Vec<u16>>,
    gateway_macs: FxHashMap<IpAddr, Mac>,
}

impl Routing {
    /// Addresses, tunnel end points and tables: all that does not need to know who is a host.
    pub(crate) fn read(reader: Reader<'_>, inventory: &mut Inventory, vlans: &Vlans) -> Routing {
        let mut routing = Routing::default();
        routing.read_addresses(reader, inventory);
        routing.note_svis(inventory, vlans);
        routing.note_subinterfaces(inventory);
        routing.read_vteps(reader, inventory);
        routing.read_routes(reader, inventory);
        routing
    }

    /// Subnets and gateways, once it is known who is a host.
    pub(crate) fn settle(
        &mut self,
        reader: Reader<'_>,
        inventory: &mut Inventory,
        vlans: &Vlans,
        problems: &mut Problems,
    ) {
        self.add_connected(inventory);
        self.read_subnets(reader, vlans);
        self.note_routers(inventory, vlans);
        self.read_gateways(reader, inventory, vlans, problems);
        self.derive_gateways(inventory, problems);
        let mut prefixes: Vec<_> =
            self.tables.values().flat_map(|table| table.iter().map(|(prefix, _)| prefix)).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        for (index, prefix) in prefixes.into_iter().enumerate() {
            self.prefixes.entry(prefix, || index as u32);
        }
    }

    pub(crate) fn subnet_of(&self, ip: IpAddr) -> Option<u32> {
        self.subnet_by_prefix.longest(ip).map(|(_, subnet)| *subnet)
    }

    pub(crate) fn subnet_covering(&self, prefix: IpNet) -> Option<u32> {
        self.subnet_by_prefix.covering(prefix).next().map(|(_, subnet)| *subnet)
    }

    /// Number of the longest prefix of any table that holds `ip`.
    pub(crate) fn prefix_of(&self, ip: IpAddr) -> Option<u32> {
        self.prefixes.longest(ip).map(|(_, prefix)| *prefix)
    }

    /// The best route of a device to an address.
    pub(crate) fn route(&self, device: DeviceIndex, vrf: u16, ip: IpAddr) -> Option<&TableRoute> {
        self.tables.get(&(device, vrf))?.longest(ip).map(|(_, route)| route)
    }

    /// Whether an address lies in a network of this port.
    pub(crate) fn on_link(&self, port: PortIndex, ip: IpAddr) -> bool {
        self.addresses_of.get(&port).is_some_and(|addresses| {
            addresses.iter().any(|(own, length)| {
                length
                    .and_then(|length| IpNet::new(*own, length).ok())
                    .is_some_and(|net| net.contains(&ip))
            })
        })
    }

    pub(crate) fn owns_vtep(&self, device: DeviceIndex, vtep: IpAddr) -> bool {
        self.vtep_owners.get(&vtep).is_some_and(|owners| owners.contains(&device))
    }

    /// MAC that answers for an address, where a gateway or an address says so.
    pub(crate) fn mac_of(&self, ip: IpAddr) -> Option<Mac> {
        self.gateway_macs.get(&ip).copied()
    }

    fn read_addresses(&mut self, reader: Reader<'_>, inventory: &mut Inventory) {
        for row in reader.rows("network.address", ["ip", "prefix_length", "port", "mac", "vrf"]) {
            let (Some(ip), Some(port)) = (row.text(0), row.reference(2)) else { continue };
            let Some(port) = inventory.port(port) else { continue };
            let Some(ip) = parse_ip(ip).filter(|ip| !ip.is_unspecified()) else { continue };
            if let Some(vrf) = row.text(4) {
                inventory.ports[port.index()].vrf = inventory.vrf(Some(vrf));
            }
            if let Some(mac) = row.text(3).and_then(Mac::parse) {
                self.gateway_macs.insert(ip, mac);
            }
            let length = row.integer(1).and_then(|length| u8::try_from(length).ok());
            self.owners.entry(ip).or_default().push(port);
            self.addresses_of.entry(port).or_default().push((ip, length));
        }
    }

    fn note_svis(&mut self, inventory: &Inventory, vlans: &Vlans) {
        for (index, port) in inventory.ports.iter().enumerate() {
            let index = PortIndex::from(index);
            match (port.of, port.vlan) {
                (PortType::Svi, Some(vid)) => {
                    if let Some(vlan) = vlans.on(port.device, vid) {
                        self.svis.entry((port.device, vlans.root(vlan))).or_default().push(index);
                    }
                }
                (PortType::Svi | PortType::Loopback | PortType::Vxlan, _) => {}
                _ if port.mode.is_none() && self.addresses_of.contains_key(&index) => {
                    self.routed_ports.entry(index).or_default();
                }
                _ => {}
            }
        }
    }

    fn note_subinterfaces(&mut self, inventory: &Inventory) {
        for (index, port) in inventory.ports.iter().enumerate() {
            if port.of == PortType::Subinterface
                && inventory.ports[inventory.base(PortIndex::from(index)).index()].mode.is_none()
            {
                let base = inventory.base(PortIndex::from(index));
                if base.index() != index {
                    self.routed_ports.entry(base).or_default().extend(port.vlan);
                }
            }
        }
    }

    fn read_vteps(&mut self, reader: Reader<'_>, inventory: &mut Inventory) {
        for row in reader.rows("network.vtep", ["device", "ip"]) {
            let Some(device) = row.reference(0) else { continue };
            let Some(ip) = row.text(1).and_then(parse_ip) else { continue };
            let device = inventory.device_or_new(&device.key);
            let owners = self.vtep_owners.entry(ip).or_default();
            if !owners.contains(&device) {
                owners.push(device);
                self.vteps_of.entry(device).or_default().push(ip);
            }
        }
    }

    fn read_routes(&mut self, reader: Reader<'_>, inventory: &mut Inventory) {
        let attributes = [
            "device",
            "vrf",
            "prefix",
            "protocol",
            "next_hop_ips",
            "next_hop_ports",
            "next_hop_vteps",
            "drop",
            "metric",
        ];
        let mut protocols: FxHashMap<&str, Arc<str>> = FxHashMap::default();
        for row in reader.rows("network.route", attributes) {
            let (Some(device), Some(prefix)) = (row.reference(0), row.text(2)) else { continue };
            let Some(prefix) = parse_prefix(prefix) else { continue };
            let device = inventory.device_or_new(&device.key);
            let vrf = inventory.vrf(row.text(1));
            let (ips, ports, vteps) = (row.texts(4), row.texts(5), row.texts(6));
            let mut hops = Vec::new();
            for place in 0..ips.len().max(ports.len()).max(vteps.len()) {
                let hop = NextHop {
                    ip: ips.get(place).and_then(|ip| parse_ip(ip)),
                    port: ports.get(place).and_then(|port| inventory.port_named(device, port)),
                    vtep: vteps.get(place).and_then(|ip| parse_ip(ip)),
                };
                if !hops.contains(&hop) {
                    hops.push(hop);
                }
            }
            let protocol = row.text(3).unwrap_or("");
            self.routed_devices.insert(device);
            if is_routing_protocol(protocol) {
                self.speakers.insert(device);
            }
            let protocol =
                Arc::clone(protocols.entry(protocol).or_insert_with(|| Arc::from(protocol)));
            let metric = row.integer(8).unwrap_or(0);
            let drop = row.boolean(7).unwrap_or(false);
            let route = TableRoute { protocol, drop, hops, metric };
            let table = self.tables.entry((device, vrf)).or_default();
            if table.get(prefix).is_none_or(|held| route.metric < held.metric) {
                let mut route = Some(route);
                let held = table.entry(prefix, || TableRoute {
                    protocol: "".into(),
                    drop: false,
                    hops: Vec::new(),
                    metric: i64::MAX,
                });
                if let Some(route) = route.take() {
                    *held = route;
                }
            }
        }
    }

    /// What a router is connected to needs no line in its table.
    fn add_connected(&mut self, inventory: &Inventory) {
        let connected: Arc<str> = "connected".into();
        for (port, addresses) in &self.addresses_of {
            let of = &inventory.ports[port.index()];
            if of.of == PortType::Management
                || !inventory.port_works(*port)
                || inventory.role(of.device) == Role::Host
            {
                continue;
            }
            let table = self.tables.entry((of.device, of.vrf)).or_default();
            for (ip, length) in addresses {
                let net = length.and_then(|length| IpNet::new(*ip, length).ok());
                let Some(prefix) = net.map(|net| net.trunc()).filter(|net| net.prefix_len() > 0)
                else {
                    continue;
                };
                table.entry(prefix, || TableRoute {
                    protocol: Arc::clone(&connected),
                    drop: false,
                    hops: vec![NextHop { ip: None, port: Some(*port), vtep: None }],
                    metric: 0,
                });
            }
        }
    }

    fn read_subnets(&mut self, reader: Reader<'_>, vlans: &Vlans) {
        for row in reader.rows("network.subnet", ["prefix", "vlan", "vid"]) {
            let text = row.text(0).or_else(|| row.key().rsplit('|').next());
            let Some(prefix) = text.and_then(parse_prefix) else { continue };
            let vlan = (row.reference(1).and_then(|vlan| vlans.of_entity(vlan)))
                .or_else(|| vlans.anywhere(row.vid(2)?));
            self.subnet(prefix, vlan);
        }
    }

    fn subnet(&mut self, prefix: IpNet, vlan: Option<VlanIndex>) -> &mut Subnet {
        let subnets = &mut self.subnets;
        let index = *self.subnet_by_prefix.entry(prefix, || {
            subnets.push(Subnet { prefix, vlan, routers: Vec::new(), gateway: None });
            subnets.len() as u32 - 1
        });
        let subnet = &mut self.subnets[index as usize];
        subnet.vlan = subnet.vlan.or(vlan);
        subnet
    }

    /// Every network that an address is in is a subnet; a router's address there may be its gateway.
    fn note_routers(&mut self, inventory: &Inventory, vlans: &Vlans) {
        let mut ports: Vec<_> = self.addresses_of.keys().copied().collect();
        ports.sort_unstable();
        for port in ports {
            let of = &inventory.ports[port.index()];
            if matches!(of.of, PortType::Loopback | PortType::Management)
                || !inventory.port_works(port)
            {
                continue;
            }
            let vlan = match of.of {
                PortType::Svi => of.vlan.and_then(|vid| vlans.on(of.device, vid)),
                _ => None,
            };
            let is_router = inventory.role(of.device) != Role::Host;
            for (ip, length) in self.addresses_of[&port].clone() {
                let net = length.and_then(|length| IpNet::new(ip, length).ok());
                let Some(prefix) = net.map(|net| net.trunc()) else { continue };
                if prefix.prefix_len() == 0 || prefix.prefix_len() == prefix.max_prefix_len() {
                    continue;
                }
                let subnet = self.subnet(prefix, vlan);
                if is_router {
                    subnet.routers.push((port, ip));
                }
            }
        }
    }

    fn read_gateways(
        &mut self,
        reader: Reader<'_>,
        inventory: &mut Inventory,
        vlans: &Vlans,
        problems: &mut Problems,
    ) {
        let attributes = ["ip", "mac", "vid", "vrf", "protocol", "members", "active"];
        for row in reader.rows("network.gateway", attributes) {
            let ip = row.text(0).or_else(|| row.key().rsplit('|').next()).and_then(parse_ip);
            let vlan = row.vid(2).and_then(|vid| vlans.anywhere(vid));
            let subnet = ip.and_then(|ip| self.subnet_of(ip)).or_else(|| {
                self.subnets.iter().position(|s| vlan.is_some() && s.vlan == vlan).map(|s| s as u32)
            });
            let Some(subnet) = subnet else {
                problems.push(
                    format!("gateway {}", row.key()),
                    row.key(),
                    "it is in no known subnet",
                );
                continue;
            };
            let vrf = inventory.vrf(row.text(3));
            let mac = row.text(1).and_then(Mac::parse);
            if let (Some(ip), Some(mac)) = (ip, mac) {
                self.gateway_macs.insert(ip, mac);
            }
            let members: Vec<_> =
                row.references(5).iter().map(|d| inventory.device_or_new(&d.key)).collect();
            let active = row.reference(6).map(|d| inventory.device_or_new(&d.key));
            let protocol = row.text(4).unwrap_or("anycast");
            let devices = standing_in(inventory, protocol, members, active);
            let subnet = &mut self.subnets[subnet as usize];
            subnet.vlan = subnet.vlan.or(vlan);
            if devices.is_empty() || subnet.gateway.is_some() {
                continue;
            }
            let at: Vec<(DeviceIndex, Option<PortIndex>)> = (devices.into_iter())
                .map(|device| {
                    let port = subnet
                        .routers
                        .iter()
                        .map(|(port, _)| *port)
                        .find(|port| inventory.ports[port.index()].device == device);
                    (device, port)
                })
                .collect();
            let ties = if protocol == "anycast" { Ties::Even } else { Ties::Bundles };
            subnet.gateway = Some(Gateway { ip, mac, ties, at, vrf });
        }
    }

    /// Where no source named the gateway: the address that several routers share, else the only one.
    fn derive_gateways(&mut self, inventory: &Inventory, problems: &mut Problems) {
        let macs = &self.gateway_macs;
        for subnet in &mut self.subnets {
            if subnet.gateway.is_some() || subnet.routers.is_empty() {
                continue;
            }
            let mut by_ip: FxHashMap<IpAddr, Vec<PortIndex>> = FxHashMap::default();
            for (port, ip) in &subnet.routers {
                by_ip.entry(*ip).or_default().push(*port);
            }
            let mut candidates: Vec<_> = by_ip.into_iter().collect();
            candidates.sort_unstable_by_key(|(ip, ports)| (std::cmp::Reverse(ports.len()), *ip));
            let (ip, ports) = &candidates[0];
            if ports.len() == 1 && candidates.len() > 1 && subnet.prefix.prefix_len() < 30 {
                problems.push(
                    format!("subnet {}", subnet.prefix),
                    &ip.to_string(),
                    format!(
                        "{} routers have an address in it and none is named the gateway; the lowest is taken",
                        candidates.len()
                    ),
                );
            }
            let mut at: Vec<_> = (ports.iter())
                .map(|port| (inventory.ports[port.index()].device, Some(*port)))
                .collect();
            at.sort_unstable();
            at.dedup_by_key(|(device, _)| *device);
            let first = &inventory.ports[ports[0].index()];
            subnet.gateway = Some(Gateway {
                ip: Some(*ip),
                mac: macs.get(ip).copied().or(first.mac),
                ties: if at.len() > 1 { Ties::Even } else { Ties::Bundles },
                vrf: first.vrf,
                at,
            });
        }
    }
}

/// Who answers for a gateway: of an anycast one every member; otherwise the active one and, since
/// both switches of an MLAG pair forward for a virtual address, its MLAG peers that are members.
fn standing_in(
    inventory: &Inventory,
    protocol: &str,
    members: Vec<DeviceIndex>,
    active: Option<DeviceIndex>,
) -> Vec<DeviceIndex> {
    let works = |device: &DeviceIndex| inventory.devices[device.index()].up;
    let active = active.filter(|active| protocol != "anycast" && works(active));
    let mut devices = match active {
        Some(active) => {
            let peers = inventory.mlag_peers.get(&active).map_or(&[][..], Vec::as_slice);
            let mut devices: Vec<_> =
                peers.iter().copied().filter(|peer| members.contains(peer)).collect();
            devices.push(active);
            devices
        }
        None => members,
    };
    devices.retain(works);
    devices.sort_unstable();
    devices.dedup();
    devices
}

fn is_routing_protocol(protocol: &str) -> bool {
    let protocol = protocol.to_ascii_lowercase();
    ["bgp", "ospf", "isis", "is-is", "eigrp", "rip"].iter().any(|name| protocol.contains(name))
}
