//! Cables out of what the ports of all devices see.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::Problem;

use super::device::{Device, Sighting};
use crate::{host_name, interface_name};

/// A port by its device and name.
pub(super) type PortKey = (String, String);

/// A cable, the smaller end first, with a word of the attribute `evidence`.
pub(super) struct Link {
    pub(super) a: PortKey,
    pub(super) b: PortKey,
    pub(super) evidence: &'static str,
}

/// One cable for the two sightings of its ends. Several neighbours at one port are a shared segment.
pub(super) fn links(devices: &[Device], problems: &mut Vec<Problem>) -> Vec<Link> {
    let mut seen: BTreeSet<(PortKey, PortKey)> = BTreeSet::new();
    for device in devices {
        for sighting in &device.sightings {
            let Some(port) = device.ports.get(&sighting.port) else { continue };
            let near = (device.name.clone(), port.name.clone());
            match far_end(sighting, devices) {
                Some(far) if far == near => {}
                Some(far) => drop(seen.insert((near, far))),
                None => {
                    let shown = format!(
                        "{} {}",
                        sighting.system.as_deref().or(sighting.chassis.as_deref()).unwrap_or("-"),
                        sighting.ports.join(" ")
                    );
                    let reason = "the port of the neighbour cannot be told from what it says";
                    problems.push(Problem::new(format!("{}:{}", near.0, near.1), &shown, reason));
                }
            }
        }
    }
    let mut ends: BTreeMap<&PortKey, BTreeSet<&PortKey>> = BTreeMap::new();
    for (near, far) in &seen {
        ends.entry(near).or_default().insert(far);
        ends.entry(far).or_default().insert(near);
    }
    let is_shared = |end: &PortKey| ends.get(end).is_some_and(|others| others.len() > 1);
    let mut links = Vec::new();
    for (near, far) in &seen {
        let is_mirrored = seen.contains(&(far.clone(), near.clone()));
        if is_mirrored && far < near {
            continue;
        }
        let evidence = match is_mirrored {
            _ if is_shared(near) || is_shared(far) => "segment",
            true => "both-ends",
            false => "one-end",
        };
        let (a, b) = if near < far { (near, far) } else { (far, near) };
        links.push(Link { a: a.clone(), b: b.clone(), evidence });
    }
    links
}

/// The device by name or MAC address, its port by any of the names; of a device that was not asked, the first name.
fn far_end(sighting: &Sighting, devices: &[Device]) -> Option<PortKey> {
    let short = sighting.system.as_deref().map(host_name::short);
    let of_mac = || {
        let mac = sighting.chassis.as_ref()?;
        devices.iter().find(|device| device.mac.as_ref() == Some(mac))
    };
    let asked = match &sighting.system {
        Some(system) => (devices.iter())
            .find(|device| device.fqdn.as_ref() == Some(system))
            .or_else(|| devices.iter().find(|device| Some(&*device.name) == short)),
        None => of_mac(),
    };
    // The short name alone does not tell which of several devices it is.
    let is_shared = |short| devices.iter().any(|device| host_name::short(&device.name) == short);
    let asked = match short {
        Some(short) if asked.is_none() && is_shared(short) => Some(of_mac()?),
        _ => asked,
    };
    let Some(device) = asked else {
        let name = sighting.ports.iter().find(|name| !name.contains(':') || name.contains('/'))?;
        return Some((short?.to_owned(), name.clone()));
    };
    for name in &sighting.ports {
        let wanted = interface_name::comparable(name);
        let found = device.ports.values().find(|port| {
            interface_name::comparable(&port.name) == wanted
                || port.mac.as_ref() == Some(name)
                || port.description.as_ref() == Some(name)
        });
        if let Some(port) = found {
            return Some((device.name.clone(), port.name.clone()));
        }
    }
    // An index of the interface, as some agents name their ports.
    let number = sighting.ports.iter().find_map(|name| name.parse::<u32>().ok());
    let port = number.and_then(|number| device.ports.get(&number))?;
    Some((device.name.clone(), port.name.clone()))
}
