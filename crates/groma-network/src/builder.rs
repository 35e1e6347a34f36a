//! Makes the end points: every instance, process, container, machine and address of the model.

use std::net::IpAddr;
use std::sync::Arc;

use groma_model::EntityRef;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::address::{Mac, parse_ip_and_port};
use crate::attach::{Attached, Attacher, Wanted};
use crate::endpoint::{Endpoint, Place, Placement};
use crate::group::Keyer;
use crate::index::{DeviceIndex, EndpointIndex, GroupIndex, PortIndex};
use crate::inventory::{Inventory, PortType, Role};
use crate::problem::Problems;
use crate::read::Reader;
use crate::registry::{Index, Registry};
use crate::routing::Routing;
use crate::sighting::Sightings;
use crate::vlan::Vlans;

/// Longest chain of `runs_on`: instance, process, container, machine, host, with room to spare.
const CHAIN_MAX: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum HostKey {
    Device(DeviceIndex),
    Entity(EntityRef),
}

/// A link of a chain of `runs_on`.
#[derive(Debug, Clone, Default)]
struct Node {
    on: Option<EntityRef>,
    ip: Option<IpAddr>,
    /// It had the address once, and another may have it now.
    is_former: bool,
    mac: Option<Mac>,
    vid: Option<u16>,
    device: Option<DeviceIndex>,
}

/// What a chain says of its end point.
#[derive(Debug, Default)]
struct Chain {
    ip: Option<IpAddr>,
    is_former: bool,
    mac: Option<Mac>,
    vid: Option<u16>,
    device: Option<DeviceIndex>,
    host: Option<EntityRef>,
}

/// Device, port that holds the address, MAC and VLAN id that it was given.
type MachineKey = (DeviceIndex, Option<PortIndex>, Option<Mac>, Option<u16>);

pub(crate) struct Builder<'a> {
    attacher: Attacher<'a>,
    vlans: &'a Vlans,
    routing: &'a Routing,
    sightings: &'a Sightings,
    nodes: FxHashMap<EntityRef, Node>,
    /// Where machines hang, for those that run much.
    attached: FxHashMap<MachineKey, Option<Attached>>,
    hosts: FxHashMap<HostKey, u32>,
    host_count: u32,
    /// End points that had their address once.
    former: FxHashSet<EndpointIndex>,
    index: Index,
    registry: Registry,
}

impl<'a> Builder<'a> {
    pub(crate) fn build(
        reader: Reader<'_>,
        inventory: &'a mut Inventory,
        vlans: &'a Vlans,
        routing: &'a Routing,
        sightings: &'a Sightings,
        problems: &mut Problems,
    ) -> Registry {
        let mut builder = Builder {
            attacher: Attacher::new(inventory, vlans, sightings),
            vlans,
            routing,
            sightings,
            nodes: FxHashMap::default(),
            attached: FxHashMap::default(),
            hosts: FxHashMap::default(),
            host_count: 0,
            former: FxHashSet::default(),
            index: Index::default(),
            registry: Registry::default(),
        };
        let order = builder.read_nodes(reader);
        for entity in order {
            builder.add_entity(entity, problems);
        }
        builder.add_devices();
        builder.add_addresses();
        builder.add_networks();
        for (index, endpoint) in builder.registry.list.iter().enumerate() {
            if let Some(device) = endpoint.device {
                let of_machine = builder.index.by_machine.entry(device).or_default();
                of_machine.push(EndpointIndex::from(index));
            }
        }
        builder.registry.found_by(builder.index)
    }

    /// Reads what runs where; gives the entities in the order in which names are resolved.
    fn read_nodes(&mut self, reader: Reader<'_>) -> Vec<EntityRef> {
        let mut order = Vec::new();
        let mut note = |nodes: &mut FxHashMap<EntityRef, Node>, id: &EntityRef, node: Node| {
            order.push(id.clone());
            nodes.insert(id.clone(), node);
        };
        let mut former = Vec::new();
        for row in reader.rows("service.instance", ["runs_on", "address"]) {
            let ip = row.text(1).and_then(parse_ip_and_port);
            let is_former = row.is_former(1);
            let node = Node { on: row.reference(0).cloned(), ip, is_former, ..Node::default() };
            if let Some(address) = row.text(1).filter(|address| address.contains(':')) {
                // Instances come first, so that the number is known; of several with one address
                // and port the first by name is meant, of those that have it before those that had.
                let index = EndpointIndex::from(self.nodes.len());
                match is_former {
                    true => former.push((address, index)),
                    false => drop(self.index.by_name.entry(address.into()).or_insert(index)),
                }
            }
            note(&mut self.nodes, row.id(), node);
        }
        for (address, index) in former {
            self.index.by_name.entry(address.into()).or_insert(index);
        }
        for row in reader.rows("compute.process", ["runs_on"]) {
            let node = Node { on: row.reference(0).cloned(), ..Node::default() };
            note(&mut self.nodes, row.id(), node);
        }
        for row in reader.rows("compute.container", ["runs_on", "address"]) {
            let ip = row.text(1).and_then(parse_ip_and_port);
            let is_former = row.is_former(1);
            let node = Node { on: row.reference(0).cloned(), ip, is_former, ..Node::default() };
            note(&mut self.nodes, row.id(), node);
        }
        for row in reader.rows("compute.vm", ["host", "address", "mac", "vlan"]) {
            let node = Node {
                on: row.reference(0).cloned(),
                ip: row.text(1).and_then(parse_ip_and_port),
                mac: row.text(2).and_then(Mac::parse),
                vid: row.vid(3),
                ..Node::default()
            };
            note(&mut self.nodes, row.id(), node);
        }
        for row in reader.rows("compute.host", ["device", "address"]) {
            let name = row.reference(0).map_or(row.key(), |device| &device.key);
            let node = Node {
                ip: row.text(1).and_then(parse_ip_and_port),
                device: self.attacher.inventory.device(name),
                ..Node::default()
            };
            note(&mut self.nodes, row.id(), node);
        }
        order
    }

    fn add_entity(&mut self, entity: EntityRef, problems: &mut Problems) {
        let chain = self.chain(&entity, problems);
        let name = Arc::clone(&entity.key);
        let index = self.add(Some(entity.clone()), Arc::clone(&name), chain);
        self.index.by_name.entry(name).or_insert(index);
        self.index.by_entity.insert(entity, index);
    }

    /// Follows `runs_on` to the machine; what is nearest to the end point wins.
    fn chain(&self, entity: &EntityRef, problems: &mut Problems) -> Chain {
        let mut chain = Chain::default();
        let mut at = Some(entity.clone());
        for _ in 0..CHAIN_MAX {
            let Some(id) = at.take() else { return chain };
            let Some(node) = self.nodes.get(&id) else { return chain };
            if chain.ip.is_none() && node.ip.is_some() {
                (chain.ip, chain.is_former) = (node.ip, node.is_former);
            }
            chain.mac = chain.mac.or(node.mac);
            chain.vid = chain.vid.or(node.vid);
            chain.device = chain.device.or(node.device);
            at = node.on.clone();
            if id != *entity || node.on.is_none() {
                chain.host = Some(id);
            }
        }
        problems.push(
            format!("end point {}", entity.key),
            &entity.key,
            format!("it runs on a chain of more than {CHAIN_MAX} things, or in a circle"),
        );
        Chain { ip: chain.ip, is_former: chain.is_former, ..Chain::default() }
    }

    fn add(&mut self, entity: Option<EntityRef>, name: Arc<str>, chain: Chain) -> EndpointIndex {
        let ip = chain.ip.or_else(|| chain.device.and_then(|device| self.device_ip(device)));
        let (device, port) = self.device_and_port(chain.device, ip);
        let subnet = ip.and_then(|ip| self.routing.subnet_of(ip));
        let mac = chain.mac.or_else(|| self.mac(ip, port));
        let attached = self.attached(&name, device, port, mac, chain.vid, subnet);
        let own = ip.map_or_else(Vec::new, |ip| self.router_ports(ip, device));
        let (place, placement, vlan) = match attached {
            _ if !own.is_empty() => {
                let one = own.iter().all(|(device, _)| *device == own[0].0);
                let placement = if one { Placement::Placed } else { Placement::Ambiguous };
                (Place::On(own), placement, None)
            }
            Some(found) => (Place::Attached(found.attachments), found.placement, found.vlan),
            None => self.keyer().unattached(ip, device, chain.vid, subnet),
        };
        // A router's own port; a machine's port may only be known from its cable.
        let (device, port) = match &place {
            Place::On(own) => (Some(own[0].0), Some(own[0].1)),
            Place::Attached(attachments) => (device, port.or(attachments[0].near_port)),
            _ => (device, port),
        };
        let host = self.host(chain.host, device);
        let vid = chain.vid;
        let prefix = match (ip, placement) {
            (Some(ip), _) => self.routing.prefix_of(ip),
            _ => None,
        };
        let index = self.push(Endpoint {
            entity,
            name,
            ip,
            mac,
            vlan,
            host,
            device,
            port,
            placement,
            group: GroupIndex(0),
            access: None,
            place,
            station: None,
            subnet,
            prefix,
            vid,
        });
        if chain.is_former {
            self.former.insert(index);
        }
        index
    }

    fn keyer(&self) -> Keyer<'a> {
        Keyer { vlans: self.vlans, routing: self.routing, sightings: self.sightings }
    }

    fn push(&mut self, mut endpoint: Endpoint) -> EndpointIndex {
        let index = EndpointIndex::from(self.registry.list.len());
        self.registry.number(self.keyer(), &mut endpoint);
        self.registry.list.push(endpoint);
        index
    }

    /// The address a device is known by, if no one said which: of a host one that is not out of
    /// band, of a router its loopback.
    fn device_ip(&self, device: DeviceIndex) -> Option<IpAddr> {
        let inventory = &self.attacher.inventory;
        let mut candidates: Vec<_> = (inventory.devices[device.index()].ports.iter())
            .filter(|port| inventory.ports[port.index()].of != PortType::Management)
            .flat_map(|port| {
                let addresses = self.routing.addresses_of.get(port);
                addresses.into_iter().flatten().map(|(ip, _)| (*port, *ip))
            })
            .filter(|(_, ip)| !ip.is_loopback() && ip.is_ipv4())
            .collect();
        candidates.sort_by_key(|(port, ip)| {
            let of = &inventory.ports[port.index()];
            let cabled = inventory.known_cables(*port).next().is_some();
            let seen = of.mac.is_some_and(|mac| self.sightings.by_mac.contains_key(&mac));
            let leads = of.of == PortType::Loopback || cabled || seen;
            (!leads, of.of != PortType::Loopback, *port, *ip)
        });
        candidates.first().map(|(_, ip)| *ip)
    }

    /// The machine's device and its port that holds the address.
    fn device_and_port(
        &self,
        device: Option<DeviceIndex>,
        ip: Option<IpAddr>,
    ) -> (Option<DeviceIndex>, Option<PortIndex>) {
        let inventory = &self.attacher.inventory;
        let owners = ip.and_then(|ip| self.routing.owners.get(&ip)).map_or(&[][..], Vec::as_slice);
        let on_device =
            owners.iter().find(|port| Some(inventory.ports[port.index()].device) == device);
        let on_host = || {
            owners
                .iter()
                .find(|port| inventory.role(inventory.ports[port.index()].device) == Role::Host)
        };
        match (on_device, device) {
            (Some(port), _) => (device, Some(*port)),
            (None, Some(_)) => (device, None),
            (None, None) => match on_host() {
                Some(port) => (Some(inventory.ports[port.index()].device), Some(*port)),
                None => (None, None),
            },
        }
    }

    /// The MAC that answers for the address: the port's own or one heard by ARP.
    fn mac(&self, ip: Option<IpAddr>, port: Option<PortIndex>) -> Option<Mac> {
        (port.and_then(|port| self.attacher.inventory.ports[port.index()].mac))
            .or_else(|| self.sightings.neighbors.get(&ip?).map(|neighbor| neighbor.mac))
    }

    /// The ports of routers that hold the address, loopbacks first. Not those of the machine itself.
    fn router_ports(
        &self,
        ip: IpAddr,
        device: Option<DeviceIndex>,
    ) -> Vec<(DeviceIndex, PortIndex)> {
        let inventory = &self.attacher.inventory;
        if device.is_some_and(|device| inventory.role(device) == Role::Host) {
            return Vec::new();
        }
        let mut ports: Vec<_> = (self.routing.owners.get(&ip).into_iter().flatten())
            .map(|port| (&inventory.ports[port.index()], *port))
            .filter(|(of, _)| inventory.role(of.device) != Role::Host)
            .map(|(of, port)| (of.of != PortType::Loopback, of.device, port))
            .collect();
        ports.sort_unstable();
        let mut seen = FxHashSet::default();
        ports.retain(|(_, device, _)| seen.insert(*device));
        ports.into_iter().map(|(_, device, port)| (device, port)).collect()
    }

    fn attached(
        &mut self,
        name: &str,
        device: Option<DeviceIndex>,
        port: Option<PortIndex>,
        mac: Option<Mac>,
        vid: Option<u16>,
        subnet: Option<u32>,
    ) -> Option<Attached> {
        let routes = |device: DeviceIndex| self.attacher.inventory.role(device) != Role::Host;
        if device.is_some_and(routes) {
            return None;
        }
        let subnet_vlan = subnet.and_then(|subnet| self.routing.subnets[subnet as usize].vlan);
        let wanted = Wanted { name, mac, vid, subnet_vlan, device, port };
        let Some(device) = device else { return self.attacher.attach(wanted) };
        // The subnet follows from the port, unless the address is not the machine's own.
        let key = (device, port, mac, vid);
        if port.is_none() {
            return self.attacher.attach(wanted);
        }
        if let Some(known) = self.attached.get(&key) {
            return known.clone();
        }
        let found = self.attacher.attach(wanted);
        self.attached.insert(key, found.clone());
        found
    }

    fn host(&mut self, entity: Option<EntityRef>, device: Option<DeviceIndex>) -> u32 {
        let key = match (device, entity) {
            (Some(device), _) => HostKey::Device(device),
            (None, Some(entity)) => HostKey::Entity(entity),
            (None, None) => {
                self.host_count += 1;
                return self.host_count - 1;
            }
        };
        let count = &mut self.host_count;
        *self.hosts.entry(key).or_insert_with(|| {
            *count += 1;
            *count - 1
        })
    }

    /// Devices that no machine of the model stands for.
    fn add_devices(&mut self) {
        for index in 0..self.attacher.inventory.devices.len() {
            let name = Arc::clone(&self.attacher.inventory.devices[index].name);
            if self.index.by_name.contains_key(&name) {
                continue;
            }
            let chain = Chain { device: Some(DeviceIndex::from(index)), ..Chain::default() };
            let endpoint = self.add(None, Arc::clone(&name), chain);
            self.index.by_name.insert(name, endpoint);
        }
    }

    /// Every address that someone holds or was heard from.
    fn add_addresses(&mut self) {
        for former in [true, false] {
            for (index, endpoint) in self.registry.list.iter().enumerate() {
                let index = EndpointIndex::from(index);
                // An instance on a machine shares its address: the machine, being later, is meant;
                // and who has an address before who had it.
                if let Some(ip) = endpoint.ip
                    && self.former.contains(&index) == former
                {
                    self.index.by_ip.insert(ip, index);
                }
            }
        }
        let mut ips: Vec<IpAddr> = (self.routing.owners.keys())
            .chain(self.sightings.neighbors.keys())
            .copied()
            .filter(|ip| !self.index.by_ip.contains_key(ip))
            .collect();
        ips.sort_unstable();
        ips.dedup();
        for ip in ips {
            let chain = Chain { ip: Some(ip), ..Chain::default() };
            let endpoint = self.add(None, ip.to_string().into(), chain);
            self.index.by_ip.insert(ip, endpoint);
        }
    }

    /// One end point for all addresses of a network that nobody holds, and for each part of the
    /// outside that some routing table tells apart.
    fn add_networks(&mut self) {
        let mut networks = vec![(None, None, None)];
        for (index, subnet) in self.routing.subnets.iter().enumerate() {
            let prefix = self.routing.prefixes.covering(subnet.prefix).next();
            networks.push((Some(index as u32), prefix.map(|(_, p)| *p), Some(subnet.prefix)));
        }
        let mut prefixes: Vec<_> = self.routing.prefixes.iter().collect();
        prefixes.sort_unstable_by_key(|(_, index)| **index);
        for (prefix, index) in prefixes {
            networks.push((self.routing.subnet_covering(prefix), Some(*index), Some(prefix)));
        }
        for (subnet, prefix, net) in networks {
            if self.index.by_network.contains_key(&(subnet, prefix)) {
                continue;
            }
            let (place, placement) = match subnet {
                Some(subnet) => (Place::Within(subnet), Placement::Unplaced),
                None => (Place::Nowhere, Placement::External),
            };
            let name = net.map_or_else(|| "external".into(), |net| net.to_string());
            let host = self.host(None, None);
            let endpoint = self.push(Endpoint {
                entity: None,
                name: name.into(),
                ip: net.map(|net| net.network()),
                mac: None,
                vlan: subnet.and_then(|subnet| self.routing.subnets[subnet as usize].vlan),
                host,
                device: None,
                port: None,
                placement,
                group: GroupIndex(0),
                access: None,
                place,
                station: None,
                subnet,
                prefix,
                vid: None,
            });
            self.index.by_network.insert((subnet, prefix), endpoint);
        }
    }
}
