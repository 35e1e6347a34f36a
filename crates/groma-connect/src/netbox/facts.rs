//! Writes objects of NetBox as observations, in the words of the schema.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::{Decoded, Observation, Problem, Timestamp};
use serde_json::Value;

use super::objects::Objects;
use crate::interface_name::{self, NameClass};

const DEFAULT_VRF: &str = "default";

pub(super) fn write(objects: &Objects, at: Timestamp, decoded: &mut Decoded) {
    let writer = Writer { objects, at, racks: Names::of(objects.of("dcim/racks")) };
    writer.places(decoded);
    writer.devices(decoded);
    writer.ports(decoded);
    writer.cables(decoded);
    writer.networks(decoded);
    writer.addresses(decoded);
    writer.virtual_machines(decoded);
}

struct Writer<'a> {
    objects: &'a Objects,
    at: Timestamp,
    racks: Names,
}

/// Names that several objects share, which then need their site in front.
struct Names(BTreeSet<String>);

impl Names {
    fn of(objects: &[Value]) -> Names {
        let mut seen = BTreeSet::new();
        let names = objects.iter().filter_map(|object| text(object, "/name"));
        Names(names.filter(|name| !seen.insert(name.clone())).collect())
    }

    fn key(&self, object: &Value, site: Option<String>) -> Option<String> {
        let name = text(object, "/name")?;
        match site.filter(|_| self.0.contains(&name)) {
            Some(site) => Some(format!("{site}/{name}")),
            None => Some(name),
        }
    }
}

/// The text at a place; empty counts as none.
fn text(object: &Value, pointer: &str) -> Option<String> {
    match object.pointer(pointer)? {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn integer(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer)?.as_i64()
}

/// The word of a choice: `{"value": "active", "label": "Active"}`, or the word itself.
fn choice(object: &Value, pointer: &str) -> Option<String> {
    text(object, &format!("{pointer}/value")).or_else(|| text(object, pointer))
}

/// `leaf1:Ethernet1` of an interface, whole or as others mention it.
fn port_key(interface: &Value) -> Option<(String, String)> {
    let device = text(interface, "/device/name").or_else(|| text(interface, "/device/display"))?;
    let name = text(interface, "/name")?;
    Some((device, name))
}

fn port_id((device, name): &(String, String)) -> String {
    format!("{device}:{name}")
}

/// Whether a mention is of an interface of a device.
fn is_interface(object: &Value) -> bool {
    text(object, "/url").is_some_and(|url| url.contains("/api/dcim/interfaces/"))
}

impl Writer<'_> {
    fn observe(&self, kind: &'static str, key: impl Into<String>) -> Observation {
        Observation::new(kind, key, self.at)
    }

    fn nameless(object: &Value) -> Problem {
        let place = text(object, "/url").unwrap_or_default();
        Problem::new(place, &object.to_string(), "it has no name, so nothing else can mean it")
    }

    fn places(&self, decoded: &mut Decoded) {
        for site in self.objects.of("dcim/sites") {
            let Some(name) = text(site, "/name") else { continue };
            let site =
                self.observe("facility.site", name).with_some("region", text(site, "/region/name"));
            decoded.observations.push(site);
        }
        let mut rooms = BTreeMap::new();
        for rack in self.objects.of("dcim/racks") {
            let site = text(rack, "/site/name");
            let Some(key) = self.racks.key(rack, site.clone()) else { continue };
            let room = text(rack, "/location/name");
            if let Some(room) = &room {
                rooms.insert(room.clone(), site);
            }
            decoded.observations.push(
                self.observe("facility.rack", key)
                    .with_some("room", room)
                    .with_some("height_units", integer(rack, "/u_height")),
            );
        }
        for (room, site) in rooms {
            decoded.observations.push(self.observe("facility.room", room).with_some("site", site));
        }
    }

    fn devices(&self, decoded: &mut Decoded) {
        for device in self.objects.of("dcim/devices") {
            let Some(name) = text(device, "/name") else {
                decoded.problems.push(Writer::nameless(device));
                continue;
            };
            let role = text(device, "/role/slug").or_else(|| text(device, "/device_role/slug"));
            let role = role.as_deref().and_then(role_of);
            let rack = device
                .pointer("/rack")
                .and_then(|rack| self.racks.key(rack, text(device, "/site/name")));
            let address = text(device, "/primary_ip/address").map(|ip| without_length(&ip));
            let is_off = matches!(choice(device, "/status").as_deref(), Some("offline" | "failed"));
            decoded.observations.push(
                self.observe("physical.device", &*name)
                    .with_some("role", role)
                    .with_some("rack", rack.clone())
                    .with_some("vendor", text(device, "/device_type/manufacturer/name"))
                    .with_some("model", text(device, "/device_type/model"))
                    .with_some("os", text(device, "/platform/name"))
                    .with_some("serial", text(device, "/serial"))
                    .with_some("asset_tag", text(device, "/asset_tag"))
                    .with_some("address", address.clone())
                    .with_some("up", is_off.then_some(false)),
            );
            if role == Some("host") {
                decoded.observations.push(
                    self.observe("compute.host", &*name)
                        .with("device", &*name)
                        .with_some("rack", rack)
                        .with_some("address", address),
                );
            }
        }
    }

    fn ports(&self, decoded: &mut Decoded) {
        let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for interface in self.objects.of("dcim/interfaces") {
            let Some(key) = port_key(interface) else {
                decoded.problems.push(Writer::nameless(interface));
                continue;
            };
            let beside =
                |pointer: &str| text(interface, pointer).map(|name| format!("{}:{name}", key.0));
            if let Some(lag) = beside("/lag/name") {
                members.entry(lag).or_default().push(port_id(&key));
            }
            let mac = text(interface, "/mac_address")
                .or_else(|| text(interface, "/primary_mac_address/mac_address"));
            let port = self
                .observe("physical.port", port_id(&key))
                .with("device", &*key.0)
                .with("name", &*key.1)
                .with_some("type", port_type(interface, &key.1))
                .with_some("mac", mac.map(|mac| mac.to_ascii_lowercase()))
                .with_some("mtu", integer(interface, "/mtu"))
                .with_some("speed_bits_per_second", speed(interface))
                .with_some("admin_up", interface.pointer("/enabled").and_then(Value::as_bool))
                .with_some("vrf", text(interface, "/vrf/name"))
                .with_some("parent", beside("/parent/name").or_else(|| beside("/bridge/name")))
                .with_some("description", text(interface, "/description"));
            decoded.observations.push(with_vlans(port, interface));
        }
        for (lag, members) in members {
            let lag =
                self.observe("network.lag", &*lag).with("port", &*lag).with("members", members);
            decoded.observations.push(lag);
        }
    }

    /// What NetBox traced from interface to interface, through panels; and cables that run from one to another.
    fn cables(&self, decoded: &mut Decoded) {
        let mut links: BTreeMap<(String, String), Option<bool>> = BTreeMap::new();
        let ends = |a: String, b: String| if a < b { (a, b) } else { (b, a) };
        for interface in self.objects.of("dcim/interfaces") {
            let far = interface.pointer("/connected_endpoints").and_then(Value::as_array);
            for far in far.into_iter().flatten().filter(|far| is_interface(far)) {
                if let (Some(a), Some(b)) = (port_key(interface), port_key(far)) {
                    links.entry(ends(port_id(&a), port_id(&b))).or_default();
                }
            }
        }
        for cable in self.objects.of("dcim/cables") {
            let (a, b) = (terminations(cable, "a"), terminations(cable, "b"));
            let is_connected = choice(cable, "/status").is_none_or(|status| status == "connected");
            let pairs: Vec<_> = if a.len() == b.len() {
                a.iter().zip(&b).collect()
            } else {
                a.iter().flat_map(|a| b.iter().map(move |b| (a, b))).collect()
            };
            for (a, b) in pairs {
                links.insert(ends(a.clone(), b.clone()), (!is_connected).then_some(false));
            }
        }
        for ((a, b), up) in links {
            decoded.observations.push(
                self.observe("physical.link", format!("{a}--{b}"))
                    .with("a", a)
                    .with("b", b)
                    .with("evidence", "cabling")
                    .with_some("up", up),
            );
        }
    }

    fn networks(&self, decoded: &mut Decoded) {
        for vlan in self.objects.of("ipam/vlans") {
            let Some(key) = vlan_key(vlan) else { continue };
            decoded.observations.push(
                self.observe("network.vlan", key)
                    .with_some("vid", integer(vlan, "/vid"))
                    .with_some("name", text(vlan, "/name")),
            );
        }
        let vlans: BTreeMap<i64, &Value> = (self.objects.of("ipam/vlans").iter())
            .filter_map(|vlan| Some((integer(vlan, "/id")?, vlan)))
            .collect();
        for prefix in self.objects.of("ipam/prefixes") {
            let (Some(net), Some(vid)) = (text(prefix, "/prefix"), integer(prefix, "/vlan/vid"))
            else {
                continue; // Only those that live in a VLAN say where packets go.
            };
            let vrf = text(prefix, "/vrf/name");
            // A mention of a VLAN does not name its group.
            let whole = integer(prefix, "/vlan/id").and_then(|id| vlans.get(&id));
            let key = format!("{}|{net}", vrf.as_deref().unwrap_or(DEFAULT_VRF));
            decoded.observations.push(
                self.observe("network.subnet", key)
                    .with("prefix", net)
                    .with("vid", vid)
                    .with_some("vlan", whole.and_then(|vlan| vlan_key(vlan)))
                    .with_some("vrf", vrf),
            );
        }
    }

    fn addresses(&self, decoded: &mut Decoded) {
        let mut gateways: BTreeMap<(String, String), (String, BTreeSet<String>)> = BTreeMap::new();
        for address in self.objects.of("ipam/ip-addresses") {
            let (Some(net), Some(object)) =
                (text(address, "/address"), address.pointer("/assigned_object"))
            else {
                continue;
            };
            if !is_interface(object) {
                continue; // Of a virtual machine, or of nobody.
            }
            let Some(key) = port_key(object) else { continue };
            let ip = without_length(&net);
            let length = net.split_once('/').and_then(|(_, length)| length.parse::<i64>().ok());
            let vrf = text(address, "/vrf/name");
            let role = choice(address, "/role");
            if let Some(role @ ("anycast" | "vip" | "vrrp" | "hsrp" | "glbp" | "carp")) =
                role.as_deref()
            {
                let vrf = vrf.clone().unwrap_or_else(|| DEFAULT_VRF.into());
                let gateway =
                    gateways.entry((vrf, ip.clone())).or_insert((role.into(), BTreeSet::new()));
                gateway.1.insert(key.0.clone());
            }
            let port = port_id(&key);
            decoded.observations.push(
                self.observe("network.address", format!("{port}|{ip}"))
                    .with("ip", ip)
                    .with_some("prefix_length", length)
                    .with("port", port)
                    .with_some("vrf", vrf)
                    .with_some(
                        "shared",
                        role.map(|role| role != "secondary" && role != "loopback"),
                    ),
            );
        }
        for ((vrf, ip), (role, members)) in gateways {
            let protocol = match role.as_str() {
                "anycast" => "anycast",
                "hsrp" => "hsrp",
                "vrrp" => "vrrp",
                _ => "static",
            };
            decoded.observations.push(
                self.observe("network.gateway", format!("{vrf}|{ip}"))
                    .with("ip", ip)
                    .with_some("vrf", (vrf != DEFAULT_VRF).then_some(vrf))
                    .with("protocol", protocol)
                    .with("members", members.into_iter().collect::<Vec<_>>()),
            );
        }
    }

    fn virtual_machines(&self, decoded: &mut Decoded) {
        let mut interfaces: BTreeMap<String, &Value> = BTreeMap::new();
        for interface in self.objects.of("virtualization/interfaces") {
            if let Some(machine) = text(interface, "/virtual_machine/name") {
                interfaces.entry(machine).or_insert(interface);
            }
        }
        for machine in self.objects.of("virtualization/virtual-machines") {
            let Some(name) = text(machine, "/name") else {
                decoded.problems.push(Writer::nameless(machine));
                continue;
            };
            let interface = interfaces.get(&name);
            let mac = interface.and_then(|interface| {
                text(interface, "/mac_address")
                    .or_else(|| text(interface, "/primary_mac_address/mac_address"))
            });
            let vlan = interface.and_then(|interface| integer(interface, "/untagged_vlan/vid"));
            decoded.observations.push(
                self.observe("compute.vm", name)
                    .with_some("host", text(machine, "/device/name"))
                    .with_some(
                        "address",
                        text(machine, "/primary_ip/address").map(|ip| without_length(&ip)),
                    )
                    .with_some("mac", mac.map(|mac| mac.to_ascii_lowercase()))
                    .with_some("vlan", vlan),
            );
        }
    }
}

fn without_length(ip: &str) -> String {
    ip.split('/').next().unwrap_or(ip).to_owned()
}

/// Group, else site, else the default domain, and the id.
fn vlan_key(vlan: &Value) -> Option<String> {
    let domain = text(vlan, "/group/name").or_else(|| text(vlan, "/site/name"));
    let domain = domain.unwrap_or_else(|| DEFAULT_VRF.into());
    Some(format!("{domain}/{}", integer(vlan, "/vid")?))
}

/// What a role's word means for packets; those that are not understood mean nothing.
fn role_of(slug: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| slug.contains(word));
    Some(match () {
        () if has(&["firewall"]) => "firewall",
        () if has(&["super-spine", "superspine", "core"]) => "core",
        () if has(&["spine", "distribution", "aggregation"]) => "distribution",
        () if has(&["leaf", "access", "tor", "top-of-rack"]) && !has(&["storage", "router"]) => {
            "access"
        }
        () if has(&["router", "border", "edge", "wan"]) => "router",
        () if has(&["server", "host", "hypervisor", "compute", "node"]) => "host",
        () => return None,
    })
}

fn port_type(interface: &Value, name: &str) -> Option<&'static str> {
    if interface.pointer("/mgmt_only") == Some(&Value::Bool(true)) {
        return Some("management");
    }
    Some(match choice(interface, "/type")?.as_str() {
        "lag" => "lag",
        "bridge" => "bridge",
        "virtual" => match interface_name::class(name) {
            NameClass::Svi => "svi",
            NameClass::Loopback => "loopback",
            NameClass::Vxlan => "vxlan",
            NameClass::Subinterface => "subinterface",
            _ if text(interface, "/parent/name").is_some() => "subinterface",
            _ => "other",
        },
        other if other.contains("base") => "ethernet",
        _ => "other",
    })
}

/// As given, else as the type says: `25gbase-x-sfp28`, `1000base-t`.
fn speed(interface: &Value) -> Option<i64> {
    if let Some(kbits) = integer(interface, "/speed") {
        return kbits.checked_mul(1000);
    }
    let kind = choice(interface, "/type")?;
    let (number, _) = kind.split_once("base")?;
    let (number, unit) = match number.strip_suffix('g') {
        Some(number) => (number, 1e9),
        None => (number, 1e6),
    };
    number.parse::<f64>().ok().map(|number| (number * unit) as i64)
}

fn with_vlans(port: Observation, interface: &Value) -> Observation {
    let untagged = integer(interface, "/untagged_vlan/vid");
    match choice(interface, "/mode").as_deref() {
        Some("access") => port.with("mode", "access").with_some("access_vlan", untagged),
        Some("tagged") => {
            let tagged = interface.pointer("/tagged_vlans").and_then(Value::as_array);
            let tagged = tagged.into_iter().flatten().filter_map(|vlan| integer(vlan, "/vid"));
            let all: BTreeSet<i64> = tagged.chain(untagged).collect();
            port.with("mode", "trunk")
                .with_some("native_vlan", untagged)
                .with("allowed_vlans", all.into_iter().collect::<Vec<i64>>())
        }
        Some("tagged-all") => port.with("mode", "trunk").with_some("native_vlan", untagged),
        _ => port,
    }
}

/// The interfaces at one end of a cable: `a_terminations`, or `termination_a` of NetBox before 3.3.
fn terminations(cable: &Value, end: &str) -> Vec<String> {
    let many = cable.pointer(&format!("/{end}_terminations")).and_then(Value::as_array);
    let many = many.into_iter().flatten().filter_map(|end| end.get("object"));
    let one = cable.pointer(&format!("/termination_{end}"));
    let all = many.chain(one).filter(|object| is_interface(object));
    all.filter_map(port_key).map(|key| port_id(&key)).collect()
}
