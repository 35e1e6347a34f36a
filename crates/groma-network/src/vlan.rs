//! VLANs: a number means one VLAN within one layer-2 domain; merged VLANs are one.

use std::sync::Arc;

use groma_model::EntityRef;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::index::{DeviceIndex, PortIndex, VlanIndex};
use crate::inventory::{Inventory, PortMode, PortType, Role};
use crate::problem::Problems;
use crate::read::Reader;

/// A VLAN of a layer-2 domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vlan {
    /// Its id on the wire.
    pub vid: u16,
    /// Its domain; empty for the one domain of the model.
    pub domain: Arc<str>,
    /// The VLAN that stands for all those merged with it; itself if alone.
    pub root: VlanIndex,
}

/// All VLANs, and which domain each device is in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Vlans {
    pub(crate) list: Vec<Vlan>,
    by_number: FxHashMap<(u32, u16), VlanIndex>,
    by_key: FxHashMap<Arc<str>, VlanIndex>,
    domains: Vec<Arc<str>>,
    domain_of: FxHashMap<DeviceIndex, u32>,
    /// Roots that stand for more than one VLAN.
    merged: FxHashSet<VlanIndex>,
}

impl Vlans {
    pub(crate) fn read(
        reader: Reader<'_>,
        inventory: &mut Inventory,
        problems: &mut Problems,
    ) -> Vlans {
        let mut vlans = Vlans { domains: vec!["".into()], ..Vlans::default() };
        vlans.read_domains(reader, inventory);
        vlans.read_vlans(reader, inventory, problems);
        for port in 0..inventory.ports.len() {
            vlans.note_port(inventory, PortIndex::from(port));
        }
        vlans.settle();
        vlans
    }

    /// The VLAN of this id on this device, if the model knows it at all.
    pub(crate) fn on(&self, device: DeviceIndex, vid: u16) -> Option<VlanIndex> {
        self.numbered(self.domain_of(device), vid)
    }

    /// The VLAN of this id in the one domain of the model, or in the only domain that has it.
    pub(crate) fn anywhere(&self, vid: u16) -> Option<VlanIndex> {
        self.numbered(0, vid).or_else(|| {
            let mut found = (1..self.domains.len() as u32).filter_map(|d| self.numbered(d, vid));
            found.next().filter(|_| found.next().is_none())
        })
    }

    pub(crate) fn of_entity(&self, vlan: &EntityRef) -> Option<VlanIndex> {
        self.by_key.get(&vlan.key).copied()
    }

    /// The VLAN that stands for it and all merged with it.
    pub(crate) fn root(&self, vlan: VlanIndex) -> VlanIndex {
        self.list[vlan.index()].root
    }

    /// Whether other VLANs are merged with it.
    pub(crate) fn is_merged(&self, vlan: VlanIndex) -> bool {
        self.merged.contains(&self.root(vlan))
    }

    fn numbered(&self, domain: u32, vid: u16) -> Option<VlanIndex> {
        self.by_number.get(&(domain, vid)).copied()
    }

    fn domain_of(&self, device: DeviceIndex) -> u32 {
        self.domain_of.get(&device).copied().unwrap_or(0)
    }

    /// A domain that lists no switches is the one domain of the model.
    fn read_domains(&mut self, reader: Reader<'_>, inventory: &mut Inventory) {
        for row in reader.rows("network.l2_domain", ["devices"]) {
            if row.references(0).is_empty() {
                continue;
            }
            let domain = self.domains.len() as u32;
            self.domains.push(Arc::clone(row.key()));
            for device in row.references(0) {
                self.domain_of.insert(inventory.device_or_new(&device.key), domain);
            }
        }
    }

    fn read_vlans(
        &mut self,
        reader: Reader<'_>,
        inventory: &mut Inventory,
        problems: &mut Problems,
    ) {
        let mut merges = Vec::new();
        let mut vni_of: FxHashMap<VlanIndex, i64> = FxHashMap::default();
        let mut vlan_of: FxHashMap<i64, VlanIndex> = FxHashMap::default();
        for row in reader.rows("network.vlan", ["domain", "device", "vid", "vni", "merged_into"]) {
            let vid = row.vid(2).or_else(|| {
                row.key().rsplit(['/', ':']).next()?.parse().ok().filter(|v| (1..=4094).contains(v))
            });
            let Some(vid) = vid else {
                problems.push(format!("vlan {}", row.key()), row.key(), "it has no VLAN id");
                continue;
            };
            let domain = match (row.reference(0), row.reference(1)) {
                (Some(domain), _) => self
                    .domains
                    .iter()
                    .position(|name| *name == domain.key)
                    .map_or(0, |place| place as u32),
                (None, Some(device)) => {
                    let device = inventory.device_or_new(&device.key);
                    self.domain_of(device)
                }
                (None, None) => 0,
            };
            let vlan = self.intern(domain, vid);
            self.by_key.insert(Arc::clone(row.key()), vlan);
            if let Some(into) = row.reference(4) {
                merges.push((vlan, into));
            }
            if let Some(vni) = row.integer(3) {
                match vni_of.insert(vlan, vni) {
                    Some(other) if other != vni => problems.push(
                        format!("vlan {}", row.key()),
                        &format!("{other}, {vni}"),
                        "one VLAN of one domain has two VXLAN network ids",
                    ),
                    _ => {
                        let first = *vlan_of.entry(vni).or_insert(vlan);
                        self.merge(first, vlan);
                    }
                }
            }
        }
        for (vlan, into) in merges {
            match self.of_entity(into) {
                Some(into) => self.merge(vlan, into),
                None => problems.push(
                    format!("vlan {}", into.key),
                    &into.key,
                    "another VLAN is merged into it, but it does not exist",
                ),
            }
        }
    }

    fn note_port(&mut self, inventory: &Inventory, port: PortIndex) {
        let port = &inventory.ports[port.index()];
        let domain = self.domain_of(port.device);
        let single = [port.access_vlan, port.native_vlan, port.vlan];
        for vid in single.into_iter().flatten().chain(port.allowed_vlans.iter().flatten().copied())
        {
            self.intern(domain, vid);
        }
    }

    fn intern(&mut self, domain: u32, vid: u16) -> VlanIndex {
        if let Some(vlan) = self.by_number.get(&(domain, vid)) {
            return *vlan;
        }
        let vlan = VlanIndex::from(self.list.len());
        let name = Arc::clone(&self.domains[domain as usize]);
        self.list.push(Vlan { vid, domain: name, root: vlan });
        self.by_number.insert((domain, vid), vlan);
        vlan
    }

    fn find(&self, vlan: VlanIndex) -> VlanIndex {
        let mut vlan = vlan;
        while self.list[vlan.index()].root != vlan {
            vlan = self.list[vlan.index()].root;
        }
        vlan
    }

    fn merge(&mut self, a: VlanIndex, b: VlanIndex) {
        let (a, b) = (self.find(a), self.find(b));
        if a != b {
            self.list[a.max(b).index()].root = a.min(b);
            self.merged.insert(a.min(b));
        }
    }

    fn settle(&mut self) {
        for vlan in 0..self.list.len() {
            let root = self.find(VlanIndex::from(vlan));
            self.list[vlan].root = root;
        }
    }
}

/// Roots of VLANs, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VlanSet {
    All,
    Some(Vec<u64>),
}

impl VlanSet {
    pub(crate) const NONE: VlanSet = VlanSet::Some(Vec::new());

    pub(crate) fn one(root: VlanIndex) -> VlanSet {
        VlanSet::of(std::iter::once(root))
    }

    fn of(vlans: impl Iterator<Item = VlanIndex>) -> VlanSet {
        let mut bits = Vec::new();
        for vlan in vlans {
            if bits.len() <= vlan.index() / 64 {
                bits.resize(vlan.index() / 64 + 1, 0);
            }
            bits[vlan.index() / 64] |= 1_u64 << (vlan.index() % 64);
        }
        VlanSet::Some(bits)
    }

    pub(crate) fn holds(&self, root: VlanIndex) -> bool {
        match self {
            VlanSet::All => true,
            VlanSet::Some(bits) => {
                bits.get(root.index() / 64).is_some_and(|word| word >> (root.index() % 64) & 1 == 1)
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, VlanSet::Some(bits) if bits.iter().all(|word| *word == 0))
    }

    pub(crate) fn both(&self, other: &VlanSet) -> VlanSet {
        match (self, other) {
            (VlanSet::All, set) | (set, VlanSet::All) => set.clone(),
            (VlanSet::Some(a), VlanSet::Some(b)) => {
                VlanSet::Some(a.iter().zip(b).map(|(a, b)| a & b).collect())
            }
        }
    }
}

/// The VLANs that a (logical) port carries. A switch port of which nothing is said carries all.
/// `routed`: ports that hold an address or are cut into subinterfaces; of the latter only their tags.
pub(crate) fn carried(
    inventory: &Inventory,
    vlans: &Vlans,
    port: PortIndex,
    routed: &FxHashMap<PortIndex, Vec<u16>>,
) -> VlanSet {
    let ends = &inventory.ports[port.index()];
    let on = |vid: u16| vlans.on(ends.device, vid).map(|vlan| vlans.root(vlan));
    let only = |vids: &mut dyn Iterator<Item = u16>| VlanSet::of(vids.filter_map(on));
    if matches!(
        ends.of,
        PortType::Management | PortType::Loopback | PortType::Svi | PortType::Vxlan
    ) {
        return VlanSet::NONE;
    }
    match (ends.mode, routed.get(&port)) {
        (Some(PortMode::Access), _) => {
            only(&mut std::iter::once(ends.access_vlan.or(ends.native_vlan).unwrap_or(1)))
        }
        (Some(PortMode::Trunk), _) => match &ends.allowed_vlans {
            Some(allowed) => only(&mut allowed.iter().copied().chain(ends.native_vlan)),
            None => VlanSet::All,
        },
        (_, Some(tags)) => only(&mut tags.iter().copied()),
        (Some(PortMode::Routed), None) => VlanSet::NONE,
        (None, None) => match (ends.access_vlan, &ends.allowed_vlans) {
            (_, Some(allowed)) => only(&mut allowed.iter().copied().chain(ends.native_vlan)),
            (Some(vid), None) => only(&mut std::iter::once(vid)),
            (None, None) => match inventory.role(ends.device) {
                Role::Host | Role::Router | Role::Firewall => VlanSet::NONE,
                _ => VlanSet::All,
            },
        },
    }
}
