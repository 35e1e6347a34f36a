//! How a packet leaves its source: to whom, and over which attachments.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{DESTINATION, Exit, Goal, Packet, Visit, Walk, What};
use crate::endpoint::{Endpoint, Place, Placement};
use crate::gateway::Gateway;
use crate::index::{DeviceIndex, PortIndex};
use crate::inventory::Role;
use crate::path::{Failure, Layer};
use crate::switching::Ties;
use crate::vlan::Vlans;

impl Walk<'_> {
    pub(super) fn depart(&mut self) -> Vec<Exit> {
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

    pub(super) fn depart_router(&mut self, at: &[(DeviceIndex, PortIndex)]) -> Vec<Exit> {
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
    pub(super) fn depart_attached(&mut self) -> Vec<Exit> {
        let routing = self.world.routing;
        let own_table = (self.from.device.zip(self.from.port))
            .filter(|(device, _)| routing.routed_devices.contains(device))
            .filter(|(device, _)| self.world.inventory.role(*device) == Role::Host);
        if let Some((device, port)) = own_table {
            return self.depart_by_table(device, port);
        }
        if on_link(self.world.vlans, self.from, self.to) {
            return self.send(
                1.0,
                Some(DESTINATION),
                self.to.ip,
                &Arc::clone(&self.world.words.l2),
            );
        }
        let Some(gateway) = self.gateway() else {
            // A routed switch port needs no gateway: the switch routes what comes in.
            let routed = self.from.vlan.is_none();
            return match routed {
                true => self.send(1.0, None, None, &Arc::clone(&self.world.words.none)),
                false => vec![self.failed(1.0, Failure::NoGateway)],
            };
        };
        let next_hop = gateway.ip;
        let goal = self.gateway_goal(gateway);
        self.send(1.0, Some(goal), next_hop, &Arc::clone(&self.world.words.none))
    }

    pub(super) fn depart_by_table(&mut self, device: DeviceIndex, port: PortIndex) -> Vec<Exit> {
        let (inventory, routing) = (self.world.inventory, self.world.routing);
        let vrf = inventory.ports[port.index()].vrf;
        let Some(route) = routing.route(inventory, device, vrf, self.target_ip()) else {
            return vec![self.failed(1.0, Failure::NoRoute)];
        };
        if route.drop || route.hops.is_empty() {
            return vec![self.failed(1.0, Failure::Dropped)];
        }
        let fraction = 1.0 / route.hops.len() as f64;
        let mut exits = Vec::new();
        for hop in route.hops.iter() {
            let leaves_elsewhere =
                hop.port.is_some_and(|out| inventory.base(out) != inventory.base(port));
            if leaves_elsewhere {
                exits.push(self.failed(fraction, Failure::NoNextHop));
                continue;
            }
            let protocol = Arc::clone(route.protocol);
            match hop.ip {
                None => {
                    let l2 = Arc::clone(&self.world.words.l2);
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
    pub(super) fn send(
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

    pub(super) fn gateway(&self) -> Option<Gateway> {
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

    pub(super) fn gateway_goal(&mut self, gateway: Gateway) -> u16 {
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
    pub(super) fn router_goal(
        &mut self,
        ip: IpAddr,
        except: Option<DeviceIndex>,
        what: What,
    ) -> Option<u16> {
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

    pub(super) fn add_goal(&mut self, goal: Goal) -> u16 {
        self.goals.push(Arc::new(goal));
        (self.goals.len() - 1).min(usize::from(u16::MAX)) as u16
    }

    /// The address looked up in routing tables; of what lies outside, any address there.
    pub(super) fn target_ip(&self) -> IpAddr {
        self.to.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    pub(super) fn is_outside(&self) -> bool {
        self.to.placement == Placement::External
    }
}

/// Whether a machine sends to another without a router: one network, or one merged VLAN.
pub(crate) fn on_link(vlans: &Vlans, from: &Endpoint, to: &Endpoint) -> bool {
    let root = |endpoint: &Endpoint| endpoint.vlan.map(|vlan| vlans.root(vlan));
    let one_vlan = root(from).is_some() && root(from) == root(to);
    match (from.subnet, to.subnet) {
        (Some(a), Some(b)) if a == b => true,
        (Some(_), Some(_)) => one_vlan && from.vlan.is_some_and(|vlan| vlans.is_merged(vlan)),
        _ => one_vlan,
    }
}
