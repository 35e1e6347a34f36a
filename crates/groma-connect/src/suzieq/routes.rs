//! Routing tables.

use serde_json::Value;

use super::capture::{Capture, DEFAULT_VRF, Family, NextHop, Route, split_prefix};
use super::json::{entries, integer, items, junos_items, junos_text, rows, text};
use super::linux::after;
use super::record::Record;
use super::unknown_command;

mod cisco_text;

pub(super) fn read(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let family = record.family().unwrap_or_default();
    match family {
        Family::Linux | Family::LinuxSwitch => return read_linux(record, capture),
        Family::Ios => return cisco_text::read(record, capture),
        Family::Nxos if record.json().is_err() => return cisco_text::read(record, capture),
        _ => {}
    }
    let Some(answer) = record.json()? else { return Ok(()) };
    match family {
        Family::Eos => read_eos(record, &answer, capture),
        Family::Nxos => read_nxos(record, &answer, capture),
        Family::Junos => return read_junos(record, &answer, capture),
        _ => return Err(unknown_command(record)),
    }
    Ok(())
}

/// The network of a destination, host bits cleared. `default` is all of IPv4.
fn network(destination: &str) -> Result<String, String> {
    if destination == "default" {
        return Ok("0.0.0.0/0".into());
    }
    let (ip, length) = split_prefix(destination)?;
    let net = ipnet::IpNet::new(ip, length as u8).map_err(|error| error.to_string())?;
    Ok(net.trunc().to_string())
}

/// `172.16.1.0/24 dev vlan13 table evpn-vrf proto kernel scope link src 172.16.1.11 metric 1024`; the ways of a
/// destination with several follow on lines that begin with `nexthop`.
fn read_linux(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let mut open: Option<(String, String, Route)> = None;
    for line in record.text()?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(first) = words.first() else { continue };
        if *first == "nexthop" {
            if let Some((_, _, route)) = &mut open {
                route.hops.push(linux_hop(&words));
            }
            continue;
        }
        close(record, &mut open, capture);
        match linux_route(record, &words) {
            Ok(route) => open = route,
            Err(reason) => capture.problems.push(record.problem("routes", line, reason)),
        }
    }
    close(record, &mut open, capture);
    Ok(())
}

fn close(record: &Record, open: &mut Option<(String, String, Route)>, capture: &mut Capture) {
    if let Some((vrf, prefix, route)) = open.take() {
        capture.add_route(&record.hostname, &vrf, &prefix, route);
    }
}

/// Metric of the last route of a table, which says only that nothing else matched.
const MISS_METRIC: &str = "4278198272";

/// `None`: a line that says nothing about where packets for others go (own addresses, broadcasts, link-local).
fn linux_route(record: &Record, words: &[&str]) -> Result<Option<(String, String, Route)>, String> {
    let (kind, destination) = match words {
        ["broadcast" | "multicast" | "local" | "anycast", ..] => return Ok(None),
        [kind @ ("unreachable" | "blackhole" | "prohibit" | "throw"), destination, ..] => {
            (*kind, *destination)
        }
        ["unicast", destination, ..] | [destination, ..] => ("", *destination),
        [] => return Ok(None),
    };
    let table = after(words, "table").unwrap_or("main");
    if table == "local" || destination.starts_with("fe80:") || destination.starts_with("ff00:") {
        return Ok(None);
    }
    // What the kernel puts behind each table so that a miss ends there: a miss is a miss without it.
    if table == "unspec" || (destination == "default" && words.contains(&MISS_METRIC)) {
        return Ok(None);
    }
    let is_six = words.contains(&"pref") || destination.contains(':');
    let prefix = match destination {
        "default" if is_six => "::/0".to_owned(),
        other => network(other)?,
    };
    if prefix.starts_with("127.") {
        return Ok(None);
    }
    let vrf = if table == "main" { DEFAULT_VRF } else { table };
    let metric = after(words, "metric").and_then(|metric| metric.parse::<i64>().ok());
    let drop = !kind.is_empty();
    let has_way = words.contains(&"dev") || words.contains(&"via");
    let hops = if has_way && !drop { vec![linux_hop(words)] } else { Vec::new() };
    let route = Route {
        at: record.at(),
        protocol: after(words, "proto").map(protocol),
        hops,
        drop,
        metric,
        rank: metric.unwrap_or(0),
    };
    Ok(Some((vrf.to_owned(), prefix, route)))
}

fn linux_hop(words: &[&str]) -> NextHop {
    // `via inet6 fe80::1` reaches an IPv4 destination over an IPv6 neighbour.
    let ip = match after(words, "via") {
        Some("inet6" | "inet") => {
            after(words, "inet6").or_else(|| after(words, "inet")).unwrap_or_default()
        }
        other => other.unwrap_or_default(),
    };
    let port = after(words, "dev").unwrap_or_default();
    NextHop { ip: ip.to_owned(), port: port.to_owned(), vtep: String::new() }
}

/// Names of protocols in one spelling; numbers of Linux' `proto` that routing daemons use get their name.
fn protocol(name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "186" => "bgp".into(),
        "188" => "ospf".into(),
        "196" => "static".into(),
        "direct" => "connected".into(),
        other => other.replace(' ', "-"),
    }
}

fn read_eos(record: &Record, answer: &Value, capture: &mut Capture) {
    for (vrf, table) in entries(answer, "vrfs") {
        for (destination, route) in entries(table, "routes") {
            let prefix = match network(destination) {
                Ok(prefix) => prefix,
                Err(reason) => {
                    capture.problems.push(record.problem("routes", destination, reason));
                    continue;
                }
            };
            let hops = items(route, "vias").iter().map(|via| NextHop {
                ip: text(via, "nexthopAddr").filter(|ip| ip != "0.0.0.0").unwrap_or_default(),
                port: text(via, "interface").unwrap_or_default(),
                vtep: text(via, "vtepAddr").unwrap_or_default(),
            });
            let route = Route {
                at: record.at(),
                protocol: text(route, "routeType").as_deref().map(protocol),
                hops: hops.collect(),
                drop: text(route, "routeAction").is_some_and(|action| action == "drop"),
                metric: integer(route, "metric"),
                rank: 0,
            };
            capture.add_route(&record.hostname, vrf, &prefix, route);
        }
    }
}

/// Ways over VXLAN name the tunnel end point as next hop, in the routing table of the underlay.
fn read_nxos(record: &Record, answer: &Value, capture: &mut Capture) {
    for vrf in rows(answer, "TABLE_vrf", "ROW_vrf") {
        let name = text(vrf, "vrf-name-out").unwrap_or_else(|| DEFAULT_VRF.into());
        for family in rows(vrf, "TABLE_addrf", "ROW_addrf") {
            for row in rows(family, "TABLE_prefix", "ROW_prefix") {
                let Some(destination) = text(row, "ipprefix") else { continue };
                match network(&destination) {
                    Ok(prefix) => {
                        let route = nxos_route(record, &name, row);
                        capture.add_route(&record.hostname, &name, &prefix, route);
                    }
                    Err(reason) => {
                        capture.problems.push(record.problem("routes", &destination, reason));
                    }
                }
            }
        }
    }
}

fn nxos_route(record: &Record, vrf: &str, row: &Value) -> Route {
    let paths = rows(row, "TABLE_path", "ROW_path");
    // Native JSON says true, the other one "true".
    let is_best = |path: &&&Value| {
        path.get("ubest").and_then(Value::as_bool).unwrap_or(false)
            || text(path, "ubest").as_deref() == Some("true")
    };
    let mut best: Vec<&&Value> = paths.iter().filter(is_best).collect();
    if best.is_empty() {
        best = paths.iter().collect();
    }
    let hop = |path: &Value| {
        // `10.0.0.134%default`: the next hop lies in another routing table.
        let next = text(path, "ipnexthop").unwrap_or_default();
        let (ip, table) = next.split_once('%').unwrap_or((&next, vrf));
        let ip = ip.to_owned();
        let other_vrf = text(path, "nexthop-vrf-name").map_or(table != vrf, |other| other != vrf);
        let port = text(path, "ifname").unwrap_or_default();
        let is_tunnel = text(path, "encap")
            .is_some_and(|encap| encap.eq_ignore_ascii_case("vxlan"))
            || text(path, "segmentid").is_some()
            || (other_vrf && port.is_empty());
        if is_tunnel {
            NextHop { ip: String::new(), port: String::new(), vtep: ip }
        } else {
            NextHop { ip, port, vtep: String::new() }
        }
    };
    let client = best.first().and_then(|path| text(path, "clientname"));
    let port_of = |hop: &NextHop| hop.port.to_ascii_lowercase();
    let mut hops: Vec<NextHop> = best.iter().map(|path| hop(path)).collect();
    let drop = hops.iter().any(|hop| port_of(hop).starts_with("null"));
    let is_attached =
        matches!(client.as_deref(), Some("direct" | "local" | "hsrp" | "vrrp" | "am" | "hmm"));
    if is_attached {
        // The next hop of an attached network is the device's own address.
        hops.iter_mut().for_each(|hop| hop.ip.clear());
    }
    if drop {
        hops.clear();
    }
    Route {
        at: record.at(),
        protocol: client.as_deref().map(cisco_protocol),
        hops,
        drop,
        metric: best.first().and_then(|path| integer(path, "metric")),
        rank: 0,
    }
}

/// `bgp-65000` and `ospf-1` carry the number of the process.
fn cisco_protocol(client: &str) -> String {
    let name = client.split('-').next().unwrap_or(client);
    protocol(name)
}

fn read_junos(record: &Record, answer: &Value, capture: &mut Capture) -> Result<(), String> {
    if record.cmd.starts_with("show evpn ip-prefix-database") {
        read_junos_evpn(record, answer, capture);
        return Ok(());
    }
    if !record.cmd.starts_with("show route") {
        return Err(unknown_command(record));
    }
    for table in junos_items(answer, &["route-information", "route-table"]) {
        let name = junos_text(table, "table-name").unwrap_or_default();
        let Some(vrf) = junos_vrf(&name) else { continue };
        for route in items(table, "rt") {
            let Some(mut destination) = junos_text(route, "rt-destination") else { continue };
            if let Some(length) = junos_text(route, "rt-prefix-length")
                && !destination.contains('/')
            {
                destination = format!("{destination}/{length}");
            }
            let Ok(prefix) = network(&destination) else {
                let reason = "the destination is no prefix";
                capture.problems.push(record.problem("routes", &destination, reason));
                continue;
            };
            if let Some(route) = junos_route(record, route) {
                capture.add_route(&record.hostname, vrf, &prefix, route);
            }
        }
    }
    Ok(())
}

/// `inet.0` is the default table, `blue.inet.0` that of blue. `None`: a table not for unicast IP (`bgp.evpn.0`, ...).
fn junos_vrf(table: &str) -> Option<&str> {
    match table {
        "inet.0" | "inet6.0" => Some(DEFAULT_VRF),
        other => {
            let vrf = other.strip_suffix(".inet.0").or_else(|| other.strip_suffix(".inet6.0"))?;
            (!vrf.starts_with(':') && !vrf.starts_with("__")).then_some(vrf)
        }
    }
}

/// `None`: no line of the destination is active, or it is the device's own address.
fn junos_route(record: &Record, route: &Value) -> Option<Route> {
    let lines = items(route, "rt-entry");
    let is_active = |line: &&Value| {
        line.get("current-active").is_some()
            || junos_text(line, "active-tag").is_some_and(|tag| matches!(tag.as_str(), "*" | "+"))
    };
    let line = lines.iter().find(is_active)?;
    let name = junos_text(line, "protocol-name").unwrap_or_default();
    let kind = junos_text(line, "nh-type").unwrap_or_default();
    let drop = matches!(kind.as_str(), "Discard" | "Reject");
    if name == "Multicast" || kind == "MultiRecv" || kind == "Receive" || name == "INET6" {
        return None;
    }
    let hops = items(line, "nh").iter().filter_map(|hop| {
        let port = junos_text(hop, "via").or_else(|| junos_text(hop, "nh-local-interface"));
        let ip = junos_text(hop, "to").unwrap_or_default();
        (port.is_some() || !ip.is_empty()).then(|| NextHop {
            ip,
            port: port.unwrap_or_default(),
            vtep: String::new(),
        })
    });
    Some(Route {
        at: record.at(),
        protocol: Some(protocol(&name)),
        hops: if drop { Vec::new() } else { hops.collect() },
        drop,
        metric: junos_text(line, "metric").and_then(|metric| metric.parse().ok()),
        rank: 0,
    })
}

/// Routes over VXLAN: the prefix, and the tunnel end point that advertises it.
fn read_junos_evpn(record: &Record, answer: &Value, capture: &mut Capture) {
    let contexts = ["evpn-ip-prefix-database-information", "evpn-pfxdb-l3-context"];
    for context in junos_items(answer, &contexts) {
        let vrf = junos_text(context, "context-name").unwrap_or_else(|| DEFAULT_VRF.into());
        let path = ["evpn-pfxdb-evpn-ip-table", "evpn-pfxdb-evpn-ip-entry"];
        for entry in junos_items(context, &path) {
            let prefix = junos_text(entry, "entry-prefix").and_then(|text| network(&text).ok());
            let Some(prefix) = prefix else { continue };
            let hops = items(entry, "evpn-pfxdb-evpn-ip-adv").iter().filter_map(|advertised| {
                let vtep = junos_text(advertised, "adv-bgp-nexthop")?;
                Some(NextHop { vtep, ..NextHop::default() })
            });
            let hops: Vec<NextHop> = hops.collect();
            let key = (record.hostname.clone(), vrf.clone(), prefix.clone());
            match capture.routes.get_mut(&key) {
                // The routing table knows the line, but only an internal interface as its way.
                Some(route) if !hops.is_empty() => route.hops = hops,
                Some(_) => {}
                None => {
                    let protocol = Some("evpn".to_owned());
                    let route = Route { at: record.at(), protocol, hops, ..Route::default() };
                    capture.add_route(&record.hostname, &vrf, &prefix, route);
                }
            }
        }
    }
}
