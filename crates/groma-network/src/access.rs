//! Access groups: switches that look like one to those attached, and how near two of them are.

use rustc_hash::FxHashMap;

use crate::index::{AccessIndex, DeviceIndex};
use crate::inventory::{Inventory, Role};

/// Every switch with its MLAG peers is one access group.
#[derive(Debug)]
pub(crate) struct AccessGroups {
    of_device: Vec<AccessIndex>,
    /// Sorted switches of each group.
    pub(crate) members: Vec<Vec<DeviceIndex>>,
    /// Sorted distribution devices next to each group.
    distribution: Vec<Vec<DeviceIndex>>,
    /// Between groups: whether the shortest way over working cables, whatever VLANs they carry,
    /// touches a device beyond access.
    far: Vec<Box<[bool]>>,
}

impl AccessGroups {
    pub(crate) fn new(inventory: &Inventory) -> AccessGroups {
        let (of_device, members) = group(inventory);
        let neighbours = neighbours(inventory);
        let distribution = members
            .iter()
            .map(|members| {
                let mut above: Vec<_> = (members.iter())
                    .flat_map(|member| &neighbours[member.index()])
                    .copied()
                    .filter(|device| inventory.role(*device).beyond_access())
                    .collect();
                above.sort_unstable();
                above.dedup();
                above
            })
            .collect();
        let mut groups = AccessGroups { of_device, members, distribution, far: Vec::new() };
        groups.far = (0..groups.members.len())
            .map(|from| groups.far_from(inventory, &neighbours, AccessIndex::from(from)))
            .collect();
        groups
    }

    pub(crate) fn of(&self, device: DeviceIndex) -> AccessIndex {
        self.of_device[device.index()]
    }

    pub(crate) fn is_far(&self, a: AccessIndex, b: AccessIndex) -> bool {
        self.far[a.index()].get(b.index()).copied().unwrap_or(true)
    }

    pub(crate) fn share_distribution(&self, a: AccessIndex, b: AccessIndex) -> bool {
        self.distribution[a.index()]
            .iter()
            .any(|device| self.distribution[b.index()].binary_search(device).is_ok())
    }

    /// Shortest ways from one group; of equally short ones a way within access wins.
    fn far_from(
        &self,
        inventory: &Inventory,
        neighbours: &[Vec<DeviceIndex>],
        from: AccessIndex,
    ) -> Box<[bool]> {
        let mut crossing: Vec<Option<bool>> = vec![None; inventory.devices.len()];
        let mut front = self.members[from.index()].clone();
        for device in &front {
            crossing[device.index()] = Some(inventory.role(*device).beyond_access());
        }
        let interesting = front.iter().any(|device| inventory.role(*device) != Role::Host);
        while interesting && !front.is_empty() {
            let mut reached: FxHashMap<DeviceIndex, bool> = FxHashMap::default();
            for device in &front {
                let so_far = crossing[device.index()].unwrap_or(true);
                for next in &neighbours[device.index()] {
                    if crossing[next.index()].is_none() && inventory.role(*next) != Role::Host {
                        let crosses = so_far || inventory.role(*next).beyond_access();
                        reached.entry(*next).and_modify(|best| *best &= crosses).or_insert(crosses);
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
        self.members.iter().map(far).collect()
    }
}

fn group(inventory: &Inventory) -> (Vec<AccessIndex>, Vec<Vec<DeviceIndex>>) {
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
    (of_device, members)
}

fn neighbours(inventory: &Inventory) -> Vec<Vec<DeviceIndex>> {
    let mut neighbours = vec![Vec::new(); inventory.devices.len()];
    for link in inventory.links.iter().filter(|link| link.up) {
        let Some(b) = link.b else { continue };
        let a = inventory.ports[link.a.index()].device;
        let b = inventory.ports[b.index()].device;
        if inventory.role(a) != Role::Host && inventory.role(b) != Role::Host {
            neighbours[a.index()].push(b);
            neighbours[b.index()].push(a);
        }
    }
    for list in &mut neighbours {
        list.sort_unstable();
        list.dedup();
    }
    neighbours
}
