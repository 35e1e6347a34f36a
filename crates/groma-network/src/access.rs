//! Access groups: switches that look like one to those attached, and how near two of them are.

use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;

use crate::index::{AccessIndex, DeviceIndex};
use crate::inventory::{Inventory, Role};

/// Every switch with its MLAG peers is one access group. What lies between groups is found when it is
/// first asked for, by the cables of the inventory that goes with it.
#[derive(Debug)]
pub(crate) struct AccessGroups {
    groups: Arc<Groups>,
    /// Sorted distribution devices next to each group.
    distribution: Vec<OnceLock<Vec<DeviceIndex>>>,
    /// Between groups: whether the shortest way over working cables, whatever VLANs they carry,
    /// touches a device beyond access.
    far: Vec<OnceLock<Box<[bool]>>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Groups {
    of_device: Vec<AccessIndex>,
    /// Sorted switches of each group.
    members: Vec<Vec<DeviceIndex>>,
}

impl AccessGroups {
    pub(crate) fn new(inventory: &Inventory) -> AccessGroups {
        AccessGroups::of_groups(Arc::new(group(inventory)))
    }

    /// The same groups, when cables between them came or went.
    pub(crate) fn rewired(&self) -> AccessGroups {
        AccessGroups::of_groups(Arc::clone(&self.groups))
    }

    fn of_groups(groups: Arc<Groups>) -> AccessGroups {
        let count = groups.members.len();
        AccessGroups {
            groups,
            distribution: vec![OnceLock::new(); count],
            far: vec![OnceLock::new(); count],
        }
    }

    pub(crate) fn members(&self, access: AccessIndex) -> &[DeviceIndex] {
        self.groups.members.get(access.index()).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn of(&self, device: DeviceIndex) -> AccessIndex {
        self.groups.of_device[device.index()]
    }

    pub(crate) fn is_far(&self, inventory: &Inventory, a: AccessIndex, b: AccessIndex) -> bool {
        let row = self.far[a.index()].get_or_init(|| self.far_from(inventory, a));
        row.get(b.index()).copied().unwrap_or(true)
    }

    pub(crate) fn share_distribution(
        &self,
        inventory: &Inventory,
        a: AccessIndex,
        b: AccessIndex,
    ) -> bool {
        let [a, b] = [a, b].map(|access| {
            self.distribution[access.index()].get_or_init(|| self.above(inventory, access))
        });
        a.iter().any(|device| b.binary_search(device).is_ok())
    }

    fn above(&self, inventory: &Inventory, access: AccessIndex) -> Vec<DeviceIndex> {
        let mut above: Vec<_> = (self.members(access).iter())
            .flat_map(|member| neighbours(inventory, *member))
            .filter(|device| inventory.role(*device).beyond_access())
            .collect();
        above.sort_unstable();
        above.dedup();
        above
    }

    /// Shortest ways from one group; of equally short ones a way within access wins.
    fn far_from(&self, inventory: &Inventory, from: AccessIndex) -> Box<[bool]> {
        let mut crossing: Vec<Option<bool>> = vec![None; inventory.devices.len()];
        let mut front = self.members(from).to_vec();
        for device in &front {
            crossing[device.index()] = Some(inventory.role(*device).beyond_access());
        }
        while !front.is_empty() {
            let mut reached: FxHashMap<DeviceIndex, bool> = FxHashMap::default();
            for device in &front {
                let so_far = crossing[device.index()].unwrap_or(true);
                for next in neighbours(inventory, *device) {
                    if crossing[next.index()].is_none() {
                        let crosses = so_far || inventory.role(next).beyond_access();
                        reached.entry(next).and_modify(|best| *best &= crosses).or_insert(crosses);
                    }
                }
            }
            front = reached.keys().copied().collect();
            for (device, crosses) in reached {
                crossing[device.index()] = Some(crosses);
            }
        }
        let far = |members: &Vec<DeviceIndex>| {
            !members.iter().any(|device| crossing[device.index()] == Some(false))
        };
        self.groups.members.iter().map(far).collect()
    }
}

fn group(inventory: &Inventory) -> Groups {
    let mut of_device = vec![AccessIndex(u32::MAX); inventory.devices.len()];
    let mut members: Vec<Vec<DeviceIndex>> = Vec::new();
    for index in 0..inventory.devices.len() {
        if of_device[index] != AccessIndex(u32::MAX) || inventory.devices[index].role == Role::Host
        {
            continue;
        }
        let group = AccessIndex::from(members.len());
        let mut found = vec![DeviceIndex::from(index)];
        let mut next = 0;
        of_device[index] = group;
        while let Some(device) = found.get(next).copied() {
            next += 1;
            for peer in inventory.mlag_peers.get(&device).into_iter().flatten() {
                if of_device[peer.index()] == AccessIndex(u32::MAX) {
                    of_device[peer.index()] = group;
                    found.push(*peer);
                }
            }
        }
        found.sort_unstable();
        members.push(found);
    }
    Groups { of_device, members }
}

/// The switches and routers at the other ends of a switch's working cables; one may come twice.
fn neighbours(inventory: &Inventory, device: DeviceIndex) -> impl Iterator<Item = DeviceIndex> {
    (inventory.devices[device.index()].ports.iter())
        .flat_map(|port| inventory.links_at(*port).iter().map(move |link| (*port, *link)))
        .filter(|(_, link)| inventory.links[link.index()].up)
        .filter_map(|(port, link)| inventory.far_end(link, port))
        .map(|far| inventory.ports[far.index()].device)
        .filter(|far| inventory.role(*far) != Role::Host)
}
