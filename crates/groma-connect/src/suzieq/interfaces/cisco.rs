//! Interfaces of NX-OS (JSON and text) and IOS (text).

use groma_model::Timestamp;
use serde_json::Value;

use super::{by_name, set_parts};
use crate::suzieq::capture::{Capture, DEFAULT_VRF, own_mac};
use crate::suzieq::json::{integer, items, rows, text};
use crate::suzieq::record::Record;
use crate::suzieq::unknown_command;

pub(super) fn read_json(
    record: &Record,
    answer: &Value,
    capture: &mut Capture,
) -> Result<(), String> {
    let command = record.cmd.as_str();
    if command.starts_with("show interface brief") {
        for row in rows(answer, "TABLE_interface", "ROW_interface") {
            read_brief(record, row, capture);
        }
        Ok(())
    } else if command.starts_with("show ip interface") || command.starts_with("show ipv6 interface")
    {
        for row in rows(answer, "TABLE_intf", "ROW_intf") {
            read_addresses(record, row, capture)?;
        }
        Ok(())
    } else if command.starts_with("show vrf") {
        // Which interface is in which table is said by `show ip interface`.
        Ok(())
    } else if command.starts_with("show interface") {
        for row in rows(answer, "TABLE_interface", "ROW_interface") {
            read_full(record, row, capture)?;
        }
        Ok(())
    } else {
        Err(unknown_command(record))
    }
}

fn kind_of(name: &str) -> &'static str {
    match by_name(name) {
        "other" if name.to_ascii_lowercase().contains("eth") => "ethernet",
        "other" if name.to_ascii_lowercase().contains("gig") => "ethernet",
        kind => kind,
    }
}

/// One row of `show interface brief`.
fn read_brief(record: &Record, row: &Value, capture: &mut Capture) {
    let Some(name) = text(row, "interface") else { return };
    let device = record.hostname.as_str();
    let kind = kind_of(&name);
    let state = text(row, "state").or_else(|| text(row, "oper_state"));
    let admin = text(row, "svi_admin_state");
    let reason = text(row, "state_rsn_desc").unwrap_or_default().to_ascii_lowercase();
    let port = capture.port(device, &name, record.at());
    port.kind = Some(kind);
    port.up = state.or_else(|| text(row, "svi_line_proto")).or(admin.clone()).map(|s| s == "up");
    let disabled = reason.contains("admin") || admin.as_deref() == Some("down");
    port.admin_up = Some(!disabled);
    port.mtu = port.mtu.or_else(|| integer(row, "mtu"));
    let mode = text(row, "portmode").unwrap_or_default();
    port.mode = match mode.as_str() {
        "access" => Some("access"),
        "trunk" => Some("trunk"),
        "routed" => Some("routed"),
        _ if matches!(kind, "svi" | "loopback" | "management" | "subinterface") => Some("routed"),
        _ => port.mode,
    };
    if let Some(vlan) = integer(row, "vlan") {
        match port.mode {
            Some("access") => port.access_vlan = Some(vlan),
            Some("trunk") => port.native_vlan = Some(vlan),
            _ => {}
        }
    }
    set_parts(capture, device, &name, kind, record.at());
    if kind == "lag" {
        capture.lag(device, &name, record.at());
    }
    if let Some(number) = text(row, "portchan").filter(|number| number != "--") {
        let lag =
            format!("port-channel{}", number.trim_start_matches(|c: char| !c.is_ascii_digit()));
        let name = capture.spelling(device, &name);
        capture.lag(device, &lag, record.at()).members.insert(name);
    }
}

/// One row of `show ip interface vrf all`.
fn read_addresses(record: &Record, row: &Value, capture: &mut Capture) -> Result<(), String> {
    let Some(name) = text(row, "intf-name") else { return Ok(()) };
    let device = record.hostname.as_str();
    let kind = kind_of(&name);
    let port = capture.port(device, &name, record.at());
    port.kind.get_or_insert(kind);
    port.mode = Some("routed");
    port.mtu = integer(row, "mtu").or(port.mtu);
    if let Some(vrf) = text(row, "vrf-name-out").filter(|vrf| vrf != DEFAULT_VRF) {
        port.vrf = Some(vrf);
    }
    if let Some(state) = text(row, "proto-state") {
        port.up = Some(state.eq_ignore_ascii_case("up"));
    }
    if let Some(state) = text(row, "admin-state") {
        port.admin_up = Some(state.eq_ignore_ascii_case("up"));
    }
    set_parts(capture, device, &name, kind, record.at());
    let mut prefixes = Vec::new();
    if let Some(ip) = text(row, "prefix") {
        prefixes.push(format!("{ip}/{}", integer(row, "masklen").unwrap_or(32)));
    }
    for second in rows(row, "TABLE_secondary_address", "ROW_secondary_address") {
        if let Some(ip) = text(second, "prefix1") {
            prefixes.push(format!("{ip}/{}", integer(second, "masklen1").unwrap_or(32)));
        }
    }
    prefixes.extend(
        rows(row, "TABLE_addr", "ROW_addr").iter().filter_map(|address| text(address, "addr")),
    );
    for prefix in prefixes {
        capture.add_address(device, &name, &prefix, record.at())?;
    }
    Ok(())
}

/// One row of `show interface`, whose fields carry the prefix of the interface's kind.
fn read_full(record: &Record, row: &Value, capture: &mut Capture) -> Result<(), String> {
    let Some(name) = text(row, "interface") else { return Ok(()) };
    let device = record.hostname.as_str();
    let kind = kind_of(&name);
    let field = |names: &[&str]| names.iter().find_map(|name| text(row, name));
    let mac = field(&["eth_hw_addr", "svi_mac", "eth_bia_addr"]);
    let port = capture.port(device, &name, record.at());
    port.kind = Some(kind);
    port.mac = mac.as_deref().and_then(own_mac).or(port.mac.take());
    port.mtu = field(&["eth_mtu", "svi_mtu", "mtu"]).and_then(|mtu| mtu.parse().ok()).or(port.mtu);
    port.description = field(&["desc", "svi_desc"]);
    let kilobits = field(&["eth_bw", "svi_bw"]).and_then(|bw| bw.parse::<i64>().ok());
    port.speed_bits_per_second = kilobits.map(|bw| bw.saturating_mul(1000));
    port.up = field(&["state", "svi_line_proto"]).map(|state| state == "up");
    port.admin_up = field(&["admin_state", "svi_admin_state"]).map(|state| state == "up");
    if let Some(mode) = field(&["eth_mode"]) {
        port.mode = match mode.as_str() {
            "access" => Some("access"),
            "trunk" => Some("trunk"),
            "routed" => Some("routed"),
            _ => port.mode,
        };
    }
    set_parts(capture, device, &name, kind, record.at());
    if let Some(bundle) = field(&["eth_bundle"]).filter(|bundle| bundle != "--") {
        let number = bundle.trim_start_matches(|c: char| !c.is_ascii_digit());
        capture
            .lag(device, &format!("port-channel{number}"), record.at())
            .members
            .insert(name.clone());
    }
    for (ip, length) in
        [("eth_ip_addr", "eth_ip_mask"), ("svi_ip_addr", "svi_ip_mask"), ("ip_addr", "ip_mask")]
    {
        if let Some(ip) = text(row, ip) {
            let prefix = format!("{ip}/{}", integer(row, length).unwrap_or(32));
            capture.add_address(device, &name, &prefix, record.at())?;
        }
    }
    for member in items(row, "members") {
        if let Some(member) = text(member, "member") {
            let member = capture.spelling(device, &member);
            capture.lag(device, &name, record.at()).members.insert(member);
        }
    }
    Ok(())
}

/// The texts of `show interface`, `show ip interface`, `show vrf` and NX-OS' filtered forms of them.
pub(super) fn read_text(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let command = record.cmd.as_str();
    let text = record.text()?;
    if command.starts_with("show fabric forwarding") {
        return Ok(());
    }
    if command.starts_with("show vrf") {
        return Ok(());
    }
    if command.starts_with("show interface brief") {
        read_brief_text(record, text, capture);
        return Ok(());
    }
    if command.starts_with("show interface") || command.starts_with("show ip") {
        let mut vrf = DEFAULT_VRF.to_owned();
        let mut current: Option<String> = None;
        let mut found = false;
        for line in text.lines() {
            if let Some(name) = vrf_heading(line) {
                vrf = name;
            } else if let Some(name) = interface_heading(line) {
                found = true;
                read_heading(record, &name, line, &vrf, capture);
                current = Some(name);
            } else if let Some(name) = &current {
                read_detail(record, name, line.trim(), capture)?;
            }
        }
        return if found || text.trim().is_empty() {
            Ok(())
        } else {
            Err("no interface in the answer".into())
        };
    }
    Err(unknown_command(record))
}

/// `Eth1/1   10   eth  access up   none   10G(D)   --`, `Po1 1 eth trunk up none a-10G(D) lacp`, `Lo0  up  --`
fn read_brief_text(record: &Record, text: &str, capture: &mut Capture) {
    let device = record.hostname.as_str();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, rest @ ..] = &words[..] else { continue };
        let is_port = name.contains(|c: char| c.is_ascii_digit())
            && name.starts_with(|c: char| c.is_ascii_alphabetic());
        let Some(state) = rest.iter().find(|word| matches!(**word, "up" | "down")) else {
            continue;
        };
        if !is_port {
            continue;
        }
        let kind = kind_of(name);
        let port = capture.port(device, name, record.at());
        port.kind = Some(kind);
        port.up = Some(*state == "up");
        port.admin_up = Some(!line.contains("Administratively"));
        if let [vlan, "eth", mode, ..] = rest {
            port.mode = ["access", "trunk", "routed"].into_iter().find(|word| word == mode);
            port.access_vlan = vlan.parse().ok().filter(|_| *mode == "access");
        }
        set_parts(capture, device, name, kind, record.at());
        if kind == "lag" {
            capture.lag(device, name, record.at());
        } else if let (Some(number), "ethernet") =
            (rest.last().and_then(|n| n.parse::<u32>().ok()), kind)
        {
            let name = capture.spelling(device, name);
            capture.lag(device, &format!("Po{number}"), record.at()).members.insert(name);
        }
    }
}

/// `IP Interface Status for VRF "default"(1)`
fn vrf_heading(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("VRF \"")?;
    rest.split_once('"').map(|(name, _)| name.to_owned())
}

/// `Ethernet1/1 is up, line protocol is up`, `Vlan10, Interface status: protocol-up/link-up/admin-up, iod: 5`
fn interface_heading(line: &str) -> Option<String> {
    if line.starts_with(char::is_whitespace) {
        return None;
    }
    let (name, _) = line.split_once(" is ").or_else(|| line.split_once(", Interface status"))?;
    (!name.contains(' ') && name.contains(|c: char| c.is_ascii_digit())).then(|| name.to_owned())
}

fn read_heading(record: &Record, name: &str, line: &str, vrf: &str, capture: &mut Capture) {
    let device = record.hostname.as_str();
    let kind = kind_of(name);
    let port = capture.port(device, name, record.at());
    port.kind.get_or_insert(kind);
    let line = line.to_ascii_lowercase();
    let is_up = match line.split_once("line protocol is ") {
        Some((_, rest)) => rest.starts_with("up"),
        None if line.contains("protocol-") => line.contains("protocol-up"),
        None => line.contains(" is up"),
    };
    port.up = Some(is_up);
    port.admin_up = Some(!line.contains("administratively down") && !line.contains("admin-down"));
    if vrf != DEFAULT_VRF {
        port.vrf = Some(vrf.to_owned());
    }
    set_parts(capture, device, name, kind, record.at());
}

fn read_detail(
    record: &Record,
    name: &str,
    line: &str,
    capture: &mut Capture,
) -> Result<(), String> {
    let device = record.hostname.as_str();
    let at = record.at();
    let mac = ["address is ", "address: "].iter().find_map(|key| word_behind(line, key));
    if let Some(mac) = mac.as_deref().and_then(own_mac) {
        capture.port(device, name, at).mac = Some(mac);
    }
    if let Some(mtu) = word_behind(line, "MTU ").and_then(|mtu| mtu.parse().ok()) {
        capture.port(device, name, at).mtu = Some(mtu);
    }
    if let Some(text) = line.strip_prefix("Description: ") {
        capture.port(device, name, at).description = Some(text.to_owned());
    }
    if let Some(vrf) = word_behind(line, "VPN Routing/Forwarding ") {
        capture.port(device, name, at).vrf = Some(vrf.trim_matches('"').to_owned());
    }
    if let Some(member) = line.strip_prefix("Members in this channel: ") {
        for member in member.split([',', ' ']).filter(|member| !member.is_empty()) {
            let member = capture.spelling(device, member);
            capture.lag(device, name, at).members.insert(member);
        }
    }
    read_text_address(device, name, line, at, capture)
}

/// `Internet address is 10.0.0.1/30`, `IP address: 10.0.0.1, IP subnet: 10.0.0.0/30`
fn read_text_address(
    device: &str,
    name: &str,
    line: &str,
    at: Timestamp,
    capture: &mut Capture,
) -> Result<(), String> {
    let prefix = if let Some(prefix) = word_behind(line, "Internet address is ") {
        Some(prefix).filter(|prefix| prefix.contains('/'))
    } else if let Some(ip) = word_behind(line, "IP address: ") {
        let length = word_behind(line, "IP subnet: ")
            .and_then(|net| net.split_once('/').map(|(_, length)| length.to_owned()));
        Some(format!("{ip}/{}", length.unwrap_or_else(|| "32".into())))
    } else {
        None
    };
    if let Some(prefix) = prefix {
        capture.add_address(device, name, &prefix, at)?;
        capture.port(device, name, at).mode = Some("routed");
    }
    Ok(())
}

fn word_behind(line: &str, key: &str) -> Option<String> {
    let (_, rest) = line.split_once(key)?;
    let word = rest.split_whitespace().next()?;
    Some(word.trim_end_matches([',', ')', '.']).to_owned())
}
