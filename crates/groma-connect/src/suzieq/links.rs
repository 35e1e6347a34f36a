//! Links out of what neighbours say of each other.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::{Problem, Timestamp};

use super::capture::{Capture, PortKey, Sighting, mac};
use crate::interface_name::{self, NameClass};

/// A link between two ports, the smaller first.
pub(super) struct Link {
    pub(super) at: Timestamp,
    pub(super) a: PortKey,
    pub(super) b: PortKey,
    /// A word of the `evidence` attribute.
    pub(super) evidence: &'static str,
    pub(super) out_of_band: bool,
}

/// Makes one link of the two sightings of its ends.
///
/// A port that sees, or is seen by, several ports is on a shared segment: all its links say so. Then there is a bridge
/// in between that is silent, and which of the ports hang together directly is not known.
pub(super) fn links(capture: &mut Capture) -> Vec<Link> {
    let mut seen: BTreeMap<(PortKey, PortKey), Timestamp> = BTreeMap::new();
    for sighting in std::mem::take(&mut capture.sightings) {
        match resolve(&sighting, capture) {
            Ok(peer) if peer == sighting.port => {}
            Ok(peer) => {
                let at = seen.entry((sighting.port, peer)).or_insert(sighting.at);
                *at = (*at).max(sighting.at);
            }
            Err(problem) => capture.problems.push(problem),
        }
    }
    let mut neighbors: BTreeMap<&PortKey, BTreeSet<&PortKey>> = BTreeMap::new();
    for (port, peer) in seen.keys() {
        neighbors.entry(port).or_default().insert(peer);
        neighbors.entry(peer).or_default().insert(port);
    }
    let mut links = Vec::new();
    for ((port, peer), at) in &seen {
        let mirrored = seen.get(&(peer.clone(), port.clone()));
        if mirrored.is_some() && peer < port {
            continue;
        }
        let is_shared = |end: &PortKey| neighbors.get(end).is_some_and(|ends| ends.len() > 1);
        let evidence = match mirrored {
            _ if is_shared(port) || is_shared(peer) => "segment",
            Some(_) => "both-ends",
            None => "one-end",
        };
        let out_of_band = is_management(port, capture) || is_management(peer, capture);
        let (a, b) = if port < peer { (port, peer) } else { (peer, port) };
        let at = mirrored.map_or(*at, |other| (*at).max(*other));
        links.push(Link { at, a: a.clone(), b: b.clone(), evidence, out_of_band });
    }
    links
}

/// Which port is meant: the device by its name with or without domain, the port by name, description or MAC address.
fn resolve(sighting: &Sighting, capture: &mut Capture) -> Result<PortKey, Problem> {
    let device = device_named(&sighting.peer, capture);
    for name in &sighting.peer_ports {
        let spelt = capture.spelling(&device, name);
        let key = (device.clone(), spelt);
        if capture.ports.contains_key(&key) {
            return Ok(physical(key, capture));
        }
        if let Some(address) = mac(name) {
            let mut own = capture.ports.iter().filter(|((owner, _), port)| {
                *owner == device
                    && port.mac.as_ref() == Some(&address)
                    && port.kind == Some("ethernet")
            });
            if let (Some((key, _)), None) = (own.next(), own.next()) {
                return Ok(key.clone());
            }
        }
    }
    // A device that was not asked itself: its port is what the neighbour calls it, if that is a name.
    let is_name = |name: &&String| {
        mac(name).is_none()
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && !name.contains(' ')
    };
    match sighting.peer_ports.iter().find(is_name) {
        Some(name) => {
            let name = capture.spelling(&device, name);
            Ok((device, name))
        }
        None => Err(Problem::new(
            format!("{}:{}", sighting.port.0, sighting.port.1),
            &format!("{} {}", sighting.peer, sighting.peer_ports.join(" ")),
            "the port of the neighbour cannot be told from what it says",
        )),
    }
}

fn device_named(name: &str, capture: &Capture) -> String {
    // CDP of NX-OS adds the serial number: `leaf01(FDO1234)`.
    let name = name.split('(').next().unwrap_or(name).trim();
    let short = name.split('.').next().unwrap_or(name);
    let is_short = name.parse::<std::net::IpAddr>().is_err();
    match (capture.devices.contains_key(name), capture.devices.contains_key(short)) {
        (false, true) if is_short => short.to_owned(),
        _ => name.to_owned(),
    }
}

/// A cable ends in `xe-0/0/0`, not in its unit `xe-0/0/0.0`.
fn physical(key: PortKey, capture: &Capture) -> PortKey {
    match interface_name::parent(&key.1) {
        Some((parent, 0)) => {
            let parent = (key.0.clone(), parent.to_owned());
            if capture.ports.contains_key(&parent) { parent } else { key }
        }
        _ => key,
    }
}

fn is_management(key: &PortKey, capture: &Capture) -> bool {
    match capture.ports.get(key).and_then(|port| port.kind) {
        Some(kind) => kind == "management",
        None => interface_name::class(&key.1) == NameClass::Management,
    }
}
