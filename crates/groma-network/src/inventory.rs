//! Devices, ports, cables and their bundles, densely numbered.

mod reading;

use std::sync::Arc;

use groma_model::EntityRef;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::address::Mac;
use crate::index::{DeviceIndex, LinkIndex, PortIndex};
use crate::names::canonical;
use crate::problem::Problems;
use crate::read::Reader;
use crate::shared::SharedVec;
use reading::port_type;

/// Place of a device in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sends and receives; carries nothing for others.
    Host,
    /// Hosts hang on it.
    Access,
    /// Joins access switches.
    Distribution,
    /// Joins distribution switches.
    Core,
    /// Leads out of the data center.
    Exit,
    /// A firewall that routes.
    Firewall,
    /// A router.
    Router,
    /// Not known, and too far from any host to tell.
    Other,
}

impl Role {
    /// As the schema spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Host => "host",
            Role::Access => "access",
            Role::Distribution => "distribution",
            Role::Core => "core",
            Role::Exit => "exit",
            Role::Firewall => "firewall",
            Role::Router => "router",
            Role::Other => "other",
        }
    }

    /// Whether a path that touches it crosses.
    pub const fn beyond_access(self) -> bool {
        matches!(self, Role::Distribution | Role::Core | Role::Exit | Role::Firewall | Role::Router)
    }

    fn parse(text: &str) -> Option<Role> {
        [
            Role::Host,
            Role::Access,
            Role::Distribution,
            Role::Core,
            Role::Exit,
            Role::Firewall,
            Role::Router,
        ]
        .into_iter()
        .find(|role| role.name() == text)
    }
}

/// A switch, router, firewall or machine with ports.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Its host name, which is its key.
    pub name: Arc<str>,
    /// Its role, given or derived from its distance to hosts.
    pub role: Role,
    /// Whether the role was derived.
    pub role_derived: bool,
    /// Whether it works.
    pub up: bool,
    /// All its ports.
    pub ports: Vec<PortIndex>,
}

/// What a port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortType {
    /// A socket, or not said.
    Ethernet,
    /// A link aggregation group.
    Lag,
    /// The routed interface of a VLAN.
    Svi,
    /// A loopback.
    Loopback,
    /// The entrance of VXLAN tunnels.
    Vxlan,
    /// A tagged part of another port.
    Subinterface,
    /// The management port: no traffic is placed on it.
    Management,
    /// A routing table, a bridge or something else.
    Other,
}

/// How a port treats VLAN tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortMode {
    /// Untagged frames of one VLAN.
    Access,
    /// Tagged frames of several.
    Trunk,
    /// No VLANs; packets are routed.
    Routed,
}

/// A port.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Name on the device, as the device spells it.
    pub name: Arc<str>,
    /// Its device.
    pub device: DeviceIndex,
    /// What it is.
    pub of: PortType,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Whether it works.
    pub up: bool,
    /// How it treats tags; `None`: not said.
    pub mode: Option<PortMode>,
    /// VLAN id of untagged frames on an access port.
    pub access_vlan: Option<u16>,
    /// VLAN id of untagged frames on a trunk.
    pub native_vlan: Option<u16>,
    /// VLAN ids of a trunk; `None`: all.
    pub allowed_vlans: Option<Vec<u16>>,
    /// VLAN id that an SVI or subinterface ends.
    pub vlan: Option<u16>,
    /// Its routing table.
    pub vrf: u16,
    /// The port that it hangs on.
    pub parent: Option<PortIndex>,
    /// The bundle that it is a member of.
    pub lag: Option<PortIndex>,
    /// Its members, if it is a bundle.
    pub members: Vec<PortIndex>,
    /// Number that pairs a bundle with that of the MLAG peer.
    pub mlag_id: Option<i64>,
    /// Cost of leaving by it, where a routing domain looks for the shortest way. Above 0.
    pub routing_cost: u32,
}

/// A cable, or what we know must be one.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// `a--b`, as its entity is called if there is one.
    pub name: Arc<str>,
    /// One end.
    pub a: PortIndex,
    /// The other end; `None`: a machine that is no device of the model.
    pub b: Option<PortIndex>,
    /// Whether it and both its ends work.
    pub up: bool,
    /// Whether no source gave it: derived from addresses or learnt MACs.
    pub inferred: bool,
    /// Whether its source says that it works, whatever its ends do.
    pub(crate) said_up: bool,
}

/// Devices, ports, cables. A copy shares what does not change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    pub(crate) devices: SharedVec<Device>,
    pub(crate) ports: SharedVec<Port>,
    pub(crate) links: SharedVec<Link>,
    /// Cables at each port, those that do not work included.
    links_at: SharedVec<Vec<LinkIndex>>,
    /// Names of routing tables; 0 is the default one.
    pub(crate) vrfs: Vec<Arc<str>>,
    /// The other switches of a device's MLAG domains.
    pub(crate) mlag_peers: Arc<FxHashMap<DeviceIndex, Vec<DeviceIndex>>>,
    /// Ports of peer links, bundles and members alike.
    pub(crate) peer_link_ports: Arc<FxHashSet<PortIndex>>,
    names: Arc<Names>,
}

/// What things are found by.
#[derive(Debug, Clone, Default)]
struct Names {
    devices: FxHashMap<Arc<str>, DeviceIndex>,
    port_keys: FxHashMap<Arc<str>, PortIndex>,
    port_names: FxHashMap<(DeviceIndex, String), PortIndex>,
    links: FxHashMap<Arc<str>, LinkIndex>,
    vrfs: FxHashMap<Arc<str>, u16>,
    /// Ports that several entities describe, in different spellings.
    twice: FxHashSet<PortIndex>,
}

impl Inventory {
    pub(crate) fn read(reader: Reader<'_>, problems: &mut Problems) -> Inventory {
        let mut inventory = Inventory::default();
        inventory.vrf(None);
        inventory.read_devices(reader);
        inventory.read_ports(reader);
        inventory.read_lags(reader);
        inventory.read_mlags(reader);
        inventory.read_links(reader, problems);
        inventory
    }

    pub(crate) fn device(&self, name: &str) -> Option<DeviceIndex> {
        self.names.devices.get(name).copied()
    }

    fn names(&mut self) -> &mut Names {
        Arc::make_mut(&mut self.names)
    }

    /// The port of an entity's key, if that entity alone describes it.
    pub(crate) fn port_of_key(&self, key: &str) -> Option<PortIndex> {
        self.names.port_keys.get(key).copied().filter(|port| !self.names.twice.contains(port))
    }

    /// The cable of an entity's key, if it is one.
    pub(crate) fn link_of_key(&self, key: &str) -> Option<LinkIndex> {
        self.names.links.get(key).copied()
    }

    /// The number of a routing table; `default` and none are the same.
    pub(crate) fn vrf(&mut self, name: Option<&str>) -> u16 {
        let name = name.unwrap_or("default");
        if let Some(vrf) = self.names.vrfs.get(name) {
            return *vrf;
        }
        let vrf = u16::try_from(self.vrfs.len()).unwrap_or(u16::MAX);
        let name: Arc<str> = name.into();
        self.vrfs.push(Arc::clone(&name));
        self.names().vrfs.insert(name, vrf);
        vrf
    }

    /// The port of a device by its name in any spelling.
    pub(crate) fn port_named(&self, device: DeviceIndex, name: &str) -> Option<PortIndex> {
        self.names.port_names.get(&(device, canonical(name))).copied()
    }

    /// The port that a reference means; made if no source described it.
    pub(crate) fn port(&mut self, reference: &EntityRef) -> Option<PortIndex> {
        if let Some(port) = self.names.port_keys.get(&reference.key) {
            return Some(*port);
        }
        let (device, name) = reference.key.split_once(':')?;
        let device = self.device_or_new(&device.into());
        let port = match self.port_named(device, name) {
            Some(port) => port,
            None => self.add_port(device, name.into()),
        };
        self.names().port_keys.insert(Arc::clone(&reference.key), port);
        Some(port)
    }

    /// The bundle or parent that stands for a port: members by their LAG.
    pub(crate) fn logical(&self, port: PortIndex) -> PortIndex {
        self.ports[port.index()].lag.unwrap_or(port)
    }

    /// The port without its tag: of `Ethernet3.4` it is `Ethernet3`; the bundle of a member.
    pub(crate) fn base(&self, port: PortIndex) -> PortIndex {
        match self.ports[port.index()].parent {
            Some(parent) if self.ports[port.index()].of == PortType::Subinterface => {
                self.logical(parent)
            }
            _ => self.logical(port),
        }
    }

    /// Working cables of a port, of its members and of the port it hangs on, with the near end first.
    pub(crate) fn cables(
        &self,
        port: PortIndex,
    ) -> impl Iterator<Item = (LinkIndex, PortIndex, PortIndex)> {
        self.known_cables(port).filter(|(link, ..)| self.links[link.index()].up)
    }

    /// As [`Inventory::cables`], those that do not work included.
    pub(crate) fn known_cables(
        &self,
        port: PortIndex,
    ) -> impl Iterator<Item = (LinkIndex, PortIndex, PortIndex)> {
        let base = self.base(port);
        let members = &self.ports[base.index()].members;
        std::iter::once(base).chain(members.iter().copied()).flat_map(move |near| {
            self.links_at[near.index()]
                .iter()
                .filter_map(move |link| Some((*link, near, self.far_end(*link, near)?)))
        })
    }

    /// The cables of this very port, those that do not work included.
    pub(crate) fn links_at(&self, port: PortIndex) -> &[LinkIndex] {
        &self.links_at[port.index()]
    }

    /// Whether packets can leave by the port: it works, and so does a cable of it if any is known.
    pub(crate) fn leads_on(&self, port: PortIndex) -> bool {
        let mut cables = self.known_cables(port).peekable();
        self.port_works(port)
            && self.port_works(self.base(port))
            && (cables.peek().is_none() || cables.any(|(link, ..)| self.links[link.index()].up))
    }

    pub(crate) fn far_end(&self, link: LinkIndex, near: PortIndex) -> Option<PortIndex> {
        let ends = &self.links[link.index()];
        if ends.a == near { ends.b } else { Some(ends.a) }
    }

    pub(crate) fn role(&self, device: DeviceIndex) -> Role {
        self.devices[device.index()].role
    }

    pub(crate) fn port_works(&self, port: PortIndex) -> bool {
        let port = &self.ports[port.index()];
        port.up && self.devices[port.device.index()].up
    }

    /// `leaf01:Ethernet1`.
    pub(crate) fn port_label(&self, port: PortIndex) -> String {
        let port = &self.ports[port.index()];
        format!("{}:{}", self.devices[port.device.index()].name, port.name)
    }

    /// Adds a cable that no source gave.
    pub(crate) fn infer_link(
        &mut self,
        a: PortIndex,
        b: Option<PortIndex>,
        far: &str,
    ) -> LinkIndex {
        let name = match b {
            Some(b) => format!("{}--{}", self.port_label(a), self.port_label(b)),
            None => format!("{}--{far}", self.port_label(a)),
        };
        let up = self.port_works(a) && b.is_none_or(|b| self.port_works(b));
        self.add_link(Link { name: name.into(), a, b, up, inferred: true, said_up: true })
    }

    fn add_link(&mut self, link: Link) -> LinkIndex {
        let index = LinkIndex::from(self.links.len());
        for port in [Some(link.a), link.b].into_iter().flatten() {
            self.links_at[port.index()].push(index);
        }
        if !link.inferred {
            self.names().links.insert(Arc::clone(&link.name), index);
        }
        self.links.push(link);
        index
    }

    pub(crate) fn device_or_new(&mut self, name: &Arc<str>) -> DeviceIndex {
        if let Some(device) = self.names.devices.get(name) {
            return *device;
        }
        let device = DeviceIndex::from(self.devices.len());
        self.devices.push(Device {
            name: Arc::clone(name),
            role: Role::Other,
            role_derived: true,
            up: true,
            ports: Vec::new(),
        });
        self.names().devices.insert(Arc::clone(name), device);
        device
    }

    fn add_port(&mut self, device: DeviceIndex, name: Arc<str>) -> PortIndex {
        let port = PortIndex::from(self.ports.len());
        self.names().port_names.insert((device, canonical(&name)), port);
        self.devices[device.index()].ports.push(port);
        self.links_at.push(Vec::new());
        self.ports.push(Port {
            of: port_type(None, &name),
            name,
            device,
            mac: None,
            up: true,
            mode: None,
            access_vlan: None,
            native_vlan: None,
            allowed_vlans: None,
            vlan: None,
            vrf: 0,
            parent: None,
            lag: None,
            members: Vec::new(),
            mlag_id: None,
            routing_cost: 1,
        });
        port
    }
}
