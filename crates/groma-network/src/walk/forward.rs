//! What a router does: the best route, then its next hops, over cables or into a VLAN or tunnel.

use std::net::IpAddr;
use std::sync::Arc;

use super::{DECISIONS_MAX, DESTINATION, Exit, Inner, Packet, Standing, To, Visit, Walk, What};
use crate::endpoint::Place;
use crate::index::{DeviceIndex, LinkIndex, PortIndex};
use crate::inventory::{PortMode, PortType, Role};
use crate::path::{Failure, Layer};
use crate::routing::NextHop;

/// A cable with its near and its far port.
type Cable = (LinkIndex, PortIndex, PortIndex);

impl Walk<'_> {
    pub(super) fn route(&mut self, at: Standing, vrf: u16, what: What, exits: &mut Vec<Exit>) {
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
        let Some(route) = self.world.routing.route(self.world.inventory, at.device, vrf, ip) else {
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
        for hop in route.hops.iter() {
            self.forward(share, vrf, *hop, route.protocol, what, exits);
        }
    }

    /// The destination is an address of this very device.
    pub(super) fn arrives_on(&mut self, at: Standing, vrf: u16, exits: &mut Vec<Exit>) -> bool {
        let Place::On(places) = &self.to.place else { return false };
        let Some((_, port)) = places.iter().find(|(device, _)| *device == at.device) else {
            return false;
        };
        let port = Some(*port);
        exits.push(self.arrived(at.fraction, vrf, port));
        true
    }

    pub(super) fn forward(
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
    pub(super) fn forward_without_port(
        &mut self,
        at: Standing,
        vrf: u16,
        hop: NextHop,
        what: What,
        exits: &mut Vec<Exit>,
    ) {
        let (inventory, routing) = (self.world.inventory, self.world.routing);
        let Some(ip) = hop.ip else {
            exits.push(self.failed(at.fraction, Failure::NoNextHop));
            return;
        };
        let again = routing.route(inventory, at.device, vrf, ip).filter(|route| {
            !route.drop
                && route.hops.iter().any(|next| next.port.is_some())
                && at.depth < DECISIONS_MAX
        });
        let is_vtep = routing.vtep_owners.contains_key(&ip) && what == What::Packet;
        match again {
            Some(route) if !is_vtep || route.protocol.as_ref() == "connected" => {
                let share = at.share(1.0 / route.hops.len() as f64);
                for next in route.hops.iter() {
                    let next = NextHop { ip: next.ip.or(Some(ip)), ..*next };
                    self.forward(share, vrf, next, route.protocol, what, exits);
                }
            }
            _ if is_vtep => self.tunnel(at, 0, ip, Inner::Route { vrf }, exits),
            _ if self.is_outside() => exits.push(self.arrived(at.fraction, vrf, None)),
            _ => exits.push(self.failed(at.fraction, Failure::NoNextHop)),
        }
    }

    pub(super) fn forward_by_svi(
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
    pub(super) fn forward_by_cable(
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
        // Only where no cable is known, not where one is cut; and to a router, as a machine that nobody
        // saw could be anywhere in the network.
        let to_router =
            hop.ip.is_some() || what != What::Packet || matches!(self.to.place, Place::On(_));
        let uncabled = to_router
            && inventory.known_cables(port).next().is_none()
            && inventory.port_works(port);
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
        let mut groups: Vec<(PortIndex, Vec<Cable>)> = Vec::new();
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
        if exits.len() == before && uncabled {
            let answering = || owners.iter().filter(|owner| inventory.port_works(**owner));
            let share = at.share(1.0 / answering().count().max(1) as f64);
            for owner in answering() {
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
    pub(super) fn arrives_behind(
        &mut self,
        at: Standing,
        port: PortIndex,
        exits: &mut Vec<Exit>,
    ) -> bool {
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
    pub(super) fn ingress(
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
    pub(super) fn packet_at(
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

    pub(super) fn routed_packet(&self, ingress: PortIndex, what: What) -> Packet {
        match what {
            What::Packet => Packet::Route { vrf: self.world.inventory.ports[ingress.index()].vrf },
            What::Tunnel { vtep, inner } => Packet::Tunnel { vtep, inner },
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one exit, all of them plain")]
    pub(super) fn leave(
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
}
