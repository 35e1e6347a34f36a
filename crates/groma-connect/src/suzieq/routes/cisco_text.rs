//! The texts of `show ip route` of NX-OS and IOS.

use super::{cisco_protocol, network};
use crate::suzieq::capture::{Capture, DEFAULT_VRF, NextHop, Route};
use crate::suzieq::record::Record;

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let text = record.text()?;
    if text.lines().any(|line| line.contains("ubest/mbest")) {
        read_nxos(record, text, capture);
    } else {
        read_ios(record, text, capture);
    }
    Ok(())
}

/// ```text
/// IP Route Table for VRF "default"
/// 10.0.0.0/24, ubest/mbest: 1/0, attached
///     *via 10.0.0.1, Eth1/1, [0/0], 1d02h, direct
/// ```
fn read_nxos(record: &Record, text: &str, capture: &mut Capture) {
    let mut vrf = DEFAULT_VRF.to_owned();
    let mut open: Option<(String, Route)> = None;
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("VRF \"") {
            close(record, &vrf, &mut open, capture);
            vrf = rest.split('"').next().unwrap_or(DEFAULT_VRF).to_owned();
        } else if let Some((destination, _)) = line.split_once(", ubest/mbest") {
            close(record, &vrf, &mut open, capture);
            match network(destination.trim()) {
                Ok(prefix) => {
                    open = Some((prefix, Route { at: record.at(), ..Route::default() }));
                }
                Err(reason) => capture.problems.push(record.problem("routes", line, reason)),
            }
        } else if let (Some(rest), Some((_, route))) =
            (line.trim().strip_prefix("*via "), &mut open)
        {
            take_nxos_hop(rest, route);
        }
    }
    close(record, &vrf, &mut open, capture);
}

/// `10.0.0.1%default, Eth1/1, [200/0], 1d02h, bgp-65000, internal, tag 65000, segid: 999 tunnelid: 0x.. encap: VXLAN`
fn take_nxos_hop(rest: &str, route: &mut Route) {
    let parts: Vec<&str> = rest.split(',').map(str::trim).collect();
    let is_address = |word: &str| word.parse::<std::net::IpAddr>().is_ok();
    let first = parts[0].split('%').next().unwrap_or(parts[0]);
    let preference = parts.iter().position(|part| part.starts_with('['));
    let client = preference.and_then(|at| parts.get(at + 2)).copied().unwrap_or_default();
    let port = match preference {
        Some(2..) => parts[1],
        _ if is_address(first) => "",
        _ => first,
    };
    if let Some(metric) =
        preference.and_then(|at| parts[at].trim_matches(['[', ']']).split('/').nth(1))
    {
        route.metric = metric.parse().ok();
    }
    route.protocol = Some(cisco_protocol(client));
    if port.to_ascii_lowercase().starts_with("null") {
        route.drop = true;
        return;
    }
    let ip = if is_address(first) { first } else { "" };
    let is_attached = matches!(client, "direct" | "local" | "hsrp" | "vrrp" | "am" | "hmm");
    let is_tunnel = rest.contains("encap: VXLAN") || rest.contains("segid:");
    route.hops.push(if is_tunnel {
        NextHop { ip: String::new(), port: String::new(), vtep: ip.to_owned() }
    } else {
        let ip = if is_attached { "" } else { ip };
        NextHop { ip: ip.to_owned(), port: port.to_owned(), vtep: String::new() }
    });
}

fn close(record: &Record, vrf: &str, open: &mut Option<(String, Route)>, capture: &mut Capture) {
    if let Some((prefix, route)) = open.take() {
        capture.add_route(&record.hostname, vrf, &prefix, route);
    }
}

/// ```text
/// O     10.0.0.0/24 [110/2] via 10.1.1.1, 00:10:00, GigabitEthernet0/1
///                   [110/2] via 10.1.1.5, 00:10:00, GigabitEthernet0/2
/// C     10.1.1.0/30 is directly connected, GigabitEthernet0/1
/// ```
fn read_ios(record: &Record, text: &str, capture: &mut Capture) {
    let mut vrf = DEFAULT_VRF.to_owned();
    let mut open: Option<(String, Route)> = None;
    // `10.0.0.0/24 is subnetted, 3 subnets`: lines below may leave the length out.
    let mut length_above: Option<String> = None;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(name) = line.strip_prefix("Routing Table: ") {
            close(record, &vrf, &mut open, capture);
            vrf = name.trim().to_owned();
            continue;
        }
        if line.contains("subnetted") {
            close(record, &vrf, &mut open, capture);
            length_above = words
                .first()
                .filter(|_| line.contains(" is subnetted"))
                .and_then(|net| net.split_once('/'))
                .map(|(_, length)| length.to_owned());
            continue;
        }
        let Some(at) = words.iter().position(|word| is_destination(word)) else { continue };
        // `O`, `S*`, `O E2`, `i L1`: short words in front of the destination of a new line.
        let has_code = (1..=3).contains(&at)
            && line.starts_with(|c: char| c.is_ascii_alphabetic())
            && words[..at].iter().all(|word| word.len() <= 3);
        if has_code && !words[..at].contains(&"via") {
            close(record, &vrf, &mut open, capture);
            // The device's own address.
            if words[0] == "L" {
                continue;
            }
            let destination = match (&length_above, words[at].contains('/')) {
                (Some(length), false) => format!("{}/{length}", words[at]),
                _ => words[at].to_owned(),
            };
            let Ok(prefix) = network(&destination) else {
                capture.problems.push(record.problem("routes", line, "no prefix in the line"));
                continue;
            };
            let protocol = Some(ios_protocol(words[0]));
            open = Some((prefix, Route { at: record.at(), protocol, ..Route::default() }));
        }
        if let Some((_, route)) = &mut open {
            take_ios_hop(&words, route);
        }
    }
    close(record, &vrf, &mut open, capture);
}

fn is_destination(word: &str) -> bool {
    super::split_prefix(word.trim_end_matches(',')).is_ok()
}

fn take_ios_hop(words: &[&str], route: &mut Route) {
    let port = words.last().copied().filter(|word| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.contains(|c: char| c.is_ascii_digit())
    });
    if let Some(metric) = words.iter().find(|word| word.starts_with('[')) {
        let metric = metric.trim_matches(['[', ']']).split('/').nth(1);
        route.metric = metric.and_then(|metric| metric.parse().ok());
    }
    let ip = crate::suzieq::linux::after(words, "via").map(|ip| ip.trim_end_matches(','));
    let port = port.unwrap_or_default();
    if port.to_ascii_lowercase().starts_with("null") {
        route.drop = true;
    } else if ip.is_some() || words.contains(&"connected,") {
        let ip = ip.unwrap_or_default().to_owned();
        route.hops.push(NextHop { ip, port: port.to_owned(), vtep: String::new() });
    }
}

fn ios_protocol(code: &str) -> String {
    match code.trim_end_matches('*') {
        "C" => "connected",
        "S" => "static",
        "O" => "ospf",
        "B" => "bgp",
        "D" => "eigrp",
        "R" => "rip",
        "i" => "isis",
        other => return other.to_ascii_lowercase(),
    }
    .to_owned()
}
