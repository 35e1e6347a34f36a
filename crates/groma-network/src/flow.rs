//! Weighs the branches of a walk and lists them.
//!
//! A branch that does not deliver, while an equal one does, carries none of the messages that
//! arrived: its share is spread over the others and noted as lost.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::endpoint::{Endpoint, Place};
use crate::index::{LinkIndex, PathIndex, PortIndex, VlanIndex};
use crate::inventory::{Inventory, Role};
use crate::path::{
    Failure, HOPS_MAX, Hop, Layer, Path, PathClass, ROUTES_MAX, Route, RouteStep, Share,
};
use crate::walk::{Exit, To, Walk};

/// Where a hop stands in a path, by ports, cable, VLAN and layer.
type Places = FxHashMap<
    (Option<PortIndex>, Option<PortIndex>, Option<LinkIndex>, Option<VlanIndex>, Layer),
    usize,
>;

/// A walk with the share that each visit delivers.
pub(crate) struct Flow<'a> {
    walk: Walk<'a>,
    inventory: &'a Inventory,
    from: &'a Endpoint,
    to: &'a Endpoint,
    /// Share of what reaches a visit that is delivered from there.
    delivered: Vec<f64>,
    /// Visits so that each comes before those it leads to.
    order: Vec<u32>,
    rank: Vec<u32>,
    /// Fewest devices before a visit.
    depth: Vec<u16>,
}

impl<'a> Flow<'a> {
    pub(crate) fn new(
        walk: Walk<'a>,
        inventory: &'a Inventory,
        from: &'a Endpoint,
        to: &'a Endpoint,
    ) -> Flow<'a> {
        let count = walk.visits.len();
        let mut flow = Flow {
            walk,
            inventory,
            from,
            to,
            delivered: vec![0.0; count],
            order: Vec::with_capacity(count),
            rank: vec![u32::MAX; count],
            depth: vec![u16::MAX; count],
        };
        flow.measure_depth();
        flow.sort();
        flow.weigh();
        flow
    }

    /// Share of the packets that is delivered.
    fn delivered_in_all(&self) -> f64 {
        self.walk.start.iter().map(|exit| exit.fraction * self.arriving(exit, None)).sum()
    }

    /// What is delivered of what takes an exit. `from`: the visit it leaves.
    fn arriving(&self, exit: &Exit, from: Option<u32>) -> f64 {
        match exit.to {
            To::Arrived(_) => 1.0,
            To::Failed(_) => 0.0,
            To::Visit(next) => {
                let back =
                    from.is_some_and(|from| self.rank[next as usize] <= self.rank[from as usize]);
                if back { 0.0 } else { self.delivered[next as usize] }
            }
        }
    }

    fn measure_depth(&mut self) {
        let first = u16::from(matches!(self.from.place, Place::Attached(_)));
        let mut queue = VecDeque::new();
        for exit in &self.walk.start {
            if let To::Visit(visit) = exit.to
                && self.depth[visit as usize] == u16::MAX
            {
                self.depth[visit as usize] = first;
                queue.push_back(visit);
            }
        }
        while let Some(visit) = queue.pop_front() {
            let further = self.depth[visit as usize] + 1;
            for exit in &self.walk.exits[visit as usize] {
                if let To::Visit(next) = exit.to
                    && self.depth[next as usize] == u16::MAX
                    && usize::from(further) < HOPS_MAX
                {
                    self.depth[next as usize] = further;
                    queue.push_back(next);
                }
            }
        }
    }

    /// Orders the visits depth-first; an exit that leads back in this order closes a circle.
    fn sort(&mut self) {
        let count = self.walk.visits.len();
        let mut seen = vec![false; count];
        let mut finished = Vec::with_capacity(count);
        for exit in &self.walk.start {
            let To::Visit(start) = exit.to else { continue };
            if std::mem::replace(&mut seen[start as usize], true) {
                continue;
            }
            let mut stack = vec![(start, 0_usize)];
            while let Some((visit, next_exit)) = stack.last_mut() {
                let Some(exit) = self.walk.exits[*visit as usize].get(*next_exit) else {
                    finished.push(*visit);
                    stack.pop();
                    continue;
                };
                *next_exit += 1;
                if let To::Visit(next) = exit.to
                    && !std::mem::replace(&mut seen[next as usize], true)
                {
                    stack.push((next, 0));
                }
            }
        }
        finished.reverse();
        for (rank, visit) in finished.iter().enumerate() {
            self.rank[*visit as usize] = rank as u32;
        }
        self.order = finished;
    }

    fn weigh(&mut self) {
        for visit in self.order.iter().rev() {
            if self.depth[*visit as usize] == u16::MAX {
                continue;
            }
            let exits = &self.walk.exits[*visit as usize];
            self.delivered[*visit as usize] =
                exits.iter().map(|exit| exit.fraction * self.arriving(exit, Some(*visit))).sum();
        }
    }

    /// The class that the end points allow, before the way is looked at.
    fn class(&self, delivered: f64, crosses: bool) -> PathClass {
        match placement_class(self.from, self.to) {
            Some(class) => class,
            None if delivered <= 0.0 => PathClass::Unrouted,
            None if crosses => PathClass::Crossing,
            None => PathClass::Local,
        }
    }

    /// The path without the cables of the end points themselves.
    pub(crate) fn path(&self, id: PathIndex) -> Path {
        let delivered = self.delivered_in_all();
        let mut path = Path {
            id,
            class: self.class(delivered, false),
            hops: Vec::new(),
            entry: Arc::new([]),
            exit: Arc::new([]),
            distribution_hops: 0.0,
            link_hops: 0.0,
            alternatives: 0,
            lost: 0.0,
            failure: None,
        };
        if delivered <= 0.0 {
            path.failure = Some(self.first_failure());
            return path;
        }
        path.lost = (1.0 - delivered).max(0.0);
        if path.lost < 1e-9 {
            path.lost = 0.0;
        }
        let crosses = self.spread(delivered, &mut path);
        path.class = self.class(delivered, crosses);
        path.alternatives = self.count();
        path.hops.sort_by_key(|hop| (hop.step, hop.device, hop.port));
        self.measure(&mut path);
        path
    }

    /// Spreads the delivered packets over the cables. True: a device beyond access is touched.
    fn spread(&self, delivered: f64, path: &mut Path) -> bool {
        let (mut entry, mut out) = (Vec::new(), Vec::new());
        let mut mass = vec![0.0; self.walk.visits.len()];
        let (mut crosses, mut places) = (false, Places::default());
        for exit in &self.walk.start {
            let share = exit.fraction * self.arriving(exit, None) / delivered;
            if share <= 0.0 {
                continue;
            }
            if let To::Visit(visit) = exit.to {
                mass[visit as usize] += share;
            }
            if let Some(slot) = exit.slot {
                add_share(&mut entry, slot, share);
            }
        }
        for visit in &self.order {
            let here = mass[*visit as usize];
            if here <= 0.0 {
                continue;
            }
            let device = self.walk.visits[*visit as usize].device;
            crosses |= self.inventory.role(device).beyond_access();
            for exit in &self.walk.exits[*visit as usize] {
                let share = here * exit.fraction * self.arriving(exit, Some(*visit))
                    / self.delivered[*visit as usize];
                if share <= 0.0 {
                    continue;
                }
                match exit.to {
                    To::Visit(next) => mass[next as usize] += share,
                    To::Arrived(Some(slot)) => add_share(&mut out, slot, share),
                    To::Arrived(None) | To::Failed(_) => {}
                }
                self.add_hops(path, &mut places, *visit, exit, share);
            }
        }
        (path.entry, path.exit) = (entry.into(), out.into());
        crosses
    }

    fn add_hops(&self, path: &mut Path, places: &mut Places, visit: u32, exit: &Exit, share: f64) {
        let device_of =
            |port: Option<PortIndex>| port.map(|port| self.inventory.ports[port.index()].device);
        let (step, fraction) = (self.depth[visit as usize], share / exit.cables.len() as f64);
        for (link, port, peer_port) in &exit.cables {
            let key = (*port, *peer_port, *link, exit.how.vlan, exit.how.layer);
            let place = *places.entry(key).or_insert(path.hops.len());
            if let Some(same) = path.hops.get_mut(place) {
                same.fraction += fraction;
                same.step = same.step.min(step);
                continue;
            }
            path.hops.push(Hop {
                step,
                device: Some(self.walk.visits[visit as usize].device),
                port: *port,
                link: *link,
                peer_device: device_of(*peer_port),
                peer_port: *peer_port,
                fraction,
                vlan: exit.how.vlan,
                layer: exit.how.layer,
            });
        }
    }

    fn measure(&self, path: &mut Path) {
        let beyond = |device: Option<crate::DeviceIndex>| {
            device.is_some_and(|device| self.inventory.role(device).beyond_access())
        };
        let mut weigh = |fraction: f64, ends_beyond: bool| {
            path.link_hops += fraction;
            if ends_beyond {
                path.distribution_hops += fraction;
            }
        };
        for hop in &path.hops {
            weigh(hop.fraction, beyond(hop.device) || beyond(hop.peer_device));
        }
        for (shares, endpoint) in [(&path.entry, self.from), (&path.exit, self.to)] {
            for share in shares.iter() {
                let attachment = endpoint.attachments().get(usize::from(share.attachment));
                weigh(share.fraction, beyond(attachment.map(|attachment| attachment.device)));
            }
        }
    }

    fn first_failure(&self) -> Failure {
        let reached = self.order.iter().flat_map(|visit| &self.walk.exits[*visit as usize]);
        (self.walk.start.iter().chain(reached))
            .find_map(|exit| match exit.to {
                To::Failed(failure) => Some(failure),
                _ => None,
            })
            .unwrap_or(Failure::Loop)
    }

    /// How many ways deliver, bundles counted once.
    fn count(&self) -> u32 {
        let mut ways = vec![0_u64; self.walk.visits.len()];
        let of = |exit: &Exit, from: Option<u32>, ways: &[u64]| match exit.to {
            _ if self.arriving(exit, from) <= 0.0 => 0,
            To::Visit(next) => ways[next as usize],
            _ => 1,
        };
        for visit in self.order.iter().rev() {
            ways[*visit as usize] = (self.walk.exits[*visit as usize].iter())
                .map(|exit| of(exit, Some(*visit), &ways))
                .fold(0, u64::saturating_add);
        }
        let all =
            (self.walk.start.iter()).map(|exit| of(exit, None, &ways)).fold(0, u64::saturating_add);
        all.min(ROUTES_MAX as u64) as u32
    }

    /// Every way that delivers, up to [`ROUTES_MAX`].
    pub(crate) fn routes(&self) -> Vec<Route> {
        let delivered = self.delivered_in_all();
        let mut routes = Vec::new();
        if delivered <= 0.0 {
            return routes;
        }
        for exit in &self.walk.start {
            let share = exit.fraction * self.arriving(exit, None) / delivered;
            if share <= 0.0 {
                continue;
            }
            let mut steps: Vec<RouteStep> = self.source_step(exit).into_iter().collect();
            match exit.to {
                To::Visit(visit) => self.follow(visit, share, &mut steps, &mut routes),
                _ => routes.push(Route { steps, fraction: share }),
            }
        }
        routes
    }

    fn follow(&self, visit: u32, share: f64, steps: &mut Vec<RouteStep>, routes: &mut Vec<Route>) {
        if routes.len() >= ROUTES_MAX || steps.len() > HOPS_MAX + 1 {
            return;
        }
        let at = self.walk.visits[visit as usize];
        for exit in &self.walk.exits[visit as usize] {
            let share = share * exit.fraction * self.arriving(exit, Some(visit))
                / self.delivered[visit as usize];
            if share <= 0.0 || routes.len() >= ROUTES_MAX {
                continue;
            }
            let length = steps.len();
            let came_in_tunnel = matches!(at.packet, crate::walk::Packet::Tunnel { .. });
            let mut step = self.step(exit, at.device, at.ingress, exit.egress);
            step.overlay |= came_in_tunnel;
            steps.push(step);
            match exit.to {
                To::Visit(next) => self.follow(next, share, steps, routes),
                _ => {
                    steps.extend(self.destination_step(exit));
                    routes.push(Route { steps: steps.clone(), fraction: share });
                }
            }
            steps.truncate(length);
        }
    }

    fn step(
        &self,
        exit: &Exit,
        device: crate::DeviceIndex,
        ingress: Option<PortIndex>,
        egress: Option<PortIndex>,
    ) -> RouteStep {
        RouteStep {
            device,
            ingress,
            egress,
            vrf: Arc::clone(&self.inventory.vrfs[usize::from(exit.how.vrf)]),
            protocol: Arc::clone(&exit.how.protocol),
            layer: exit.how.layer,
            overlay: exit.how.layer == Layer::Overlay,
            vlan: exit.how.vlan,
            next_hop: exit.how.next_hop,
            vtep: exit.how.vtep,
        }
    }

    fn source_step(&self, exit: &Exit) -> Option<RouteStep> {
        let attachment = self.from.attachments().get(usize::from(exit.slot?))?;
        let device = self.from.device?;
        let port = self.from.port.or(attachment.near_port);
        Some(self.step(exit, device, port, port))
    }

    fn destination_step(&self, exit: &Exit) -> Option<RouteStep> {
        let device = self.to.device.filter(|device| self.inventory.role(*device) == Role::Host)?;
        let port = match exit.to {
            To::Arrived(Some(slot)) => {
                let attachment = self.to.attachments().get(usize::from(slot))?;
                self.to.port.or(attachment.near_port)
            }
            To::Arrived(None) => exit.cables.first()?.2,
            _ => return None,
        };
        Some(RouteStep {
            device,
            ingress: port,
            egress: port,
            vrf: Arc::clone(&self.inventory.vrfs[0]),
            protocol: "".into(),
            layer: Layer::L3,
            overlay: false,
            vlan: self.to.vlan,
            next_hop: None,
            vtep: None,
        })
    }
}

/// The class of a pair of which an end is not placed.
pub(crate) fn placement_class(from: &Endpoint, to: &Endpoint) -> Option<PathClass> {
    use crate::endpoint::Placement;
    let either = |placement| from.placement == placement || to.placement == placement;
    [
        (Placement::Unplaced, PathClass::Unplaced),
        (Placement::Ambiguous, PathClass::Ambiguous),
        (Placement::External, PathClass::External),
    ]
    .into_iter()
    .find(|(placement, _)| either(*placement))
    .map(|(_, class)| class)
}

fn add_share(shares: &mut Vec<Share>, attachment: u16, fraction: f64) {
    match shares.iter_mut().find(|share| share.attachment == attachment) {
        Some(share) => share.fraction += fraction,
        None => shares.push(Share { attachment, fraction }),
    }
}
