//! Routing domains: devices among which a protocol (OSPF, IS-IS, BGP in a fabric) finds the shortest ways.
//!
//! Nothing is captured here: neighbours are the routed ports that a working cable joins, and every
//! network that a member holds an address in is announced. So a failure shows what the protocol comes
//! to, once it has converged, and not what a table said before.

use std::sync::Arc;

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use crate::address::PrefixMap;
use crate::index::{DeviceIndex, PortIndex};
use crate::inventory::{Inventory, PortMode, PortType, Role};
use crate::lines::{Lines, networks};
use crate::problem::Problems;
use crate::read::Reader;
use crate::routing::{Found, NextHop};
use crate::shortest::{Rerouted, ShortestWays, Way};

/// One routing domain. A copy shares what does not change.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    plan: Arc<Plan>,
    ways: ShortestWays,
}

/// What does not depend on what works.
#[derive(Debug, PartialEq)]
struct Plan {
    vrf: u16,
    protocol: Arc<str>,
    members: Vec<DeviceIndex>,
    node_of: FxHashMap<DeviceIndex, u32>,
    /// Ports of each member that may have neighbours.
    interfaces: Vec<Vec<PortIndex>>,
    announced: PrefixMap<Vec<Owner>>,
}

/// Who announces a network: a member, and the port that must work for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) node: u32,
    port: Option<PortIndex>,
}

/// A domain with the eyes of one of its members.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenFrom<'a> {
    domain: &'a Domain,
    node: u32,
}

impl Domain {
    /// The domains of the model. A device is in one domain of each routing table: the first by name.
    pub(crate) fn read(
        reader: Reader<'_>,
        inventory: &mut Inventory,
        lines: &Lines,
        problems: &mut Problems,
    ) -> Vec<Domain> {
        let mut domains: Vec<Domain> = Vec::new();
        let attributes = ["devices", "vrf", "protocol", "default_from"];
        for row in reader.rows("network.routing_domain", attributes) {
            let vrf = inventory.vrf(row.text(1));
            let mut devices = |place: usize| -> Vec<DeviceIndex> {
                row.references(place).iter().map(|d| inventory.device_or_new(&d.key)).collect()
            };
            let (mut members, exits) = (devices(0), devices(3));
            if members.is_empty() {
                members = (0..inventory.devices.len()).map(DeviceIndex::from).collect();
            }
            members.retain(|device| inventory.role(*device) != Role::Host);
            members.sort_unstable();
            members.dedup();
            let count = members.len();
            members.retain(|device| {
                domains.iter().all(|other| other.seen_from(*device, vrf).is_none())
            });
            if members.len() < count {
                problems.push(
                    format!("routing domain {}", row.key()),
                    row.key(),
                    "some of its devices are in another domain of the same routing table already",
                );
            }
            let protocol = row.text(2).unwrap_or("ospf").into();
            let plan = Plan::new(vrf, protocol, members, &exits, inventory, lines);
            domains.push(Domain::new(Arc::new(plan), inventory));
        }
        domains
    }

    fn new(plan: Arc<Plan>, inventory: &Inventory) -> Domain {
        let nodes = 0..plan.members.len() as u32;
        let out = nodes.clone().map(|node| plan.ways(inventory, node)).collect();
        let targets: Vec<Box<[u32]>> = nodes.map(|node| Box::from([node])).collect();
        Domain { plan, ways: ShortestWays::new(out, &targets) }
    }

    /// The domain as it is once ports and cables of some devices work or do not; and whose next hops to
    /// which member are others now. Cost: what changed, see [`ShortestWays::update`].
    pub(crate) fn refreshed(
        &self,
        inventory: &Inventory,
        devices: &[DeviceIndex],
    ) -> (Domain, Rerouted) {
        let nodes = devices.iter().filter_map(|device| self.plan.node_of.get(device).copied());
        let changed: Vec<(u32, Arc<[Way]>)> = nodes
            .map(|node| (node, self.plan.ways(inventory, node)))
            .filter(|(node, ways)| **ways != *self.ways.out(*node))
            .collect();
        let (ways, rerouted) = self.ways.update(changed);
        (Domain { plan: Arc::clone(&self.plan), ways }, rerouted)
    }

    pub(crate) fn seen_from(&self, device: DeviceIndex, vrf: u16) -> Option<SeenFrom<'_>> {
        let node = *self.plan.node_of.get(&device).filter(|_| self.plan.vrf == vrf)?;
        Some(SeenFrom { domain: self, node })
    }

    /// The number of a member.
    pub(crate) fn node(&self, device: DeviceIndex) -> Option<u32> {
        self.plan.node_of.get(&device).copied()
    }

    /// The members that announce a network that an address is in, and whether others announce it too.
    pub(crate) fn announcers(&self, ip: std::net::IpAddr) -> impl Iterator<Item = (u32, bool)> {
        self.plan
            .announced
            .matches(ip)
            .flat_map(|(_, owners)| owners.iter().map(|owner| (owner.node, owners.len() > 1)))
    }

    /// All networks that are announced.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = IpNet> {
        self.plan.announced.iter().map(|(prefix, _)| prefix)
    }

    /// Whose next hops differ in another state of the same domain; `None`: it is not the same.
    pub(crate) fn difference(&self, other: &Domain) -> Option<Rerouted> {
        (self.plan == other.plan).then(|| self.ways.difference(&other.ways))
    }
}

impl<'a> SeenFrom<'a> {
    /// What the protocol finds to a network of these owners. `None`: none can be reached, or it is one.
    pub(crate) fn found(self, inventory: &Inventory, owners: &[Owner]) -> Option<Found<'a>> {
        let hops = self.next_hops(inventory, owners);
        let protocol = &self.domain.plan.protocol;
        (!hops.is_empty()).then_some(Found { protocol, drop: false, hops: hops.into() })
    }

    /// The announced networks that an address is in, the longest first, with their owners.
    pub(crate) fn announced(
        self,
        ip: std::net::IpAddr,
    ) -> impl Iterator<Item = (IpNet, &'a [Owner])> {
        self.domain.plan.announced.matches(ip).map(|(net, owners)| (net, owners.as_slice()))
    }

    /// The ports by which the nearest of the owners is reached. Empty: none can be, or it is one itself.
    fn next_hops(self, inventory: &Inventory, owners: &[Owner]) -> Vec<NextHop> {
        let ways = &self.domain.ways;
        let distance = |owner: &Owner| {
            let works = owner.port.is_none_or(|port| inventory.port_works(port));
            ways.distance(self.node, owner.node).filter(|_| works)
        };
        let Some(nearest) = owners.iter().filter_map(distance).min() else { return Vec::new() };
        let mut ports: Vec<u32> = (owners.iter())
            .filter(|owner| distance(owner) == Some(nearest))
            .flat_map(|owner| ways.next(self.node, owner.node).map(|way| way.port))
            .collect();
        ports.sort_unstable();
        ports.dedup();
        let hop = |port| NextHop { ip: None, port: Some(PortIndex(port)), vtep: None };
        ports.into_iter().map(hop).collect()
    }
}

impl Plan {
    fn new(
        vrf: u16,
        protocol: Arc<str>,
        members: Vec<DeviceIndex>,
        exits: &[DeviceIndex],
        inventory: &Inventory,
        lines: &Lines,
    ) -> Plan {
        let node_of: FxHashMap<_, _> =
            members.iter().enumerate().map(|(node, device)| (*device, node as u32)).collect();
        let mut announced: PrefixMap<Vec<Owner>> = PrefixMap::default();
        let mut interfaces = Vec::with_capacity(members.len());
        for (node, device) in members.iter().enumerate() {
            let node = node as u32;
            let ports = &inventory.devices[device.index()].ports;
            let mut joins = Vec::new();
            for port in ports.iter().copied() {
                let of = &inventory.ports[port.index()];
                if of.vrf != vrf || of.of == PortType::Management {
                    continue;
                }
                let addresses = lines.addresses_of.get(&port).map_or(&[][..], Vec::as_slice);
                for prefix in networks(addresses) {
                    let owners = announced.entry(prefix, Vec::new);
                    owners.push(Owner { node, port: Some(port) });
                }
                let routes = match of.mode {
                    Some(mode) => mode == PortMode::Routed,
                    None => !addresses.is_empty(),
                };
                let can_join =
                    matches!(of.of, PortType::Ethernet | PortType::Lag | PortType::Subinterface);
                if routes && can_join && of.lag.is_none() {
                    joins.push(port);
                }
            }
            interfaces.push(joins);
        }
        for exit in exits.iter().filter_map(|exit| node_of.get(exit)) {
            let everything =
                [IpNet::V4(ipnet::Ipv4Net::default()), IpNet::V6(ipnet::Ipv6Net::default())];
            for prefix in everything {
                announced.entry(prefix, Vec::new).push(Owner { node: *exit, port: None });
            }
        }
        Plan { vrf, protocol, members, node_of, interfaces, announced }
    }

    /// The ways out of a member over cables that work, sorted.
    fn ways(&self, inventory: &Inventory, node: u32) -> Arc<[Way]> {
        let mut ways = Vec::new();
        for port in self.interfaces[node as usize].iter().copied() {
            let near = &inventory.ports[port.index()];
            if !inventory.leads_on(port) {
                continue;
            }
            for (_, _, far) in inventory.cables(port) {
                let base = inventory.logical(far);
                let device = inventory.ports[base.index()].device;
                let Some(to) = self.node_of.get(&device).filter(|to| **to != node) else {
                    continue;
                };
                let tag = near.vlan.filter(|_| near.of == PortType::Subinterface);
                let joins = self.interfaces[*to as usize].iter().find(|interface| {
                    let of = &inventory.ports[interface.index()];
                    let far_tag = of.vlan.filter(|_| of.of == PortType::Subinterface);
                    inventory.base(**interface) == base
                        && far_tag == tag
                        && inventory.port_works(**interface)
                        && inventory.port_works(base)
                });
                let Some(joins) = joins else { continue };
                let cost_back = inventory.ports[joins.index()].routing_cost;
                ways.push(Way { to: *to, port: port.0, cost: near.routing_cost, cost_back });
            }
        }
        ways.sort_unstable_by_key(|way| (way.to, way.port));
        ways.dedup();
        ways.into()
    }
}
