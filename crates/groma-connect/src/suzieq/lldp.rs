//! Who is at the other end of a cable: LLDP, and CDP where it is all there is.

use serde_json::Value;

use super::capture::{Capture, Family, Sighting};
use super::json::{entries, items, junos_items, junos_text, rows, text};
use super::record::Record;
use super::unknown_command;

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    match record.family().unwrap_or_default() {
        Family::Ios => return read_ios(record, capture),
        Family::Linux | Family::LinuxSwitch if !record.shown().trim_start().starts_with('{') => {
            return read_lldpctl(record, capture);
        }
        _ => {}
    }
    let Some(answer) = record.json()? else { return Ok(()) };
    match record.family().unwrap_or_default() {
        Family::Eos => read_eos(record, &answer, capture),
        Family::Nxos => read_nxos(record, &answer, capture),
        Family::Junos => read_junos(record, &answer, capture),
        Family::Linux | Family::LinuxSwitch => read_lldpd_json(record, &answer, capture),
        Family::Ios => return Err(unknown_command(record)),
    }
    Ok(())
}

/// Adds a sighting: `port` of the record's device sees a device under one of several names for its port.
fn see(
    record: &Record,
    port: &str,
    peer: Option<String>,
    peer_ports: [Option<String>; 2],
    capture: &mut Capture,
) {
    let Some(peer) = peer else { return };
    let port = capture.spelling(&record.hostname, port);
    capture.sightings.push(Sighting {
        at: record.at(),
        port: (record.hostname.clone(), port),
        peer,
        peer_ports: peer_ports.into_iter().flatten().collect(),
    });
}

fn read_eos(record: &Record, answer: &Value, capture: &mut Capture) {
    for (port, neighbors) in entries(answer, "lldpNeighbors") {
        for neighbor in items(neighbors, "lldpNeighborInfo") {
            let end = neighbor.get("neighborInterfaceInfo").unwrap_or(&Value::Null);
            let ports = [
                text(end, "interfaceId_v2").or_else(|| text(end, "interfaceId")),
                text(end, "interfaceDescription"),
            ];
            see(record, port, text(neighbor, "systemName"), ports, capture);
        }
    }
}

fn read_nxos(record: &Record, answer: &Value, capture: &mut Capture) {
    for table in ["TABLE_nbor", "TABLE_nbor_detail"] {
        for row in rows(answer, table, &table.replace("TABLE", "ROW")) {
            let Some(port) = text(row, "l_port_id") else { continue };
            let peer = text(row, "sys_name").or_else(|| text(row, "chassis_id"));
            see(record, &port, peer, [text(row, "port_id"), text(row, "port_desc")], capture);
        }
    }
    for table in ["TABLE_cdp_neighbor_brief_info", "TABLE_cdp_neighbor_detail_info"] {
        for row in rows(answer, table, &table.replace("TABLE", "ROW")) {
            let port = text(row, "interface").or_else(|| text(row, "intf_id"));
            let Some(port) = port else { continue };
            see(record, &port, text(row, "device_id"), [text(row, "port_id"), None], capture);
        }
    }
}

fn read_junos(record: &Record, answer: &Value, capture: &mut Capture) {
    let path = ["lldp-neighbors-information", "lldp-neighbor-information"];
    for neighbor in junos_items(answer, &path) {
        let local = junos_text(neighbor, "lldp-local-interface")
            .or_else(|| junos_text(neighbor, "lldp-local-port-id"));
        let Some(port) = local else { continue };
        let ports = [
            junos_text(neighbor, "lldp-remote-port-id"),
            junos_text(neighbor, "lldp-remote-port-description"),
        ];
        see(record, &port, junos_text(neighbor, "lldp-remote-system-name"), ports, capture);
    }
}

/// `net show lldp json`, `lldpctl -f json0`: all levels are arrays.
fn read_lldpd_json(record: &Record, answer: &Value, capture: &mut Capture) {
    for neighbor in junos_items(answer, &["lldp", "interface"]) {
        let Some(port) = text(neighbor, "name") else { continue };
        let value = |path: &[&str]| {
            junos_items(neighbor, path).first().and_then(|item| text(item, "value"))
        };
        let ports = [value(&["port", "id"]), value(&["port", "descr"])];
        see(record, &port, value(&["chassis", "name"]), ports, capture);
    }
}

/// The text of `lldpctl`: a block per neighbour.
fn read_lldpctl(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let (mut port, mut peer, mut peer_ports) = (None, None, [None, None]);
    let text = record.text()?;
    for line in text.lines().chain(["Interface:"]) {
        let Some((name, value)) = line.trim().split_once(':') else { continue };
        let value = value.trim();
        match name {
            "Interface" => {
                if let Some(port) = port.take() {
                    see(record, port, peer.take(), std::mem::take(&mut peer_ports), capture);
                }
                port = value.split(',').next().map(str::trim).filter(|port| !port.is_empty());
                (peer, peer_ports) = (None, [None, None]);
            }
            "SysName" => peer = Some(value.to_owned()).filter(|name| !name.is_empty()),
            // `ifname swp5`, `local Eth1/1`, `mac 52:54:00:03:d0:1c`
            "PortID" => peer_ports[0] = value.split_whitespace().last().map(str::to_owned),
            "PortDescr" => peer_ports[1] = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(())
}

/// `show lldp neighbors` and `show cdp neighbors` of IOS: columns, a long name on a line of its own.
fn read_ios(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let mut in_table = false;
    let mut long_name: Option<String> = None;
    for line in record.text()?.lines() {
        if line.starts_with("Device ID") {
            in_table = true;
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if !in_table || words.is_empty() || line.starts_with("Total") {
            continue;
        }
        if words.len() == 1 {
            long_name = Some(words[0].to_owned());
            continue;
        }
        let name = match long_name.take() {
            Some(name) if line.starts_with(' ') => name,
            _ => words[0].to_owned(),
        };
        let rest = line.trim_start().strip_prefix(name.as_str()).unwrap_or(line);
        let rest: Vec<&str> = rest.split_whitespace().collect();
        let Some((port, used)) = joined_port(&rest) else {
            capture.problems.push(record.problem(
                "lldp",
                line,
                "a line of the table names no port",
            ));
            continue;
        };
        // The last words are the port at the other end, as `Gig 0/1` or `Gi0/1`.
        let Some(peer_port) = last_port(&rest[used..]) else {
            capture.problems.push(record.problem(
                "lldp",
                line,
                "a line of the table names no port",
            ));
            continue;
        };
        see(record, &port, Some(name), [Some(peer_port), None], capture);
    }
    Ok(())
}

/// `Gig 0/1 ...` or `Gi0/1 ...`: the port and how many words it takes.
fn joined_port(words: &[&str]) -> Option<(String, usize)> {
    let first = words.first()?;
    if first.contains(|c: char| c.is_ascii_digit()) {
        return Some(((*first).to_owned(), 1));
    }
    let second = words.get(1).filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some((format!("{}{second}", short(first)), 2))
}

fn last_port(words: &[&str]) -> Option<String> {
    let last = words.last()?;
    let before = words.len().checked_sub(2).and_then(|index| words.get(index));
    match before {
        Some(prefix)
            if last.starts_with(|c: char| c.is_ascii_digit())
                && prefix.chars().all(|c| c.is_ascii_alphabetic())
                && prefix.len() > 1 =>
        {
            Some(format!("{}{last}", short(prefix)))
        }
        _ => Some((*last).to_owned()),
    }
}

/// CDP writes three letters (`Gig`, `Ten`), the device itself two.
fn short(prefix: &str) -> &str {
    prefix.get(..2).unwrap_or(prefix)
}
