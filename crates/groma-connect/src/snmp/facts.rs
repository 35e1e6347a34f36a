//! Writes devices as observations, in the words of the schema.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::{Decoded, Observation, Timestamp};

use super::device::{Device, Port};
use super::links;

pub(super) fn write(devices: &[Device], at: Timestamp, decoded: &mut Decoded) {
    let links = links::links(devices, &mut decoded.problems);
    let out = &mut decoded.observations;
    for device in devices {
        write_device(device, at, out);
        write_layer_2(device, at, out);
    }
    let known: BTreeSet<(&str, &str)> = (devices.iter())
        .flat_map(|device| device.ports.values().map(|port| (&*device.name, &*port.name)))
        .collect();
    for link in links {
        for (device, name) in [&link.a, &link.b] {
            if !known.contains(&(device.as_str(), name.as_str())) {
                out.push(Observation::new("physical.device", device.as_str(), at));
                let port = Observation::new("physical.port", format!("{device}:{name}"), at);
                out.push(port.with("device", device.as_str()).with("name", name.as_str()));
            }
        }
        let (a, b) = (format!("{}:{}", link.a.0, link.a.1), format!("{}:{}", link.b.0, link.b.1));
        out.push(
            Observation::new("physical.link", format!("{a}--{b}"), at)
                .with("a", a)
                .with("b", b)
                .with("evidence", link.evidence),
        );
    }
}

fn write_device(device: &Device, at: Timestamp, out: &mut Vec<Observation>) {
    out.push(
        Observation::new("physical.device", &*device.name, at)
            .with_some("vendor", device.vendor.clone())
            .with_some("model", device.model.clone())
            .with_some("os", device.os.clone())
            .with_some("serial", device.serial.clone())
            .with_some("mac", device.mac.clone())
            .with_some("fqdn", device.fqdn.clone()),
    );
    let members: BTreeSet<u32> = device.lags.values().flatten().copied().collect();
    for (number, port) in &device.ports {
        let id = format!("{}:{}", device.name, port.name);
        let written = Observation::new("physical.port", &*id, at)
            .with("device", &*device.name)
            .with("name", &*port.name)
            .with("type", port.kind)
            .with_some("mac", port.mac.clone())
            .with_some("mtu", port.mtu)
            .with_some("speed_bits_per_second", port.speed_bits_per_second)
            .with_some("admin_up", port.admin_up)
            .with_some("up", port.up)
            .with_some("description", port.description.clone());
        // VLANs of a member are those of its LAG.
        out.push(if members.contains(number) { written } else { with_vlans(written, port) });
        for (ip, length) in &port.addresses {
            out.push(
                Observation::new("network.address", format!("{id}|{ip}"), at)
                    .with("ip", ip.to_string())
                    .with_some("prefix_length", *length)
                    .with("port", &*id),
            );
        }
    }
    for (number, ip, mac) in &device.neighbors {
        let Some(port) = device.ports.get(number) else { continue };
        out.push(
            Observation::new("network.neighbor", format!("{}|{}|{ip}", device.name, port.name), at)
                .with("device", &*device.name)
                .with("port", format!("{}:{}", device.name, port.name))
                .with("ip", ip.to_string())
                .with("mac", &**mac),
        );
    }
}

fn with_vlans(written: Observation, port: &Port) -> Observation {
    if port.egress.is_empty() {
        return written;
    }
    let only =
        (port.egress.len() == 1 && port.egress == port.untagged).then(|| port.egress.first());
    if let Some(Some(vid)) = only {
        return written.with("mode", "access").with("access_vlan", *vid);
    }
    let native = port.pvid.filter(|vid| port.untagged.contains(vid));
    written
        .with("mode", "trunk")
        .with_some("native_vlan", native)
        .with("allowed_vlans", port.egress.iter().copied().collect::<Vec<i64>>())
}

fn write_layer_2(device: &Device, at: Timestamp, out: &mut Vec<Observation>) {
    let id = |number: &u32| {
        device.ports.get(number).map(|port| format!("{}:{}", device.name, port.name))
    };
    for (lag, members) in &device.lags {
        let Some(lag) = id(lag) else { continue };
        let members: Vec<String> = members.iter().filter_map(id).collect();
        out.push(
            Observation::new("network.lag", &*lag, at).with("port", &*lag).with("members", members),
        );
    }
    for (vid, name) in &device.vlans {
        out.push(
            Observation::new("network.vlan", format!("{}/{vid}", device.name), at)
                .with("device", &*device.name)
                .with("vid", *vid)
                .with_some("name", name.clone()),
        );
    }
    let mut places: BTreeMap<(Option<i64>, &str), usize> = BTreeMap::new();
    for entry in &device.macs {
        *places.entry((entry.vlan, &entry.mac)).or_default() += 1;
    }
    for entry in &device.macs {
        let vlan = entry.vlan.map_or_else(|| "-".to_owned(), |vlan| vlan.to_string());
        let mut key = format!("{}|{vlan}|{}", device.name, entry.mac);
        let port = entry.port.as_ref().and_then(id);
        if let (Some(port), Some(2..)) = (&port, places.get(&(entry.vlan, &*entry.mac))) {
            key = format!("{key}|{port}");
        }
        out.push(
            Observation::new("network.mac_entry", key, at)
                .with("device", &*device.name)
                .with_some("vlan", entry.vlan)
                .with("mac", &*entry.mac)
                .with_some("port", port)
                .with("type", entry.kind),
        );
    }
    for (number, state, is_root) in &device.stp {
        let Some(port) = id(number) else { continue };
        out.push(
            Observation::new("network.stp_state", format!("{port}|"), at)
                .with("port", port)
                .with("state", *state)
                .with("root", *is_root),
        );
    }
}
