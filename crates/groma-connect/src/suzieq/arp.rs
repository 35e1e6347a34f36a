//! Neighbours: ARP and ND entries.

use std::net::IpAddr;

use serde_json::Value;

use super::capture::{Arp, Capture, Family, own_mac};
use super::json::{entries, items, junos_items, junos_text, rows, text};
use super::linux::after;
use super::record::Record;

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let family = record.family().unwrap_or_default();
    match family {
        Family::Linux | Family::LinuxSwitch => return read_linux(record, capture),
        Family::Ios => return read_text(record, capture),
        Family::Nxos if record.json().is_err() => return read_text(record, capture),
        _ => {}
    }
    let Some(answer) = record.json()? else { return Ok(()) };
    match family {
        Family::Eos => read_eos(record, &answer, capture),
        Family::Nxos => read_nxos(record, &answer, capture),
        _ => read_junos(record, &answer, capture),
    }
}

fn note(
    record: &Record,
    port: &str,
    ip: &str,
    mac: Option<&str>,
    state: Option<String>,
    capture: &mut Capture,
) -> Result<(), String> {
    let ip: IpAddr = ip.parse().map_err(|_| format!("\"{ip}\" is not an address"))?;
    let port = capture.spelling(&record.hostname, port);
    let key = ((record.hostname.clone(), port), ip.to_string());
    capture.arp.insert(key, Arp { at: record.at(), mac: mac.and_then(own_mac), state });
    Ok(())
}

/// `172.16.1.101 dev vlan13 lladdr 52:54:00:4d:a6:fd offload NOARP`
fn read_linux(record: &Record, capture: &mut Capture) -> Result<(), String> {
    for line in record.text()?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ([ip, ..], Some(port)) = (&words[..], after(&words, "dev")) else {
            if !words.is_empty() {
                capture.problems.push(record.problem("arpnd", line, "not a line of ip neigh"));
            }
            continue;
        };
        let state = words.last().filter(|word| word.chars().all(|c| c.is_ascii_uppercase()));
        let state = state.map(|state| state.to_ascii_lowercase());
        if let Err(reason) = note(record, port, ip, after(&words, "lladdr"), state, capture) {
            capture.problems.push(record.problem("arpnd", line, reason));
        }
    }
    Ok(())
}

fn read_eos(record: &Record, answer: &Value, capture: &mut Capture) -> Result<(), String> {
    for (_, vrf) in entries(answer, "vrfs") {
        for list in ["ipV4Neighbors", "ipV6Neighbors"] {
            for entry in items(vrf, list) {
                let (Some(ip), Some(port)) = (text(entry, "address"), text(entry, "interface"))
                else {
                    continue;
                };
                // `Vlan10, Port-Channel3`: the VLAN interface, and where the MAC address is behind.
                let port = port.split(',').next().unwrap_or(&port);
                let mac = text(entry, "hwAddress");
                note(record, port, &ip, mac.as_deref(), Some("reachable".into()), capture)?;
            }
        }
    }
    Ok(())
}

fn read_nxos(record: &Record, answer: &Value, capture: &mut Capture) -> Result<(), String> {
    for vrf in rows(answer, "TABLE_vrf", "ROW_vrf") {
        let entries = [("TABLE_adj", "ROW_adj"), ("TABLE_afi", "ROW_afi"), ("TABLE_nd", "ROW_nd")];
        for entry in entries.iter().flat_map(|(table, row)| rows(vrf, table, row)) {
            // Neighbours of IPv6 are one level deeper.
            let mut deeper = rows(entry, "TABLE_adj", "ROW_adj");
            if deeper.is_empty() {
                deeper.push(entry);
            }
            for entry in deeper {
                let ip = text(entry, "ip-addr-out").or_else(|| text(entry, "ipv6-addr"));
                let (Some(ip), Some(port)) = (ip, text(entry, "intf-out")) else { continue };
                let mac = text(entry, "mac");
                let complete = mac.as_deref().and_then(own_mac).is_some();
                let state = if complete { "reachable" } else { "incomplete" };
                note(record, &port, &ip, mac.as_deref(), Some(state.into()), capture)?;
            }
        }
    }
    Ok(())
}

fn read_junos(record: &Record, answer: &Value, capture: &mut Capture) -> Result<(), String> {
    for entry in junos_items(answer, &["arp-table-information", "arp-table-entry"]) {
        let ip = junos_text(entry, "ip-address");
        let (Some(ip), Some(port)) = (ip, junos_text(entry, "interface-name")) else { continue };
        // `irb.10 [ae0.0]`: the VLAN interface, and where the MAC address is behind.
        let port = port.split_whitespace().next().unwrap_or(&port).to_owned();
        let mac = junos_text(entry, "mac-address");
        note(record, &port, &ip, mac.as_deref(), Some("reachable".into()), capture)?;
    }
    for entry in junos_items(answer, &["ipv6-nd-information", "ipv6-nd-entry"]) {
        let ip = junos_text(entry, "ipv6-nd-neighbor-address");
        let (Some(ip), Some(port)) = (ip, junos_text(entry, "ipv6-nd-interface-name")) else {
            continue;
        };
        let mac = junos_text(entry, "ipv6-nd-neighbor-l2-address");
        note(record, &port, &ip, mac.as_deref(), junos_text(entry, "ipv6-nd-state"), capture)?;
    }
    Ok(())
}

/// Cisco's columns: an address first, a MAC address in dots, an interface name last or behind it.
fn read_text(record: &Record, capture: &mut Capture) -> Result<(), String> {
    for line in record.text()?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let words = match words.first() {
            Some(&"Internet") => &words[1..],
            _ => &words[..],
        };
        let Some(ip) = words.first().filter(|word| word.parse::<IpAddr>().is_ok()) else {
            continue;
        };
        let mac = words.iter().find(|word| own_mac(word).is_some()).copied();
        let is_port = |word: &&&str| {
            word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.contains(|c: char| c.is_ascii_digit())
                && own_mac(word).is_none()
        };
        let Some(port) = words[1..].iter().find(is_port) else {
            capture.problems.push(record.problem("arpnd", line, "the entry names no interface"));
            continue;
        };
        let state = if mac.is_some() { "reachable" } else { "incomplete" };
        note(record, port, ip, mac, Some(state.into()), capture)?;
    }
    Ok(())
}
