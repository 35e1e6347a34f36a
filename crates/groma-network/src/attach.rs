//! Finds the switch ports that an end point hangs on.

use std::sync::Arc;

use groma_model::Timestamp;
use rustc_hash::FxHashMap;

use crate::address::Mac;
use crate::endpoint::{Attachment, Placement};
use crate::index::{DeviceIndex, LinkIndex, PortIndex, VlanIndex};
use crate::inventory::{Inventory, PortMode, Role};
use crate::role::is_edge;
use crate::sighting::{Sighting, Sightings};
use crate::vlan::Vlans;

/// MAC entries that were read within this time of the newest one count as read at once: switches
/// are polled one after the other. In nanoseconds.
const SIGHTING_WINDOW: i64 = 10 * 60 * 1_000_000_000;

/// Where a machine hangs.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    pub(crate) placement: Placement,
    pub(crate) attachments: Arc<[Attachment]>,
    pub(crate) vlan: Option<VlanIndex>,
}

/// What is known of a machine before it is attached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) mac: Option<Mac>,
    /// VLAN id that it was given.
    pub(crate) vid: Option<u16>,
    /// VLAN of its subnet.
    pub(crate) subnet_vlan: Option<VlanIndex>,
    pub(crate) device: Option<DeviceIndex>,
    /// Its port that holds the address.
    pub(crate) port: Option<PortIndex>,
}

pub(crate) struct Attacher<'a> {
    pub(crate) inventory: &'a mut Inventory,
    pub(crate) vlans: &'a Vlans,
    pub(crate) sightings: &'a Sightings,
    /// Cables made up for machines that no cable list knows: one for each switch port.
    inferred: FxHashMap<PortIndex, LinkIndex>,
    edges: FxHashMap<PortIndex, bool>,
}

impl<'a> Attacher<'a> {
    pub(crate) fn new(
        inventory: &'a mut Inventory,
        vlans: &'a Vlans,
        sightings: &'a Sightings,
    ) -> Attacher<'a> {
        Attacher {
            inventory,
            vlans,
            sightings,
            inferred: FxHashMap::default(),
            edges: FxHashMap::default(),
        }
    }

    /// Where its MAC was learnt on an edge port; else where its cable leads.
    pub(crate) fn attach(&mut self, wanted: Wanted<'_>) -> Option<Attached> {
        if wanted.device.is_some_and(|device| !self.inventory.devices[device.index()].up) {
            return None;
        }
        self.by_mac(wanted).or_else(|| by_cable(self.inventory, self.vlans, wanted))
    }

    fn by_mac(&mut self, wanted: Wanted<'_>) -> Option<Attached> {
        let sightings = self.sightings;
        let seen = sightings.by_mac.get(&wanted.mac?)?;
        let mut seen: Vec<Sighting> = (seen.iter().copied())
            .filter(|seen| wanted.vid.is_none() || seen.vid.is_none() || seen.vid == wanted.vid)
            .filter(|seen| self.is_edge(seen.port))
            .collect();
        let newest = seen.iter().map(|seen| seen.at).max()?;
        seen.retain(|seen| seen.at >= Timestamp(newest.0.saturating_sub(SIGHTING_WINDOW)));
        seen.sort_unstable_by_key(|seen| (std::cmp::Reverse(seen.at), seen.device, seen.port));
        seen.dedup_by_key(|seen| (seen.device, seen.port));
        let first = *seen.first()?;
        let pair = self.inventory.mlag_peers.get(&first.device).cloned().unwrap_or_default();
        let one_place = seen.iter().all(|seen| {
            (seen.device == first.device && seen.port == first.port)
                || (seen.device != first.device && pair.contains(&seen.device))
        });
        let mut ports: Vec<PortIndex> = seen.iter().map(|seen| seen.port).collect();
        if one_place {
            ports.extend(self.mlag_twins(first.port));
        }
        ports.sort_unstable();
        ports.dedup();
        ports.retain(|port| self.inventory.port_works(*port));
        if ports.is_empty() {
            return None;
        }
        let vlan = (first.vid.or(wanted.vid))
            .and_then(|vid| self.vlans.on(first.device, vid))
            .or_else(|| port_vlan(self.inventory, self.vlans, ports[0], wanted.subnet_vlan));
        let attachments = ports.into_iter().map(|port| self.attachment(wanted, port)).collect();
        let placement = if one_place { Placement::Placed } else { Placement::Ambiguous };
        Some(Attached { placement, attachments, vlan })
    }

    /// The bundles of the MLAG peers that make one with this bundle.
    fn mlag_twins(&self, port: PortIndex) -> Vec<PortIndex> {
        let inventory = &self.inventory;
        let bundle = &inventory.ports[port.index()];
        let Some(mlag_id) = bundle.mlag_id else { return Vec::new() };
        (inventory.mlag_peers.get(&bundle.device).into_iter().flatten())
            .flat_map(|peer| &inventory.devices[peer.index()].ports)
            .copied()
            .filter(|twin| inventory.ports[twin.index()].mlag_id == Some(mlag_id))
            .collect()
    }

    fn attachment(&mut self, wanted: Wanted<'_>, port: PortIndex) -> Attachment {
        let device = self.inventory.ports[port.index()].device;
        let near_port = wanted.port.map(|near| self.inventory.base(near));
        let mut cables: Vec<LinkIndex> = (self.inventory.cables(port))
            .filter(|(_, _, far)| Some(self.inventory.ports[far.index()].device) == wanted.device)
            .map(|(link, _, _)| link)
            .collect();
        if cables.is_empty() {
            cables = self.inventory.cables(port).map(|(link, _, _)| link).collect();
        }
        if cables.is_empty() {
            let inventory = &mut *self.inventory;
            let link = *(self.inferred.entry(port))
                .or_insert_with(|| inventory.infer_link(port, near_port, wanted.name));
            cables.push(link);
        }
        Attachment { device, port, near_port, cables }
    }

    fn is_edge(&mut self, port: PortIndex) -> bool {
        let inventory = &*self.inventory;
        // A cable inferred for a machine does not make its port an inner one.
        *self.edges.entry(port).or_insert_with(|| {
            inventory.role(inventory.ports[port.index()].device) != Role::Host
                && is_edge(inventory, port)
        })
    }
}

/// Where the cables of its machine lead.
pub(crate) fn by_cable(
    inventory: &Inventory,
    vlans: &Vlans,
    wanted: Wanted<'_>,
) -> Option<Attached> {
    let device = wanted.device?;
    let mut found = wanted.port.map_or_else(Vec::new, |port| cables_of(inventory, port));
    if found.is_empty()
        && let Some(port) = wanted.port
    {
        let parent = inventory.ports[port.index()].parent;
        found = parent.map_or_else(Vec::new, |parent| cables_of(inventory, parent));
    }
    if found.is_empty() {
        let ports = &inventory.devices[device.index()].ports;
        let mut bases: Vec<_> = ports.iter().map(|port| inventory.base(*port)).collect();
        bases.sort_unstable();
        bases.dedup();
        found = bases.into_iter().flat_map(|port| cables_of(inventory, port)).collect();
    }
    if let Some(vid) = wanted.vid {
        let carries = |attachment: &Attachment| {
            let port = &inventory.ports[attachment.port.index()];
            match (port.mode, &port.allowed_vlans) {
                (Some(PortMode::Access), _) => port.access_vlan == Some(vid),
                (_, Some(allowed)) => allowed.contains(&vid) || port.native_vlan == Some(vid),
                _ => true,
            }
        };
        if found.iter().any(carries) {
            found.retain(carries);
        }
    }
    let first = found.first()?;
    let pair = inventory.mlag_peers.get(&first.device).cloned().unwrap_or_default();
    let one_place = found.iter().all(|attachment| {
        attachment.device == first.device
            || pair.contains(&attachment.device)
            || attachment.near_port == first.near_port
    });
    let vlan = wanted
        .vid
        .and_then(|vid| vlans.on(first.device, vid))
        .or_else(|| port_vlan(inventory, vlans, first.port, wanted.subnet_vlan));
    let placement = if one_place { Placement::Placed } else { Placement::Ambiguous };
    Some(Attached { placement, attachments: found.into(), vlan })
}

/// Switch ports at the far ends of a port's working cables.
fn cables_of(inventory: &Inventory, port: PortIndex) -> Vec<Attachment> {
    let near_port = inventory.base(port);
    let mut found: Vec<Attachment> = Vec::new();
    for (link, _, far) in inventory.cables(port) {
        let far = inventory.logical(far);
        let device = inventory.ports[far.index()].device;
        if inventory.role(device) == Role::Host || !inventory.port_works(far) {
            continue;
        }
        match found.iter_mut().find(|attachment| attachment.port == far) {
            Some(attachment) => attachment.cables.push(link),
            None => found.push(Attachment {
                device,
                port: far,
                near_port: Some(near_port),
                cables: vec![link],
            }),
        }
    }
    found.sort_unstable_by_key(|attachment| (attachment.device, attachment.port));
    found
}

/// What a switch port does with untagged frames; for a trunk the subnet knows better.
fn port_vlan(
    inventory: &Inventory,
    vlans: &Vlans,
    port: PortIndex,
    subnet_vlan: Option<VlanIndex>,
) -> Option<VlanIndex> {
    let of = &inventory.ports[port.index()];
    let on = |vid: Option<u16>| vid.and_then(|vid| vlans.on(of.device, vid));
    match of.mode {
        Some(PortMode::Access) => on(of.access_vlan).or(subnet_vlan),
        Some(PortMode::Routed) => None,
        _ => subnet_vlan.or_else(|| on(of.access_vlan.or(of.native_vlan))),
    }
}
