//! What several devices are or hold together: MLAG pairs and shared addresses.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::{Problem, Timestamp};

use super::capture::{Address, Capture, DEFAULT_VRF, PortKey};
use super::links::Link;

/// Two switches that look like one.
pub(super) struct Pair {
    pub(super) at: Timestamp,
    pub(super) devices: [String; 2],
    pub(super) peer_links: Vec<PortKey>,
    pub(super) up: Option<bool>,
}

/// Pairs the sides: the peer is at the other end of the peer link; where no link is known, it is the only other
/// switch with the same system id.
pub(super) fn pairs(capture: &mut Capture, links: &[Link]) -> Vec<Pair> {
    let mut pairs: BTreeMap<[String; 2], Pair> = BTreeMap::new();
    let mut problems = Vec::new();
    for (device, side) in &capture.mlags {
        let peers: BTreeSet<&String> = match &side.peer_link {
            Some(port) => over_peer_link(capture, links, device, port),
            None => BTreeSet::new(),
        };
        let twins = || {
            let twins = capture.mlags.iter().filter(|(other, twin)| {
                *other != device && twin.system_id.is_some() && twin.system_id == side.system_id
            });
            twins.map(|(other, _)| other).collect::<BTreeSet<_>>()
        };
        let peers = if peers.len() == 1 { peers } else { twins() };
        let (1, Some(peer)) = (peers.len(), peers.first()) else {
            let reason = "the other switch of the MLAG pair cannot be told";
            problems.push(Problem::new(device.clone(), "", reason));
            continue;
        };
        let mut devices = [device.clone(), (*peer).clone()];
        devices.sort();
        let pair = pairs.entry(devices.clone()).or_insert(Pair {
            at: side.at,
            devices,
            peer_links: Vec::new(),
            up: side.up,
        });
        pair.at = pair.at.max(side.at);
        // Both must say that it works.
        pair.up = match (pair.up, side.up) {
            (Some(a), Some(b)) => Some(a && b),
            (a, b) => a.or(b),
        };
        pair.peer_links.extend(side.peer_link.iter().map(|port| (device.clone(), port.clone())));
    }
    capture.problems.append(&mut problems);
    pairs.into_values().collect()
}

fn over_peer_link<'a>(
    capture: &Capture,
    links: &'a [Link],
    device: &str,
    peer_link: &str,
) -> BTreeSet<&'a String> {
    let lag = capture.lags.get(&(device.to_owned(), peer_link.to_owned()));
    let is_part =
        |port: &str| port == peer_link || lag.is_some_and(|lag| lag.members.contains(port));
    let mut peers = BTreeSet::new();
    for link in links.iter().filter(|link| !link.out_of_band) {
        for (near, far) in [(&link.a, &link.b), (&link.b, &link.a)] {
            if near.0 == device && is_part(&near.1) {
                peers.insert(&far.0);
            }
        }
    }
    peers
}

/// A virtual address and who holds it.
pub(super) struct Gateway {
    pub(super) at: Timestamp,
    pub(super) vrf: String,
    pub(super) ip: String,
    pub(super) mac: Option<String>,
    pub(super) vid: Option<i64>,
    pub(super) members: BTreeSet<String>,
}

/// Finds the addresses that several devices hold, marks them as shared, and makes gateways of those on VLANs.
///
/// Shared are: what a device was told to share; the same address on VLAN interfaces of several devices (anycast);
/// the same tunnel end point on several devices. Link-local addresses (169.254) repeat without being shared.
pub(super) fn share(capture: &mut Capture) -> Vec<Gateway> {
    let mut holders: BTreeMap<(String, String), Vec<PortKey>> = BTreeMap::new();
    for (port, ip) in capture.addresses.keys() {
        let vrf = capture.ports.get(port).and_then(|port| port.vrf.clone());
        let vrf = vrf.unwrap_or_else(|| DEFAULT_VRF.into());
        holders.entry((vrf, ip.clone())).or_default().push(port.clone());
    }
    let mut gateways = Vec::new();
    for ((vrf, ip), ports) in holders {
        let devices: BTreeSet<&String> = ports.iter().map(|(device, _)| device).collect();
        let kind = |port: &PortKey| capture.ports.get(port).and_then(|port| port.kind);
        let is_told = ports.iter().any(|port| {
            capture.addresses.get(&(port.clone(), ip.clone())).is_some_and(|a| a.is_virtual)
        });
        let is_local = ip.starts_with("169.254.");
        let is_svi = ports.iter().all(|port| kind(port) == Some("svi"));
        let is_tunnel = capture.vteps.keys().any(|(_, source)| *source == ip);
        let is_shared = is_told || (devices.len() > 1 && !is_local && (is_svi || is_tunnel));
        if !is_shared {
            continue;
        }
        let members: BTreeSet<String> = devices.into_iter().cloned().collect();
        let vid = ports.iter().find_map(|port| capture.ports.get(port)?.vlan);
        let own_macs: BTreeSet<&String> =
            ports.iter().filter_map(|port| capture.ports.get(port)?.mac.as_ref()).collect();
        // Ports with MAC addresses of their own answer with a shared one that was not told.
        let common = own_macs.first().filter(|_| own_macs.len() == 1).map(|mac| (*mac).clone());
        let (mut at, mut mac) = (Timestamp::MIN, None);
        for port in &ports {
            if let Some(address) = capture.addresses.get_mut(&(port.clone(), ip.clone())) {
                address.is_virtual = true;
                at = at.max(address.at);
                mac = mac.or_else(|| address.mac.clone());
            }
        }
        let mac = mac.or(common);
        if is_svi {
            gateways.push(Gateway { at, vrf, ip, mac, vid, members });
        }
    }
    gateways
}

/// Network of an address in CIDR form.
pub(super) fn network(ip: &str, address: &Address) -> Option<String> {
    let net =
        ipnet::IpNet::new(ip.parse().ok()?, u8::try_from(address.prefix_length).ok()?).ok()?;
    Some(net.trunc().to_string())
}
