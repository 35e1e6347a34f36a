//! What a switch does with a frame: deliver it, hand it on, or send it through a tunnel.

use std::net::IpAddr;
use std::sync::Arc;

use super::{
    DECISIONS_MAX, DESTINATION, Exit, Goal, Inner, Packet, Standing, To, Visit, Walk, What,
};
use crate::endpoint::Place;
use crate::index::{DeviceIndex, VlanIndex};
use crate::path::{Failure, Layer};
use crate::switching::{NextSwitch, Ties};

impl Walk<'_> {
    pub(super) fn switch(
        &mut self,
        at: Standing,
        vlan: VlanIndex,
        goal: u16,
        exits: &mut Vec<Exit>,
    ) {
        if at.depth > DECISIONS_MAX {
            exits.push(self.failed(at.fraction, Failure::Loop));
            return;
        }
        if self.is_there(at, vlan, goal, exits) {
            return;
        }
        let world = self.world;
        let target = Arc::clone(&self.goals[usize::from(goal)]);
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
    pub(super) fn is_there(
        &mut self,
        at: Standing,
        vlan: VlanIndex,
        goal: u16,
        exits: &mut Vec<Exit>,
    ) -> bool {
        let inventory = self.world.inventory;
        if goal != DESTINATION {
            let goal = Arc::clone(&self.goals[usize::from(goal)]);
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
                    exit.how.protocol = Arc::clone(&self.world.words.l2);
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

    pub(super) fn hand_on(
        &mut self,
        at: Standing,
        vlan: VlanIndex,
        goal: u16,
        next: &[NextSwitch],
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
            how.protocol = Arc::clone(&self.world.words.l2);
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
    pub(super) fn learnt_vtep(
        &self,
        device: DeviceIndex,
        vlan: VlanIndex,
        goal: &Goal,
    ) -> Option<IpAddr> {
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
    pub(super) fn vteps_towards(&self, device: DeviceIndex, goal: &Goal) -> Vec<IpAddr> {
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

    pub(super) fn tunnel(
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
}
