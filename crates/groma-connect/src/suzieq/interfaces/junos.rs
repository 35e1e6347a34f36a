//! Interfaces of Junos: physical ones, and their logical units (`xe-0/0/0.0`) that hold the addresses.

use serde_json::Value;

use super::by_name;
use crate::interface_name::{self, NameClass};
use crate::suzieq::capture::{Capture, own_mac};
use crate::suzieq::json::{items, junos_items, junos_text, text};
use crate::suzieq::record::Record;
use crate::suzieq::unknown_command;

pub(super) fn read(record: &Record, answer: &Value, capture: &mut Capture) -> Result<(), String> {
    if record.cmd.starts_with("show interface") {
        for physical in junos_items(answer, &["interface-information", "physical-interface"]) {
            read_physical(record, physical, capture)?;
        }
        Ok(())
    } else if record.cmd.starts_with("show configuration routing-instances") {
        read_instances(record, answer, capture);
        Ok(())
    } else {
        Err(unknown_command(record))
    }
}

fn read_physical(record: &Record, physical: &Value, capture: &mut Capture) -> Result<(), String> {
    let Some(name) = junos_text(physical, "name") else { return Ok(()) };
    if is_internal(&name) {
        return Ok(());
    }
    let device = record.hostname.as_str();
    let kind = match interface_name::class(&name) {
        NameClass::Other if is_socket(&name) => "ethernet",
        NameClass::Other if name.starts_with("lo") => "loopback",
        _ => by_name(&name),
    };
    let port = capture.port(device, &name, record.at());
    port.kind = Some(kind);
    port.up = junos_text(physical, "oper-status").map(|status| status == "up");
    port.admin_up = junos_text(physical, "admin-status").map(|status| status == "up");
    port.mtu = junos_text(physical, "mtu").and_then(|mtu| mtu.parse().ok());
    port.mac = junos_text(physical, "current-physical-address").as_deref().and_then(own_mac);
    port.speed_bits_per_second = junos_text(physical, "speed").as_deref().and_then(speed);
    port.description = junos_text(physical, "description");
    let (up, mac) = (port.up, port.mac.clone());
    if kind == "lag" {
        capture.lag(device, &name, record.at());
    }
    for unit in items(physical, "logical-interface") {
        read_unit(record, &name, kind, up, mac.clone(), unit, capture)?;
    }
    Ok(())
}

fn read_unit(
    record: &Record,
    physical: &str,
    physical_kind: &'static str,
    up: Option<bool>,
    mac: Option<String>,
    unit: &Value,
    capture: &mut Capture,
) -> Result<(), String> {
    let Some(name) = junos_text(unit, "name") else { return Ok(()) };
    let device = record.hostname.as_str();
    let number = interface_name::parent(&name).map(|(_, unit)| i64::from(unit));
    let kind = match physical_kind {
        "loopback" | "management" => physical_kind,
        _ if physical == "irb" || physical == "vlan" => "svi",
        _ => "subinterface",
    };
    let port = capture.port(device, &name, record.at());
    port.kind = Some(kind);
    port.parent = Some(physical.to_owned());
    port.up = up;
    port.mac = mac;
    match kind {
        "svi" => port.vlan = number,
        "subinterface" => port.vlan = junos_text(unit, "link-address").as_deref().and_then(tag),
        _ => {}
    }
    for family in items(unit, "address-family") {
        let name_of_family = junos_text(family, "address-family-name").unwrap_or_default();
        // Which LAG a member belongs to stands at its unit.
        if let (Some(bundle), "aenet") =
            (junos_text(family, "ae-bundle-name"), name_of_family.as_str())
        {
            let lag = bundle.split('.').next().unwrap_or(&bundle).to_owned();
            capture.lag(device, &lag, record.at()).members.insert(physical.to_owned());
        }
        if !matches!(name_of_family.as_str(), "inet" | "inet6") {
            continue;
        }
        capture.port(device, &name, record.at()).mode = Some("routed");
        for address in items(family, "interface-address") {
            let Some(ip) = junos_text(address, "ifa-local") else { continue };
            let net = junos_text(address, "ifa-destination");
            let length =
                net.as_deref().and_then(|net| net.split_once('/')).map(|(_, length)| length);
            let ip = ip.split('/').next().unwrap_or(&ip).to_owned();
            let prefix = length.map_or(ip.clone(), |length| format!("{ip}/{length}"));
            capture.add_address(device, &name, &prefix, record.at())?;
        }
    }
    Ok(())
}

/// Routing instances name their interfaces.
fn read_instances(record: &Record, answer: &Value, capture: &mut Capture) {
    for instance in junos_items(answer, &["configuration", "routing-instances", "instance"]) {
        let Some(vrf) = text(instance, "name").or_else(|| junos_text(instance, "name")) else {
            continue;
        };
        for interface in items(instance, "interface") {
            let name = text(interface, "name").or_else(|| junos_text(interface, "name"));
            if let Some(name) = name {
                capture.port(&record.hostname, &name, record.at()).vrf = Some(vrf.clone());
            }
        }
    }
}

/// Whether a cable can be put in.
fn is_socket(name: &str) -> bool {
    ["ge-", "xe-", "et-", "mge-", "fe-"].iter().any(|prefix| name.starts_with(prefix))
}

/// Whether it is a part of the software with neither a socket nor an address of the network.
fn is_internal(name: &str) -> bool {
    const NAMES: [&str; 24] = [
        "bme", "cbp", "demux", "dsc", "esi", "fti", "gr-", "gre", "ipip", "jsrv", "lsi", "lt-",
        "mtun", "pd-", "pe-", "pfe-", "pfh-", "pimd", "pime", "pip", "pp", "rbeb", "tap", "vtep",
    ];
    NAMES.iter().any(|prefix| {
        name.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphabetic()))
    })
}

/// `10Gbps`, `800mbps`, `1000mbps`
fn speed(text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    let (digits, factor) = match (text.strip_suffix("gbps"), text.strip_suffix("mbps")) {
        (Some(digits), _) => (digits, 1_000_000_000),
        (_, Some(digits)) => (digits, 1_000_000),
        _ => return None,
    };
    digits.trim().parse::<i64>().ok()?.checked_mul(factor)
}

/// The VLAN id in ` [ 0x8100.12 ] `.
fn tag(link_address: &str) -> Option<i64> {
    let (_, rest) = link_address.split_once('.')?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
