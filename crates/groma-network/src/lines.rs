//! What was configured and captured of layer 3: addresses, subnets, tables. Whatever works.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::address::{Mac, PrefixMap, parse_ip, parse_prefix};
use crate::domain::Domain;
use crate::gateway::{Declared, Subnet, by_address};
use crate::index::{DeviceIndex, PortIndex, VlanIndex};
use crate::inventory::{Inventory, PortType, Role};
use crate::problem::Problems;
use crate::read::{ROUTE, Reader};
use crate::routing::{NextHop, TableRoute};
use crate::vlan::Vlans;

/// What was configured and captured.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Ports that hold an address.
    pub(crate) owners: FxHashMap<IpAddr, Vec<PortIndex>>,
    pub(crate) addresses_of: FxHashMap<PortIndex, Vec<(IpAddr, Option<u8>)>>,
    pub(crate) subnets: Vec<Subnet>,
    subnet_by_prefix: PrefixMap<u32>,
    /// Subnets whose gateway depends on whether a device and its ports work.
    pub(crate) subnets_of: FxHashMap<DeviceIndex, Vec<u32>>,
    pub(crate) vtep_owners: FxHashMap<IpAddr, Vec<DeviceIndex>>,
    pub(crate) vteps_of: FxHashMap<DeviceIndex, Vec<IpAddr>>,
    pub(crate) tables: FxHashMap<(DeviceIndex, u16), PrefixMap<TableRoute>>,
    /// Devices whose routing tables were heard.
    pub(crate) routed_devices: FxHashSet<DeviceIndex>,
    /// Devices with routes from a routing protocol.
    pub(crate) speakers: FxHashSet<DeviceIndex>,
    /// Every prefix of every table, numbered.
    pub(crate) prefixes: PrefixMap<u32>,
    /// Whether some next hop must be looked up again, as no port is given.
    pub(crate) recursive: bool,
    /// Routed ports of a VLAN on a device.
    pub(crate) svis: FxHashMap<(DeviceIndex, VlanIndex), Vec<PortIndex>>,
    /// Ports that route, with the tags of their subinterfaces.
    pub(crate) routed_ports: FxHashMap<PortIndex, Vec<u16>>,
    pub(crate) gateway_macs: FxHashMap<IpAddr, Mac>,
}
impl Lines {
    /// Addresses, tunnel end points and tables: all that does not need to know who is a host.
    pub(crate) fn read(reader: Reader<'_>, inventory: &mut Inventory, vlans: &Vlans) -> Lines {
        let mut lines = Lines::default();
        lines.read_addresses(reader, inventory);
        lines.note_svis(inventory, vlans);
        lines.note_subinterfaces(inventory);
        lines.read_vteps(reader, inventory);
        lines.read_routes(reader, inventory);
        lines
    }

    /// Subnets, gateways and routing domains, once it is known who is a host.
    pub(crate) fn settle(
        &mut self,
        reader: Reader<'_>,
        inventory: &mut Inventory,
        vlans: &Vlans,
        problems: &mut Problems,
    ) -> Vec<Domain> {
        self.add_connected(inventory);
        self.read_subnets(reader, vlans);
        self.note_routers(inventory, vlans);
        self.read_gateways(reader, inventory, vlans, problems);
        self.note_unclear_gateways(problems);
        self.note_dependents(inventory);
        let domains = Domain::read(reader, inventory, self, problems);
        for (member, table) in &mut self.tables {
            if domains.iter().any(|domain| domain.seen_from(member.0, member.1).is_some()) {
                // What the protocol found once is found anew.
                table.retain(|line| !is_routing_protocol(&line.protocol));
            }
        }
        let lines = self.tables.values().flat_map(|table| table.iter().map(|(prefix, _)| prefix));
        let mut prefixes: Vec<_> = lines.chain(domains.iter().flat_map(Domain::prefixes)).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        for (index, prefix) in prefixes.into_iter().enumerate() {
            self.prefixes.entry(prefix, || index as u32);
        }
        self.recursive = (self.tables.values().flat_map(PrefixMap::iter))
            .any(|(_, line)| line.hops.iter().any(|hop| hop.port.is_none() && hop.ip.is_some()));
        domains
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

    /// Whether some line of a device leaves by a port, or by one that shares its cables.
    pub(crate) fn has_line_by(
        &self,
        inventory: &Inventory,
        device: DeviceIndex,
        port: PortIndex,
    ) -> bool {
        let base = inventory.base(port);
        let tables =
            (0..inventory.vrfs.len() as u16).filter_map(|vrf| self.tables.get(&(device, vrf)));
        tables.flat_map(PrefixMap::iter).any(|(_, line)| {
            line.hops.iter().any(|hop| hop.port.is_some_and(|out| inventory.base(out) == base))
        })
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
        let mut protocols: FxHashMap<&str, Arc<str>> = FxHashMap::default();
        for row in reader.rows("network.route", ROUTE) {
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
            let route = TableRoute { protocol, drop, hops, first_only: false, metric };
            let table = self.tables.entry((device, vrf)).or_default();
            if table.get(prefix).is_none_or(|held| route.metric < held.metric) {
                let mut route = Some(route);
                let held = table.entry(prefix, || TableRoute {
                    protocol: "".into(),
                    drop: false,
                    hops: Vec::new(),
                    first_only: false,
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
        let mut ports: Vec<_> = self.addresses_of.keys().copied().collect();
        ports.sort_unstable();
        for port in ports {
            let of = &inventory.ports[port.index()];
            if of.of == PortType::Management || inventory.role(of.device) == Role::Host {
                continue;
            }
            let table = self.tables.entry((of.device, of.vrf)).or_default();
            for prefix in networks(&self.addresses_of[&port]) {
                let line = table.entry(prefix, || TableRoute {
                    protocol: Arc::clone(&connected),
                    drop: false,
                    hops: Vec::new(),
                    first_only: true,
                    metric: 0,
                });
                let hop = NextHop { ip: None, port: Some(port), vtep: None };
                if line.first_only && !line.hops.contains(&hop) {
                    line.hops.push(hop);
                }
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
            subnets.push(Subnet::new(prefix, vlan));
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
            if matches!(of.of, PortType::Loopback | PortType::Management) {
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
            let anycast = row.text(4).unwrap_or("anycast") == "anycast";
            let subnet = &mut self.subnets[subnet as usize];
            subnet.vlan = subnet.vlan.or(vlan);
            subnet.declared.push(Declared { ip, mac, vrf, anycast, members, active });
        }
    }

    fn note_unclear_gateways(&self, problems: &mut Problems) {
        for subnet in self.subnets.iter().filter(|subnet| subnet.declared.is_empty()) {
            let candidates = by_address(subnet.routers.iter());
            let Some((ip, ports)) = candidates.first() else { continue };
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
        }
    }

    fn note_dependents(&mut self, inventory: &Inventory) {
        for (index, subnet) in self.subnets.iter().enumerate() {
            let routers =
                subnet.routers.iter().map(|(port, _)| inventory.ports[port.index()].device);
            let named = (subnet.declared.iter())
                .flat_map(|declared| declared.members.iter().chain(&declared.active));
            for device in routers.chain(named.copied()) {
                let subnets = self.subnets_of.entry(device).or_default();
                if subnets.last() != Some(&(index as u32)) {
                    subnets.push(index as u32);
                }
            }
        }
    }
}

/// The networks that addresses are in.
pub(crate) fn networks(addresses: &[(IpAddr, Option<u8>)]) -> impl Iterator<Item = IpNet> {
    (addresses.iter())
        .filter_map(|(ip, length)| IpNet::new(*ip, (*length)?).ok())
        .map(|net| net.trunc())
        .filter(|net| net.prefix_len() > 0)
}

fn is_routing_protocol(protocol: &str) -> bool {
    let protocol = protocol.to_ascii_lowercase();
    ["bgp", "ospf", "isis", "is-is", "eigrp", "rip"].iter().any(|name| protocol.contains(name))
}
