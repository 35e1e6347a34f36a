//! Layer 2: which cables carry which VLAN, and the shortest way over them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::index::{DeviceIndex, LinkIndex, PortIndex, VlanIndex};
use crate::inventory::{Inventory, Role};
use crate::read::Reader;
use crate::shared::SharedVec;
use crate::vlan::{VlanSet, Vlans, carried};

/// One cable or bundle between two switches, whether it works or not.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// Ends: device and logical port.
    pub(crate) ends: [(DeviceIndex, PortIndex); 2],
    /// Whether an end hands frames on to other ports.
    bridges: [bool; 2],
    /// Working cables with the port at either end; none when the bundle does not work.
    pub(crate) cables: Vec<(LinkIndex, [PortIndex; 2])>,
    known: Vec<(LinkIndex, [PortIndex; 2])>,
    /// What both ends carry.
    pub(crate) vlans: VlanSet,
    cost: u32,
}

impl Edge {
    /// Whether nothing but the cables that work differs.
    pub(crate) fn is_alike(&self, other: &Edge) -> bool {
        let of = |edge: &Edge| (edge.ends, edge.bridges, edge.vlans.clone(), edge.cost);
        of(self) == of(other)
    }

    /// Takes in which of its cables and bundles work.
    fn refresh(&mut self, inventory: &Inventory) {
        let works = self.ends.iter().all(|(_, port)| inventory.port_works(*port));
        let working = |(link, _): &&(LinkIndex, _)| works && inventory.links[link.index()].up;
        self.cables = self.known.iter().filter(working).copied().collect();
    }

    /// Which end is at the device.
    fn side(&self, device: DeviceIndex) -> usize {
        usize::from(self.ends[0].0 != device)
    }
}

/// A way from a switch one step nearer to the goal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NextSwitch {
    /// The edge taken.
    pub(crate) edge: u32,
    /// Which of its ends is here.
    pub(crate) side: usize,
    pub(crate) fraction: f64,
}

/// Whether equal ways to different owners of one address share the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ties {
    /// Only where one bundle leads to both.
    Bundles,
    /// Evenly.
    Even,
}

/// Distance of every device to a goal in one VLAN.
type Field = Arc<Vec<u32>>;

/// Of one VLAN, by goal.
type Fields = FxHashMap<Box<[DeviceIndex]>, Field>;

/// A port that does not forward: in one VLAN, or in all (`None`).
pub(crate) type Blocked = FxHashSet<(PortIndex, Option<VlanIndex>)>;

/// The switches' graph.
#[derive(Debug)]
pub(crate) struct Switching {
    pub(crate) edges: SharedVec<Edge>,
    edges_of: Arc<Vec<Vec<u32>>>,
    edge_of_link: Arc<FxHashMap<LinkIndex, u32>>,
    /// Logical ports that do not forward.
    pub(crate) blocked: Arc<Blocked>,
    fields: Mutex<FxHashMap<VlanIndex, Arc<Fields>>>,
}

const COST: u32 = 2;
/// A peer link loses against any other way of the same length.
const PEER_LINK_COST: u32 = 3;
const UNREACHED: u32 = u32::MAX;
/// Distance fields kept of one VLAN; more are computed anew each time.
const FIELDS_MAX: usize = 10_000;

impl Switching {
    pub(crate) fn new(
        reader: Reader<'_>,
        inventory: &mut Inventory,
        vlans: &Vlans,
        routed: &FxHashMap<PortIndex, Vec<u16>>,
    ) -> Switching {
        let blocked = read_blocked(reader, inventory, vlans);
        let mut builder = Builder {
            inventory,
            vlans,
            routed,
            by_ends: FxHashMap::default(),
            edge_of_link: FxHashMap::default(),
            edges: Vec::new(),
            edges_of: vec![Vec::new(); inventory.devices.len()],
        };
        for (index, link) in inventory.links.iter().enumerate() {
            if let Some(b) = link.b {
                builder.add(LinkIndex::from(index), [link.a, b]);
            }
        }
        let (edges_of, edge_of_link) = (builder.edges_of, builder.edge_of_link);
        let refreshed = builder.edges.into_iter().map(|mut edge| {
            edge.refresh(inventory);
            edge
        });
        Switching {
            edges: refreshed.collect(),
            edges_of: Arc::new(edges_of),
            edge_of_link: Arc::new(edge_of_link),
            blocked: Arc::new(blocked),
            fields: Mutex::default(),
        }
    }

    /// The edges that cables belong to.
    pub(crate) fn edges_of_links(&self, links: &[LinkIndex]) -> Vec<u32> {
        let mut edges: Vec<u32> =
            links.iter().filter_map(|link| self.edge_of_link.get(link)).copied().collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// As it is once some cables and ports work or do not. Distances in VLANs that none of the edges
    /// carries are kept.
    pub(crate) fn refreshed(&self, inventory: &Inventory, edges: &[u32]) -> Switching {
        let mut refreshed = self.edges.clone();
        edges.iter().for_each(|edge| refreshed[*edge as usize].refresh(inventory));
        let mut fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner).clone();
        fields.retain(|vlan, _| {
            !edges.iter().any(|edge| self.edges[*edge as usize].vlans.holds(*vlan))
        });
        Switching {
            edges: refreshed,
            edges_of: Arc::clone(&self.edges_of),
            edge_of_link: Arc::clone(&self.edge_of_link),
            blocked: Arc::clone(&self.blocked),
            fields: Mutex::new(fields),
        }
    }

    /// How to go on from a device towards the nearest of `goal` (sorted). `None`: no way.
    /// Empty: it is there.
    pub(crate) fn next(
        &self,
        device: DeviceIndex,
        vlan: VlanIndex,
        goal: &[DeviceIndex],
        ties: Ties,
    ) -> Option<Vec<NextSwitch>> {
        let field = self.field(vlan, goal);
        let here = field[device.index()];
        if here == 0 {
            return Some(Vec::new());
        }
        if here == UNREACHED {
            return None;
        }
        let mut nearer: Vec<(DeviceIndex, u32, usize)> = (self.edges_of[device.index()].iter())
            .filter_map(|edge| {
                let of = &self.edges[*edge as usize];
                let side = of.side(device);
                let peer = of.ends[1 - side].0;
                let usable = self.carries(of, vlan)
                    && field[peer.index()] != UNREACHED
                    && field[peer.index()] + of.cost == here
                    && (of.bridges[1 - side] || field[peer.index()] == 0);
                usable.then_some((peer, *edge, side))
            })
            .collect();
        nearer.sort_unstable();
        let first = *nearer.first()?;
        if ties == Ties::Bundles {
            let bundle = self.edges[first.1 as usize].ends[first.2].1;
            nearer.retain(|(_, edge, side)| self.edges[*edge as usize].ends[*side].1 == bundle);
        }
        let weight = |edge: u32| self.edges[edge as usize].cables.len() as f64;
        let total: f64 = nearer.iter().map(|(_, edge, _)| weight(*edge)).sum();
        let next = nearer.into_iter().map(|(_, edge, side)| NextSwitch {
            edge,
            side,
            fraction: weight(edge) / total,
        });
        Some(next.collect())
    }

    fn carries(&self, edge: &Edge, vlan: VlanIndex) -> bool {
        !edge.cables.is_empty()
            && edge.vlans.holds(vlan)
            && (self.blocked.is_empty()
                || edge.ends.iter().all(|(_, port)| {
                    !self.blocked.contains(&(*port, Some(vlan)))
                        && !self.blocked.contains(&(*port, None))
                }))
    }

    fn field(&self, vlan: VlanIndex, goal: &[DeviceIndex]) -> Field {
        let known = || self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(field) = known().get(&vlan).and_then(|of_vlan| of_vlan.get(goal)) {
            return Arc::clone(field);
        }
        let field = Arc::new(self.distances(vlan, goal));
        let mut fields = known();
        let of_vlan = fields.entry(vlan).or_default();
        if of_vlan.len() < FIELDS_MAX {
            Arc::make_mut(of_vlan).insert(goal.into(), Arc::clone(&field));
        }
        field
    }

    /// Shortest distances to the goal. Frames end at ports that route.
    fn distances(&self, vlan: VlanIndex, goal: &[DeviceIndex]) -> Vec<u32> {
        let mut distances = vec![UNREACHED; self.edges_of.len()];
        let mut heap = BinaryHeap::new();
        for device in goal {
            distances[device.index()] = 0;
            heap.push(Reverse((0, *device, true)));
        }
        while let Some(Reverse((distance, device, hands_on))) = heap.pop() {
            if distance > distances[device.index()] || !hands_on {
                continue;
            }
            for edge in &self.edges_of[device.index()] {
                let edge = &self.edges[*edge as usize];
                let side = edge.side(device);
                let peer = edge.ends[1 - side].0;
                let further = distance + edge.cost;
                if (distance > 0 && !edge.bridges[side])
                    || further >= distances[peer.index()]
                    || !self.carries(edge, vlan)
                {
                    continue;
                }
                distances[peer.index()] = further;
                heap.push(Reverse((further, peer, edge.bridges[1 - side])));
            }
        }
        distances
    }
}

struct Builder<'a> {
    inventory: &'a Inventory,
    vlans: &'a Vlans,
    routed: &'a FxHashMap<PortIndex, Vec<u16>>,
    by_ends: FxHashMap<[PortIndex; 2], u32>,
    edge_of_link: FxHashMap<LinkIndex, u32>,
    edges: Vec<Edge>,
    edges_of: Vec<Vec<u32>>,
}

impl Builder<'_> {
    fn add(&mut self, link: LinkIndex, cable: [PortIndex; 2]) {
        let inventory = self.inventory;
        let device = |port: PortIndex| inventory.ports[port.index()].device;
        if cable.iter().any(|port| inventory.role(device(*port)) == Role::Host) {
            return;
        }
        let ports = cable.map(|port| inventory.logical(port));
        let known = (self.by_ends.get(&ports).map(|edge| (*edge, cable)))
            .or_else(|| Some((*self.by_ends.get(&[ports[1], ports[0]])?, [cable[1], cable[0]])));
        if let Some((edge, cable)) = known {
            self.edges[edge as usize].known.push((link, cable));
            self.edge_of_link.insert(link, edge);
            return;
        }
        let [a, b] = ports.map(|port| carried(inventory, self.vlans, port, self.routed));
        let vlans = a.both(&b);
        if vlans.is_empty() {
            return;
        }
        let peer_link = ports.iter().any(|port| inventory.peer_link_ports.contains(port));
        let edge = self.edges.len() as u32;
        self.by_ends.insert(ports, edge);
        self.edge_of_link.insert(link, edge);
        for port in ports {
            self.edges_of[device(port).index()].push(edge);
        }
        self.edges.push(Edge {
            ends: ports.map(|port| (device(port), port)),
            bridges: ports.map(|port| !self.routed.contains_key(&port)),
            cables: Vec::new(),
            known: vec![(link, cable)],
            vlans,
            cost: if peer_link { PEER_LINK_COST } else { COST },
        });
    }
}

fn read_blocked(reader: Reader<'_>, inventory: &mut Inventory, vlans: &Vlans) -> Blocked {
    let mut blocked = FxHashSet::default();
    for row in reader.rows("network.stp_state", ["port", "vlan", "state"]) {
        if matches!(row.text(2), None | Some("forwarding")) {
            continue;
        }
        let Some(port) = row.reference(0).and_then(|port| inventory.port(port)) else { continue };
        let device = inventory.ports[port.index()].device;
        let vlan = row.vid(1).map(|vid| vlans.on(device, vid).map(|vlan| vlans.root(vlan)));
        match vlan {
            None => blocked.insert((inventory.logical(port), None)),
            Some(Some(vlan)) => blocked.insert((inventory.logical(port), Some(vlan))),
            Some(None) => false,
        };
    }
    blocked
}
