//! An interface as the kernel describes it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netlink_packet_route::link::{
    AfSpecBridge, BridgeVlanInfoFlags, InfoBridge, InfoData, InfoKind, InfoVlan, InfoVrf,
    InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage, State,
};

/// The interfaces of a namespace by index.
pub(super) type Links = BTreeMap<u32, Link>;

/// An interface.
#[derive(Default)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) kind: Option<InfoKind>,
    pub(super) layer: Option<LinkLayerType>,
    pub(super) mac: Option<String>,
    pub(super) mtu: Option<i64>,
    pub(super) admin_up: bool,
    pub(super) running: bool,
    pub(super) state: Option<State>,
    pub(super) alias: Option<String>,
    /// The interface it hangs on, or the other end of a pair.
    pub(super) lower: Option<u32>,
    /// Whether `lower` counts in another namespace.
    pub(super) lower_is_elsewhere: bool,
    /// Bridge, bond or VRF that it belongs to.
    pub(super) controller: Option<u32>,
    pub(super) vlan: Option<i64>,
    pub(super) vrf_table: Option<u32>,
    pub(super) vtep: Option<IpAddr>,
    pub(super) filters_vlans: bool,
    /// VLAN ids with whether they leave untagged, and the one that untagged frames get.
    pub(super) vlans: BTreeMap<i64, bool>,
    pub(super) pvid: Option<i64>,
}

/// Reads a link of a dump.
pub(super) fn link(message: LinkMessage) -> Link {
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        layer: Some(message.header.link_layer_type),
        admin_up: flags.contains(LinkFlags::Up),
        running: flags.contains(LinkFlags::Running),
        ..Link::default()
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(bytes) => link.mac = mac(&bytes),
            LinkAttribute::Mtu(mtu) => link.mtu = Some(i64::from(mtu)),
            LinkAttribute::OperState(state) => link.state = Some(state),
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias).filter(|a| !a.is_empty()),
            LinkAttribute::Link(lower) => link.lower = Some(lower).filter(|lower| *lower > 0),
            LinkAttribute::LinkNetNsId(_) => link.lower_is_elsewhere = true,
            LinkAttribute::Controller(index) => link.controller = Some(index),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(kind) => link.kind = Some(kind),
                        LinkInfo::Data(data) => note_data(data, &mut link),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    link
}

fn note_data(data: InfoData, link: &mut Link) {
    match data {
        InfoData::Vlan(items) => {
            for item in items {
                if let InfoVlan::Id(id) = item {
                    link.vlan = Some(i64::from(id));
                }
            }
        }
        InfoData::Vrf(items) => {
            for item in items {
                if let InfoVrf::TableId(table) = item {
                    link.vrf_table = Some(table);
                }
            }
        }
        InfoData::Vxlan(items) => {
            for item in items {
                match item {
                    InfoVxlan::Local(ip) => link.vtep = Some(ip.into()),
                    InfoVxlan::Local6(ip) => link.vtep = Some(ip.into()),
                    _ => {}
                }
            }
        }
        InfoData::Bridge(items) => {
            link.filters_vlans =
                items.iter().any(|item| matches!(item, InfoBridge::VlanFiltering(true)));
        }
        _ => {}
    }
}

/// Adds what a dump of the bridges says of a link.
pub(super) fn note_vlans(message: LinkMessage, link: &mut Link) {
    for attribute in message.attributes {
        let LinkAttribute::AfSpecBridge(items) = attribute else { continue };
        for item in items {
            let AfSpecBridge::VlanInfo(info) = item else { continue };
            let vid = i64::from(info.vid);
            link.vlans.insert(vid, info.flags.contains(BridgeVlanInfoFlags::Untagged));
            if info.flags.contains(BridgeVlanInfoFlags::Pvid) {
                link.pvid = Some(vid);
            }
        }
    }
}

/// A MAC address in lower case; that of a loopback is none.
pub(super) fn mac(bytes: &[u8]) -> Option<String> {
    let [a, b, c, d, e, f] = bytes else { return None };
    let text = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
    bytes.iter().any(|byte| *byte != 0).then_some(text)
}

impl Link {
    /// A word of the port's attribute `type`.
    pub(super) fn port_type(&self, links: &Links) -> &'static str {
        let on_bridge = self.parent(links).is_some_and(|parent| parent.is_bridge());
        match &self.kind {
            Some(InfoKind::Bridge) => "bridge",
            Some(InfoKind::Bond | InfoKind::Team) => "lag",
            Some(InfoKind::Vlan) if on_bridge => "svi",
            Some(InfoKind::Vlan) => "subinterface",
            Some(InfoKind::Vxlan) => "vxlan",
            Some(InfoKind::Vrf) => "vrf",
            Some(InfoKind::Veth | InfoKind::Tun | InfoKind::MacVlan | InfoKind::MacVtap)
                if self.is_ether() =>
            {
                "ethernet"
            }
            None if self.layer == Some(LinkLayerType::Loopback) => "loopback",
            None if self.is_ether() => "ethernet",
            _ => "other",
        }
    }

    fn is_ether(&self) -> bool {
        self.layer == Some(LinkLayerType::Ether)
    }

    fn is_bridge(&self) -> bool {
        self.kind == Some(InfoKind::Bridge)
    }

    /// The bridge it is a member of, or the interface it is a part of.
    pub(super) fn parent<'a>(&self, links: &'a Links) -> Option<&'a Link> {
        let controller = self.controller.and_then(|index| links.get(&index));
        if let Some(bridge) = controller.filter(|controller| controller.is_bridge()) {
            return Some(bridge);
        }
        let hangs = matches!(
            self.kind,
            Some(InfoKind::Vlan | InfoKind::MacVlan | InfoKind::MacVtap | InfoKind::IpVlan)
        );
        self.lower.filter(|_| hangs && !self.lower_is_elsewhere).and_then(|lower| links.get(&lower))
    }

    pub(super) fn vrf<'a>(&self, links: &'a Links) -> Option<&'a str> {
        let mut link = self;
        // The VRF of a bridge or bond is that of its members.
        for _ in 0..4 {
            let controller = links.get(&link.controller?)?;
            if controller.kind == Some(InfoKind::Vrf) {
                return Some(&controller.name);
            }
            link = controller;
        }
        None
    }

    pub(super) fn up(&self) -> Option<bool> {
        match self.state {
            Some(State::Up) => Some(true),
            Some(State::Down | State::LowerLayerDown | State::NotPresent) => Some(false),
            _ => Some(self.running),
        }
    }
}
