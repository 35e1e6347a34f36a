//! Follows a packet from device to device, along all equal branches at once.
//!
//! A *visit* is a packet at a device: the port it came in by, and whether it is to be routed,
//! switched or carried on in a tunnel. All that happens inside a device is decided at once; what
//! comes out are *exits*, each with its share. Visits and exits make a graph, which
//! [`Flow`](crate::flow::Flow) weighs and lists.

mod depart;
mod forward;
mod frame;

pub(crate) use depart::on_link;

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::address::Mac;
use crate::endpoint::{Endpoint, Place};
use crate::index::{DeviceIndex, LinkIndex, PortIndex, VlanIndex};
use crate::inventory::Inventory;
use crate::path::{Failure, Layer};
use crate::routing::Routing;
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
    pub(crate) words: &'a Words,
}

/// Names of protocols that are no one's route, kept so that steps can share them.
#[derive(Debug)]
pub(crate) struct Words {
    l2: Arc<str>,
    none: Arc<str>,
}

impl Default for Words {
    fn default() -> Words {
        Words { l2: "l2".into(), none: "".into() }
    }
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
    goals: Vec<Arc<Goal>>,
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
        let destination = destination_goal(to);
        let mut walk = Walk {
            world,
            from,
            to,
            visits: Vec::new(),
            exits: Vec::new(),
            start: Vec::new(),
            index: FxHashMap::default(),
            goals: vec![Arc::new(destination)],
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
        let protocol = Arc::clone(&self.world.words.none);
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
