//! Follows a packet from device to device, along all equal branches at once.
//!
//! A *visit* is a packet at a device: the port it came in by, and whether it is to be routed,
//! switched or carried on in a tunnel. All that happens inside a device is decided at once; what
//! comes out are *exits*, each with its share. Visits and exits make a graph, which
//! [`Flow`](crate::flow::Flow) weighs and lists.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::address::Mac;
use crate::endpoint::{Endpoint, Place, Placement};
use crate::index::{DeviceIndex, LinkIndex, PortIndex, VlanIndex};
use crate::inventory::{Inventory, PortMode, PortType, Role};
use crate::path::{Failure, Layer};
use crate::routing::{Gateway, NextHop, Routing};
use crate::sighting::Sightings;
use crate::switching::{Switching, Ties};
use crate::vlan::Vlans;

/// Most visits of one walk; what lies beyond counts as a loop.
const VISITS_MAX: usize = 20_000;
/// Deepest chain of decisions inside one device: recursive routes, tunnel in tunnel.
const DECISIONS_MAX: u8 = 12;

/// The parts of a network that a walk reads.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) vlans: &'a Vlans,
    pub(crate) switching: &'a Switching,
    pub(crate) routing: &'a Routing,
    pub(crate) sightings: &'a Sightings,
    /// Sorted devices with tunnel end points.
    pub(crate) tunnel_switches: &'a [DeviceIndex],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Visit {
    pub(crate) device: DeviceIndex,
    pub(crate) ingress: Option<PortIndex>,
    pub(crate) packet: Packet,
}

/// What is to be done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Packet {
    Route { vrf: u16 },
    Switch { vlan: VlanIndex, goal: u16 },
    Tunnel { vtep: IpAddr, inner: Inner },
}

/// What comes out of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Inner {
    Route { vrf: u16 },
    Switch { vlan: VlanIndex, goal: u16 },
}

/// What is being routed: the packet itself, or the tunnel that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Packet,
    Tunnel { vtep: IpAddr, inner: Inner },
}

/// One branch out of a device.
#[derive(Debug, Clone)]
pub(crate) struct Exit {
    pub(crate) fraction: f64,
    /// The source's attachment, of a branch out of the source.
    pub(crate) slot: Option<u16>,
    pub(crate) egress: Option<PortIndex>,
    /// Cables taken: near port, far port.
    pub(crate) cables: Vec<(Option<LinkIndex>, Option<PortIndex>, Option<PortIndex>)>,
    pub(crate) to: To,
    pub(crate) how: How,
}

/// How a packet leaves a device.
#[derive(Debug, Clone)]
pub(crate) struct How {
    pub(crate) layer: Layer,
    pub(crate) vrf: u16,
    pub(crate) protocol: Arc<str>,
    pub(crate) vlan: Option<VlanIndex>,
    pub(crate) next_hop: Option<IpAddr>,
    pub(crate) vtep: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    Visit(u32),
    /// At the destination, over one of its attachments unless it is a router's own address.
    Arrived(Option<u16>),
    Failed(Failure),
}

/// Where a frame is to go: the destination, or routers that go on from there.
#[derive(Debug, Clone)]
struct Goal {
    /// Sorted.
    devices: Vec<DeviceIndex>,
    at: Vec<(DeviceIndex, Option<PortIndex>)>,
    vrf: u16,
    ip: Option<IpAddr>,
    mac: Option<Mac>,
    ties: Ties,
    what: What,
}

pub(crate) struct Walk<'a> {
    world: World<'a>,
    from: &'a Endpoint,
    to: &'a Endpoint,
    pub(crate) visits: Vec<Visit>,
    pub(crate) exits: Vec<Vec<Exit>>,
    /// Branches out of the source.
    pub(crate) start: Vec<Exit>,
    index: FxHashMap<Visit, u32>,
    goals: Vec<Goal>,
    words: Words,
}

struct Words {
    l2: Arc<str>,
    none: Arc<str>,
}

/// Inside a device: where a decision stands.
#[derive(Clone, Copy)]
struct Standing {
    device: DeviceIndex,
    fraction: f64,
    depth: u8,
}

impl Standing {
    fn share(self, fraction: f64) -> Standing {
        Standing { fraction: self.fraction * fraction, depth: self.depth + 1, ..self }
    }
}

/// The goal that is the destination.
const DESTINATION: u16 = 0;

impl<'a> Walk<'a> {
    /// Walks from one end point to another. Cost: visits × (prefix lengths + neighbours).
    pub(crate) fn new(world: World<'a>, from: &'a Endpoint, to: &'a Endpoint) -> Walk<'a> {
        let words = Words { l2: "l2".into(), none: "".into() };
        let destination = destination_goal(to);
        let mut walk = Walk {
            world,
            from,
            to,
            visits: Vec::new(),
            exits: Vec::new(),
            start: Vec::new(),
            index: FxHashMap::default(),
            goals: vec![destination],
            words,
        };
        walk.start = walk.depart();
        let mut next = 0;
        while next < walk.visits.len() {
            let visit = walk.visits[next];
            let mut exits = Vec::new();
            let standing = Standing { device: visit.device, fraction: 1.0, depth: 0 };
            match visit.packet {
                Packet::Route { vrf } => walk.route(standing, vrf, What::Packet, &mut exits),
                Packet::Switch { vlan, goal } => walk.switch(standing, vlan, goal, &mut exits),
                Packet::Tunnel { vtep, inner } => walk.tunnel(standing, 0, vtep, inner, &mut exits),
            }
            walk.exits[next] = exits;
            next += 1;
        }
        walk
    }

    fn depart(&mut self) -> Vec<Exit> {
        match &self.from.place {
            Place::Attached(_) => self.depart_attached(),
            Place::On(at) => {
                let at = at.clone();
                self.depart_router(&at)
            }
            Place::Within(subnet) => {
                let gateway = self.world.routing.subnets[*subnet as usize].gateway.clone();
                let at: Vec<_> = (gateway.iter().flat_map(|gateway| &gateway.at))
                    .filter_map(|(device, port)| Some((*device, (*port)?)))
                    .collect();
                self.depart_router(&at)
            }
            Place::Nowhere => vec![self.failed(1.0, Failure::NoGateway)],
        }
    }

    fn depart_router(&mut self, at: &[(DeviceIndex, PortIndex)]) -> Vec<Exit> {
        if at.is_empty() {
            return vec![self.failed(1.0, Failure::NoGateway)];
        }
        let fraction = 1.0 / at.len() as f64;
        let mut exits = Vec::new();
        for (device, port) in at {
            let vrf = self.world.inventory.ports[port.index()].vrf;
            let visit =
                Visit { device: *device, ingress: Some(*port), packet: Packet::Route { vrf } };
            let to = self.visit(visit);
            let how = self.how(Layer::L3, vrf);
            exits.push(Exit { fraction, slot: None, egress: None, cables: Vec::new(), to, how });
        }
        exits
    }

    /// A machine sends to the destination itself if that is in its network, else to a router.
    fn depart_attached(&mut self) -> Vec<Exit> {
        let routing = self.world.routing;
        let own_table = (self.from.device.zip(self.from.port))
            .filter(|(device, _)| routing.routed_devices.contains(device))
            .filter(|(device, _)| self.world.inventory.role(*device) == Role::Host);
        if let Some((device, port)) = own_table {
            return self.depart_by_table(device, port);
        }
        if self.on_link() {
            return self.send(1.0, Some(DESTINATION), self.to.ip, &Arc::clone(&self.words.l2));
        }
        let Some(gateway) = self.gateway() else {
            // A routed switch port needs no gateway: the switch routes what comes in.
            let routed = self.from.vlan.is_none();
            return match routed {
                true => self.send(1.0, None, None, &Arc::clone(&self.words.none)),
                false => vec![self.failed(1.0, Failure::NoGateway)],
            };
        };
        let next_hop = gateway.ip;
        let goal = self.gateway_goal(gateway);
        self.send(1.0, Some(goal), next_hop, &Arc::clone(&self.words.none))
    }

    fn depart_by_table(&mut self, device: DeviceIndex, port: PortIndex) -> Vec<Exit> {
        let (inventory, routing) = (self.world.inventory, self.world.routing);
        let vrf = inventory.ports[port.index()].vrf;
        let Some(route) = routing.route(device, vrf, self.target_ip()) else {
            return vec![self.failed(1.0, Failure::NoRoute)];
        };
        if route.drop || route.hops.is_empty() {
            return vec![self.failed(1.0, Failure::Dropped)];
        }
        let fraction = 1.0 / route.hops.len() as f64;
        let mut exits = Vec::new();
        for hop in &route.hops {
            let leaves_elsewhere =
                hop.port.is_some_and(|out| inventory.base(out) != inventory.base(port));
            if leaves_elsewhere {
                exits.push(self.failed(fraction, Failure::NoNextHop));
                continue;
            }
            let protocol = Arc::clone(&route.protocol);
            match hop.ip {
                None => {
                    let l2 = Arc::clone(&self.words.l2);
                    exits.extend(self.send(fraction, Some(DESTINATION), self.to.ip, &l2));
                }
                Some(ip) => match self.router_goal(ip, None, What::Packet) {
                    Some(goal) => {
                        exits.extend(self.send(fraction, Some(goal), Some(ip), &protocol))
                    }
                    None => exits.push(self.failed(fraction, Failure::NoNextHop)),
                },
            }
        }
        exits
    }

    /// Over all attachments of the source, by the number of their cables.
    fn send(
        &mut self,
        fraction: f64,
        goal: Option<u16>,
        next_hop: Option<IpAddr>,
        protocol: &Arc<str>,
    ) -> Vec<Exit> {
        let Place::Attached(attachments) = &self.from.place else { return Vec::new() };
        let attachments = Arc::clone(attachments);
        let cables: usize = attachments.iter().map(|attachment| attachment.cables.len()).sum();
        let mut exits = Vec::new();
        for (slot, attachment) in attachments.iter().enumerate() {
            let vlan = self.from.vlan.map(|vlan| self.world.vlans.root(vlan));
            let port = &self.world.inventory.ports[attachment.port.index()];
            let packet = match (vlan, goal) {
                (Some(vlan), Some(goal)) => Packet::Switch { vlan, goal },
                _ => Packet::Route { vrf: port.vrf },
            };
            let visit = Visit { device: attachment.device, ingress: Some(attachment.port), packet };
            let to = self.visit(visit);
            let layer = if goal == Some(DESTINATION) { Layer::L2 } else { Layer::L3 };
            let mut how = self.how(layer, 0);
            how.protocol = Arc::clone(protocol);
            how.vlan = self.from.vlan;
            how.next_hop = next_hop;
            exits.push(Exit {
                fraction: fraction * attachment.cables.len() as f64 / cables as f64,
                slot: Some(slot as u16),
                egress: attachment.near_port,
                cables: Vec::new(),
                to,
                how,
            });
        }
        exits
    }

    fn on_link(&self) -> bool {
        let vlans = self.world.vlans;
        let root = |endpoint: &Endpoint| endpoint.vlan.map(|vlan| vlans.root(vlan));
        let one_vlan = root(self.from).is_some() && root(self.from) == root(self.to);
        match (self.from.subnet, self.to.subnet) {
            (Some(a), Some(b)) if a == b => true,
            (Some(_), Some(_)) => {
                one_vlan && self.from.vlan.is_some_and(|vlan| vlans.is_merged(vlan))
            }
            _ => one_vlan,
        }
    }

    fn gateway(&self) -> Option<Gateway> {
        let routing = self.world.routing;
        let of_subnet =
            self.from.subnet.and_then(|subnet| routing.subnets[subnet as usize].gateway.clone());
        of_subnet.or_else(|| {
            let vlan = self.world.vlans.root(self.from.vlan?);
            let in_vlan = routing.subnets.iter().find(|subnet| {
                subnet.gateway.is_some()
                    && subnet.vlan.is_some_and(|other| self.world.vlans.root(other) == vlan)
            });
            in_vlan.and_then(|subnet| subnet.gateway.clone())
        })
    }

    fn gateway_goal(&mut self, gateway: Gateway) -> u16 {
        let mut devices: Vec<_> = gateway.at.iter().map(|(device, _)| *device).collect();
        devices.sort_unstable();
        devices.dedup();
        self.add_goal(Goal {
            devices,
            at: gateway.at,
            vrf: gateway.vrf,
            ip: gateway.ip,
            mac: gateway.mac,
            ties: gateway.ties,
            what: What::Packet,
        })
    }

    /// The routers that answer for a next hop's address; not `except`, which asks.
    fn router_goal(&mut self, ip: IpAddr, except: Option<DeviceIndex>, what: What) -> Option<u16> {
        let (inventory, routing) = (self.world.inventory, self.world.routing);
        let known = self.goals.iter().skip(1).position(|goal| {
            goal.ip == Some(ip)
                && goal.what == what
                && except.is_none_or(|device| !goal.devices.contains(&device))
        });
        if let Some(place) = known {
            return Some(place as u16 + 1);
        }
        let gateway = (routing.subnet_of(ip))
            .and_then(|subnet| routing.subnets[subnet as usize].gateway.as_ref())
            .filter(|gateway| gateway.ip == Some(ip) && what == What::Packet)
            .filter(|gateway| {
                except.is_none_or(|asks| gateway.at.iter().all(|(device, _)| *device != asks))
            });
        if let Some(gateway) = gateway {
            return Some(self.gateway_goal(gateway.clone()));
        }
        let mut at: Vec<(DeviceIndex, Option<PortIndex>)> = (routing.owners.get(&ip)?.iter())
            .filter(|port| inventory.port_works(**port))
            .map(|port| (inventory.ports[port.index()].device, Some(*port)))
            .filter(|(device, _)| Some(*device) != except)
            .collect();
        at.sort_unstable();
        let (_, first) = *at.first()?;
        let first = first?;
        let mut devices: Vec<_> = at.iter().map(|(device, _)| *device).collect();
        devices.dedup();
        let vrf = inventory.ports[first.index()].vrf;
        let mac = routing.mac_of(ip).or(inventory.ports[first.index()].mac);
        let ties = if devices.len() > 1 { Ties::Even } else { Ties::Bundles };
        Some(self.add_goal(Goal { devices, at, vrf, ip: Some(ip), mac, ties, what }))
    }

    fn add_goal(&mut self, goal: Goal) -> u16 {
        self.goals.push(goal);
        (self.goals.len() - 1).min(usize::from(u16::MAX)) as u16
    }

    /// The address looked up in routing tables; of what lies outside, any address there.
    fn target_ip(&self) -> IpAddr {
        self.to.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    fn is_outside(&self) -> bool {
        self.to.placement == Placement::External
    }

    fn route(&mut self, at: Standing, vrf: u16, what: What, exits: &mut Vec<Exit>) {
        if at.depth > DECISIONS_MAX {
            exits.push(self.failed(at.fraction, Failure::Loop));
            return;
        }
        let ip = match what {
            What::Packet => self.target_ip(),
            What::Tunnel { vtep, .. } => vtep,
        };
        if what == What::Packet && self.arrives_on(at, vrf, exits) {
            return;
        }
        let Some(route) = self.world.routing.route(at.device, vrf, ip) else {
            let leaves = self.is_outside()
                && what == What::Packet
                && self.world.inventory.role(at.device) == Role::Exit;
            let exit = match leaves {
                true => self.arrived(at.fraction, vrf, None),
                false => self.failed(at.fraction, Failure::NoRoute),
            };
            exits.push(exit);
            return;
        };
        if route.drop {
            exits.push(self.failed(at.fraction, Failure::Dropped));
            return;
        }
        if route.hops.is_empty() {
            exits.push(self.failed(at.fraction, Failure::NoNextHop));
            return;
        }
        let share = at.share(1.0 / route.hops.len() as f64);
        for hop in &route.hops {
            self.forward(share, vrf, *hop, &route.protocol, what, exits);
        }
    }

    /// The destination is an address of this very device.
    fn arrives_on(&mut self, at: Standing, vrf: u16, exits: &mut Vec<Exit>) -> bool {
        let Place::On(places) = &self.to.place else { return false };
        let Some((_, port)) = places.iter().find(|(device, _)| *device == at.device) else {
            return false;
        };
        let port = Some(*port);
        exits.push(self.arrived(at.fraction, vrf, port));
        true
    }

    fn forward(
        &mut self,
        at: Standing,
        vrf: u16,
        hop: NextHop,
        protocol: &Arc<str>,
        what: What,
        exits: &mut Vec<Exit>,
    ) {
        let (inventory, routing) = (self.world.inventory, self.world.routing);
        if let (Some(vtep), What::Packet) = (hop.vtep, what) {
            return self.tunnel(at, 0, vtep, Inner::Route { vrf }, exits);
        }
        let Some(port) = hop.port else {
            return self.forward_without_port(at, vrf, hop, what, exits);
        };
        let of = &inventory.ports[port.index()];
        let leaks = of.vrf != vrf && what == What::Packet;
        let through_tunnel = what == What::Packet
            && hop.ip.is_some_and(|ip| {
                routing.vtep_owners.contains_key(&ip)
                    && !routing.on_link(port, ip)
                    && (leaks || inventory.cables(port).next().is_none())
            });
        if through_tunnel && let Some(vtep) = hop.ip {
            return self.tunnel(at, 0, vtep, Inner::Route { vrf }, exits);
        }
        match of.of {
            PortType::Svi => self.forward_by_svi(at, port, hop, protocol, what, exits),
            PortType::Loopback | PortType::Management | PortType::Vxlan => {
                exits.push(self.failed(at.fraction, Failure::NoNextHop));
            }
            _ => self.forward_by_cable(at, vrf, port, hop, protocol, what, exits),
        }
    }

    /// The next hop is to be looked up again; or it is the far end of a tunnel.
    fn forward_without_port(
        &mut self,
        at: Standing,
        vrf: u16,
        hop: NextHop,
        what: What,
        exits: &mut Vec<Exit>,
    ) {
        let routing = self.world.routing;
        let Some(ip) = hop.ip else {
            exits.push(self.failed(at.fraction, Failure::NoNextHop));
            return;
        };
        let again = routing.route(at.device, vrf, ip).filter(|route| {
            !route.drop
                && route.hops.iter().any(|next| next.port.is_some())
                && at.depth < DECISIONS_MAX
        });
        let is_vtep = routing.vtep_owners.contains_key(&ip) && what == What::Packet;
        match again {
            Some(route) if !is_vtep || route.protocol.as_ref() == "connected" => {
                let share = at.share(1.0 / route.hops.len() as f64);
                for next in &route.hops {
                    let next = NextHop { ip: next.ip.or(Some(ip)), ..*next };
                    self.forward(share, vrf, next, &route.protocol, what, exits);
                }
            }
            _ if is_vtep => self.tunnel(at, 0, ip, Inner::Route { vrf }, exits),
            _ if self.is_outside() => exits.push(self.arrived(at.fraction, vrf, None)),
            _ => exits.push(self.failed(at.fraction, Failure::NoNextHop)),
        }
    }

    fn forward_by_svi(
        &mut self,
        at: Standing,
        port: PortIndex,
        hop: NextHop,
        protocol: &Arc<str>,
        what: What,
        exits: &mut Vec<Exit>,
    ) {
        let of = &self.world.inventory.ports[port.index()];
        let vlan = of.vlan.and_then(|vid| self.world.vlans.on(of.device, vid));
        let Some(vlan) = vlan.map(|vlan| self.world.vlans.root(vlan)) else {
            exits.push(self.failed(at.fraction, Failure::NoNextHop));
            return;
        };
        let goal = match (hop.ip, what) {
            (None, What::Packet) => Some(DESTINATION),
            (None, What::Tunnel { vtep, .. }) => self.router_goal(vtep, Some(at.device), what),
            (Some(ip), _) => self.router_goal(ip, Some(at.device), what),
        };
        let before = exits.len();
        match goal {
            Some(goal) => self.switch(at, vlan, goal, exits),
            None if self.is_outside() => exits.push(self.arrived(at.fraction, of.vrf, Some(port))),
            None => exits.push(self.failed(at.fraction, Failure::NoNextHop)),
        }
        for exit in &mut exits[before..] {
            if exit.how.layer == Layer::L2 {
                exit.how.layer = Layer::L3;
                exit.how.protocol = Arc::clone(protocol);
                exit.how.vrf = of.vrf;
                exit.how.next_hop = exit.how.next_hop.or(hop.ip);
            }
        }
    }

    /// Out of a routed port: over its cables; without any to whoever holds the next hop's address.
    #[expect(clippy::too_many_arguments, reason = "the parts of one decision, all of them plain")]
    fn forward_by_cable(
        &mut self,
        at: Standing,
        vrf: u16,
        port: PortIndex,
        hop: NextHop,
        protocol: &Arc<str>,
        what: What,
        exits: &mut Vec<Exit>,
    ) {
        let (inventory, routing) = (self.world.inventory, self.world.routing);
        let before = exits.len();
        if what == What::Packet && hop.ip.is_none() && self.arrives_behind(at, port, exits) {
            return;
        }
        let wanted = hop.ip.or(match what {
            What::Packet => self.to.ip,
            What::Tunnel { vtep, .. } => Some(vtep),
        });
        let owners: Vec<PortIndex> = (wanted.and_then(|ip| routing.owners.get(&ip)).into_iter())
            .flatten()
            .copied()
            .filter(|owner| {
                let owner = &inventory.ports[owner.index()];
                owner.device != at.device && owner.of != PortType::Management
            })
            .collect();
        let owner_on = |device: DeviceIndex| {
            owners
                .iter()
                .copied()
                .filter(move |owner| inventory.ports[owner.index()].device == device)
        };
        let mut cables: Vec<_> = inventory.cables(port).collect();
        let far_device = |far: PortIndex| inventory.ports[far.index()].device;
        if cables.iter().any(|(_, _, far)| owner_on(far_device(*far)).next().is_some()) {
            // A shared segment: only who holds the address answers.
            cables.retain(|(_, _, far)| owner_on(far_device(*far)).next().is_some());
        }
        let total = cables.len() as f64;
        let mut groups: Vec<(PortIndex, Vec<(LinkIndex, PortIndex, PortIndex)>)> = Vec::new();
        for cable in cables {
            let far = inventory.logical(cable.2);
            match groups.iter_mut().find(|(port, _)| *port == far) {
                Some((_, list)) => list.push(cable),
                None => groups.push((far, vec![cable])),
            }
        }
        for (far, list) in groups {
            let share = at.share(list.len() as f64 / total);
            let device = far_device(far);
            let ingress = self.ingress(port, far, owner_on(device));
            let packet = self.packet_at(ingress, far, port, wanted, at.device, what);
            let cables =
                list.into_iter().map(|(link, near, far)| (Some(link), Some(near), Some(far)));
            self.leave(share, port, device, ingress, packet, cables.collect(), exits);
        }
        if exits.len() == before {
            let share = at.share(1.0 / owners.len().max(1) as f64);
            for owner in &owners {
                let packet = Some(self.routed_packet(*owner, what));
                let device = inventory.ports[owner.index()].device;
                let cables = vec![(None, Some(inventory.base(port)), Some(inventory.base(*owner)))];
                self.leave(share, port, device, *owner, packet, cables, exits);
            }
        }
        if exits.len() == before {
            let exit = match self.is_outside() {
                true => self.arrived(at.fraction, vrf, Some(port)),
                false => self.failed(at.fraction, Failure::NoNextHop),
            };
            exits.push(exit);
        }
        for exit in &mut exits[before..] {
            exit.how.protocol = Arc::clone(protocol);
            exit.how.vrf = vrf;
            exit.how.next_hop = hop.ip;
            if let What::Tunnel { vtep, .. } = what {
                exit.how.layer = Layer::Overlay;
                exit.how.vtep = Some(vtep);
            }
        }
    }

    /// The destination hangs on a routed port of this device.
    fn arrives_behind(&mut self, at: Standing, port: PortIndex, exits: &mut Vec<Exit>) -> bool {
        let base = self.world.inventory.base(port);
        let slots: Vec<_> = (self.to.attachments().iter().enumerate())
            .filter(|(_, attachment)| attachment.device == at.device)
            .filter(|(_, attachment)| self.world.inventory.base(attachment.port) == base)
            .map(|(slot, _)| slot as u16)
            .collect();
        for slot in &slots {
            let vrf = self.world.inventory.ports[port.index()].vrf;
            let mut exit = self.arrived(at.fraction / slots.len() as f64, vrf, Some(port));
            exit.to = To::Arrived(Some(*slot));
            exits.push(exit);
        }
        !slots.is_empty()
    }

    /// The logical port that takes a packet in: the one with the address, else the one with our
    /// tag, else one in our network, else the port itself.
    fn ingress(
        &self,
        near: PortIndex,
        far: PortIndex,
        mut owners: impl Iterator<Item = PortIndex>,
    ) -> PortIndex {
        let inventory = self.world.inventory;
        if let Some(owner) = owners.find(|owner| inventory.base(*owner) == far) {
            return owner;
        }
        let ours = &inventory.ports[near.index()];
        let device = &inventory.devices[inventory.ports[far.index()].device.index()];
        let parts: Vec<PortIndex> = (device.ports.iter().copied())
            .filter(|part| *part != far && inventory.base(*part) == far)
            .filter(|part| inventory.ports[part.index()].of == PortType::Subinterface)
            .collect();
        let tagged = |part: &&PortIndex| {
            ours.vlan.is_some() && inventory.ports[part.index()].vlan == ours.vlan
        };
        let in_network = |part: &&PortIndex| {
            let addresses = self.world.routing.addresses_of.get(*part);
            addresses.is_some_and(|list| {
                list.iter().any(|(ip, _)| self.world.routing.on_link(near, *ip))
            })
        };
        (parts.iter().find(tagged))
            .or_else(|| parts.iter().find(in_network))
            .copied()
            .unwrap_or(far)
    }

    /// What the far device does with a packet from a routed port: a router routes it on; a switch
    /// port takes it into a VLAN, in which the next hop must be found.
    fn packet_at(
        &mut self,
        ingress: PortIndex,
        far: PortIndex,
        near: PortIndex,
        next_hop: Option<IpAddr>,
        sender: DeviceIndex,
        what: What,
    ) -> Option<Packet> {
        let inventory = self.world.inventory;
        let port = &inventory.ports[far.index()];
        let switched = ingress == far
            && matches!(port.mode, Some(PortMode::Access | PortMode::Trunk))
            && !self.world.routing.addresses_of.contains_key(&far);
        if !switched {
            return Some(self.routed_packet(ingress, what));
        }
        let vid = inventory.ports[near.index()].vlan.or(port.access_vlan).or(port.native_vlan)?;
        let vlan = self.world.vlans.root(self.world.vlans.on(port.device, vid)?);
        let goal = match next_hop {
            Some(ip) if what != What::Packet || Some(ip) != self.to.ip => {
                self.router_goal(ip, Some(sender), what)?
            }
            _ => DESTINATION,
        };
        Some(Packet::Switch { vlan, goal })
    }

    fn routed_packet(&self, ingress: PortIndex, what: What) -> Packet {
        match what {
            What::Packet => Packet::Route { vrf: self.world.inventory.ports[ingress.index()].vrf },
            What::Tunnel { vtep, inner } => Packet::Tunnel { vtep, inner },
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one exit, all of them plain")]
    fn leave(
        &mut self,
        at: Standing,
        egress: PortIndex,
        device: DeviceIndex,
        ingress: PortIndex,
        packet: Option<Packet>,
        cables: Vec<(Option<LinkIndex>, Option<PortIndex>, Option<PortIndex>)>,
        exits: &mut Vec<Exit>,
    ) {
        let arrives_at_host = self.world.inventory.role(device) == Role::Host
            && self.to.device == Some(device)
            && matches!(packet, Some(Packet::Route { .. }));
        let to = match packet {
            _ if arrives_at_host => To::Arrived(None),
            Some(packet) => self.visit(Visit { device, ingress: Some(ingress), packet }),
            None => To::Failed(Failure::NoNextHop),
        };
        let how = self.how(Layer::L3, 0);
        exits.push(Exit {
            fraction: at.fraction,
            slot: None,
            egress: Some(egress),
            cables,
            to,
            how,
        });
    }

    fn switch(&mut self, at: Standing, vlan: VlanIndex, goal: u16, exits: &mut Vec<Exit>) {
        if at.depth > DECISIONS_MAX {
            exits.push(self.failed(at.fraction, Failure::Loop));
            return;
        }
        if self.is_there(at, vlan, goal, exits) {
            return;
        }
        let world = self.world;
        let target = self.goals[usize::from(goal)].clone();
        let inner = Inner::Switch { vlan, goal };
        let has_tunnels = world.routing.vteps_of.contains_key(&at.device);
        let learnt = self.learnt_vtep(at.device, vlan, &target).filter(|_| has_tunnels);
        // A table names one owner of an anycast address, though all of them answer.
        let anycast = target.ties == Ties::Even && goal != DESTINATION;
        if let Some(vtep) = learnt.filter(|_| !anycast) {
            return self.tunnel(at, 0, vtep, inner, exits);
        }
        if let Some(next) = world.switching.next(at.device, vlan, &target.devices, target.ties) {
            return self.hand_on(at, vlan, goal, &next, exits);
        }
        if has_tunnels {
            let vteps = self.vteps_towards(at.device, &target);
            let share = at.share(1.0 / vteps.len().max(1) as f64);
            for vtep in &vteps {
                self.tunnel(share, 0, *vtep, inner, exits);
            }
            if !vteps.is_empty() {
                return;
            }
        }
        if let Some(vtep) = learnt {
            return self.tunnel(at, 0, vtep, inner, exits);
        }
        let to_tunnel = world.switching.next(at.device, vlan, world.tunnel_switches, Ties::Bundles);
        match to_tunnel {
            Some(next) if !next.is_empty() => self.hand_on(at, vlan, goal, &next, exits),
            _ => exits.push(self.failed(at.fraction, Failure::NoSwitchPath)),
        }
    }

    /// Whether the frame has reached its goal on this device; then it goes on from here.
    fn is_there(
        &mut self,
        at: Standing,
        vlan: VlanIndex,
        goal: u16,
        exits: &mut Vec<Exit>,
    ) -> bool {
        let inventory = self.world.inventory;
        if goal != DESTINATION {
            let goal = &self.goals[usize::from(goal)];
            let Some((_, port)) = goal.at.iter().find(|(device, _)| *device == at.device) else {
                return false;
            };
            let vrf = port.map_or(goal.vrf, |port| inventory.ports[port.index()].vrf);
            let at = at.share(1.0);
            match goal.what {
                What::Packet => self.route(at, vrf, What::Packet, exits),
                What::Tunnel { vtep, inner } => self.tunnel(at, vrf, vtep, inner, exits),
            }
            return true;
        }
        match &self.to.place {
            Place::Attached(attachments) => {
                let attachments = Arc::clone(attachments);
                let here = || attachments.iter().enumerate().filter(|(_, a)| a.device == at.device);
                let total: usize = here().map(|(_, attachment)| attachment.cables.len()).sum();
                if total == 0 {
                    return false;
                }
                if self.to.vlan.is_some_and(|own| self.world.vlans.root(own) != vlan) {
                    exits.push(self.failed(at.fraction, Failure::NoSwitchPath));
                    return true;
                }
                for (slot, attachment) in here() {
                    let fraction = at.fraction * attachment.cables.len() as f64 / total as f64;
                    let mut exit = self.arrived(fraction, 0, Some(attachment.port));
                    exit.to = To::Arrived(Some(slot as u16));
                    exit.how = self.how(Layer::L2, 0);
                    exit.how.protocol = Arc::clone(&self.words.l2);
                    exit.how.vlan = Some(vlan);
                    exit.how.next_hop = self.to.ip;
                    exits.push(exit);
                }
                true
            }
            Place::On(_) => self.arrives_on(at, 0, exits),
            Place::Within(_) | Place::Nowhere => {
                // Not seen anywhere: it is taken to be behind the first router of its network.
                let svi = self.world.routing.svis.get(&(at.device, vlan));
                let port = svi.and_then(|ports| ports.first()).copied();
                exits.push(self.arrived(at.fraction, 0, port));
                true
            }
        }
    }

    fn hand_on(
        &mut self,
        at: Standing,
        vlan: VlanIndex,
        goal: u16,
        next: &[crate::switching::NextSwitch],
        exits: &mut Vec<Exit>,
    ) {
        let switching = self.world.switching;
        for step in next {
            let edge = &switching.edges[step.edge as usize];
            let (_, egress) = edge.ends[step.side];
            let (device, ingress) = edge.ends[1 - step.side];
            let visit =
                Visit { device, ingress: Some(ingress), packet: Packet::Switch { vlan, goal } };
            let to = self.visit(visit);
            let cables = (edge.cables.iter())
                .map(|(link, ports)| {
                    (Some(*link), Some(ports[step.side]), Some(ports[1 - step.side]))
                })
                .collect();
            let mut how = self.how(Layer::L2, 0);
            how.protocol = Arc::clone(&self.words.l2);
            how.vlan = Some(vlan);
            how.next_hop = self.goals[usize::from(goal)].ip;
            exits.push(Exit {
                fraction: at.fraction * step.fraction,
                slot: None,
                egress: Some(egress),
                cables,
                to,
                how,
            });
        }
    }

    /// The tunnel end point behind which the goal's MAC was learnt, unless that is this device.
    fn learnt_vtep(&self, device: DeviceIndex, vlan: VlanIndex, goal: &Goal) -> Option<IpAddr> {
        let mac = goal.mac?;
        let vid = self.world.vlans.list[vlan.index()].vid;
        let sightings = self.world.sightings;
        let here = sightings.tunnels.get(&(device, vid, mac)).copied();
        // What an end point's MAC is behind holds for all switches; a gateway's may differ.
        let vtep = here.or_else(|| match goal.what {
            What::Packet if goal.at.is_empty() => sightings.vtep_of(mac),
            _ => None,
        })?;
        (!self.world.routing.owns_vtep(device, vtep)).then_some(vtep)
    }

    /// Tunnel end points of the goal's devices: one that all share, else each one's own.
    fn vteps_towards(&self, device: DeviceIndex, goal: &Goal) -> Vec<IpAddr> {
        let routing = self.world.routing;
        let own =
            |target: &DeviceIndex| routing.vteps_of.get(target).map_or(&[][..], Vec::as_slice);
        let usable = |vtep: &IpAddr| !routing.owns_vtep(device, *vtep);
        let Some(first) = goal.devices.first() else { return Vec::new() };
        let shared = own(first).iter().find(|vtep| {
            usable(vtep) && goal.devices.iter().all(|device| own(device).contains(vtep))
        });
        if let Some(shared) = shared {
            return vec![*shared];
        }
        let mut vteps: Vec<IpAddr> = (goal.devices.iter())
            .filter_map(|device| own(device).iter().copied().find(usable))
            .collect();
        vteps.sort_unstable();
        vteps.dedup();
        vteps
    }

    fn tunnel(
        &mut self,
        at: Standing,
        vrf: u16,
        vtep: IpAddr,
        inner: Inner,
        exits: &mut Vec<Exit>,
    ) {
        if at.depth > DECISIONS_MAX {
            exits.push(self.failed(at.fraction, Failure::Loop));
            return;
        }
        if !self.world.routing.owns_vtep(at.device, vtep) {
            return self.route(at.share(1.0), vrf, What::Tunnel { vtep, inner }, exits);
        }
        match inner {
            Inner::Route { vrf } => self.route(at.share(1.0), vrf, What::Packet, exits),
            Inner::Switch { vlan, goal } => self.switch(at.share(1.0), vlan, goal, exits),
        }
    }

    fn visit(&mut self, visit: Visit) -> To {
        if let Some(index) = self.index.get(&visit) {
            return To::Visit(*index);
        }
        if self.visits.len() >= VISITS_MAX || !self.world.inventory.devices[visit.device.index()].up
        {
            return To::Failed(Failure::Loop);
        }
        let index = self.visits.len() as u32;
        self.visits.push(visit);
        self.exits.push(Vec::new());
        self.index.insert(visit, index);
        To::Visit(index)
    }

    fn how(&self, layer: Layer, vrf: u16) -> How {
        let protocol = Arc::clone(&self.words.none);
        How { layer, vrf, protocol, vlan: None, next_hop: None, vtep: None }
    }

    fn failed(&self, fraction: f64, failure: Failure) -> Exit {
        let (to, how) = (To::Failed(failure), self.how(Layer::L3, 0));
        Exit { fraction, slot: None, egress: None, cables: Vec::new(), to, how }
    }

    fn arrived(&self, fraction: f64, vrf: u16, egress: Option<PortIndex>) -> Exit {
        let (to, how) = (To::Arrived(None), self.how(Layer::L3, vrf));
        Exit { fraction, slot: None, egress, cables: Vec::new(), to, how }
    }
}

fn destination_goal(to: &Endpoint) -> Goal {
    let mut devices: Vec<DeviceIndex> = match &to.place {
        Place::Attached(attachments) => attachments.iter().map(|a| a.device).collect(),
        Place::On(at) => at.iter().map(|(device, _)| *device).collect(),
        Place::Within(_) | Place::Nowhere => Vec::new(),
    };
    devices.sort_unstable();
    devices.dedup();
    let ties = if matches!(to.place, Place::On(_)) { Ties::Even } else { Ties::Bundles };
    Goal { devices, at: Vec::new(), vrf: 0, ip: to.ip, mac: to.mac, ties, what: What::Packet }
}
