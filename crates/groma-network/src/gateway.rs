//! Who routes for a subnet, while some routers work and others do not.

use std::net::IpAddr;

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use crate::address::Mac;
use crate::index::{DeviceIndex, PortIndex, VlanIndex};
use crate::inventory::Inventory;
use crate::switching::Ties;

/// An IP network.
#[derive(Debug, Clone)]
pub(crate) struct Subnet {
    pub(crate) prefix: IpNet,
    pub(crate) vlan: Option<VlanIndex>,
    /// Ports of routers with an address in it.
    pub(crate) routers: Vec<(PortIndex, IpAddr)>,
    pub(crate) declared: Vec<Declared>,
    pub(crate) gateway: Option<Gateway>,
}

/// A gateway as a source named it.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) ip: Option<IpAddr>,
    pub(crate) mac: Option<Mac>,
    pub(crate) vrf: u16,
    pub(crate) anycast: bool,
    pub(crate) members: Vec<DeviceIndex>,
    pub(crate) active: Option<DeviceIndex>,
}

/// Who routes for a subnet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gateway {
    pub(crate) ip: Option<IpAddr>,
    pub(crate) mac: Option<Mac>,
    pub(crate) ties: Ties,
    /// Device with its port in the subnet, sorted.
    pub(crate) at: Vec<(DeviceIndex, Option<PortIndex>)>,
    pub(crate) vrf: u16,
}
impl Subnet {
    pub(crate) fn new(prefix: IpNet, vlan: Option<VlanIndex>) -> Subnet {
        Subnet { prefix, vlan, routers: Vec::new(), declared: Vec::new(), gateway: None }
    }

    /// Who routes for it: the first gateway that was named and has a member that works; where no
    /// source named one, the address that most working routers share, else the only one.
    pub(crate) fn gateway_now(
        &self,
        inventory: &Inventory,
        macs: &FxHashMap<IpAddr, Mac>,
    ) -> Option<Gateway> {
        self.declared
            .iter()
            .find_map(|declared| self.declared_gateway(declared, inventory))
            .or_else(|| self.derived_gateway(inventory, macs))
    }

    fn declared_gateway(&self, declared: &Declared, inventory: &Inventory) -> Option<Gateway> {
        let port_on = |device: DeviceIndex| {
            let mut ports = self.routers.iter().map(|(port, _)| *port);
            ports.find(|port| {
                inventory.ports[port.index()].device == device && inventory.port_works(*port)
            })
        };
        let at: Vec<_> = standing_in(inventory, declared)
            .into_iter()
            .map(|device| (device, port_on(device)))
            .collect();
        let ties = if declared.anycast { Ties::Even } else { Ties::Bundles };
        let Declared { ip, mac, vrf, .. } = *declared;
        (!at.is_empty()).then_some(Gateway { ip, mac, ties, at, vrf })
    }

    fn derived_gateway(
        &self,
        inventory: &Inventory,
        macs: &FxHashMap<IpAddr, Mac>,
    ) -> Option<Gateway> {
        let works = |(port, _): &&(PortIndex, IpAddr)| inventory.port_works(*port);
        let (ip, ports) = by_address(self.routers.iter().filter(works)).into_iter().next()?;
        let mut at: Vec<_> = (ports.iter())
            .map(|port| (inventory.ports[port.index()].device, Some(*port)))
            .collect();
        at.sort_unstable();
        at.dedup_by_key(|(device, _)| *device);
        let first = &inventory.ports[ports[0].index()];
        Some(Gateway {
            ip: Some(ip),
            mac: macs.get(&ip).copied().or(first.mac),
            ties: if at.len() > 1 { Ties::Even } else { Ties::Bundles },
            vrf: first.vrf,
            at,
        })
    }
}

/// The ports of each address, that of most ports first, then the lowest.
pub(crate) fn by_address<'a>(
    routers: impl Iterator<Item = &'a (PortIndex, IpAddr)>,
) -> Vec<(IpAddr, Vec<PortIndex>)> {
    let mut by_ip: FxHashMap<IpAddr, Vec<PortIndex>> = FxHashMap::default();
    for (port, ip) in routers {
        by_ip.entry(*ip).or_default().push(*port);
    }
    let mut addresses: Vec<_> = by_ip.into_iter().collect();
    addresses.sort_unstable_by_key(|(ip, ports)| (std::cmp::Reverse(ports.len()), *ip));
    addresses
}

/// Who answers for a gateway: of an anycast one every member; otherwise the active one and, since
/// both switches of an MLAG pair forward for a virtual address, its MLAG peers that are members.
fn standing_in(inventory: &Inventory, declared: &Declared) -> Vec<DeviceIndex> {
    let works = |device: &DeviceIndex| inventory.devices[device.index()].up;
    let active = declared.active.filter(|active| !declared.anycast && works(active));
    let mut devices = match active {
        Some(active) => {
            let peers = inventory.mlag_peers.get(&active).map_or(&[][..], Vec::as_slice);
            let mut devices: Vec<_> =
                peers.iter().copied().filter(|peer| declared.members.contains(peer)).collect();
            devices.push(active);
            devices
        }
        None => declared.members.clone(),
    };
    devices.retain(works);
    devices.sort_unstable();
    devices.dedup();
    devices
}
