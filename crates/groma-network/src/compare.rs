//! What differs between the tables of two networks, so that the paths of one can be kept in the other.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::dirty::Dirty;
use crate::index::{DeviceIndex, PortIndex};
use crate::network::Network;
use crate::parts::Parts;
use crate::switching::Edge;
use crate::vlan::VlanSet;

/// What changed from `old` to `new`: everything, if things are numbered differently.
/// Cost: linear in the tables.
pub(crate) fn compare(old: &Network, new: &Parts) -> Dirty {
    if !same_numbers(old, new) {
        return Dirty::everything();
    }
    let mut dirty = Dirty::default();
    compare_devices(old, new, &mut dirty);
    compare_edges(old, new, &mut dirty);
    compare_tables(old, new, &mut dirty);
    for index in 0..new.routing.subnets.len() {
        let [before, now] = [&old.routing, &new.routing].map(|of| &of.subnets[index]);
        if before.gateway != now.gateway || before.vlan != now.vlan {
            dirty.subnets.insert(index as u32);
        }
    }
    for (before, now) in old.routing.domains.iter().zip(&new.routing.domains) {
        match before.difference(now) {
            Some(rerouted) => dirty.rerouted.push(rerouted),
            None => return Dirty::everything(),
        }
    }
    dirty
}

/// Whether numbers mean the same in both, and what is not compared in detail is equal.
fn same_numbers(old: &Network, new: &Parts) -> bool {
    let (a, b) = (&old.inventory, &new.inventory);
    let (r, s) = (&old.routing, &new.routing);
    let prefixes = |routing: &crate::routing::Routing| -> Vec<_> {
        routing.subnets.iter().map(|subnet| subnet.prefix).collect()
    };
    a.devices.len() == b.devices.len()
        && a.ports.len() == b.ports.len()
        && a.links.len() == b.links.len()
        && a.vrfs == b.vrfs
        && a.devices.iter().zip(&b.devices).all(|(a, b)| a.name == b.name && a.ports == b.ports)
        && a.ports.iter().zip(&b.ports).all(|(a, b)| a.name == b.name && a.device == b.device)
        && a.links.iter().zip(&b.links).all(|(a, b)| (a.a, a.b) == (b.a, b.b))
        && a.peer_link_ports == b.peer_link_ports
        && *old.vlans == *new.vlans
        && r.vtep_owners.is_empty()
        && s.vtep_owners.is_empty()
        && r.owners == s.owners
        && r.addresses_of == s.addresses_of
        && r.routed_ports == s.routed_ports
        && r.svis == s.svis
        && r.prefixes == s.prefixes
        && r.recursive == s.recursive
        && r.domains.len() == s.domains.len()
        && prefixes(r) == prefixes(s)
}

fn compare_devices(old: &Network, new: &Parts, dirty: &mut Dirty) {
    let (a, b) = (&old.inventory, &new.inventory);
    for (index, (before, now)) in a.devices.iter().zip(&b.devices).enumerate() {
        let device = DeviceIndex::from(index);
        if before != now || a.mlag_peers.get(&device) != b.mlag_peers.get(&device) {
            dirty.devices.insert(device);
        }
    }
    for (index, (before, now)) in a.ports.iter().zip(&b.ports).enumerate() {
        let port = PortIndex::from(index);
        if before != now || a.port_works(port) != b.port_works(port) {
            dirty.devices.insert(now.device);
            let vlan = now.vlan.and_then(|vid| new.vlans.on(now.device, vid));
            vlan.into_iter().for_each(|vlan| dirty.note_vlan(new.vlans.root(vlan)));
            for (domain, of) in new.routing.domains.iter().enumerate() {
                dirty.announcers.extend(of.node(now.device).map(|node| (domain, node)));
            }
        }
    }
    for (before, now) in a.links.iter().zip(&b.links).filter(|(a, b)| a.up != b.up) {
        // A cable to a machine matters to the machine's own end points only.
        for port in [Some(now.a), now.b].into_iter().flatten() {
            let device = b.ports[port.index()].device;
            if before.up || new.routing.has_line_by(b, device, port) {
                dirty.devices.insert(device);
            }
        }
    }
}

fn compare_edges(old: &Network, new: &Parts, dirty: &mut Dirty) {
    let by_ends = |edges: &crate::SharedVec<Edge>| -> FxHashMap<[PortIndex; 2], Edge> {
        edges.iter().map(|edge| (edge.ends.map(|(_, port)| port), edge.clone())).collect()
    };
    let before = by_ends(&old.switching.edges);
    let now = by_ends(&new.switching.edges);
    for (ends, edge) in &before {
        match now.get(ends) {
            Some(other) => dirty.note_edge(edge, other),
            None => dirty.vlans.push(edge.vlans.clone()),
        }
    }
    let added = now.iter().filter(|(ends, _)| !before.contains_key(*ends));
    dirty.vlans.extend(added.map(|(_, edge)| edge.vlans.clone()));
    let blocked: [&FxHashSet<_>; 2] = [&old.switching.blocked, &new.switching.blocked];
    for (_, vlan) in blocked[0].symmetric_difference(blocked[1]) {
        dirty.vlans.push(vlan.map_or(VlanSet::All, VlanSet::one));
    }
}

fn compare_tables(old: &Network, new: &Parts, dirty: &mut Dirty) {
    let (before, now) = (&old.routing.tables, &new.routing.tables);
    let differ = before.iter().filter(|(of, table)| now.get(of) != Some(table));
    dirty.devices.extend(differ.map(|((device, _), _)| *device));
    let added = now.keys().filter(|of| !before.contains_key(of));
    dirty.devices.extend(added.map(|(device, _)| *device));
    let heard = old.routing.routed_devices.symmetric_difference(&new.routing.routed_devices);
    dirty.devices.extend(heard);
}
