//! Roles of devices of which no source says it: hosts by how they behave, switches by their
//! distance to hosts.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::address::Mac;
use crate::index::{DeviceIndex, PortIndex};
use crate::inventory::{Inventory, PortType, Role};
use crate::lines::{Lines, networks};
use crate::read::Reader;
use crate::sighting::Sightings;

/// A device is taken for a host if the model has a machine of its name, or if it holds an address
/// but shows no trace of switching or routing for others.
pub(crate) fn derive_hosts(
    reader: Reader<'_>,
    inventory: &mut Inventory,
    routing: &Lines,
    sightings: &Sightings,
) {
    let mut machines: FxHashSet<DeviceIndex> = FxHashSet::default();
    for row in reader.rows("compute.host", ["device"]) {
        let name = row.reference(0).map_or(row.key(), |device| &device.key);
        machines.extend(inventory.device(name));
    }
    for index in 0..inventory.devices.len() {
        let device = DeviceIndex::from(index);
        if inventory.devices[index].role_derived
            && (machines.contains(&device)
                || keeps_to_itself(inventory, routing, sightings, device))
        {
            inventory.devices[index].role = Role::Host;
        }
    }
}

fn keeps_to_itself(
    inventory: &Inventory,
    routing: &Lines,
    sightings: &Sightings,
    device: DeviceIndex,
) -> bool {
    let ports = &inventory.devices[device.index()].ports;
    let holds_address = ports.iter().any(|port| routing.addresses_of.contains_key(port));
    let switches_or_routes = sightings.switches.contains(&device)
        || routing.speakers.contains(&device)
        || routing.vteps_of.contains_key(&device)
        || inventory.mlag_peers.contains_key(&device)
        || ports.iter().any(|port| {
            let port = &inventory.ports[port.index()];
            matches!(port.of, PortType::Svi | PortType::Vxlan | PortType::Subinterface)
        });
    holds_address && !switches_or_routes
}

/// Roles by the distance from hosts: 1 access, 2 distribution, 3 and more core. A cable that does not
/// work counts all the same: what a device is for does not change when one fails.
pub(crate) fn derive_tiers(inventory: &mut Inventory, sightings: &Sightings) {
    let mut distances = vec![u32::MAX; inventory.devices.len()];
    let mut queue = VecDeque::new();
    for (index, device) in inventory.devices.iter().enumerate() {
        if device.role == Role::Host {
            distances[index] = 0;
            queue.push_back(DeviceIndex::from(index));
        }
    }
    for device in attached_by_mac(inventory, sightings) {
        if distances[device.index()] == u32::MAX {
            distances[device.index()] = 1;
            queue.push_back(device);
        }
    }
    // Hosts come first, so that the queue stays ordered by distance.
    while let Some(device) = queue.pop_front() {
        for port in &inventory.devices[device.index()].ports {
            for link in inventory.links_at(*port) {
                let Some(far) = inventory.far_end(*link, *port) else { continue };
                if inventory.peer_link_ports.contains(port) {
                    continue;
                }
                let far = inventory.ports[far.index()].device;
                if distances[far.index()] == u32::MAX {
                    distances[far.index()] = distances[device.index()] + 1;
                    queue.push_back(far);
                }
            }
        }
    }
    for (index, distance) in distances.into_iter().enumerate() {
        let device = &inventory.devices[index];
        if device.role_derived && device.role != Role::Host {
            inventory.devices[index].role = match distance {
                0 | u32::MAX => Role::Other,
                1 => Role::Access,
                2 => Role::Distribution,
                _ => Role::Core,
            };
        }
    }
}

/// Switches that learnt the MAC of a host, or of a machine that is no device, on an edge port.
fn attached_by_mac(inventory: &Inventory, sightings: &Sightings) -> Vec<DeviceIndex> {
    let own: FxHashSet<Mac> = (inventory.ports.iter())
        .filter(|port| inventory.role(port.device) != Role::Host)
        .filter_map(|port| port.mac)
        .collect();
    let mut switches: Vec<_> = (sightings.by_mac.iter())
        .filter(|(mac, _)| !own.contains(mac))
        .flat_map(|(_, seen)| seen)
        .filter(|seen| is_edge(inventory, seen.port))
        .map(|seen| seen.device)
        .collect();
    switches.sort_unstable();
    switches.dedup();
    switches
}

/// Whether no cable of the port, working or not, leads to another switch or router.
pub(crate) fn is_edge(inventory: &Inventory, port: PortIndex) -> bool {
    !inventory.peer_link_ports.contains(&port)
        && matches!(
            inventory.ports[port.index()].of,
            PortType::Ethernet | PortType::Lag | PortType::Subinterface
        )
        && inventory
            .known_cables(port)
            .all(|(_, _, far)| inventory.role(inventory.ports[far.index()].device) == Role::Host)
}

/// Two routers that alone share a network, on ports of which no cable is known, are joined by one:
/// firewalls and hosts' routers speak no neighbour protocol. Whether the ports work does not matter:
/// a cable that is cut is not replaced by another one.
pub(crate) fn infer_router_cables(inventory: &mut Inventory, routing: &Lines) {
    let mut by_network: FxHashMap<ipnet::IpNet, Vec<PortIndex>> = FxHashMap::default();
    for (port, addresses) in &routing.addresses_of {
        let of = &inventory.ports[port.index()];
        let physical = matches!(of.of, PortType::Ethernet | PortType::Lag | PortType::Subinterface);
        if !physical || inventory.role(of.device) == Role::Host {
            continue;
        }
        for net in networks(addresses).filter(|net| net.prefix_len() < net.max_prefix_len()) {
            by_network.entry(net).or_default().push(*port);
        }
    }
    let mut pairs: Vec<[PortIndex; 2]> = (by_network.into_values())
        .filter_map(|ports| <[PortIndex; 2]>::try_from(ports).ok())
        .map(|ports| ports.map(|port| inventory.base(port)))
        .filter(|[a, b]| {
            inventory.ports[a.index()].device != inventory.ports[b.index()].device
                && inventory.known_cables(*a).next().is_none()
                && inventory.known_cables(*b).next().is_none()
        })
        .map(|[a, b]| [a.min(b), a.max(b)])
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    for [a, b] in pairs {
        inventory.infer_link(a, Some(b), "");
    }
}
