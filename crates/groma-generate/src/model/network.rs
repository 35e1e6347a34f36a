//! Rooms, racks, switches, cables, VLANs and gateways.

use super::{World, network, vid};
use crate::layout::{
    ACCESS_PAIRS, APP_VLANS, DISTRIBUTION_PAIRS, EDGE_VLAN, GROUPS, OTHER_VLAN, VLANS, VlanIndex,
};

const SITE: &str = "dc-north";
const DOMAIN: &str = "dc";
pub(super) const RACKS_PER_ROW: usize = 8;
const UPLINK_SPEED: i64 = 40_000_000_000;
const SIDES: [char; 2] = ['a', 'b'];
const CORE: &str = "core";
const EDGE: &str = "edge";
const EDGE_PORT: &str = "po1";

/// A port: device and name.
pub(super) type Port<'a> = (&'a str, &'a str);

impl World<'_> {
    pub(super) fn network(&mut self) {
        self.places();
        self.switches();
        self.uplinks();
        self.vlans_and_gateways();
        self.way_out();
    }

    fn places(&mut self) {
        self.add("facility.site", SITE, [("region", "north".into())]);
        for room in 0..DISTRIBUTION_PAIRS {
            self.add("facility.room", room_name(room), [("site", SITE.into())]);
        }
        for pair in 0..ACCESS_PAIRS {
            for rack in 0..RACKS_PER_ROW {
                let room = room_name(pair % DISTRIBUTION_PAIRS).into();
                let height = 47.into();
                self.add(
                    "facility.rack",
                    rack_name(pair, rack),
                    [("room", room), ("height_units", height)],
                );
            }
        }
    }

    fn switches(&mut self) {
        for pair in 0..ACCESS_PAIRS {
            self.switch_pair(&access(pair), "access", 1, rack_name(pair, 0));
        }
        for pair in 0..DISTRIBUTION_PAIRS {
            self.switch_pair(&distribution(pair), "distribution", 2, rack_name(pair, 1));
        }
        self.switch_pair(CORE, "core", 3, rack_name(0, 2));
        for side in SIDES {
            self.device(&format!("{EDGE}{side}"), "exit", 4, rack_name(0, 3));
        }
    }

    /// Two switches that look like one: an MLAG domain with a peer link.
    fn switch_pair(&mut self, pair: &str, role: &'static str, tier: i64, rack: String) {
        let [a, b] = both(pair);
        for device in [&a, &b] {
            self.device(device, role, tier, rack.clone());
            self.lag((device, "po-peer"), &["peer"], None, UPLINK_SPEED);
            self.port((device, "peer"), UPLINK_SPEED);
        }
        self.cable((&a, "peer"), (&b, "peer"));
        self.add(
            "network.mlag_domain",
            format!("{a}+{b}"),
            [
                ("devices", vec![a.clone(), b.clone()].into()),
                ("peer_links", vec![format!("{a}:po-peer"), format!("{b}:po-peer")].into()),
                ("up", true.into()),
            ],
        );
    }

    pub(super) fn device(&mut self, name: &str, role: &'static str, tier: i64, rack: String) {
        self.add(
            "physical.device",
            name,
            [("role", role.into()), ("tier", tier.into()), ("rack", rack.into())],
        );
    }

    fn uplinks(&mut self) {
        for pair in 0..ACCESS_PAIRS {
            let (lower, upper) = (access(pair), distribution(pair % DISTRIBUTION_PAIRS));
            self.join(&lower, "up", &upper, &format!("{pair:02}"), 100 + pair as i64);
        }
        for pair in 0..DISTRIBUTION_PAIRS {
            self.join(&distribution(pair), "up", CORE, &pair.to_string(), 10 + pair as i64);
        }
    }

    /// Joins two pairs of switches by one LAG of four cables, two on each switch: no loop.
    fn join(&mut self, lower: &str, up: &str, upper: &str, down: &str, mlag_id: i64) {
        for (pair, port) in [(lower, up.to_owned()), (upper, format!("down{down}"))] {
            for device in both(pair) {
                let members = [format!("{port}-a"), format!("{port}-b")];
                self.lag(
                    (&device, &format!("po-{port}")),
                    &[&members[0], &members[1]],
                    Some(mlag_id),
                    2 * UPLINK_SPEED,
                );
                members.iter().for_each(|member| self.port((&device, member), UPLINK_SPEED));
            }
        }
        for (low, low_side) in both(lower).iter().zip(SIDES) {
            for (high, high_side) in both(upper).iter().zip(SIDES) {
                let (up, down) = (format!("{up}-{high_side}"), format!("down{down}-{low_side}"));
                self.cable((low, &up), (high, &down));
            }
        }
    }

    /// A trunk of all VLANs over `members`.
    fn lag(&mut self, port: Port<'_>, members: &[&str], mlag_id: Option<i64>, speed: i64) {
        let (device, name) = port;
        let key = format!("{device}:{name}");
        self.add(
            "physical.port",
            key.clone(),
            [
                ("device", device.into()),
                ("name", name.into()),
                ("type", "lag".into()),
                ("mode", "trunk".into()),
                ("allowed_vlans", (0..VLANS).map(vid).collect::<Vec<_>>().into()),
                ("speed_bits_per_second", speed.into()),
            ],
        );
        let members: Vec<_> = members.iter().map(|member| format!("{device}:{member}")).collect();
        let (port, members) = (key.clone().into(), members.into());
        match mlag_id {
            Some(id) => self.add(
                "network.lag",
                key,
                [("port", port), ("members", members), ("mlag_id", id.into())],
            ),
            None => self.add("network.lag", key, [("port", port), ("members", members)]),
        }
    }

    /// A socket that is a member of a LAG.
    pub(super) fn port(&mut self, (device, name): Port<'_>, speed: i64) {
        self.add(
            "physical.port",
            format!("{device}:{name}"),
            [
                ("device", device.into()),
                ("name", name.into()),
                ("type", "ethernet".into()),
                ("speed_bits_per_second", speed.into()),
            ],
        );
    }

    pub(super) fn cable(&mut self, a: Port<'_>, b: Port<'_>) {
        let (a, b) = (format!("{}:{}", a.0, a.1), format!("{}:{}", b.0, b.1));
        let (a, b) = if a < b { (a, b) } else { (b, a) };
        self.add(
            "physical.link",
            format!("{a}--{b}"),
            [("a", a.into()), ("b", b.into()), ("evidence", "cabling".into())],
        );
    }

    fn vlans_and_gateways(&mut self) {
        let switches: Vec<String> = (0..ACCESS_PAIRS)
            .map(access)
            .chain((0..DISTRIBUTION_PAIRS).map(distribution))
            .chain([CORE.to_owned(), EDGE.to_owned()])
            .flat_map(|pair| both(&pair))
            .collect();
        let gateways: Vec<String> =
            (0..DISTRIBUTION_PAIRS).flat_map(|pair| both(&distribution(pair))).collect();
        self.add("network.l2_domain", DOMAIN, [("devices", switches.into())]);
        for vlan in 0..VLANS {
            let (id, prefix) = (vid(vlan), format!("{}.0.0/16", network(vlan)));
            self.add(
                "network.vlan",
                format!("{DOMAIN}/{id}"),
                [
                    ("domain", DOMAIN.into()),
                    ("vid", id.into()),
                    ("name", vlan_name(vlan).into()),
                    ("zone", zone(vlan).into()),
                ],
            );
            self.add(
                "network.subnet",
                format!("default|{prefix}"),
                [
                    ("prefix", prefix.into()),
                    ("vlan", format!("{DOMAIN}/{id}").into()),
                    ("vid", id.into()),
                ],
            );
            let (ip, mac) =
                (format!("{}.0.1", network(vlan)), format!("02:00:5e:00:01:{vlan:02x}"));
            self.add(
                "network.gateway",
                format!("default|{ip}"),
                [
                    ("ip", ip.clone().into()),
                    ("mac", mac.clone().into()),
                    ("vid", id.into()),
                    ("protocol", "anycast".into()),
                    ("members", gateways.clone().into()),
                ],
            );
            for device in &gateways {
                self.svi(device, id, &ip, Some(&mac));
            }
        }
    }

    /// The interface of a device in a VLAN; with `mac` its address is shared by several devices.
    fn svi(&mut self, device: &str, id: i64, ip: &str, mac: Option<&str>) {
        let port = format!("{device}:Vlan{id}");
        self.add(
            "physical.port",
            port.clone(),
            [
                ("device", device.into()),
                ("name", format!("Vlan{id}").into()),
                ("type", "svi".into()),
                ("mode", "routed".into()),
                ("vlan", id.into()),
            ],
        );
        let key = format!("{port}|{ip}");
        let (ip, length) = (ip.into(), 16.into());
        match mac {
            Some(mac) => self.add(
                "network.address",
                key,
                [
                    ("ip", ip),
                    ("prefix_length", length),
                    ("port", port.into()),
                    ("mac", mac.into()),
                    ("shared", true.into()),
                ],
            ),
            None => self.add(
                "network.address",
                key,
                [("ip", ip), ("prefix_length", length), ("port", port.into())],
            ),
        }
    }

    /// Two edge routers hang on the core; what is not in the data center goes there.
    fn way_out(&mut self) {
        let edge = |side: usize| format!("{}.255.{}", network(EDGE_VLAN), side + 1);
        for (side, router) in both(EDGE).iter().enumerate() {
            let down = format!("edge-{}", SIDES[side]);
            self.lag((router, EDGE_PORT), &["up-a", "up-b"], None, 2 * UPLINK_SPEED);
            for (core, core_side) in both(CORE).iter().zip(SIDES) {
                let id = Some(90 + side as i64);
                self.lag((core, &format!("po-{down}")), &[&down], id, UPLINK_SPEED);
                self.port((core, &down), UPLINK_SPEED);
                self.port((router, &format!("up-{core_side}")), UPLINK_SPEED);
                self.cable((core, &down), (router, &format!("up-{core_side}")));
            }
            self.svi(router, vid(EDGE_VLAN), &edge(side), None);
        }
        for device in (0..DISTRIBUTION_PAIRS).flat_map(|pair| both(&distribution(pair))) {
            let port = format!("Vlan{}", vid(EDGE_VLAN));
            self.add(
                "network.route",
                format!("{device}|default|0.0.0.0/0"),
                [
                    ("device", device.into()),
                    ("prefix", "0.0.0.0/0".into()),
                    ("protocol", "static".into()),
                    ("next_hop_ips", vec![edge(0), edge(1)].into()),
                    ("next_hop_ports", vec![port.clone(), port].into()),
                ],
            );
        }
    }
}

pub(super) fn both(pair: &str) -> [String; 2] {
    SIDES.map(|side| format!("{pair}{side}"))
}

pub(super) fn access(pair: usize) -> String {
    format!("acc{pair:02}")
}

fn distribution(pair: usize) -> String {
    format!("dist{pair}")
}

fn room_name(room: usize) -> String {
    format!("room-{room}")
}

pub(super) fn rack_name(pair: usize, rack: usize) -> String {
    format!("row{pair:02}-rack{rack}")
}

fn vlan_name(vlan: VlanIndex) -> String {
    match vlan {
        _ if vlan < GROUPS => format!("esb-{vlan}"),
        _ if vlan < GROUPS + APP_VLANS => format!("app-{:02}", vlan - GROUPS),
        OTHER_VLAN => "other".into(),
        _ => "edge".into(),
    }
}

/// Firewall zones: the ESB, four of the applications, the rest.
fn zone(vlan: VlanIndex) -> &'static str {
    const APP_ZONES: [&str; 4] = ["sales", "inventory", "payment", "operations"];
    match vlan {
        _ if vlan < GROUPS => "esb",
        _ if vlan < GROUPS + APP_VLANS => APP_ZONES[(vlan - GROUPS) % APP_ZONES.len()],
        OTHER_VLAN => "internal",
        _ => "edge",
    }
}
