//! Captures of whole fabrics against what SuzieQ itself made of them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::heard::{World, hear, shared};

/// Rows that SuzieQ shows for a table: `command: lldp show --format=json --namespace=...`, `output: '[...]'`.
fn sample(path: &Path, table: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let command = format!("- command: {table} show --format=json --namespace");
    let (_, rest) = text.split_once(&command).unwrap();
    let (_, rest) = rest.split_once("output: '").unwrap();
    // A quote in such a text is written twice, a line end stands for a space.
    let mut output = String::new();
    let mut rest = rest;
    loop {
        let (part, after) = rest.split_once('\'').unwrap();
        output.push_str(part);
        match after.strip_prefix('\'') {
            Some(after) => {
                output.push('\'');
                rest = after;
            }
            None => break,
        }
    }
    let folded: Vec<&str> = output.lines().map(str::trim).collect();
    serde_json::from_str(&folded.join(" ")).unwrap()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap()
}

fn texts(row: &Value, field: &str) -> Vec<String> {
    row[field].as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Compares a fabric with its samples, row by row.
fn compare(world: &World, samples: &dyn Fn(&str) -> std::path::PathBuf) {
    let rows = |table: &str| sample(&samples(table), table);
    compare_links(world, &rows("lldp"));
    compare_ports(world, &rows("interface"));
    compare_neighbors(world, &rows("arpnd"));
    compare_macs(world, &rows("mac"));
    compare_routes(world, &rows("route"));
    for row in rows("device") {
        assert!(!world.get("physical.device", text(&row, "hostname"), "os").is_empty());
    }
}

fn compare_links(world: &World, rows: &[Value]) {
    let theirs: BTreeSet<(String, String)> = (rows.iter())
        .map(|row| {
            let near = format!("{}:{}", text(row, "hostname"), text(row, "ifname"));
            (near, format!("{}:{}", text(row, "peerHostname"), text(row, "peerIfname")))
        })
        .collect();
    let mut ours = BTreeSet::new();
    for (key, link) in world.all("physical.link") {
        assert_eq!(link["evidence"], "both-ends", "{key}");
        assert_eq!(link["out_of_band"], "false", "{key}");
        ours.insert((link["a"].clone(), link["b"].clone()));
        ours.insert((link["b"].clone(), link["a"].clone()));
    }
    assert_eq!(ours, theirs);
}

fn compare_ports(world: &World, rows: &[Value]) {
    // SuzieQ counts the routing tables of EOS as interfaces.
    for row in rows.iter().filter(|row| !(text(row, "type") == "vrf" && row["mtu"] == 1500)) {
        let key = format!("{}:{}", text(row, "hostname"), text(row, "ifname"));
        if is_internal(&key) {
            continue;
        }
        let up = text(row, "state") == "up";
        assert_eq!(world.get("physical.port", &key, "up"), up.to_string(), "{key}");
        for address in texts(row, "ipAddressList").iter().filter(|ip| !ip.starts_with("127.")) {
            let ip = address.split('/').next().unwrap();
            if !matches!(ip, "-" | "0.0.0.0") {
                assert_eq!(world.get("network.address", &format!("{key}|{ip}"), "ip"), ip);
            }
        }
    }
}

/// Interfaces inside the software of Junos, which have no socket and which we do not keep.
fn is_internal(key: &str) -> bool {
    ["dcedge01:dsc", "dcedge01:esi", "dcedge01:fti0", "dcedge01:gr-0/0/0", "dcedge01:vtep"]
        .contains(&key)
}

fn compare_neighbors(world: &World, rows: &[Value]) {
    assert_eq!(world.count("network.neighbor"), rows.len());
    for row in rows {
        let key =
            format!("{}|{}|{}", text(row, "hostname"), text(row, "oif"), text(row, "ipAddress"));
        let mac = Some(text(row, "macaddr")).filter(|mac| *mac != "00:00:00:00:00:00");
        assert_eq!(world.get("network.neighbor", &key, "mac"), mac.unwrap_or_default(), "{key}");
    }
}

/// SuzieQ has two rows for an address behind a tunnel, one with the VLAN and one with the tunnel; we have one with both.
fn compare_macs(world: &World, rows: &[Value]) {
    let ours: Vec<_> = world.all("network.mac_entry").map(|(_, entry)| entry).collect();
    for row in rows.iter().filter(|row| text(row, "macaddr") != "00:00:00:00:00:00") {
        let (device, vlan, vtep) =
            (text(row, "hostname"), row["vlan"].to_string(), text(row, "remoteVtepIp"));
        let port = format!("{device}:{}", text(row, "oif"));
        let found = ours.iter().any(|entry| {
            entry["device"] == device
                && entry["mac"] == text(row, "macaddr")
                && (vlan == "0" || entry["vlan"] == vlan)
                && match entry.get("port") {
                    Some(own) => *own == port,
                    None => vtep.is_empty() || entry.get("vtep").is_some_and(|own| own == vtep),
                }
        });
        assert!(found, "{row}");
    }
}

fn compare_routes(world: &World, rows: &[Value]) {
    for row in rows.iter().filter(|row| !text(row, "prefix").starts_with("ff02:")) {
        let key = format!("{}|{}|{}", text(row, "hostname"), text(row, "vrf"), text(row, "prefix"));
        let get = |attribute| world.get("network.route", &key, attribute);
        assert_eq!(get("drop"), (text(row, "action") != "forward").to_string(), "{key}");
        let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let mut ports = list(get("next_hop_ports"));
        // SuzieQ spells a way over a tunnel as one in another routing table.
        let mut theirs = texts(row, "oifs");
        for port in theirs.iter_mut().filter(|port| port.starts_with("_nexthopVrf")) {
            port.clear();
        }
        ports.sort();
        theirs.sort();
        if get("drop") == "false" {
            assert_eq!(ports, theirs, "{key}");
        }
        let reached: BTreeSet<String> = (list(get("next_hop_ips")).into_iter())
            .chain(list(get("next_hop_vteps")))
            .filter(|ip| !ip.is_empty())
            .collect();
        let theirs: BTreeSet<String> = texts(row, "nexthopIps")
            .into_iter()
            .filter(|ip| !ip.is_empty() && ip != "0.0.0.0")
            .collect();
        assert_eq!(reached, theirs, "{key}");
    }
}

fn cumulus(variant: &str) -> Option<World> {
    let input = shared(&format!("topology/suzieq/dual-attach_evpn_{variant}-input"))?;
    let samples = shared(&format!("topology/suzieq/dual-attach_evpn_{variant}-samples"))?;
    let world = hear(&input);
    assert_eq!(world.reasons(), Vec::<&str>::new());
    compare(&world, &|table| samples.join(format!("{table}.yml")));
    Some(world)
}

#[test]
fn the_centralized_fabric_is_heard_whole() {
    let Some(world) = cumulus("centralized") else { return };
    assert_eq!(world.count("physical.device"), 14);
    assert_eq!(world.count("physical.link"), 20, "40 rows, all reciprocal");
    assert_eq!(world.count("physical.port"), 166);
    assert_eq!(world.count("network.neighbor"), 198);
    // Gateways only on the exits, with the addresses that both hold (trap b).
    for (ip, mac, vid) in
        [("172.16.1.1", "44:39:39:ff:00:13", "13"), ("172.16.2.1", "44:39:39:ff:00:24", "24")]
    {
        let get = |attribute| world.get("network.gateway", &format!("evpn-vrf|{ip}"), attribute);
        assert_eq!((get("mac"), get("vid"), get("members")), (mac, vid, "exit01,exit02"));
        assert_eq!(
            world.get("network.address", &format!("exit01:vlan{vid}-v0|{ip}"), "shared"),
            "true"
        );
    }
    // Both servers hang on the same pair, in different VLANs (trap a: located by MAC on an edge port).
    let port = |attribute| world.get("physical.port", "leaf01:bond01", attribute);
    assert_eq!((port("mode"), port("access_vlan")), ("access", "13"));
    assert_eq!(
        world.get("network.mac_entry", "leaf01|13|52:54:00:4d:a6:fd", "port"),
        "leaf01:bond01"
    );
    assert_eq!(world.get("network.lag", "leaf02:bond01", "mlag_id"), "1");
    assert_eq!(world.get("network.mlag_domain", "leaf01+leaf02", "up"), "true");
    assert_eq!(world.get("network.vlan", "leaf01/13", "vni"), "13");
    assert_eq!(world.get("physical.device", "server101", "role"), "host");
    assert_eq!(world.get("physical.device", "edge01", "role"), "", "it routes");
}

#[test]
fn clocks_that_are_not_synchronized_are_told() {
    let Some(world) = cumulus("centralized") else { return };
    let wrong: Vec<&str> = (world.all("physical.device"))
        .filter(|(_, device)| device["clock_synchronized"] == "false")
        .map(|(name, _)| name)
        .collect();
    assert_eq!(wrong, ["exit01", "exit02", "internet"]);
}

#[test]
fn the_distributed_fabric_has_its_gateways_on_all_leaves() {
    let Some(world) = cumulus("distributed") else { return };
    assert_eq!(world.count("physical.port"), 178);
    let members = world.get("network.gateway", "evpn-vrf|172.16.1.1", "members");
    assert_eq!(members, "leaf01,leaf02,leaf03,leaf04");
}

#[test]
fn the_fabric_of_three_vendors_is_heard_whole() {
    let Some(folder) = shared("topology/suzieq/eos") else { return };
    let world = hear(&folder);
    let other: Vec<_> = world
        .reasons()
        .into_iter()
        .filter(|reason| *reason != "no importer recognises this file")
        .collect();
    assert_eq!(other, Vec::<&str>::new());
    compare(&world, &|table| folder.join(format!("{table}.samples.yml")));
    assert_eq!(world.count("network.mac_entry"), 192);
    let get = |attribute| world.get("network.gateway", "evpn-vrf|172.16.3.254", attribute);
    assert_eq!(get("members"), "leaf01,leaf02,leaf03,leaf04");
    assert_eq!(
        world.get("physical.port", "leaf01:Port-Channel1", "allowed_vlans"),
        "1,10,30,1006,4094"
    );
    let entry =
        |attribute| world.get("network.mac_entry", "leaf01|30|d2:74:8c:66:e7:e2", attribute);
    assert_eq!((entry("port"), entry("vtep"), entry("type")), ("", "10.0.0.134", "remote"));
    let route =
        |attribute| world.get("network.route", "exit01|evpn-vrf|172.16.3.202/32", attribute);
    assert_eq!((route("next_hop_vteps"), route("protocol")), ("10.0.0.134", "ibgp"));
    let port = |attribute| world.get("physical.port", "exit01:Ethernet3.3", attribute);
    assert_eq!((port("parent"), port("vlan"), port("vrf")), ("exit01:Ethernet3", "3", "evpn-vrf"));
    // All zeros are nobody's address (trap f).
    assert!(
        world
            .all("physical.port")
            .all(|(_, port)| port.get("mac").is_none_or(|mac| mac != "00:00:00:00:00:00"))
    );
    assert_eq!(world.get("physical.port", "server101:eth0", "type"), "management");
}

#[test]
fn observed_at_is_the_clock_of_the_record() {
    let Some(folder) = shared("topology/suzieq/eos") else { return };
    let world = hear(&folder);
    let leaf = world.observations.iter().find(|o| o.key == "leaf01:Vlan10").unwrap();
    assert_eq!(leaf.observed_at.to_string().get(..10), Some("2021-06-07"));
}
