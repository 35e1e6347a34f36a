//! What a change reached, and whether a path that was found before still holds.
//!
//! A path is what the devices on it decided, each by what it knows itself: its ports and cables, its
//! table, the next hops of its protocol; and, where it switches, by the shortest ways of a VLAN. So it
//! holds as long as none of that changed. What fails matters only to paths that used it; what comes back
//! may be better for paths that did not, and is noted by VLAN, by device, or by destination.

use rustc_hash::FxHashSet;

use crate::endpoint::{Endpoint, Place, Placement};
use crate::index::{DeviceIndex, LinkIndex, VlanIndex};
use crate::path::Path;
use crate::routing::Routing;
use crate::shortest::Rerouted;
use crate::switching::Edge;
use crate::vlan::{VlanSet, Vlans};

/// What a change reached.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    /// Nothing is known to hold.
    pub(crate) everything: bool,
    /// Cables that ceased to work.
    pub(crate) links: FxHashSet<LinkIndex>,
    /// Devices that may decide differently.
    pub(crate) devices: FxHashSet<DeviceIndex>,
    /// VLANs, by root, in which shorter or other ways may exist.
    pub(crate) vlans: Vec<VlanSet>,
    /// Subnets that have another gateway.
    pub(crate) subnets: FxHashSet<u32>,
    /// Of each routing domain: whose next hops to which member are others.
    pub(crate) rerouted: Vec<Rerouted>,
    /// Domain and member: what it announces changed.
    pub(crate) announcers: FxHashSet<(usize, u32)>,
}

impl Dirty {
    pub(crate) fn everything() -> Dirty {
        Dirty { everything: true, ..Dirty::default() }
    }

    pub(crate) fn note_vlan(&mut self, root: VlanIndex) {
        self.vlans.push(VlanSet::one(root));
    }

    /// Notes how an edge between switches changed.
    pub(crate) fn note_edge(&mut self, before: &Edge, now: &Edge) {
        let lost = before.cables.iter().filter(|cable| !now.cables.contains(cable));
        self.links.extend(lost.map(|(link, _)| *link));
        let won = now.cables.iter().any(|cable| !before.cables.contains(cable));
        if won || !before.is_alike(now) {
            self.vlans.extend([before.vlans.clone(), now.vlans.clone()]);
        }
    }

    /// How many next hops of routing domains, by device and destination, changed.
    pub(crate) fn rerouted_count(&self) -> usize {
        let moved = self.rerouted.iter().flat_map(|rerouted| rerouted.values());
        moved.map(|moved| moved.next_hops.len()).sum()
    }

    /// Whether a path between two end points, found before the change, is what would be found now.
    /// Cost: the cables of the path.
    pub(crate) fn spares(
        &self,
        routing: &Routing,
        vlans: &Vlans,
        (from, to): (&Endpoint, &Endpoint),
        path: &Path,
    ) -> bool {
        // A branch that delivers nothing is not in the path, so that nobody knows what it touched.
        let complete = path.failure.is_none() && path.lost == 0.0;
        let placed = [from, to].iter().all(|end| {
            end.placement == Placement::Placed
                && matches!(end.place, Place::Attached(_) | Place::On(_))
        });
        !self.everything
            && complete
            && placed
            && self.spares_gateway(routing, vlans, from)
            && [from, to].iter().all(|end| self.spares_end(end))
            && self.spares_hops(path)
            && self.spares_routes(routing, from, to, path)
    }

    fn spares_gateway(&self, routing: &Routing, vlans: &Vlans, from: &Endpoint) -> bool {
        let root = from.vlan.map(|vlan| vlans.root(vlan));
        !self.subnets.iter().any(|subnet| {
            let vlan = routing.subnets[*subnet as usize].vlan.map(|vlan| vlans.root(vlan));
            from.subnet == Some(*subnet) || (vlan.is_some() && vlan == root)
        })
    }

    fn spares_end(&self, end: &Endpoint) -> bool {
        self.devices.is_empty() || !devices_at(end).any(|device| self.devices.contains(&device))
    }

    fn spares_hops(&self, path: &Path) -> bool {
        path.hops.iter().all(|hop| {
            hop.link.is_none_or(|link| !self.links.contains(&link))
                && [hop.device, hop.peer_device]
                    .iter()
                    .flatten()
                    .all(|device| self.devices.is_empty() || !self.devices.contains(device))
                && hop.vlan.is_none_or(|vlan| !self.vlans.iter().any(|set| set.holds(vlan)))
        })
    }

    /// No device on the way has other next hops towards the destination.
    fn spares_routes(
        &self,
        routing: &Routing,
        from: &Endpoint,
        to: &Endpoint,
        path: &Path,
    ) -> bool {
        self.rerouted.iter().enumerate().all(|(index, rerouted)| {
            let touched = !rerouted.is_empty() || !self.announcers.is_empty();
            let Some(domain) = routing.domains.get(index).filter(|_| touched) else { return true };
            let visited = || {
                let hops = path.hops.iter().flat_map(|hop| [hop.device, hop.peer_device]);
                hops.flatten().chain(devices_at(from)).chain(devices_at(to))
            };
            let on_the_way = |nodes: &Vec<u32>| {
                visited()
                    .filter_map(|device| domain.node(device))
                    .any(|node| nodes.binary_search(&node).is_ok())
            };
            // A next hop that is looked up by its own address leans on routes to other places.
            if routing.recursive {
                let mut moved = rerouted.values();
                return self.announcers.is_empty()
                    && !moved.any(|m| on_the_way(&m.next_hops) || on_the_way(&m.distances));
            }
            let ip = to.ip.unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
            domain.announcers(ip).all(|(node, shared)| {
                let moved = rerouted.get(&node);
                !self.announcers.contains(&(index, node))
                    && !moved.is_some_and(|moved| on_the_way(&moved.next_hops))
                    // Of several announcers the nearest counts, which may be another one now.
                    && !moved.is_some_and(|moved| shared && on_the_way(&moved.distances))
            })
        })
    }
}

/// The switches that an end point hangs on, or the routers that it is an address of, and its machine.
fn devices_at(end: &Endpoint) -> impl Iterator<Item = DeviceIndex> {
    let own: &[(DeviceIndex, crate::PortIndex)] =
        if let Place::On(own) = &end.place { own } else { &[] };
    let attached = end.attachments().iter().map(|attachment| attachment.device);
    own.iter().map(|(device, _)| *device).chain(attached).chain(end.device)
}
