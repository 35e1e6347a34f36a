//! All end points, and the ways to find them.

use std::net::IpAddr;
use std::sync::Arc;

use groma_model::EntityRef;
use rustc_hash::FxHashMap;

use crate::access::AccessGroups;
use crate::attach::{Wanted, by_cable};
use crate::endpoint::{Endpoint, Place, Placement};
use crate::group::{Keyer, Keys};
use crate::index::{AccessIndex, DeviceIndex, EndpointIndex, GroupIndex};
use crate::inventory::Inventory;
use crate::routing::Routing;
use crate::shared::SharedVec;

/// All end points and the ways to find them. A copy shares what does not change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry {
    pub(crate) list: SharedVec<Endpoint>,
    /// One end point that stands for each group.
    pub(crate) groups: SharedVec<Endpoint>,
    group_keys: Keys,
    station_keys: Keys,
    index: Arc<Index>,
}

#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) by_name: FxHashMap<Arc<str>, EndpointIndex>,
    pub(crate) by_entity: FxHashMap<EntityRef, EndpointIndex>,
    pub(crate) by_ip: FxHashMap<IpAddr, EndpointIndex>,
    /// Addresses that nothing holds, by subnet and longest prefix of any routing table.
    pub(crate) by_network: FxHashMap<(Option<u32>, Option<u32>), EndpointIndex>,
    pub(crate) by_machine: FxHashMap<DeviceIndex, Vec<EndpointIndex>>,
}
impl Registry {
    pub(crate) fn found_by(self, index: Index) -> Registry {
        Registry { index: Arc::new(index), ..self }
    }

    pub(crate) fn settle_access(&mut self, access: &AccessGroups) {
        for index in 0..self.list.len() {
            let group = access_of(access, &self.list[index]);
            if group.is_some() {
                self.list[index].access = group;
            }
        }
    }

    /// The end points on a machine.
    pub(crate) fn on_machine(&self, device: DeviceIndex) -> &[EndpointIndex] {
        self.index.by_machine.get(&device).map_or(&[], Vec::as_slice)
    }

    /// Attaches an end point on a machine anew, by the machine's cables, some of which came or went.
    pub(crate) fn reattach(
        &mut self,
        keyer: Keyer<'_>,
        inventory: &Inventory,
        access: &AccessGroups,
        index: EndpointIndex,
    ) {
        let mut endpoint = self.list[index.index()].clone();
        let Some(device) = endpoint.device else { return };
        let holder =
            (endpoint.ip.and_then(|ip| keyer.routing.owners.get(&ip)).into_iter().flatten())
                .find(|port| inventory.ports[port.index()].device == device);
        let subnet_vlan =
            endpoint.subnet.and_then(|subnet| keyer.routing.subnets[subnet as usize].vlan);
        let wanted = Wanted {
            name: &endpoint.name,
            mac: endpoint.mac,
            vid: endpoint.vid,
            subnet_vlan,
            device: Some(device),
            port: holder.copied(),
        };
        let works = inventory.devices[device.index()].up;
        let attached = Some(wanted).filter(|_| works);
        let attached = attached.and_then(|wanted| by_cable(inventory, keyer.vlans, wanted));
        endpoint.port = holder.copied();
        (endpoint.place, endpoint.placement, endpoint.vlan) = match attached {
            Some(found) => {
                endpoint.port = endpoint.port.or(found.attachments[0].near_port);
                (Place::Attached(found.attachments), found.placement, found.vlan)
            }
            None => keyer.unattached(endpoint.ip, Some(device), endpoint.vid, endpoint.subnet),
        };
        self.number(keyer, &mut endpoint);
        endpoint.access = access_of(access, &endpoint);
        self.list[index.index()] = endpoint;
    }

    /// By number, what another registry calls the same group.
    pub(crate) fn groups_in(&self, other: &Registry) -> Vec<Option<GroupIndex>> {
        let mut groups = vec![None; self.groups.len()];
        for (key, number) in self.group_keys.iter() {
            groups[number as usize] = other.group_keys.get(key).map(GroupIndex);
        }
        groups
    }

    /// Gives an end point the numbers of its group and station.
    pub(crate) fn number(&mut self, keyer: Keyer<'_>, endpoint: &mut Endpoint) {
        let (group, new) = self.group_keys.number(keyer.group_key(endpoint));
        endpoint.group = GroupIndex(group);
        endpoint.station = keyer.station_key(endpoint).map(|key| self.station_keys.number(key).0);
        if new {
            self.groups.push(endpoint.clone());
        }
    }

    pub(crate) fn of_entity(&self, entity: &EntityRef) -> Option<EndpointIndex> {
        self.index.by_entity.get(entity).copied()
    }

    pub(crate) fn named(&self, name: &str) -> Option<EndpointIndex> {
        self.index.by_name.get(name).copied()
    }

    pub(crate) fn at_ip(&self, ip: IpAddr, routing: &Routing) -> Option<EndpointIndex> {
        (self.index.by_ip.get(&ip))
            .or_else(|| {
                let network = (routing.subnet_of(ip), routing.prefix_of(ip));
                self.index
                    .by_network
                    .get(&network)
                    .or_else(|| self.index.by_network.get(&(None, None)))
            })
            .copied()
    }
}

/// The access group that an end point hangs on.
fn access_of(access: &AccessGroups, endpoint: &Endpoint) -> Option<AccessIndex> {
    let device = match &endpoint.place {
        Place::Attached(attachments) => attachments[0].device,
        Place::On(own) => own[0].0,
        Place::Within(_) | Place::Nowhere => return None,
    };
    Some(access.of(device))
        .filter(|group| endpoint.placement == Placement::Placed && group.0 != u32::MAX)
}
