//! Pairs of switches that look like one: MLAG, CLAG, vPC.

use serde_json::Value;

use super::capture::{Capture, Family, Mlag, mac};
use super::json::{entries, integer, rows, text};
use super::record::Record;
use super::unknown_command;

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let family = record.family().unwrap_or_default();
    if family == Family::LinuxSwitch && !record.shown().contains('{') {
        return read_sonic(record, capture);
    }
    if family == Family::Nxos && record.json().is_err() {
        return read_vpc_text(record, capture);
    }
    let Some(answer) = record.json()? else { return Ok(()) };
    match family {
        Family::Eos => read_eos(record, &answer, capture),
        Family::LinuxSwitch => {
            read_clag(record, &answer, capture);
            Ok(())
        }
        Family::Nxos => read_vpc(record, &answer, capture),
        _ => Err(unknown_command(record)),
    }
}

fn side<'a>(record: &Record, capture: &'a mut Capture) -> &'a mut Mlag {
    let side = capture.mlags.entry(record.hostname.clone()).or_default();
    side.at = side.at.max(record.at());
    side
}

fn read_eos(record: &Record, answer: &Value, capture: &mut Capture) -> Result<(), String> {
    match record.cmd.as_str() {
        "show mlag detail" => {
            let state = text(answer, "state").unwrap_or_else(|| "disabled".into());
            if state == "disabled" {
                return Ok(());
            }
            let peer_link =
                text(answer, "peerLink").map(|name| capture.spelling(&record.hostname, &name));
            let side = side(record, capture);
            side.system_id = text(answer, "systemId").as_deref().and_then(mac);
            side.peer_link = peer_link;
            side.up = Some(state == "active");
            Ok(())
        }
        "show mlag interfaces" => {
            for (id, interface) in entries(answer, "interfaces") {
                if let (Ok(id), Some(name)) = (id.parse(), text(interface, "localInterface")) {
                    capture.lag(&record.hostname, &name, record.at()).mlag_id = Some(id);
                }
            }
            Ok(())
        }
        _ => Err(unknown_command(record)),
    }
}

/// `net show clag json` of Cumulus.
fn read_clag(record: &Record, answer: &Value, capture: &mut Capture) {
    let Some(status) = answer.get("status") else { return };
    let device = record.hostname.as_str();
    // The peer link is a LAG; its addresses are on a VLAN of it, `peerlink.4094`.
    let peer_link = text(status, "peerIf").map(|name| {
        let name = name.split('.').next().unwrap_or(&name).to_owned();
        capture.spelling(device, &name)
    });
    let side = side(record, capture);
    side.system_id = text(status, "sysMac").as_deref().and_then(mac);
    side.peer_link = peer_link;
    side.up = status.get("peerAlive").and_then(Value::as_bool);
    for (name, interface) in entries(answer, "clagIntfs") {
        if let Some(id) = integer(interface, "clagId").filter(|id| *id > 0) {
            capture.lag(device, name, record.at()).mlag_id = Some(id);
        }
    }
}

fn read_vpc(record: &Record, answer: &Value, capture: &mut Capture) -> Result<(), String> {
    let device = record.hostname.as_str();
    let command = record.cmd.as_str();
    if command.starts_with("show vpc role") {
        if let Some(system_id) = text(answer, "vpc-system-mac").as_deref().and_then(mac) {
            side(record, capture).system_id = Some(system_id);
        }
        return Ok(());
    }
    if command.starts_with("show vpc peer-keepalive") || command.starts_with("show vpc orphan") {
        return Ok(());
    }
    if command.starts_with("show nve interface") {
        for row in rows(answer, "TABLE_nve_if", "ROW_nve_if") {
            for field in ["primary-ip", "secondary-ip"] {
                if let Some(ip) = text(row, field).filter(|ip| ip != "0.0.0.0") {
                    capture.vteps.insert((device.to_owned(), ip), record.at());
                }
            }
        }
        return Ok(());
    }
    if !command.starts_with("show vpc") {
        return Err(unknown_command(record));
    }
    let Some(status) = text(answer, "vpc-peer-status") else { return Ok(()) };
    let links = rows(answer, "TABLE_peerlink", "ROW_peerlink");
    let peer_link = links.first().and_then(|row| text(row, "peerlink-ifindex"));
    let peer_link = peer_link.map(|name| capture.spelling(device, &name));
    let side = side(record, capture);
    side.peer_link = peer_link;
    side.up = Some(status == "peer-ok");
    for row in rows(answer, "TABLE_vpc", "ROW_vpc") {
        if let (Some(id), Some(name)) = (integer(row, "vpc-id"), text(row, "vpc-ifindex")) {
            capture.lag(device, &name, record.at()).mlag_id = Some(id);
        }
    }
    Ok(())
}

/// The texts of older NX-OS: lines of `name : value`, then a table of peer links and one of LAGs, whose rows begin
/// with a number and the name of the port.
fn read_vpc_text(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let device = record.hostname.as_str();
    let mut in_peer_links = false;
    for line in record.text()?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if line.starts_with("vPC Peer-link status") {
            in_peer_links = true;
        } else if line.starts_with("vPC status") {
            in_peer_links = false;
        } else if let [id, port, ..] = words[..]
            && let Ok(id) = id.parse::<i64>()
            && port.starts_with("Po")
        {
            let port = capture.spelling(device, port);
            if in_peer_links {
                side(record, capture).peer_link = Some(port);
            } else {
                capture.lag(device, &port, record.at()).mlag_id = Some(id);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "peer status" => side(record, capture).up = Some(value.contains("formed ok")),
                "vpc system-mac" => side(record, capture).system_id = mac(value),
                "primary" | "secondary" | "source-interface" => {
                    // `Source-Interface: loopback1 (primary: 10.0.0.1, secondary: 10.0.0.12)`
                    let ips = line.split([' ', ',', '(', ')']).filter(|word| {
                        word.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| !ip.is_unspecified())
                    });
                    for ip in ips {
                        capture.vteps.insert((device.to_owned(), ip.to_owned()), record.at());
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// `mclagdctl dump state` of SONiC: lines of `name: value`.
fn read_sonic(record: &Record, capture: &mut Capture) -> Result<(), String> {
    for line in record.text()?.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "the mclag's keepalive is" => side(record, capture).up = Some(value == "OK"),
            "peer link interface" if !value.is_empty() => {
                let name = capture.spelling(&record.hostname, value);
                side(record, capture).peer_link = Some(name);
            }
            "system mac" => side(record, capture).system_id = mac(value),
            _ => {}
        }
    }
    Ok(())
}
