//! From the network of one snapshot to that of the next: what works and what does not is patched where
//! it changed; any other change has the tables read anew. Either way the paths that the change did not
//! reach are kept.

use std::sync::Arc;

use groma_model::Timestamp;
use groma_store::Snapshot;

use crate::compare::compare;
use crate::dirty::Dirty;
use crate::group::Keyer;
use crate::index::{DeviceIndex, LinkIndex, PortIndex};
use crate::inventory::{Inventory, PortType, Role};
use crate::memo::Memo;
use crate::network::Network;
use crate::parts::Parts;
use crate::read::{Effect, Reader, effect};
use crate::role::is_edge;

/// What it took to make a network from the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Whether only what the change reached was computed, and not all tables.
    pub patched: bool,
    /// Cables that work now and did not, or the other way round.
    pub cables: usize,
    /// Subnets with another gateway.
    pub gateways: usize,
    /// Next hops of routing domains, by device and destination, that are others now.
    pub next_hops: usize,
    /// End points that were attached anew.
    pub endpoints: usize,
}

/// What a source says of whether something works.
enum State {
    Device(DeviceIndex, bool),
    Port(PortIndex, bool),
    Link(LinkIndex, bool),
}

impl Network {
    /// The network of another snapshot, or of another time: equal to what [`Network::build`] makes of
    /// it, but for the numbers of paths and groups.
    ///
    /// Cost: where devices, ports and cables only began or ceased to work, what that reaches; otherwise
    /// that of building the tables. Known paths are kept unless the change reached them, and paths that
    /// stay have the numbers that they had.
    pub fn update(&self, snapshot: &Snapshot, at: Timestamp) -> Network {
        let states = self.states(snapshot, at);
        let patched = states.and_then(|states| self.patched(snapshot, &states));
        patched.unwrap_or_else(|| self.read_anew(snapshot, at))
    }

    /// The changes, if all of them are about what works.
    fn states(&self, snapshot: &Snapshot, at: Timestamp) -> Option<Vec<State>> {
        let (before, schema) = (self.snapshot.schema(), snapshot.schema());
        // What a site adds is no part of a network.
        let same_kinds = Arc::ptr_eq(before, schema) || schema.continues(before);
        if at != self.at || !same_kinds {
            return None;
        }
        let (reader, inventory) = (Reader { snapshot, at }, &self.inventory);
        let mut states = Vec::new();
        for difference in self.snapshot.diff(snapshot) {
            match effect(reader, &difference) {
                Effect::None => {}
                Effect::DeviceState { key, up } => {
                    states.push(State::Device(inventory.device(key)?, up));
                }
                Effect::PortState { key, up } => {
                    states.push(State::Port(inventory.port_of_key(key)?, up));
                }
                // A line that is no cable, as another one says the same, does not matter.
                Effect::LinkState { key, up } => {
                    states.extend(inventory.link_of_key(key).map(|link| State::Link(link, up)));
                }
                Effect::Other => return None,
            }
        }
        Some(states)
    }

    /// With the tables read anew.
    fn read_anew(&self, snapshot: &Snapshot, at: Timestamp) -> Network {
        let parts = Parts::read(snapshot, at);
        let group_count = parts.registry.groups.len();
        let dirty = compare(self, &parts);
        if dirty.everything {
            return Network::of(snapshot, at, parts, Memo::new(group_count), Work::default());
        }
        let groups = Some(parts.registry.groups_in(&self.registry));
        let memo = self.memo.next(group_count, dirty, groups);
        Network::of(snapshot, at, parts, memo, Work::default())
    }

    /// With what works and what does not. `None`: more than that follows from the change.
    fn patched(&self, snapshot: &Snapshot, states: &[State]) -> Option<Network> {
        let mut patch = Patch::new(self);
        states.iter().for_each(|state| patch.set(state));
        patch.settle_cables();
        if patch.concerns_learnt_macs() {
            return None;
        }
        patch.refresh_switching();
        patch.refresh_routing();
        patch.reattach()?;
        Some(patch.network(snapshot))
    }
}

/// A network in the making.
struct Patch<'a> {
    old: &'a Network,
    parts: Parts,
    dirty: Dirty,
    work: Work,
    /// Ports that began or ceased to work, by themselves or with their device.
    ports: Vec<PortIndex>,
    /// Cables whose state may follow from the change.
    cables: Vec<LinkIndex>,
    /// Cables that began or ceased to work.
    turned: Vec<LinkIndex>,
}

impl<'a> Patch<'a> {
    fn new(old: &'a Network) -> Patch<'a> {
        let parts = Parts {
            inventory: old.inventory.clone(),
            vlans: Arc::clone(&old.vlans),
            switching: Arc::clone(&old.switching),
            routing: old.routing.clone(),
            sightings: Arc::clone(&old.sightings),
            access: Arc::clone(&old.access),
            registry: old.registry.clone(),
            problems: Arc::clone(&old.problems),
        };
        // What is learnt through tunnels may lead anywhere.
        let dirty = Dirty { everything: !old.routing.vtep_owners.is_empty(), ..Dirty::default() };
        let work = Work { patched: true, ..Work::default() };
        Patch { old, parts, dirty, work, ports: Vec::new(), cables: Vec::new(), turned: Vec::new() }
    }

    fn set(&mut self, state: &State) {
        let inventory = &mut self.parts.inventory;
        match *state {
            State::Device(device, up) => {
                inventory.devices[device.index()].up = up;
                self.ports.extend(&inventory.devices[device.index()].ports);
                self.dirty.devices.insert(device);
            }
            State::Port(port, up) => {
                inventory.ports[port.index()].up = up;
                self.ports.push(port);
            }
            State::Link(link, up) => {
                inventory.links[link.index()].said_up = up;
                self.cables.push(link);
            }
        }
    }

    fn settle_cables(&mut self) {
        let (old, inventory) = (&self.old.inventory, &mut self.parts.inventory);
        self.ports.sort_unstable();
        self.ports.dedup();
        self.ports.retain(|port| old.port_works(*port) != inventory.port_works(*port));
        for port in &self.ports {
            self.cables.extend(inventory.links_at(*port));
            self.cables.extend(inventory.known_cables(*port).map(|(link, ..)| link));
        }
        self.cables.sort_unstable();
        self.cables.dedup();
        for link in &self.cables {
            let of = &inventory.links[link.index()];
            let up = of.said_up
                && inventory.port_works(of.a)
                && of.b.is_none_or(|b| inventory.port_works(b));
            if up != of.up {
                self.turned.push(*link);
                if !up {
                    self.dirty.links.insert(*link);
                }
                inventory.links[link.index()].up = up;
            }
        }
        self.work.cables = self.turned.len();
    }

    fn inventory(&self) -> &Inventory {
        &self.parts.inventory
    }

    fn ends(&self, links: &[LinkIndex]) -> Vec<PortIndex> {
        let ends = |link: &LinkIndex| {
            let link = &self.inventory().links[link.index()];
            [Some(link.a), link.b].into_iter().flatten()
        };
        links.iter().flat_map(ends).collect()
    }

    /// Devices at the ends of cables, and those of ports that changed.
    fn devices(&self) -> Vec<DeviceIndex> {
        let ports = self.ends(&self.cables).into_iter().chain(self.ports.iter().copied());
        let mut devices: Vec<_> =
            ports.map(|port| self.inventory().ports[port.index()].device).collect();
        devices.sort_unstable();
        devices.dedup();
        devices
    }

    /// Machines were seen behind a port of which something changed: where they hang now is to be found
    /// with all that was seen.
    fn concerns_learnt_macs(&self) -> bool {
        let (inventory, sightings) = (self.inventory(), &self.parts.sightings);
        self.ends(&self.cables).iter().chain(&self.ports).any(|port| {
            sightings.ports.contains(&inventory.logical(*port))
                && is_edge(inventory, inventory.logical(*port))
        })
    }

    fn refresh_switching(&mut self) {
        let edges = self.parts.switching.edges_of_links(&self.cables);
        if edges.is_empty() {
            return;
        }
        let switching = self.old.switching.refreshed(&self.parts.inventory, &edges);
        for edge in edges {
            let [before, now] =
                [&self.old.switching, &switching].map(|of| &of.edges[edge as usize]);
            self.dirty.note_edge(before, now);
        }
        self.parts.switching = Arc::new(switching);
    }

    fn refresh_routing(&mut self) {
        let devices = self.devices();
        self.note_ports();
        self.note_lines();
        let (inventory, routing) = (&self.parts.inventory, &mut self.parts.routing);
        for device in self.ports.iter().map(|port| inventory.ports[port.index()].device) {
            self.dirty.subnets.extend(routing.refresh_gateways(inventory, device));
        }
        for domain in &mut routing.domains {
            let (refreshed, rerouted) = domain.refreshed(inventory, &devices);
            *domain = refreshed;
            self.dirty.rerouted.push(rerouted);
        }
        self.work.gateways = self.dirty.subnets.len();
        self.work.next_hops = self.dirty.rerouted_count();
    }

    /// What follows from ports that began or ceased to work, other than by their cables.
    fn note_ports(&mut self) {
        let (inventory, routing) = (&self.parts.inventory, &self.parts.routing);
        for port in &self.ports {
            let of = &inventory.ports[port.index()];
            self.dirty.devices.insert(of.device);
            if let (PortType::Svi, Some(vid)) = (of.of, of.vlan)
                && let Some(vlan) = self.parts.vlans.on(of.device, vid)
            {
                self.dirty.note_vlan(self.parts.vlans.root(vlan));
            }
            let Some(addresses) = routing.addresses_of.get(port) else { continue };
            for (index, domain) in routing.domains.iter().enumerate() {
                self.dirty.announcers.extend(domain.node(of.device).map(|node| (index, node)));
            }
            let shared = |(ip, _): &(_, _)| routing.owners.get(ip).is_some_and(|o| o.len() > 1);
            if of.of != PortType::Svi && addresses.iter().any(shared) {
                self.dirty.everything = true;
            }
        }
    }

    /// Lines of tables that are back, as their port leads on again.
    fn note_lines(&mut self) {
        let inventory = &self.parts.inventory;
        let back: Vec<LinkIndex> =
            (self.turned.iter().copied()).filter(|link| inventory.links[link.index()].up).collect();
        for port in self.ends(&back) {
            let device = self.inventory().ports[port.index()].device;
            if self.parts.routing.has_line_by(self.inventory(), device, port) {
                self.dirty.devices.insert(device);
            }
        }
    }

    /// Machines at the ends of cables are attached anew.
    fn reattach(&mut self) -> Option<()> {
        let inventory = &self.parts.inventory;
        let is_host = |device: &DeviceIndex| inventory.role(*device) == Role::Host;
        let hosts: Vec<DeviceIndex> = self.devices().into_iter().filter(is_host).collect();
        let keyer = Keyer {
            vlans: &self.parts.vlans,
            routing: &self.parts.routing,
            sightings: &self.parts.sightings,
        };
        for host in hosts {
            for index in self.old.registry.on_machine(host) {
                let endpoint = &self.old.registry.list[index.index()];
                if endpoint.mac.is_some_and(|mac| keyer.sightings.by_mac.contains_key(&mac)) {
                    return None;
                }
                let registry = &mut self.parts.registry;
                registry.reattach(keyer, inventory, &self.parts.access, *index);
                self.work.endpoints += 1;
            }
        }
        let joins_switches = |link: &LinkIndex| {
            let ends = self.ends(&[*link]);
            ends.iter().all(|port| !is_host(&inventory.ports[port.index()].device))
        };
        if self.turned.iter().any(joins_switches) {
            self.parts.access = Arc::new(self.old.access.rewired());
        }
        Some(())
    }

    fn network(self, snapshot: &Snapshot) -> Network {
        let Patch { old, parts, dirty, work, .. } = self;
        let group_count = parts.registry.groups.len();
        let memo = old.memo.next(group_count, dirty, None);
        Network::of(snapshot, old.at, parts, memo, work)
    }
}
