//! Who was seen where: MAC tables and ARP tables.

use std::net::IpAddr;

use groma_model::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::address::{Mac, parse_ip};
use crate::index::{DeviceIndex, PortIndex};
use crate::inventory::Inventory;
use crate::read::Reader;

/// A MAC address learnt on a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sighting {
    pub(crate) device: DeviceIndex,
    pub(crate) port: PortIndex,
    pub(crate) vid: Option<u16>,
    pub(crate) at: Timestamp,
}

/// An ARP entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbor {
    pub(crate) mac: Mac,
    at: Timestamp,
}

/// All MAC and ARP entries.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    pub(crate) by_mac: FxHashMap<Mac, Vec<Sighting>>,
    pub(crate) neighbors: FxHashMap<IpAddr, Neighbor>,
    /// The tunnel end point behind which a switch learnt a MAC in a VLAN.
    pub(crate) tunnels: FxHashMap<(DeviceIndex, u16, Mac), IpAddr>,
    /// The newest of [`Sightings::tunnels`], whoever says so.
    vtep_of: FxHashMap<Mac, (Timestamp, IpAddr)>,
    /// Ports that some MAC was learnt on.
    pub(crate) ports: FxHashSet<PortIndex>,
    /// Devices that have a MAC table.
    pub(crate) switches: FxHashSet<DeviceIndex>,
}

impl Sightings {
    pub(crate) fn read(reader: Reader<'_>, inventory: &mut Inventory) -> Sightings {
        let mut sightings = Sightings::default();
        sightings.read_macs(reader, inventory);
        sightings.read_neighbors(reader);
        sightings
    }

    pub(crate) fn vtep_of(&self, mac: Mac) -> Option<IpAddr> {
        self.vtep_of.get(&mac).map(|(_, vtep)| *vtep)
    }

    fn read_macs(&mut self, reader: Reader<'_>, inventory: &mut Inventory) {
        let attributes = ["device", "vlan", "mac", "port", "vtep", "type"];
        for row in reader.rows("network.mac_entry", attributes) {
            let (Some(device), Some(mac)) = (row.reference(0), row.text(2).and_then(Mac::parse))
            else {
                continue;
            };
            let device = inventory.device_or_new(&device.key);
            self.switches.insert(device);
            if row.text(5) == Some("local") {
                continue;
            }
            let at = row.observed_at(2).unwrap_or(Timestamp::MIN);
            if let Some(vtep) = row.text(4).and_then(parse_ip) {
                self.tunnels.insert((device, row.vid(1).unwrap_or(0), mac), vtep);
                let newest = self.vtep_of.entry(mac).or_insert((at, vtep));
                *newest = (*newest).max((at, vtep));
                continue;
            }
            let Some(port) = row.reference(3).and_then(|port| inventory.port(port)) else {
                continue;
            };
            let port = inventory.logical(port);
            self.ports.insert(port);
            self.by_mac.entry(mac).or_default().push(Sighting {
                device,
                port,
                vid: row.vid(1),
                at,
            });
        }
    }

    fn read_neighbors(&mut self, reader: Reader<'_>) {
        for row in reader.rows("network.neighbor", ["ip", "mac", "state"]) {
            let (Some(ip), Some(mac)) =
                (row.text(0).and_then(parse_ip), row.text(1).and_then(Mac::parse))
            else {
                continue;
            };
            if matches!(row.text(2), Some("failed" | "incomplete")) {
                continue;
            }
            let at = row.observed_at(1).unwrap_or(Timestamp::MIN);
            let held = self.neighbors.entry(ip).or_insert(Neighbor { mac, at });
            if (at, mac) > (held.at, held.mac) {
                *held = Neighbor { mac, at };
            }
        }
    }
}
