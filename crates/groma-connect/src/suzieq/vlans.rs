//! VLANs and the ports that carry them.

use serde_json::Value;

use super::capture::{Capture, Family};
use super::json::{entries, integer, items, junos_items, junos_text, rows, text};
use super::record::Record;
use super::unknown_command;

/// VLAN ids that can be used.
const VLANS: std::ops::RangeInclusive<i64> = 1..=4094;

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    match record.family().unwrap_or_default() {
        Family::Linux | Family::LinuxSwitch => read_bridge(record, capture),
        Family::Ios => read_ios(record, capture),
        family => {
            let Some(answer) = record.json()? else { return Ok(()) };
            match family {
                Family::Eos => read_eos(record, &answer, capture),
                Family::Nxos => read_nxos(record, &answer, capture),
                Family::Junos => read_junos(record, &answer, capture),
                _ => return Err(unknown_command(record)),
            }
            Ok(())
        }
    }
}

fn read_eos(record: &Record, answer: &Value, capture: &mut Capture) {
    for (vid, vlan) in entries(answer, "vlans") {
        let Ok(vid) = vid.parse() else { continue };
        note_vlan(record, vid, text(vlan, "name"), capture);
        for (port, _) in entries(vlan, "interfaces") {
            note_member(record, port, vid, capture);
        }
    }
}

fn read_nxos(record: &Record, answer: &Value, capture: &mut Capture) {
    for row in rows(answer, "TABLE_vlanbriefxbrief", "ROW_vlanbriefxbrief") {
        let Some(vid) =
            integer(row, "vlanshowbr-vlanid-utf").or_else(|| integer(row, "vlanshowbr-vlanid"))
        else {
            continue;
        };
        note_vlan(record, vid, text(row, "vlanshowbr-vlanname"), capture);
        let listed = match row.get("vlanshowplist-ifidx") {
            Some(Value::Array(parts)) => {
                parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
            }
            _ => text(row, "vlanshowplist-ifidx").unwrap_or_default(),
        };
        for port in expand_ports(&listed) {
            note_member(record, &port, vid, capture);
        }
    }
}

fn read_junos(record: &Record, answer: &Value, capture: &mut Capture) {
    let path = ["l2ng-l2ald-vlan-instance-information", "l2ng-l2ald-vlan-instance-group"];
    for vlan in junos_items(answer, &path) {
        let tag = junos_text(vlan, "l2ng-l2rtb-vlan-tag").and_then(|tag| tag.parse().ok());
        let Some(vid) = tag else { continue };
        note_vlan(record, vid, junos_text(vlan, "l2ng-l2rtb-vlan-name"), capture);
        // The unit of an irb need not have the number of its VLAN.
        if let Some(name) = junos_text(vlan, "l2ng-l2rtb-vlan-l3-interface") {
            let name = name.split_whitespace().next().unwrap_or(&name).to_owned();
            capture.port(&record.hostname, &name, record.at()).vlan = Some(vid);
        }
        for member in items(vlan, "l2ng-l2rtb-vlan-member") {
            let Some(name) = junos_text(member, "l2ng-l2rtb-vlan-member-interface") else {
                continue;
            };
            // A star marks a port that is up; the unit is that of the port.
            let name = name.trim_end_matches('*');
            let port = name.strip_suffix(".0").unwrap_or(name);
            if port.starts_with("vtep") {
                continue;
            }
            note_member(record, port, vid, capture);
            let is_tagged =
                junos_text(member, "l2ng-l2rtb-vlan-member-tagness").is_some_and(|t| t == "tagged");
            let port = capture.port(&record.hostname, port, record.at());
            if is_tagged {
                port.mode = Some("trunk");
            } else if port.mode == Some("trunk") {
                port.native_vlan = Some(vid);
            }
        }
    }
}

/// The text of `show vlan` of IOS: number, name, state, ports, the ports going on over lines.
fn read_ios(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let mut vid = None;
    for line in record.text()?.lines() {
        if line.starts_with("VLAN Type") {
            break;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_new =
            !line.starts_with(' ') && words.first().is_some_and(|word| word.parse::<i64>().is_ok());
        let ports = if is_new && words.len() >= 3 {
            vid = words[0].parse().ok();
            if let Some(vid) = vid {
                note_vlan(record, vid, Some(words[1].to_owned()), capture);
            }
            words[3..].join(" ")
        } else if line.starts_with(' ') {
            words.join(" ")
        } else {
            continue;
        };
        if let Some(vid) = vid {
            for port in ports.split(',').map(str::trim).filter(|port| !port.is_empty()) {
                note_member(record, port, vid, capture);
            }
        }
    }
    Ok(())
}

/// The text of `bridge vlan show`: a port with its first VLAN, then lines with only a VLAN.
fn read_bridge(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let device = record.hostname.as_str();
    let mut name: Option<String> = None;
    for line in record.text()?.lines().filter(|line| !line.starts_with("port")) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        if !line.starts_with(char::is_whitespace) {
            name = Some(words.remove(0).to_owned());
        }
        let (Some(name), Some(range)) = (&name, words.first()) else { continue };
        if *range == "None" {
            continue;
        }
        let vids = read_range(range).ok_or_else(|| format!("\"{line}\" names no VLAN"))?;
        for vid in vids.clone() {
            note_vlan(record, vid, None, capture);
        }
        let is_untagged = words.contains(&"PVID");
        let port = capture.port(device, name, record.at());
        port.allowed_vlans.extend(vids.clone());
        if is_untagged {
            port.native_vlan = Some(*vids.start());
        }
    }
    settle_bridge_ports(record, capture);
    Ok(())
}

/// A bridge port that carries only its untagged VLAN is an access port; all others are trunks.
fn settle_bridge_ports(record: &Record, capture: &mut Capture) {
    let device = record.hostname.as_str();
    let mut stretched = Vec::new();
    for ((owner, name), port) in &mut capture.ports {
        if owner != device || port.allowed_vlans.is_empty() || port.kind == Some("bridge") {
            continue;
        }
        match port.native_vlan {
            Some(only) if port.allowed_vlans.len() == 1 => {
                port.mode = Some("access");
                port.access_vlan = Some(only);
                port.native_vlan = None;
                port.allowed_vlans.clear();
                stretched.push((name.clone(), only));
            }
            _ => port.mode = Some("trunk"),
        }
    }
    for (name, vid) in stretched {
        let key = (device.to_owned(), name);
        if let Some(vni) = capture.vxlan_vnis.get(&key).copied() {
            capture.vlan(device, vid, record.at()).vni = Some(vni);
        }
    }
}

fn read_range(text: &str) -> Option<std::ops::RangeInclusive<i64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
    (VLANS.contains(&first) && VLANS.contains(&last)).then_some(first..=last)
}

fn note_vlan(record: &Record, vid: i64, name: Option<String>, capture: &mut Capture) {
    if VLANS.contains(&vid) {
        let vlan = capture.vlan(&record.hostname, vid, record.at());
        vlan.name = name.or(vlan.name.take());
    }
}

/// A port that carries a VLAN. `Cpu` is the switch's own interface in it.
fn note_member(record: &Record, port: &str, vid: i64, capture: &mut Capture) {
    if VLANS.contains(&vid) && port != "Cpu" && !port.starts_with("Peer") {
        let name = capture.spelling(&record.hostname, port);
        capture.memberships.entry((record.hostname.clone(), name)).or_default().insert(vid);
    }
}

/// `Ethernet1/1-3,port-channel10`: NX-OS shortens runs.
fn expand_ports(list: &str) -> Vec<String> {
    let mut ports = Vec::new();
    for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let run = part.rsplit_once('-').and_then(|(first, last)| {
            let digits = first.len() - first.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let (prefix, from) = first.split_at(first.len() - digits);
            let (from, to): (u32, u32) = (from.parse().ok()?, last.parse().ok()?);
            (from <= to && to - from < 1024).then(|| (prefix.to_owned(), from..=to))
        });
        match run {
            Some((prefix, run)) => ports.extend(run.map(|number| format!("{prefix}{number}"))),
            None => ports.push(part.to_owned()),
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_ports_are_written_out() {
        assert_eq!(
            expand_ports("Ethernet1/1-3, port-channel10"),
            ["Ethernet1/1", "Ethernet1/2", "Ethernet1/3", "port-channel10"]
        );
    }
}
