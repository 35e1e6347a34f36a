//! The network at one version and time, ready to be asked.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use groma_model::{Problem, Timestamp, Version};
use groma_store::Snapshot;
use rustc_hash::FxHashMap;

use crate::access::AccessGroups;
use crate::dirty::Dirty;
use crate::endpoint::{Endpoint, Place};
use crate::flow::{Flow, placement_class};
use crate::index::{
    AccessIndex, DeviceIndex, EndpointIndex, GroupIndex, LinkIndex, PathIndex, PortIndex, VlanIndex,
};
use crate::inventory::{Device, Inventory, Link, Port};
use crate::memo::Memo;
use crate::parts::Parts;
use crate::path::{Hop, Layer, Path, PathClass, Route};
use crate::problem::Problems;
use crate::registry::Registry;
use crate::routing::Routing;
use crate::shared::SharedVec;
use crate::sighting::Sightings;
use crate::switching::Switching;
use crate::update::Work;
use crate::vlan::{Vlan, Vlans};
use crate::walk::{Walk, Words, World, on_link};

/// Most ways without a router that are kept apart from the pairs of groups.
const DIRECT_MAX: usize = 100_000;

/// The network as it was at one time, from one snapshot. Shared by any number of readers.
#[derive(Debug)]
pub struct Network {
    pub(crate) snapshot: Snapshot,
    pub(crate) at: Timestamp,
    pub(crate) inventory: Inventory,
    pub(crate) vlans: Arc<Vlans>,
    pub(crate) switching: Arc<Switching>,
    pub(crate) routing: Routing,
    pub(crate) sightings: Arc<Sightings>,
    pub(crate) tunnel_switches: Arc<[DeviceIndex]>,
    pub(crate) words: Arc<Words>,
    pub(crate) access: Arc<AccessGroups>,
    pub(crate) registry: Registry,
    pub(crate) memo: Arc<Memo>,
    /// Ways without a router, by the stations at their ends.
    direct: RwLock<FxHashMap<(u32, u32), Path>>,
    walks: AtomicU32,
    pub(crate) problems: Arc<Problems>,
    pub(crate) work: Work,
}

impl Network {
    /// Builds the indexes. Cost: linear in the entities, once per version; paths are computed when
    /// they are first asked for. A network of nearly the same snapshot comes cheaper by
    /// [`Network::update`].
    pub fn build(snapshot: &Snapshot, at: Timestamp) -> Network {
        let parts = Parts::read(snapshot, at);
        let memo = Memo::new(parts.registry.groups.len());
        Network::of(snapshot, at, parts, memo, Work::default())
    }

    pub(crate) fn of(
        snapshot: &Snapshot,
        at: Timestamp,
        parts: Parts,
        memo: Memo,
        work: Work,
    ) -> Network {
        let Parts { inventory, vlans, switching, routing, sightings, access, registry, problems } =
            parts;
        let mut tunnel_switches: Vec<_> = routing.vteps_of.keys().copied().collect();
        tunnel_switches.sort_unstable();
        Network {
            snapshot: snapshot.clone(),
            at,
            memo: Arc::new(memo),
            direct: RwLock::default(),
            walks: AtomicU32::new(0),
            inventory,
            vlans,
            switching,
            routing,
            sightings,
            tunnel_switches: tunnel_switches.into(),
            words: Arc::default(),
            access,
            registry,
            problems,
            work,
        }
    }

    /// Version of the snapshot that it was built from.
    pub fn version(&self) -> Version {
        self.snapshot.version()
    }

    /// The time at which it holds.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What contradicts itself: ports with several neighbours, subnets without a clear gateway, ...
    pub fn problems(&self) -> &[Problem] {
        &self.problems.list
    }

    /// How many problems were found beyond [`PROBLEMS_MAX`](crate::PROBLEMS_MAX).
    pub fn problems_not_kept(&self) -> usize {
        self.problems.not_kept
    }

    /// All devices, by their number.
    pub fn devices(&self) -> &SharedVec<Device> {
        &self.inventory.devices
    }

    /// One device.
    pub fn device(&self, device: DeviceIndex) -> &Device {
        &self.inventory.devices[device.index()]
    }

    /// The device of this name.
    pub fn device_named(&self, name: &str) -> Option<DeviceIndex> {
        self.inventory.device(name)
    }

    /// All ports, by their number.
    pub fn ports(&self) -> &SharedVec<Port> {
        &self.inventory.ports
    }

    /// One port.
    pub fn port(&self, port: PortIndex) -> &Port {
        &self.inventory.ports[port.index()]
    }

    /// `leaf01:Ethernet1`, the key of its entity.
    pub fn port_label(&self, port: PortIndex) -> String {
        self.inventory.port_label(port)
    }

    /// All cables, by their number: those of the model and those that follow from what was learnt.
    pub fn links(&self) -> &SharedVec<Link> {
        &self.inventory.links
    }

    /// One cable.
    pub fn link(&self, link: LinkIndex) -> &Link {
        &self.inventory.links[link.index()]
    }

    /// How many cables there are.
    pub fn link_count(&self) -> usize {
        self.inventory.links.len()
    }

    /// Whether an end of the cable lies beyond access: what bytes × distribution hops counts.
    pub fn link_beyond_access(&self, link: LinkIndex) -> bool {
        let link = self.link(link);
        [Some(link.a), link.b].into_iter().flatten().any(|port| {
            self.inventory.role(self.inventory.ports[port.index()].device).beyond_access()
        })
    }

    /// All VLANs, by their number.
    pub fn vlans(&self) -> &[Vlan] {
        &self.vlans.list
    }

    /// All end points, by their number.
    pub fn endpoints(&self) -> &SharedVec<Endpoint> {
        &self.registry.list
    }

    /// One end point.
    pub fn endpoint_at(&self, endpoint: EndpointIndex) -> &Endpoint {
        &self.registry.list[endpoint.index()]
    }

    /// How many groups of end points there are.
    pub fn group_count(&self) -> usize {
        self.registry.groups.len()
    }

    /// The switches of an access group, sorted.
    pub fn access_switches(&self, access: AccessIndex) -> &[DeviceIndex] {
        self.access.members(access)
    }

    /// The number of the path from one end point to another. Once computed, it costs a look-up in a
    /// table; equal paths have equal numbers, so that amounts can be summed by number first.
    pub fn path_id(&self, from: EndpointIndex, to: EndpointIndex) -> PathIndex {
        let (a, b) = (self.endpoint_at(from), self.endpoint_at(to));
        if a.shares_machine(b) && self.same_vlan(a, b) {
            return Memo::SAME_HOST;
        }
        self.group_path_id(a.group, b.group)
    }

    /// The number of the path between two groups of end points on different machines.
    pub fn group_path_id(&self, from: GroupIndex, to: GroupIndex) -> PathIndex {
        let ends = (&self.registry.groups[from.index()], &self.registry.groups[to.index()]);
        let survives =
            |dirty: &Dirty, path: &Path| dirty.spares(&self.routing, &self.vlans, ends, path);
        self.memo.path_id(from, to, survives, || self.compute(from, to))
    }

    /// What a number stands for: class and costs, and the hops without the cables of the end
    /// points themselves, whose shares are in `entry` and `exit`.
    ///
    /// # Panics
    /// If the number is not one of this network's.
    pub fn shared_path(&self, id: PathIndex) -> &Arc<Path> {
        self.memo.path(id).expect("a path's number comes from path_id of the same network")
    }

    /// The whole path from one end point to another. Cost: a look-up and a copy of its hops, once
    /// the path of their groups is known.
    pub fn path(&self, from: EndpointIndex, to: EndpointIndex) -> Arc<Path> {
        let shared = self.shared_path(self.path_id(from, to));
        if shared.entry.is_empty() && shared.exit.is_empty() {
            return Arc::clone(shared);
        }
        let (a, b) = (self.endpoint_at(from), self.endpoint_at(to));
        let mut hops = Vec::with_capacity(shared.hops.len() + 4);
        let last = shared.hops.last().map_or(0, |hop| hop.step) + 1;
        let last = if shared.hops.is_empty() && shared.entry.is_empty() { 0 } else { last };
        self.own_hops(a, &shared.entry, Direction::Out, 0, &mut hops);
        hops.extend_from_slice(&shared.hops);
        self.own_hops(b, &shared.exit, Direction::In, last, &mut hops);
        Arc::new(Path {
            hops,
            entry: Arc::clone(&shared.entry),
            exit: Arc::clone(&shared.exit),
            ..**shared
        })
    }

    /// The cables of an end point itself on a path that starts there.
    pub fn entry_hops(&self, path: PathIndex, source: EndpointIndex) -> Vec<Hop> {
        let mut hops = Vec::new();
        self.own_hops(
            self.endpoint_at(source),
            &self.shared_path(path).entry,
            Direction::Out,
            0,
            &mut hops,
        );
        hops
    }

    /// The cables of an end point itself on a path that ends there.
    pub fn exit_hops(&self, path: PathIndex, destination: EndpointIndex) -> Vec<Hop> {
        let mut hops = Vec::new();
        let path = self.shared_path(path);
        let last = path.hops.last().map_or(0, |hop| hop.step) + 1;
        self.own_hops(self.endpoint_at(destination), &path.exit, Direction::In, last, &mut hops);
        hops
    }

    /// Every alternative, device by device. Not memoised. Cost: that of a new path.
    pub fn routes(&self, from: EndpointIndex, to: EndpointIndex) -> Vec<Route> {
        let (a, b) = (self.endpoint_at(from), self.endpoint_at(to));
        if a.shares_machine(b) && self.same_vlan(a, b) {
            return vec![Route { steps: Vec::new(), fraction: 1.0 }];
        }
        if !backwards(a, b) {
            return self.flow(a, b).routes();
        }
        let mut routes = self.flow(b, a).routes();
        for route in &mut routes {
            route.steps.reverse();
            for step in &mut route.steps {
                std::mem::swap(&mut step.ingress, &mut step.egress);
            }
        }
        routes
    }

    /// How near two end points are: 0 on one machine, 1 without touching anything beyond access,
    /// 2 below one distribution device, 3 farther, 4 not known.
    pub fn proximity(&self, from: EndpointIndex, to: EndpointIndex) -> u8 {
        let (a, b) = (self.endpoint_at(from), self.endpoint_at(to));
        if a.shares_machine(b) {
            return 0;
        }
        let (Some(near), Some(far)) = (a.access, b.access) else { return 4 };
        let stays = || self.shared_path(self.path_id(from, to)).class == PathClass::Local;
        match () {
            () if stays() => 1,
            () if near == far || self.access.share_distribution(&self.inventory, near, far) => 2,
            () => 3,
        }
    }

    /// Whether two end points would still cross if they were in one VLAN carried on every cable.
    /// `None`: one of them is not placed.
    pub fn crosses_in_one_vlan(&self, from: EndpointIndex, to: EndpointIndex) -> Option<bool> {
        let (a, b) = (self.endpoint_at(from), self.endpoint_at(to));
        if a.shares_machine(b) {
            return Some(false);
        }
        Some(self.access.is_far(&self.inventory, a.access?, b.access?))
    }

    /// As [`Network::crosses_in_one_vlan`], between access groups.
    pub fn access_crosses(&self, from: AccessIndex, to: AccessIndex) -> bool {
        self.access.is_far(&self.inventory, from, to)
    }

    /// The VLAN an end point sends in, or the one that stands for those merged with it.
    pub fn vlan_of(&self, endpoint: EndpointIndex) -> Option<VlanIndex> {
        self.endpoint_at(endpoint).vlan.map(|vlan| self.vlans.root(vlan))
    }

    /// How many different paths are known so far, here and in the networks that this one followed from;
    /// numbers are below it.
    pub fn path_count(&self) -> usize {
        self.memo.count()
    }

    /// What it took to make this network from the one before.
    pub fn work(&self) -> Work {
        self.work
    }

    /// How many paths were computed rather than looked up or taken over.
    pub fn walk_count(&self) -> u32 {
        self.walks.load(Ordering::Relaxed)
    }

    fn same_vlan(&self, a: &Endpoint, b: &Endpoint) -> bool {
        let root = |endpoint: &Endpoint| endpoint.vlan.map(|vlan| self.vlans.root(vlan));
        root(a) == root(b)
    }

    fn world(&self) -> World<'_> {
        World {
            inventory: &self.inventory,
            vlans: &self.vlans,
            switching: &self.switching,
            routing: &self.routing,
            sightings: &self.sightings,
            tunnel_switches: &self.tunnel_switches,
            words: &self.words,
        }
    }

    fn flow<'a>(&'a self, from: &'a Endpoint, to: &'a Endpoint) -> Flow<'a> {
        self.walks.fetch_add(1, Ordering::Relaxed);
        Flow::new(Walk::new(self.world(), from, to), &self.inventory, from, to)
    }

    fn compute(&self, from: GroupIndex, to: GroupIndex) -> Path {
        let a = &self.registry.groups[from.index()];
        let b = &self.registry.groups[to.index()];
        let stations = a.station.zip(b.station).filter(|_| on_link(&self.vlans, a, b));
        if let Some(stations) = stations {
            let known = self.direct.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(path) = known.get(&stations) {
                return path.clone();
            }
            drop(known);
            let path = self.flow(a, b).path(PathIndex(0));
            let mut known = self.direct.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() < DIRECT_MAX {
                known.insert(stations, path.clone());
            }
            return path;
        }
        if !backwards(a, b) {
            return self.flow(a, b).path(PathIndex(0));
        }
        let mut path = self.flow(b, a).path(PathIndex(0));
        std::mem::swap(&mut path.entry, &mut path.exit);
        let last = path.hops.iter().map(|hop| hop.step).max().unwrap_or(0);
        // Steps start at 1 behind a machine's own cables, and at 0 at a router.
        let first = u16::from(!path.entry.is_empty());
        for hop in &mut path.hops {
            hop.step = last - hop.step + first;
            std::mem::swap(&mut hop.device, &mut hop.peer_device);
            std::mem::swap(&mut hop.port, &mut hop.peer_port);
        }
        path.hops.reverse();
        path
    }

    fn own_hops(
        &self,
        endpoint: &Endpoint,
        shares: &[crate::path::Share],
        direction: Direction,
        step: u16,
        hops: &mut Vec<Hop>,
    ) {
        for share in shares {
            let Some(attachment) = endpoint.attachments().get(usize::from(share.attachment)) else {
                continue;
            };
            let fraction = share.fraction / attachment.cables.len() as f64;
            for cable in &attachment.cables {
                let link = &self.inventory.links[cable.index()];
                let at_switch = |port: PortIndex| {
                    self.inventory.ports[port.index()].device == attachment.device
                };
                let (far, near) = match link.b {
                    Some(b) if !at_switch(link.a) => (b, Some(link.a)),
                    other => (link.a, other),
                };
                let near_device = near.map(|port| self.inventory.ports[port.index()].device);
                let (device, port, peer_device, peer_port) = match direction {
                    Direction::Out => (near_device, near, Some(attachment.device), Some(far)),
                    Direction::In => (Some(attachment.device), Some(far), near_device, near),
                };
                hops.push(Hop {
                    step,
                    device,
                    port,
                    link: Some(*cable),
                    peer_device,
                    peer_port,
                    fraction,
                    vlan: endpoint.vlan,
                    layer: Layer::L2,
                });
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Out,
    In,
}

/// What comes from outside is taken to come the way it would go there.
fn backwards(from: &Endpoint, to: &Endpoint) -> bool {
    let outside = |endpoint: &Endpoint| matches!(endpoint.place, Place::Nowhere);
    outside(from) && !outside(to) && placement_class(from, to) == Some(PathClass::External)
}
