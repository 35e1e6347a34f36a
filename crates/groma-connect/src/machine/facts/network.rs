//! Interfaces, addresses, routes, neighbours and MAC tables.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use groma_model::{Decoded, Observation, Problem, Raw};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::link::InfoKind;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteType,
};

use super::Told;
use super::link::{Link, Links, link, mac, note_vlans};
use crate::machine::{lldp, netlink};

/// Number of the table that is asked when no rule says otherwise.
const MAIN_TABLE: u32 = 254;
const DEFAULT_VRF: &str = "default";

/// What others need to know of the machine's own namespace.
#[derive(Default)]
pub(super) struct Own {
    /// All addresses, loopback included.
    pub(super) addresses: BTreeSet<IpAddr>,
    /// The one that it is best known by.
    pub(super) main_address: Option<IpAddr>,
}

pub(super) fn write(told: &Told<'_>, decoded: &mut Decoded) -> Own {
    let mut table = |part: &str| {
        let bytes = told.recording.part(part).unwrap_or_default();
        let place = format!("{}/{part}", told.recording.source);
        netlink::messages(&place, bytes, &mut decoded.problems)
    };
    let mut links: Links = BTreeMap::new();
    for message in table("links") {
        if let Message::NewLink(message) = message {
            let link = link(message);
            links.insert(link.index, link);
        }
    }
    for message in table("bridge-vlans") {
        if let Message::NewLink(message) = message
            && let Some(link) = links.get_mut(&message.header.index)
        {
            note_vlans(message, link);
        }
    }
    let addresses = table("addresses");
    let routes: Vec<_> = table("routes-4").into_iter().chain(table("routes-6")).collect();
    let neighbours = table("neighbours");
    let macs = table("bridge-macs");
    let out = &mut decoded.observations;
    write_ports(told, &links, out);
    write_lags(told, &links, out);
    write_pairs(told, &links, out);
    let placed = write_addresses(told, &links, addresses, out);
    let uplinks = write_routes(told, &links, routes, out);
    write_neighbours(told, &links, neighbours, out);
    write_macs(told, &links, macs, out);
    write_cables(told, &links, decoded);
    Own {
        main_address: main_address(&placed, &uplinks),
        addresses: placed.into_iter().map(|(_, ip)| ip).collect(),
    }
}

fn write_ports(told: &Told<'_>, links: &Links, out: &mut Vec<Observation>) {
    let speeds = told.text("speeds").unwrap_or_default();
    let speeds: HashMap<&str, i64> = (speeds.lines())
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, speed)| {
            Some((name, speed.parse::<i64>().ok()?.checked_mul(1_000_000)?))
        })
        .collect();
    for link in links.values() {
        let mut port = told
            .observe("physical.port", told.port(&link.name))
            .with("device", &*told.host)
            .with("name", &*link.name)
            .with("type", link.port_type(links))
            .with_some("mac", link.mac.clone())
            .with_some("mtu", link.mtu)
            .with_some("speed_bits_per_second", speeds.get(&*link.name).copied())
            .with("admin_up", link.admin_up)
            .with_some("up", link.up())
            .with_some("vlan", link.vlan)
            .with_some("vrf", link.vrf(links).map(str::to_owned))
            .with_some("parent", link.parent(links).map(|parent| told.port(&parent.name)))
            .with_some("description", link.alias.clone());
        if link.parent(links).is_some_and(|bridge| bridge.filters_vlans) {
            port = with_vlans(port, link);
        }
        out.push(port);
        if let Some(ip) = link.vtep {
            out.push(
                told.observe("network.vtep", format!("{}|{ip}", told.host))
                    .with("device", &*told.host)
                    .with("ip", ip.to_string()),
            );
        }
    }
}

/// One untagged VLAN and nothing else is an access port; anything more is a trunk.
fn with_vlans(port: Observation, link: &Link) -> Observation {
    let only = (link.vlans.len() == 1).then_some(link.pvid).flatten();
    if let Some(vid) = only.filter(|vid| link.vlans.get(vid) == Some(&true)) {
        return port.with("mode", "access").with("access_vlan", vid);
    }
    if link.vlans.is_empty() {
        return port;
    }
    port.with("mode", "trunk")
        .with_some("native_vlan", link.pvid)
        .with("allowed_vlans", link.vlans.keys().copied().collect::<Vec<i64>>())
}

fn write_lags(told: &Told<'_>, links: &Links, out: &mut Vec<Observation>) {
    for bond in links.values().filter(|link| link.port_type(links) == "lag") {
        let members: Vec<String> = (links.values())
            .filter(|link| link.controller == Some(bond.index))
            .map(|link| told.port(&link.name))
            .collect();
        let id = told.port(&bond.name);
        out.push(told.observe("network.lag", &*id).with("port", &*id).with("members", members));
    }
}

/// The two ends of a veth pair are a cable, wherever they are.
fn write_pairs(told: &Told<'_>, links: &Links, out: &mut Vec<Observation>) {
    let mut pairs = BTreeSet::new();
    for link in links.values().filter(|link| link.kind == Some(InfoKind::Veth)) {
        let Some(lower) = link.lower else { continue };
        let here = (!link.lower_is_elsewhere).then(|| links.get(&lower)).flatten();
        let far = here.map(|peer| told.port(&peer.name)).or_else(|| {
            let (namespace, port) = told.namespaces.values().find_map(|namespace| {
                let port = namespace.ports.iter().find(|port| {
                    port.index == Some(lower) && port.other_index == Some(link.index)
                })?;
                Some((namespace, port))
            })?;
            Some(told.port(&namespace.port(&port.name)))
        });
        if let Some(far) = far {
            let near = told.port(&link.name);
            pairs.insert(if near < far { (near, far) } else { (far, near) });
        }
    }
    for (a, b) in pairs {
        out.push(cable(told, &a, &b, "both-ends"));
    }
}

fn cable(told: &Told<'_>, a: &str, b: &str, evidence: &'static str) -> Observation {
    let (a, b) = if a < b { (a, b) } else { (b, a) };
    told.observe("physical.link", format!("{a}--{b}"))
        .with("a", a)
        .with("b", b)
        .with("evidence", evidence)
}

/// Writes the addresses but for those of the loopback net, and gives all with the interface they are on.
fn write_addresses(
    told: &Told<'_>,
    links: &Links,
    messages: Vec<Message>,
    out: &mut Vec<Observation>,
) -> Vec<(u32, IpAddr)> {
    let mut placed = Vec::new();
    for message in messages {
        let Message::NewAddress(message) = message else { continue };
        let (mut local, mut address) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(ip) => local = Some(*ip),
                AddressAttribute::Address(ip) => address = Some(*ip),
                _ => {}
            }
        }
        // Of a tunnel `address` is the far end.
        let Some(ip) = local.or(address) else { continue };
        let Some(link) = links.get(&message.header.index) else { continue };
        placed.push((link.index, ip));
        if ip.is_loopback() {
            continue;
        }
        let port = told.port(&link.name);
        out.push(
            told.observe("network.address", format!("{port}|{ip}"))
                .with("ip", ip.to_string())
                .with("prefix_length", i64::from(message.header.prefix_len))
                .with("port", port)
                .with_some("vrf", link.vrf(links).map(str::to_owned)),
        );
    }
    placed
}

/// The first address of the interface of a default route, IPv4 before IPv6; else of any that is not local only.
fn main_address(placed: &[(u32, IpAddr)], uplinks: &[u32]) -> Option<IpAddr> {
    let is_wide = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let rank = |(index, ip): &&(u32, IpAddr)| {
        (uplinks.iter().position(|up| up == index).unwrap_or(usize::MAX), ip.is_ipv6())
    };
    placed.iter().filter(|(_, ip)| is_wide(ip)).min_by_key(rank).map(|(_, ip)| *ip)
}

/// A route while its kin are gathered.
struct Route {
    metric: i64,
    protocol: &'static str,
    drop: bool,
    /// Address and interface of each next hop.
    hops: Vec<(String, String)>,
}

/// Writes the routes of the main table and of VRFs, the best of each prefix, and gives the interfaces of default
/// routes. Tables that only rules lead to are left out.
fn write_routes(
    told: &Told<'_>,
    links: &Links,
    messages: Vec<Message>,
    out: &mut Vec<Observation>,
) -> Vec<u32> {
    let mut routes: BTreeMap<(String, String), Route> = BTreeMap::new();
    let mut uplinks = Vec::new();
    for message in messages {
        let Message::NewRoute(message) = message else { continue };
        let Some((vrf, prefix, route, interfaces)) = route(&message, links) else { continue };
        if prefix.ends_with("/0") && vrf == DEFAULT_VRF {
            uplinks.extend(interfaces);
        }
        let best = routes.entry((vrf, prefix));
        best.and_modify(|best| match route.metric.cmp(&best.metric) {
            std::cmp::Ordering::Less => *best = Route { hops: route.hops.clone(), ..route },
            // IPv6 lists the hops of one route one by one.
            std::cmp::Ordering::Equal => best.hops.extend(route.hops.iter().cloned()),
            std::cmp::Ordering::Greater => {}
        })
        .or_insert(route);
    }
    for ((vrf, prefix), route) in routes {
        let (ips, ports): (Vec<String>, Vec<String>) = route.hops.into_iter().unzip();
        let tunnels = vec![Raw::Text(String::new()); ips.len()];
        out.push(
            told.observe("network.route", format!("{}|{vrf}|{prefix}", told.host))
                .with("device", &*told.host)
                .with_some("vrf", (vrf != DEFAULT_VRF).then_some(vrf))
                .with("prefix", prefix)
                .with("protocol", route.protocol)
                .with("next_hop_ips", ips)
                .with("next_hop_ports", ports)
                .with("next_hop_vteps", Raw::List(tunnels))
                .with("drop", route.drop)
                .with("metric", route.metric),
        );
    }
    uplinks
}

/// VRF, prefix, the route and its interfaces; `None`: it is local, multicast, or of another table.
fn route(message: &RouteMessage, links: &Links) -> Option<(String, String, Route, Vec<u32>)> {
    let header = &message.header;
    let drop = match header.kind {
        RouteType::Unicast => false,
        RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit => true,
        _ => return None,
    };
    let is_v6 = header.address_family == netlink_packet_route::AddressFamily::Inet6;
    let mut prefix = if is_v6 { "::".to_owned() } else { "0.0.0.0".to_owned() };
    let (mut table, mut metric, mut hops) = (u32::from(header.table), 0, Vec::new());
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => prefix = ip_of(address)?.to_string(),
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(priority) => metric = i64::from(*priority),
            RouteAttribute::MultiPath(many) => {
                hops.extend(
                    many.iter().map(|hop| next_hop(&hop.attributes, Some(hop.interface_index))),
                );
            }
            _ => {}
        }
    }
    let own = next_hop(&message.attributes, None);
    if own.1.is_some() || own.0.is_some() {
        hops.push(own);
    }
    let vrf = match table {
        MAIN_TABLE => DEFAULT_VRF.to_owned(),
        other => links.values().find(|link| link.vrf_table == Some(other))?.name.clone(),
    };
    let interfaces: Vec<u32> = hops.iter().filter_map(|(_, index)| *index).collect();
    let is_direct = hops.iter().all(|(ip, _)| ip.is_none());
    let name = |index: Option<u32>| {
        index.and_then(|index| links.get(&index)).map_or(String::new(), |link| link.name.clone())
    };
    let hops = (hops.into_iter())
        .map(|(ip, index)| (ip.map_or(String::new(), |ip| ip.to_string()), name(index)))
        .collect();
    let protocol = protocol(header.protocol, is_direct);
    let prefix = format!("{prefix}/{}", header.destination_prefix_length);
    Some((vrf, prefix, Route { metric, protocol, drop, hops }, interfaces))
}

fn next_hop(attributes: &[RouteAttribute], index: Option<u32>) -> (Option<IpAddr>, Option<u32>) {
    let (mut ip, mut index) = (None, index);
    for attribute in attributes {
        match attribute {
            RouteAttribute::Gateway(address) => ip = ip_of(address),
            RouteAttribute::Oif(interface) => index = Some(*interface),
            _ => {}
        }
    }
    (ip, index)
}

fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

fn protocol(protocol: RouteProtocol, is_direct: bool) -> &'static str {
    match protocol {
        RouteProtocol::Kernel => "connected",
        RouteProtocol::Dhcp => "dhcp",
        RouteProtocol::Ra => "ra",
        RouteProtocol::Bgp => "bgp",
        RouteProtocol::Ospf => "ospf",
        RouteProtocol::Isis => "isis",
        RouteProtocol::Rip => "rip",
        RouteProtocol::Zebra => "zebra",
        RouteProtocol::Bird => "bird",
        _ if is_direct => "connected",
        _ => "static",
    }
}

fn write_neighbours(
    told: &Told<'_>,
    links: &Links,
    messages: Vec<Message>,
    out: &mut Vec<Observation>,
) {
    for message in messages {
        let Message::NewNeighbour(message) = message else { continue };
        let state = match message.header.state {
            NeighbourState::Reachable => "reachable",
            NeighbourState::Stale => "stale",
            NeighbourState::Delay => "delay",
            NeighbourState::Probe => "probe",
            NeighbourState::Permanent => "permanent",
            // Nobody answered, or nobody is asked (multicast).
            _ => continue,
        };
        let (ip, mac, _) = parts(&message);
        let (Some(ip), Some(mac)) = (ip, mac) else { continue };
        let Some(link) = links.get(&message.header.ifindex) else { continue };
        out.push(
            told.observe("network.neighbor", format!("{}|{}|{ip}", told.host, link.name))
                .with("device", &*told.host)
                .with("port", told.port(&link.name))
                .with("ip", ip.to_string())
                .with("mac", mac)
                .with("state", state),
        );
    }
}

/// Address, MAC address and VLAN id of an entry.
fn parts(message: &NeighbourMessage) -> (Option<IpAddr>, Option<String>, Option<i64>) {
    let (mut ip, mut address, mut vlan) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(own)) => {
                ip = Some((*own).into())
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(own)) => {
                ip = Some((*own).into());
            }
            NeighbourAttribute::Destination(NeighbourAddress::Other(bytes)) => ip = ip_bytes(bytes),
            NeighbourAttribute::LinkLayerAddress(bytes)
                if bytes.first().is_some_and(|b| b & 1 == 0) =>
            {
                address = mac(bytes);
            }
            NeighbourAttribute::Vlan(id) => vlan = Some(i64::from(*id)),
            _ => {}
        }
    }
    (ip, address, vlan)
}

/// The far end of a tunnel in an entry of a bridge.
fn ip_bytes(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

/// MAC tables of the bridges. Of a bridge that does not filter VLANs the entry has none.
fn write_macs(told: &Told<'_>, links: &Links, messages: Vec<Message>, out: &mut Vec<Observation>) {
    for message in messages {
        let Message::NewNeighbour(message) = message else { continue };
        let Some(link) = links.get(&message.header.ifindex) else { continue };
        let Some(bridge) =
            link.parent(links).filter(|parent| parent.kind == Some(InfoKind::Bridge))
        else {
            continue;
        };
        let (vtep, mac, vlan) = parts(&message);
        let Some(mac) = mac else { continue };
        let is_fixed = message.header.state == NeighbourState::Permanent;
        let kind = match (&vtep, is_fixed) {
            (Some(_), _) => "remote",
            (None, true) if link.mac.as_ref() == Some(&mac) => "local",
            (None, true) => "static",
            (None, false) => "dynamic",
        };
        let domain = vlan.map_or_else(|| bridge.name.clone(), |vlan| vlan.to_string());
        out.push(
            told.observe(
                "network.mac_entry",
                format!("{}|{domain}|{mac}|{}", told.host, link.name),
            )
            .with("device", &*told.host)
            .with_some("vlan", vlan)
            .with("mac", mac)
            .with_some("port", vtep.is_none().then(|| told.port(&link.name)))
            .with_some("vtep", vtep.map(|ip| ip.to_string()))
            .with("type", kind),
        );
    }
}

/// What LLDP heard.
fn write_cables(told: &Told<'_>, links: &Links, decoded: &mut Decoded) {
    for part in told.recording.parts() {
        let index = part.name.strip_prefix("lldp-").and_then(|index| index.parse().ok());
        let Some(link) = index.and_then(|index: u32| links.get(&index)) else { continue };
        let place = format!("{}/{}", told.recording.source, part.name);
        match lldp::neighbors(&part.bytes) {
            Err(reason) => decoded.problems.push(Problem::new(place, "", reason)),
            Ok(neighbors) => {
                for neighbor in neighbors {
                    let (Some(system), Some(port)) = (&neighbor.system, neighbor.ports.first())
                    else {
                        let reason = "the neighbour names neither itself nor its port";
                        decoded.problems.push(Problem::new(&*place, "", reason));
                        continue;
                    };
                    let device = system.split('.').next().unwrap_or(system);
                    let far = format!("{device}:{port}");
                    let out = &mut decoded.observations;
                    out.push(told.observe("physical.device", device));
                    out.push(
                        told.observe("physical.port", &*far)
                            .with("device", device)
                            .with("name", &**port),
                    );
                    out.push(cable(told, &told.port(&link.name), &far, "one-end"));
                }
            }
        }
    }
}
