//! Which MAC address was learnt where.

use serde_json::Value;

use super::capture::{Capture, Family, MacEntry, mac};
use super::json::{integer, items, junos_items, junos_text, rows, text};
use super::linux::after;
use super::record::Record;
use super::unknown_command;
use crate::interface_name::{self, NameClass};

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let family = record.family().unwrap_or_default();
    match family {
        Family::Linux | Family::LinuxSwitch => return read_fdb(record, capture),
        Family::Ios => return read_text(record, capture),
        Family::Nxos | Family::Junos if record.json().is_err() => {
            return read_text(record, capture);
        }
        _ => {}
    }
    let Some(answer) = record.json()? else { return Ok(()) };
    match family {
        Family::Eos => read_eos(record, &answer, capture),
        Family::Nxos => read_nxos(record, &answer, capture),
        Family::Junos => read_junos(record, &answer, capture),
        _ => return Err(unknown_command(record)),
    }
    Ok(())
}

/// One line: remote ones have a tunnel end point and no port.
struct Line<'a> {
    vlan: i64,
    mac: &'a str,
    port: Option<&'a str>,
    vtep: Option<String>,
    kind: &'static str,
}

fn note(record: &Record, line: Line<'_>, capture: &mut Capture) {
    let Some(mac) = mac(line.mac) else {
        let reason = "not a MAC address";
        return capture.problems.push(record.problem("macs", line.mac, reason));
    };
    let port = line.port.filter(|_| line.kind != "remote");
    let entry = MacEntry { at: record.at(), vtep: line.vtep, kind: line.kind };
    capture.add_mac(&record.hostname, line.vlan, mac, port, entry);
}

/// `52:54:00:05:33:fa dev vni24 vlan 24 master bridge static`, `... dev vni24 dst 10.0.0.134 self static`
fn read_fdb(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let device = record.hostname.as_str();
    for line in record.text()?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ([address, ..], Some(name)) = (&words[..], after(&words, "dev")) else {
            if !words.is_empty() {
                capture.problems.push(record.problem("macs", line, "not a line of bridge fdb"));
            }
            continue;
        };
        let vtep = after(&words, "dst").map(str::to_owned);
        // All zeros stand for the flooding of a tunnel, not for a machine.
        if *address == "00:00:00:00:00:00" {
            continue;
        }
        let key = (device.to_owned(), name.to_owned());
        let port = capture.ports.get(&key);
        let is_tunnel = port.is_some_and(|port| port.kind == Some("vxlan"));
        let untagged = port.and_then(|port| port.access_vlan).unwrap_or(0);
        let has = |word: &str| words.contains(&word);
        let kind = if is_multicast(address) {
            "other"
        } else if has("permanent") {
            "local"
        } else if is_tunnel || vtep.is_some() {
            "remote"
        } else if has("static") {
            "static"
        } else {
            "dynamic"
        };
        let told = after(&words, "vlan").and_then(|vlan| vlan.parse().ok());
        let vlan = told.unwrap_or(if kind == "remote" { untagged } else { 0 });
        note(record, Line { vlan, mac: address, port: Some(name), vtep, kind }, capture);
    }
    Ok(())
}

fn is_multicast(address: &str) -> bool {
    address
        .get(..2)
        .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        .is_some_and(|first| first & 1 == 1)
}

fn read_eos(record: &Record, answer: &Value, capture: &mut Capture) {
    let table = answer.get("unicastTable").unwrap_or(&Value::Null);
    for row in items(table, "tableEntries") {
        let (Some(address), Some(port)) = (text(row, "macAddress"), text(row, "interface")) else {
            continue;
        };
        let kind = match text(row, "entryType").unwrap_or_default().as_str() {
            _ if interface_name::class(&port) == NameClass::Vxlan => "remote",
            "dynamic" | "peerDynamic" => "dynamic",
            "static" | "peerStatic" => "static",
            _ => "other",
        };
        let vlan = integer(row, "vlanId").unwrap_or(0);
        let is_own = matches!(port.as_str(), "Router" | "Cpu" | "Switch");
        let (port, kind) = if is_own { (None, "local") } else { (Some(port.as_str()), kind) };
        note(record, Line { vlan, mac: &address, port, vtep: None, kind }, capture);
    }
    for row in items(answer, "addresses") {
        let (Some(address), Some(vtep)) = (text(row, "macAddress"), text(row, "vtep")) else {
            continue;
        };
        let vlan = integer(row, "vlanId").unwrap_or(0);
        let line = Line { vlan, mac: &address, port: None, vtep: Some(vtep), kind: "remote" };
        note(record, line, capture);
    }
}

/// Ports may be lists, and remote ones are spelt `nve1(10.0.0.134)`.
fn read_nxos(record: &Record, answer: &Value, capture: &mut Capture) {
    for row in rows(answer, "TABLE_mac_address", "ROW_mac_address") {
        let Some(address) = text(row, "disp_mac_addr") else { continue };
        let vlan = integer(row, "disp_vlan").unwrap_or(0);
        let word = text(row, "disp_type").unwrap_or_default();
        let ports = text(row, "disp_port").unwrap_or_default();
        note_ports(record, vlan, &address, &word, &ports, capture);
    }
}

fn note_ports(
    record: &Record,
    vlan: i64,
    address: &str,
    word: &str,
    ports: &str,
    capture: &mut Capture,
) {
    // NX-OS calls the peer link by what it is for: `vPC Peer-Link(R)`.
    if ports.to_ascii_lowercase().contains("peer-link") {
        let link = capture.mlags.get(&record.hostname).and_then(|side| side.peer_link.clone());
        let line = Line { vlan, mac: address, port: link.as_deref(), vtep: None, kind: "static" };
        return note(record, line, capture);
    }
    let ports = ports.split([',', ' ']).map(str::trim).filter(|port| !port.is_empty());
    for port in ports {
        let (name, vtep) = match port.split_once('(') {
            Some((name, rest)) => (name, Some(rest.trim_end_matches(')').to_owned())),
            None => (port, None),
        };
        let vtep = vtep.filter(|vtep| vtep.parse::<std::net::IpAddr>().is_ok());
        let word = word.to_ascii_lowercase();
        let kind = if interface_name::class(name) == NameClass::Vxlan || vtep.is_some() {
            "remote"
        } else if matches!(
            name.to_ascii_lowercase().as_str(),
            "sup-eth1" | "router" | "cpu" | "switch"
        ) {
            "local"
        } else if word.contains("dynamic") {
            "dynamic"
        } else if word.contains("static") || word.contains("secure") {
            "static"
        } else {
            "other"
        };
        let port = Some(name).filter(|_| kind != "local");
        note(record, Line { vlan, mac: address, port, vtep, kind }, capture);
    }
}

fn read_junos(record: &Record, answer: &Value, capture: &mut Capture) {
    let mut lines = junos_items(answer, &["l2ng-l2ald-rtb-macdb", "l2ng-l2ald-mac-entry-vlan"]);
    // Without `detail` the lines are one level deeper.
    let deeper: Vec<_> = lines.iter().flat_map(|line| items(line, "l2ng-mac-entry")).collect();
    lines.extend(deeper);
    for line in lines {
        let Some(address) = junos_text(line, "l2ng-l2-mac-address") else { continue };
        let vlan = junos_text(line, "l2ng-l2-vlan-id").and_then(|vlan| vlan.parse().ok());
        let vlan = vlan.or_else(|| vlan_named(record, line, capture)).unwrap_or(0);
        let port = junos_text(line, "l2ng-l2-mac-logical-interface").unwrap_or_default();
        let flags = junos_text(line, "l2ng-l2-mac-entry-flags")
            .or_else(|| junos_text(line, "l2ng-l2-mac-flags"))
            .unwrap_or_default();
        let source = junos_text(line, "l2ng-l2-active-source");
        let vtep = source.filter(|source| source.parse::<std::net::IpAddr>().is_ok());
        let flags: Vec<&str> = flags.split([',', ' ', '_']).collect();
        let kind = if port.starts_with("vtep") || vtep.is_some() {
            "remote"
        } else if flags.contains(&"S") || flags.contains(&"static") {
            "static"
        } else {
            "dynamic"
        };
        let name = port.strip_suffix(".0").unwrap_or(&port);
        let port = Some(name).filter(|name| !name.is_empty());
        note(record, Line { vlan, mac: &address, port, vtep, kind }, capture);
    }
}

fn vlan_named(record: &Record, line: &Value, capture: &Capture) -> Option<i64> {
    let name = junos_text(line, "l2ng-l2-mac-vlan-name")
        .or_else(|| junos_text(line, "l2ng-l2-vlan-name"))?;
    let mut own = capture.vlans.iter().filter(|((device, _), _)| *device == record.hostname);
    own.find(|(_, vlan)| vlan.name.as_ref() == Some(&name)).map(|((_, vid), _)| *vid)
}

/// Cisco's columns: VLAN, address, type, ports, in any of the widths that releases use.
fn read_text(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let mut last: Option<(i64, String, String)> = None;
    for line in record.text()?.lines() {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        // Marks such as `*` (primary), `G` (gateway) and `C` (control plane) stand in front.
        while words.first().is_some_and(|word| matches!(*word, "*" | "G" | "C" | "O" | "+" | "(R)"))
        {
            words.remove(0);
        }
        let Some(at) = words.iter().position(|word| mac(word).is_some()) else {
            // A list of ports that goes on in the next line.
            if let (Some((vlan, address, word)), [ports]) = (&last, &words[..])
                && ports.contains('/')
            {
                note_ports(record, *vlan, address, word, ports, capture);
            }
            continue;
        };
        let vlan = at.checked_sub(1).and_then(|before| words[before].parse().ok()).unwrap_or(0);
        let word = words.get(at + 1).copied().unwrap_or_default();
        let is_port = |word: &&&str| {
            word.split(',').all(|part| {
                part.starts_with(|c: char| c.is_ascii_alphabetic())
                    && part.contains(|c: char| c.is_ascii_digit())
            }) || matches!(**word, "CPU" | "Router" | "Switch")
        };
        let Some(ports) = words[at + 1..].iter().rev().find(is_port) else {
            capture.problems.push(record.problem("macs", line, "the entry names no port"));
            continue;
        };
        note_ports(record, vlan, words[at], word, ports, capture);
        last = Some((vlan, words[at].to_owned(), word.to_owned()));
    }
    Ok(())
}
