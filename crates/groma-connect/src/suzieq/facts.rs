//! Writes what a capture said as observations, in the words of the schema.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::{Decoded, Observation, Timestamp};

use super::capture::{Capture, DEFAULT_VRF, Family, Port, PortKey};
use super::links::{self, Link};
use super::pairs;

/// Protocols that only a router speaks.
const ROUTING: [&str; 6] = ["bgp", "ospf", "isis", "eigrp", "zebra", "rip"];

pub(super) fn write(mut capture: Capture) -> Decoded {
    settle_modes(&mut capture);
    settle_management(&mut capture);
    let links = links::links(&mut capture);
    let pairs = pairs::pairs(&mut capture, &links);
    let gateways = pairs::share(&mut capture);
    let mut observations = Vec::new();
    let out = &mut observations;
    write_devices(&capture, &links, out);
    write_ports(&capture, &links, out);
    for link in &links {
        out.push(
            Observation::new("physical.link", format!("{}--{}", id(&link.a), id(&link.b)), link.at)
                .with("a", id(&link.a))
                .with("b", id(&link.b))
                .with("evidence", link.evidence)
                .with("out_of_band", link.out_of_band),
        );
    }
    write_layer_2(&capture, &pairs, out);
    write_layer_3(&capture, &gateways, out);
    Decoded { observations, problems: capture.problems }
}

/// Key of a port.
fn id(port: &PortKey) -> String {
    format!("{}:{}", port.0, port.1)
}

/// Ports whose VLANs are known but not their mode: one VLAN is an access port, several are a trunk, on which VLAN 1
/// is the one without a tag.
fn settle_modes(capture: &mut Capture) {
    let members: BTreeSet<PortKey> = (capture.lags.iter())
        .flat_map(|((device, _), lag)| {
            lag.members.iter().map(|name| (device.clone(), name.clone()))
        })
        .collect();
    for (key, vlans) in std::mem::take(&mut capture.memberships) {
        let Some(port) = capture.ports.get_mut(&key) else { continue };
        if members.contains(&key) || matches!(port.kind, Some("svi" | "loopback" | "management")) {
            continue;
        }
        let mode = match port.mode {
            Some("routed") => continue,
            Some(mode) => mode,
            None if vlans.len() == 1 => "access",
            None => "trunk",
        };
        port.mode = Some(mode);
        if mode == "access" {
            port.access_vlan = port.access_vlan.or_else(|| vlans.first().copied());
        } else {
            if vlans.contains(&1) && port.kind != Some("vxlan") {
                port.native_vlan.get_or_insert(1);
            }
            port.allowed_vlans.extend(vlans);
        }
    }
    for key in members {
        // VLANs and mode are those of the LAG.
        if let Some(port) = capture.ports.get_mut(&key) {
            (port.mode, port.access_vlan, port.native_vlan) = (None, None, None);
            port.allowed_vlans.clear();
        }
    }
}

/// `eth0` of a switch is its management port, and so is that of a host that was asked there and has other ports.
fn settle_management(capture: &mut Capture) {
    let mut found = Vec::new();
    for (key @ (device, name), port) in &capture.ports {
        if name != "eth0" || port.kind != Some("ethernet") {
            continue;
        }
        let Some(polled) = capture.devices.get(device) else { continue };
        let asked_here = polled
            .address
            .as_ref()
            .is_some_and(|ip| capture.addresses.contains_key(&(key.clone(), ip.clone())));
        let has_others = capture.ports.iter().any(|((owner, other), port)| {
            owner == device && other != name && port.kind == Some("ethernet")
        });
        if polled.family == Family::LinuxSwitch || (asked_here && has_others) {
            found.push(key.clone());
        }
    }
    for key in found {
        if let Some(port) = capture.ports.get_mut(&key) {
            port.kind = Some("management");
        }
    }
}

fn write_devices(capture: &Capture, links: &[Link], out: &mut Vec<Observation>) {
    let linked: BTreeSet<&String> = (links.iter())
        .filter(|link| !link.out_of_band)
        .flat_map(|link| [&link.a.0, &link.b.0])
        .collect();
    for (name, device) in &capture.devices {
        let is_host =
            device.family == Family::Linux && !linked.contains(name) && !forwards(capture, name);
        out.push(
            Observation::new("physical.device", name, device.at)
                .with_some("role", is_host.then_some("host"))
                .with_some("fabric", device.fabric.clone())
                .with_some("vendor", device.vendor.clone())
                .with_some("model", device.model.clone())
                .with_some("os", device.os.clone())
                .with_some("address", device.address.clone())
                .with_some("clock_synchronized", device.clock_synchronized),
        );
        if is_host {
            out.push(
                Observation::new("compute.host", name, device.at).with("device", name.clone()),
            );
        }
    }
    // Devices that only others know.
    let mut heard_of: BTreeMap<&String, Timestamp> = BTreeMap::new();
    for link in links {
        for end in [&link.a, &link.b] {
            if !capture.devices.contains_key(&end.0) {
                let at = heard_of.entry(&end.0).or_insert(link.at);
                *at = (*at).max(link.at);
            }
        }
    }
    for (name, at) in heard_of {
        out.push(Observation::new("physical.device", name, at));
    }
}

/// Whether a Linux machine moves packets of others: it bridges, or speaks a routing protocol.
fn forwards(capture: &Capture, device: &str) -> bool {
    let routes = capture.routes.range((device.to_owned(), String::new(), String::new())..);
    let mut own = routes.take_while(|((owner, ..), _)| owner == device);
    let speaks = own.any(|(_, route)| {
        route.protocol.as_deref().is_some_and(|protocol| ROUTING.contains(&protocol))
    });
    speaks || capture.vlans.keys().any(|(owner, _)| owner == device)
}

fn write_ports(capture: &Capture, links: &[Link], out: &mut Vec<Observation>) {
    for (key, port) in &capture.ports {
        out.push(port_observation(key, port));
    }
    let mut heard_of: BTreeMap<&PortKey, Timestamp> = BTreeMap::new();
    for link in links {
        for end in [&link.a, &link.b] {
            if !capture.ports.contains_key(end) {
                let at = heard_of.entry(end).or_insert(link.at);
                *at = (*at).max(link.at);
            }
        }
    }
    for (key, at) in heard_of {
        out.push(
            Observation::new("physical.port", id(key), at)
                .with("device", key.0.clone())
                .with("name", key.1.clone()),
        );
    }
}

fn port_observation(key: &PortKey, port: &Port) -> Observation {
    let allowed: Vec<i64> = port.allowed_vlans.iter().copied().collect();
    let is_trunk = port.mode == Some("trunk") || port.kind == Some("bridge");
    Observation::new("physical.port", id(key), port.at)
        .with("device", key.0.clone())
        .with("name", key.1.clone())
        .with_some("type", port.kind)
        .with_some("mac", port.mac.clone())
        .with_some("mtu", port.mtu)
        .with_some("speed_bits_per_second", port.speed_bits_per_second)
        .with_some("admin_up", port.admin_up)
        .with_some("up", port.up)
        .with_some("mode", port.mode)
        .with_some("access_vlan", port.access_vlan.filter(|_| port.mode == Some("access")))
        .with_some("native_vlan", port.native_vlan.filter(|_| port.mode == Some("trunk")))
        .with_some("allowed_vlans", (is_trunk && !allowed.is_empty()).then_some(allowed))
        .with_some("vlan", port.vlan)
        .with_some("vrf", port.vrf.clone())
        .with_some("parent", port.parent.as_ref().map(|parent| format!("{}:{parent}", key.0)))
        .with_some("description", port.description.clone())
}

fn write_layer_2(capture: &Capture, pairs: &[pairs::Pair], out: &mut Vec<Observation>) {
    for (key, lag) in &capture.lags {
        let members: Vec<String> =
            lag.members.iter().map(|member| format!("{}:{member}", key.0)).collect();
        out.push(
            Observation::new("network.lag", id(key), lag.at)
                .with("port", id(key))
                .with("members", members)
                .with_some("mlag_id", lag.mlag_id),
        );
    }
    for pair in pairs {
        out.push(
            Observation::new("network.mlag_domain", pair.devices.join("+"), pair.at)
                .with("devices", pair.devices.to_vec())
                .with("peer_links", pair.peer_links.iter().map(id).collect::<Vec<_>>())
                .with_some("up", pair.up),
        );
    }
    for ((device, vid), vlan) in &capture.vlans {
        out.push(
            Observation::new("network.vlan", format!("{device}/{vid}"), vlan.at)
                .with("device", device.clone())
                .with("vid", *vid)
                .with_some("name", vlan.name.clone())
                .with_some("vni", vlan.vni)
                .with_some("vrf", vlan.vrf.clone()),
        );
    }
    write_macs(capture, out);
}

fn write_macs(capture: &Capture, out: &mut Vec<Observation>) {
    let mut ports_of: BTreeMap<(&String, i64, &String), usize> = BTreeMap::new();
    for (device, vlan, mac, _) in capture.macs.keys() {
        *ports_of.entry((device, *vlan, mac)).or_default() += 1;
    }
    for ((device, vlan, mac, port), entry) in &capture.macs {
        let mut key = format!("{device}|{vlan}|{mac}");
        if ports_of.get(&(device, *vlan, mac)).is_some_and(|count| *count > 1) {
            key = format!("{key}|{port}");
        }
        out.push(
            Observation::new("network.mac_entry", key, entry.at)
                .with("device", device.clone())
                .with("vlan", *vlan)
                .with("mac", mac.clone())
                .with_some("port", (!port.is_empty()).then(|| format!("{device}:{port}")))
                .with_some("vtep", entry.vtep.clone())
                .with("type", entry.kind),
        );
    }
}

fn write_layer_3(capture: &Capture, gateways: &[pairs::Gateway], out: &mut Vec<Observation>) {
    let mut subnets: BTreeMap<String, (Timestamp, String, Option<i64>, Option<String>)> =
        BTreeMap::new();
    for ((key, ip), address) in &capture.addresses {
        let port = capture.ports.get(key);
        let vrf = port.and_then(|port| port.vrf.clone());
        out.push(
            Observation::new("network.address", format!("{}|{ip}", id(key)), address.at)
                .with("ip", ip.clone())
                .with("prefix_length", address.prefix_length)
                .with("port", id(key))
                .with_some("mac", address.mac.clone())
                .with_some("vrf", vrf.clone())
                .with("shared", address.is_virtual),
        );
        if port.is_some_and(|port| port.kind == Some("svi"))
            && let Some(net) = pairs::network(ip, address)
            && !net.starts_with("169.254.")
        {
            let name = vrf.as_deref().unwrap_or(DEFAULT_VRF);
            let vid = port.and_then(|port| port.vlan);
            subnets.insert(format!("{name}|{net}"), (address.at, net, vid, vrf));
        }
    }
    for (key, (at, prefix, vid, vrf)) in subnets {
        out.push(
            Observation::new("network.subnet", key, at)
                .with("prefix", prefix)
                .with_some("vid", vid)
                .with_some("vrf", vrf),
        );
    }
    for gateway in gateways {
        let vrf = Some(&gateway.vrf).filter(|vrf| *vrf != DEFAULT_VRF).cloned();
        let members: Vec<String> = gateway.members.iter().cloned().collect();
        out.push(
            Observation::new(
                "network.gateway",
                format!("{}|{}", gateway.vrf, gateway.ip),
                gateway.at,
            )
            .with("ip", gateway.ip.clone())
            .with_some("mac", gateway.mac.clone())
            .with_some("vid", gateway.vid)
            .with_some("vrf", vrf)
            .with("protocol", "anycast")
            .with("members", members),
        );
    }
    write_routes(capture, out);
    for ((port, ip), arp) in &capture.arp {
        out.push(
            Observation::new("network.neighbor", format!("{}|{}|{ip}", port.0, port.1), arp.at)
                .with("device", port.0.clone())
                .with("port", id(port))
                .with("ip", ip.clone())
                .with_some("mac", arp.mac.clone())
                .with_some("state", arp.state.clone()),
        );
    }
    for ((device, ip), at) in &capture.vteps {
        out.push(
            Observation::new("network.vtep", format!("{device}|{ip}"), *at)
                .with("device", device.clone())
                .with("ip", ip.clone()),
        );
    }
}

fn write_routes(capture: &Capture, out: &mut Vec<Observation>) {
    for ((device, vrf, prefix), route) in &capture.routes {
        let list = |part: fn(&super::capture::NextHop) -> &String| {
            route.hops.iter().map(|hop| part(hop).clone()).collect::<Vec<_>>()
        };
        out.push(
            Observation::new("network.route", format!("{device}|{vrf}|{prefix}"), route.at)
                .with("device", device.clone())
                .with_some("vrf", Some(vrf).filter(|vrf| *vrf != DEFAULT_VRF).cloned())
                .with("prefix", prefix.clone())
                .with_some("protocol", route.protocol.clone())
                .with("next_hop_ips", list(|hop| &hop.ip))
                .with("next_hop_ports", list(|hop| &hop.port))
                .with("next_hop_vteps", list(|hop| &hop.vtep))
                .with("drop", route.drop)
                .with_some("metric", route.metric),
        );
    }
}
