//! VXLAN network ids and tunnel end points.

use serde_json::Value;

use super::capture::{Capture, Family};
use super::json::{entries, integer, items, junos_items, junos_text, rows, text};
use super::record::Record;
use super::{interfaces, unknown_command};

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    match record.family().unwrap_or_default() {
        Family::Linux | Family::LinuxSwitch => {
            for document in record.json_documents()? {
                read_frr(record, &document, capture);
            }
            Ok(())
        }
        family => {
            let Some(answer) = record.json()? else { return Ok(()) };
            match family {
                Family::Eos => {
                    for (name, interface) in entries(&answer, "interfaces") {
                        interfaces::read_eos_vxlan(record, name, interface, capture);
                    }
                    Ok(())
                }
                Family::Nxos => read_nxos(record, &answer, capture),
                Family::Junos => {
                    read_junos(record, &answer, capture);
                    Ok(())
                }
                _ => Err(unknown_command(record)),
            }
        }
    }
}

/// `show evpn vni detail json` of FRR: one object per VNI, or an array or an object of them.
fn read_frr(record: &Record, document: &Value, capture: &mut Capture) {
    if let Value::Array(items) = document {
        return items.iter().for_each(|item| read_frr(record, item, capture));
    }
    let Some(vni) = integer(document, "vni") else {
        let inner = document.as_object().into_iter().flatten();
        return inner.filter(|(_, value)| value.is_object()).for_each(|(_, value)| {
            read_frr(record, value, capture);
        });
    };
    let device = record.hostname.as_str();
    let source = text(document, "vtepIp").or_else(|| text(document, "localVtepIp"));
    if let Some(ip) = source.filter(|ip| ip != "0.0.0.0") {
        capture.vteps.insert((device.to_owned(), ip), record.at());
    }
    let port = text(document, "vxlanInterface").or_else(|| text(document, "vxlanIntf"));
    let Some(port) = port.filter(|port| port != "None") else { return };
    let port = capture.spelling(device, &port);
    capture.vxlan_vnis.insert((device.to_owned(), port.clone()), vni);
    let vid = capture.ports.get(&(device.to_owned(), port)).and_then(|port| port.access_vlan);
    if let Some(vid) = vid {
        let vlan = capture.vlan(device, vid, record.at());
        vlan.vni = Some(vni);
        if text(document, "type").as_deref() == Some("L3") {
            vlan.vrf = text(document, "vrf");
        }
    }
}

fn read_nxos(record: &Record, answer: &Value, capture: &mut Capture) -> Result<(), String> {
    let device = record.hostname.as_str();
    for row in rows(answer, "TABLE_nve_if", "ROW_nve_if") {
        for field in ["primary-ip", "secondary-ip"] {
            if let Some(ip) = text(row, field).filter(|ip| ip != "0.0.0.0") {
                capture.vteps.insert((device.to_owned(), ip), record.at());
            }
        }
    }
    for row in rows(answer, "TABLE_nve_vni", "ROW_nve_vni") {
        let (Some(vni), Some(vid)) = (integer(row, "vni"), integer(row, "vlan-bd")) else {
            continue;
        };
        let vlan = capture.vlan(device, vid, record.at());
        vlan.vni = Some(vni);
        // `L3 [blue]` names the routing table.
        let kind = text(row, "type").unwrap_or_default();
        if let Some((_, vrf)) = kind.split_once('[').filter(|_| kind.starts_with("L3")) {
            vlan.vrf = Some(vrf.trim_end_matches(']').to_owned());
        }
        if let Some(name) = text(row, "if-name") {
            let port = capture.port(device, &name, record.at());
            port.kind = Some("vxlan");
            port.mode = Some("trunk");
            port.allowed_vlans.insert(vid);
        }
    }
    Ok(())
}

fn read_junos(record: &Record, answer: &Value, capture: &mut Capture) {
    let device = record.hostname.as_str();
    for instance in junos_items(answer, &["evpn-instance-information", "evpn-instance"]) {
        for domain in junos_items(instance, &["bridge-domain-status-table", "bridge-domain"]) {
            let number =
                |field| junos_text(domain, field).and_then(|text| text.parse::<i64>().ok());
            if let (Some(vid), Some(vni)) = (number("vlan-id"), number("domain-id")) {
                capture.vlan(device, vid, record.at()).vni = Some(vni);
            }
        }
    }
    for context in junos_items(answer, &["evpn-l3-context-information", "evpn-l3-context"]) {
        for source in items(context, "context-source-vtep") {
            if let Some(ip) = junos_text(source, "vtep-address") {
                capture.vteps.insert((device.to_owned(), ip), record.at());
            }
        }
    }
    for source in junos_items(answer, &["vxlan-source-vtep-information", "svtep-format"]) {
        if let Some(ip) = junos_text(source, "source-vtep-address") {
            capture.vteps.insert((device.to_owned(), ip), record.at());
        }
    }
}
