//! Interfaces, their addresses and routing tables: `show interfaces` and its kin.

use serde_json::Value;

use super::capture::{Capture, DEFAULT_VRF, Family, own_mac};
use super::json::{entries, integer, text};
use super::record::Record;
use super::{linux, unknown_command};
use crate::interface_name::{self, NameClass};

mod cisco;
mod junos;

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let family = record.family().unwrap_or_default();
    if matches!(family, Family::Linux | Family::LinuxSwitch) {
        return linux::read_addresses(record, capture);
    }
    if family == Family::Ios || (family == Family::Nxos && record.json().is_err()) {
        return cisco::read_text(record, capture);
    }
    let Some(answer) = record.json()? else { return Ok(()) };
    match family {
        Family::Eos => read_eos(record, &answer, capture),
        Family::Nxos => cisco::read_json(record, &answer, capture),
        Family::Junos => junos::read(record, &answer, capture),
        Family::Linux | Family::LinuxSwitch | Family::Ios => Ok(()),
    }
}

fn read_eos(record: &Record, answer: &Value, capture: &mut Capture) -> Result<(), String> {
    match record.cmd.as_str() {
        "show interfaces" => {
            for (name, interface) in entries(answer, "interfaces") {
                read_eos_interface(record, name, interface, capture)?;
            }
            Ok(())
        }
        "show vrf" => {
            for (vrf, fields) in entries(answer, "vrfs").filter(|(vrf, _)| *vrf != DEFAULT_VRF) {
                for name in fields.get("interfaces").and_then(Value::as_array).into_iter().flatten()
                {
                    if let Some(name) = name.as_str() {
                        capture.port(&record.hostname, name, record.at()).vrf = Some(vrf.clone());
                    }
                }
            }
            Ok(())
        }
        "show ip virtual-router" => read_eos_virtual_router(record, answer, capture),
        _ => Err(unknown_command(record)),
    }
}

fn read_eos_interface(
    record: &Record,
    name: &str,
    interface: &Value,
    capture: &mut Capture,
) -> Result<(), String> {
    let device = record.hostname.as_str();
    let hardware = text(interface, "hardware").unwrap_or_default();
    let class = interface_name::class(name);
    let kind = match hardware.as_str() {
        _ if class == NameClass::Management => "management",
        "ethernet" => "ethernet",
        "portChannel" => "lag",
        "vlan" => "svi",
        "loopback" => "loopback",
        "vxlan" => "vxlan",
        "subinterface" => "subinterface",
        _ => by_name(name),
    };
    let own = text(interface, "burnedInAddress").or_else(|| text(interface, "physicalAddress"));
    let own = own.as_deref().and_then(own_mac);
    let port = capture.port(device, name, record.at());
    port.kind = Some(kind);
    port.mac.clone_from(&own);
    port.mtu = integer(interface, "mtu").filter(|mtu| *mtu > 0);
    port.speed_bits_per_second = integer(interface, "bandwidth").filter(|speed| *speed > 0);
    port.up = text(interface, "lineProtocolStatus").map(|status| status == "up");
    port.admin_up = text(interface, "interfaceStatus")
        .map(|status| !matches!(status.as_str(), "disabled" | "adminDown"));
    port.description = text(interface, "description");
    if text(interface, "forwardingModel").as_deref() == Some("routed") {
        port.mode = Some("routed");
    }
    set_parts(capture, device, name, kind, record.at());
    if kind == "lag" {
        // The members of the other switch of an MLAG pair are listed as PeerEthernet3.
        let members = entries(interface, "memberInterfaces").map(|(member, _)| member);
        let own = members.filter(|member| !member.starts_with("Peer")).cloned();
        capture.lag(device, name, record.at()).members.extend(own);
    }
    if kind == "vxlan" {
        read_eos_vxlan(record, name, interface, capture);
    }
    for address in interface.get("interfaceAddress").and_then(Value::as_array).into_iter().flatten()
    {
        let secondary = entries(address, "secondaryIps").map(|(_, address)| (address, false));
        let shared = entries(address, "virtualSecondaryIps").map(|(_, address)| (address, true));
        let first = [("primaryIp", false), ("virtualIp", true)];
        let first = first.iter().filter_map(|(field, shared)| Some((address.get(field)?, *shared)));
        for (address, is_virtual) in first.chain(secondary).chain(shared) {
            let Some(ip) = text(address, "address") else { continue };
            let prefix = format!("{ip}/{}", integer(address, "maskLen").unwrap_or(32));
            if let Some(address) = capture.add_address(device, name, &prefix, record.at())? {
                address.is_virtual = is_virtual;
                address.mac = own.clone().filter(|_| is_virtual);
            }
        }
    }
    let six = interface.get("interfaceAddressIp6").into_iter();
    for address in six.flat_map(|six| super::json::items(six, "globalUnicastIp6s")) {
        if let Some(ip) = text(address, "address") {
            let length =
                text(address, "subnet").and_then(|net| net.split_once('/').map(|n| n.1.to_owned()));
            let prefix = format!("{ip}/{}", length.unwrap_or_else(|| "128".into()));
            capture.add_address(device, name, &prefix, record.at())?;
        }
    }
    Ok(())
}

/// Tunnel end point and the VLANs that are stretched; `show interfaces Vxlan` of the VNI table says the same.
pub(super) fn read_eos_vxlan(
    record: &Record,
    name: &str,
    interface: &Value,
    capture: &mut Capture,
) {
    let device = record.hostname.as_str();
    let source = text(interface, "srcIpAddr").filter(|ip| ip != "0.0.0.0");
    if let Some(source) = source {
        capture.vteps.insert((device.to_owned(), source), record.at());
    }
    let port = capture.port(device, name, record.at());
    port.kind = Some("vxlan");
    port.mode = Some("trunk");
    for (vid, map) in entries(interface, "vlanToVniMap") {
        if let Ok(vid) = vid.parse::<i64>() {
            capture.port(device, name, record.at()).allowed_vlans.insert(vid);
            capture.vlan(device, vid, record.at()).vni = integer(map, "vni");
        }
    }
    let vrfs: Vec<_> = entries(interface, "vrfToVniMap")
        .filter_map(|(vrf, vni)| Some((vrf.clone(), vni.as_i64()?)))
        .collect();
    for (vrf, vni) in vrfs {
        for ((owner, _), vlan) in &mut capture.vlans {
            if owner == device && vlan.vni == Some(vni) {
                vlan.vrf = Some(vrf.clone());
            }
        }
    }
}

/// Addresses that several switches hold (VARP).
fn read_eos_virtual_router(
    record: &Record,
    answer: &Value,
    capture: &mut Capture,
) -> Result<(), String> {
    let shared_mac = text(answer, "virtualMac").as_deref().and_then(own_mac);
    for router in answer.get("virtualRouters").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = text(router, "interface") else { continue };
        let listed = router.get("virtualIps").and_then(Value::as_array).into_iter().flatten();
        let listed = listed.filter_map(|ip| {
            ip.as_str()
                .map(str::to_owned)
                .or_else(|| text(ip, "ip").or_else(|| text(ip, "address")))
        });
        let mut ips: Vec<String> = listed.chain(text(router, "virtualIp")).collect();
        ips.dedup();
        for ip in ips {
            // The address is written without a length: it lives in the net of the interface's own address.
            let length = capture.prefix_length_of(&record.hostname, &name, &ip).unwrap_or(32);
            let prefix = if ip.contains('/') { ip } else { format!("{ip}/{length}") };
            let at = record.at();
            if let Some(address) = capture.add_address(&record.hostname, &name, &prefix, at)? {
                address.is_virtual = true;
                address.mac.clone_from(&shared_mac);
            }
        }
    }
    Ok(())
}

/// A word of the port's `type` from the name alone.
pub(super) fn by_name(name: &str) -> &'static str {
    match interface_name::class(name) {
        NameClass::Management => "management",
        NameClass::Lag => "lag",
        NameClass::Svi => "svi",
        NameClass::Loopback => "loopback",
        NameClass::Vxlan => "vxlan",
        NameClass::Subinterface => "subinterface",
        NameClass::Other => "other",
    }
}

/// The VLAN of `Vlan10` and the parent of `Ethernet3.2`, which only their names tell.
fn set_parts(
    capture: &mut Capture,
    device: &str,
    name: &str,
    kind: &str,
    at: groma_model::Timestamp,
) {
    match kind {
        "svi" => {
            let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
            capture.port(device, name, at).vlan = digits.parse().ok();
        }
        "subinterface" => {
            if let Some((parent, unit)) = interface_name::parent(name) {
                let parent = capture.spelling(device, parent);
                let port = capture.port(device, name, at);
                port.vlan.get_or_insert(i64::from(unit));
                port.parent = Some(parent);
            }
        }
        _ => {}
    }
}
