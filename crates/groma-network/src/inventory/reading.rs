//! What the model says of devices, ports, cables and bundles.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Inventory, Link, PortMode, PortType, Role};
use crate::address::Mac;
use crate::index::PortIndex;
use crate::names::canonical;
use crate::problem::Problems;
use crate::read::{PORT, Reader, valid_vid};

impl Inventory {
    pub(super) fn read_devices(&mut self, reader: Reader<'_>) {
        for row in reader.rows("physical.device", ["role", "up"]) {
            let device = self.device_or_new(row.key());
            let role = row.text(0).and_then(Role::parse);
            let device = &mut self.devices[device.index()];
            device.role_derived = role.is_none();
            device.role = role.unwrap_or(Role::Other);
            device.up = row.boolean(1).unwrap_or(true);
        }
    }

    pub(super) fn read_ports(&mut self, reader: Reader<'_>) {
        let mut parents = Vec::new();
        for row in reader.rows("physical.port", PORT) {
            let parts = row.key().split_once(':');
            let Some(device) = row
                .reference(0)
                .map(|device| Arc::clone(&device.key))
                .or_else(|| parts.map(|(device, _)| device.into()))
            else {
                continue;
            };
            let device = self.device_or_new(&device);
            let name = row.text(1).or(parts.map(|(_, name)| name)).unwrap_or(row.key());
            let index = match self.port_named(device, name) {
                Some(port) => {
                    self.names().twice.insert(port);
                    port
                }
                None => self.add_port(device, name.into()),
            };
            let vrf = self.vrf(row.text(11));
            if let Some(parent) = row.reference(12) {
                parents.push((index, parent));
            }
            self.names().port_keys.insert(Arc::clone(row.key()), index);
            let port = &mut self.ports[index.index()];
            port.of = port_type(row.text(2), name);
            port.mac = row.text(3).and_then(Mac::parse);
            port.up = row.boolean(4).unwrap_or(true) && row.boolean(5).unwrap_or(true);
            port.mode = row.text(6).and_then(port_mode);
            port.access_vlan = row.vid(7);
            port.native_vlan = row.vid(8);
            port.allowed_vlans =
                row.integers(9).map(|vids| vids.iter().filter_map(|vid| valid_vid(*vid)).collect());
            port.vlan = row.vid(10);
            port.vrf = vrf;
            port.routing_cost = row.integer(13).map_or(1, routing_cost);
        }
        for (port, parent) in parents {
            let parent = self.port(parent).filter(|parent| *parent != port);
            self.ports[port.index()].parent = parent;
        }
    }

    pub(super) fn read_lags(&mut self, reader: Reader<'_>) {
        for row in reader.rows("network.lag", ["port", "members", "mlag_id"]) {
            let Some(logical) = row.reference(0).and_then(|port| self.port(port)) else { continue };
            for member in row.references(1) {
                let Some(member) = self.port(member).filter(|member| *member != logical) else {
                    continue;
                };
                self.ports[member.index()].lag = Some(logical);
                if !self.ports[logical.index()].members.contains(&member) {
                    self.ports[logical.index()].members.push(member);
                }
            }
            let port = &mut self.ports[logical.index()];
            port.of = PortType::Lag;
            port.mlag_id = row.integer(2);
        }
    }

    pub(super) fn read_mlags(&mut self, reader: Reader<'_>) {
        for row in reader.rows("network.mlag_domain", ["devices", "peer_links", "up"]) {
            for port in row.references(1) {
                let Some(port) = self.port(port) else { continue };
                let members = self.ports[port.index()].members.clone();
                let peer_link_ports = Arc::make_mut(&mut self.peer_link_ports);
                peer_link_ports.extend(members.into_iter().chain([port]));
            }
            if row.boolean(2) == Some(false) {
                continue;
            }
            let devices: Vec<_> =
                row.references(0).iter().map(|device| self.device_or_new(&device.key)).collect();
            for device in &devices {
                let peers = Arc::make_mut(&mut self.mlag_peers).entry(*device).or_default();
                peers.extend(devices.iter().copied().filter(|peer| peer != device));
            }
        }
    }

    pub(super) fn read_links(&mut self, reader: Reader<'_>, problems: &mut Problems) {
        let mut seen = FxHashSet::default();
        let mut neighbours: FxHashMap<PortIndex, Vec<PortIndex>> = FxHashMap::default();
        for row in reader.rows("physical.link", ["a", "b", "up", "out_of_band"]) {
            let (Some(a), Some(b)) = (row.reference(0), row.reference(1)) else { continue };
            let (Some(a), Some(b)) = (self.port(a), self.port(b)) else {
                problems.push(format!("link {}", row.key()), row.key(), "an end is no device:port");
                continue;
            };
            if a == b {
                problems.push(format!("link {}", row.key()), row.key(), "both ends are one port");
                continue;
            }
            let management =
                [a, b].iter().any(|end| self.ports[end.index()].of == PortType::Management);
            if row.boolean(3) == Some(true) || management || !seen.insert((a.min(b), a.max(b))) {
                continue;
            }
            let said_up = row.boolean(2).unwrap_or(true);
            let up = said_up && self.port_works(a) && self.port_works(b);
            let name = Arc::clone(row.key());
            self.add_link(Link { name, a, b: Some(b), up, inferred: false, said_up });
            neighbours.entry(a).or_default().push(b);
            neighbours.entry(b).or_default().push(a);
        }
        let mut shared: Vec<_> = neighbours.into_iter().filter(|(_, far)| far.len() > 1).collect();
        shared.sort_unstable_by_key(|(port, _)| *port);
        for (port, far) in shared {
            let names: Vec<_> = far.iter().map(|port| self.port_label(*port)).collect();
            problems.push(
                format!("port {}", self.port_label(port)),
                &names.join(", "),
                format!(
                    "has {} neighbours, so a shared segment is taken to lie behind it",
                    far.len()
                ),
            );
        }
    }
}

pub(super) fn port_type(text: Option<&str>, name: &str) -> PortType {
    match text {
        Some("lag") => PortType::Lag,
        Some("svi") => PortType::Svi,
        Some("loopback") => PortType::Loopback,
        Some("vxlan") => PortType::Vxlan,
        Some("subinterface") => PortType::Subinterface,
        Some("management") => PortType::Management,
        Some("vrf" | "bridge" | "other") => PortType::Other,
        _ if is_management(name) => PortType::Management,
        _ => PortType::Ethernet,
    }
}

/// `Management1`, `mgmt0`, `fxp0`, `em0`: the out-of-band port where no source says so.
fn is_management(name: &str) -> bool {
    let name = canonical(name);
    name.starts_with("management") || name.starts_with("fxp")
}

/// Costs stay so small that a sum over [`HOPS_MAX`](crate::HOPS_MAX) devices has room.
fn routing_cost(cost: i64) -> u32 {
    const COST_MAX: i64 = 1 << 24;
    cost.clamp(1, COST_MAX) as u32
}

fn port_mode(text: &str) -> Option<PortMode> {
    match text {
        "access" => Some(PortMode::Access),
        "trunk" => Some(PortMode::Trunk),
        "routed" => Some(PortMode::Routed),
        _ => None,
    }
}
