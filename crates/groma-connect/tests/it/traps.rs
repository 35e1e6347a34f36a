//! What real captures do to a reader, each in a few lines.

use serde_json::{Value, json};

use crate::heard::{World, folder, hear};

/// A record of a capture.
fn record(device: &str, devtype: &str, cmd: &str, data: Value) -> Value {
    record_at(1_600_000_000_000, device, devtype, cmd, data)
}

fn record_at(at: i64, device: &str, devtype: &str, cmd: &str, data: Value) -> Value {
    json!({
        "status": 0, "timestamp": at, "cmd": cmd, "devtype": devtype, "namespace": "t",
        "hostname": device, "address": null, "version": "1", "data": data,
    })
}

/// Reads a folder of captures, given by table.
fn capture(tables: &[(&str, Vec<Value>)]) -> World {
    let files: Vec<(String, Vec<u8>)> = (tables.iter())
        .map(|(table, records)| {
            (format!("{table}.output"), json!(records).to_string().into_bytes())
        })
        .collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    hear(folder(&files).path())
}

fn nxos_lldp(device: &str, rows: &[(&str, &str, &str)]) -> Value {
    let rows: Vec<Value> = (rows.iter())
        .map(|(port, peer, peer_port)| {
            json!({"chassis_type": "7", "chassis_id": peer, "l_port_id": port, "port_id": peer_port})
        })
        .collect();
    let data = json!({"TABLE_nbor": {"ROW_nbor": rows}, "neigh_count": "1"});
    record(device, "nxos", "show lldp neighbors | json native", data)
}

#[test]
fn a_flooding_management_bridge_is_not_a_cable() {
    // Trap c: all see one mgmt0; and h: two spellings of one port.
    let world = capture(&[(
        "lldp",
        vec![
            nxos_lldp(
                "leaf01",
                &[("mgmt0", "spine01", "mgmt0"), ("Eth1/1", "spine01", "Ethernet1/1")],
            ),
            nxos_lldp("leaf02", &[("mgmt0", "spine01", "mgmt0")]),
            nxos_lldp("spine01", &[("Eth1/1", "leaf01.lab.example", "Ethernet1/1")]),
        ],
    )]);
    let link = "leaf01:Eth1/1--spine01:Eth1/1";
    let links: Vec<_> = world.all("physical.link").map(|(key, _)| key).collect();
    assert_eq!(links, [link, "leaf01:mgmt0--spine01:mgmt0", "leaf02:mgmt0--spine01:mgmt0"]);
    assert_eq!(world.get("physical.link", link, "evidence"), "both-ends");
    assert_eq!(world.get("physical.link", link, "out_of_band"), "false");
    let bridge = |key, attribute| world.get("physical.link", key, attribute);
    assert_eq!(bridge("leaf01:mgmt0--spine01:mgmt0", "out_of_band"), "true");
    assert_eq!(bridge("leaf02:mgmt0--spine01:mgmt0", "evidence"), "segment");
}

#[test]
fn a_port_with_several_neighbours_is_a_hidden_segment() {
    // Trap d and h: IOS columns, `Te7/3` here and `te7/3` there.
    let table = "Device ID           Local Intf     Hold-time  Capability      Port ID\n";
    let ios = |device: &str, rows: &str| {
        record(device, "ios", "show lldp neighbors", json!(format!("{table}{rows}")))
    };
    let world = capture(&[(
        "lldp",
        vec![
            ios("bbra", "bozb Te1/3 120 B,R te7/3\nroza Te1/3 120 B,R Te2/1\n"),
            ios("bozb", "bbra Te7/3 120 B,R te1/3\n"),
            ios("roza", "core Te9/9 120 R Te1/1\n"),
        ],
    )]);
    let links: Vec<_> =
        world.all("physical.link").map(|(key, link)| (key, link["evidence"].as_str())).collect();
    assert_eq!(
        links,
        [
            ("bbra:Te1/3--bozb:Te7/3", "segment"),
            ("bbra:Te1/3--roza:Te2/1", "segment"),
            ("core:Te1/1--roza:Te9/9", "one-end"),
        ]
    );
}

#[test]
fn records_that_are_days_apart_are_told() {
    // Trap e.
    let arp = |at, device| {
        record_at(
            at,
            device,
            "linux",
            "ip neigh show",
            json!("10.0.0.1 dev eth0 lladdr 02:00:00:00:00:01 STALE\n"),
        )
    };
    let month = 31 * 86_400_000;
    let world = capture(&[(
        "arpnd",
        vec![arp(1_600_000_000_000, "a"), arp(1_600_000_000_000 + month, "b")],
    )]);
    assert_eq!(world.reasons(), ["the records of one capture are 31.0 days apart"]);
    assert_eq!(world.count("network.neighbor"), 2);
}

#[test]
fn vlan_ids_are_those_of_a_device() {
    // Trap g: the same id on two switches is two VLANs until a domain says otherwise.
    let vlan = |device, name| {
        let data =
            json!({"vlans": {"10": {"name": name, "interfaces": {"Ethernet1": {}, "Cpu": {}}}}});
        record(device, "eos", "show vlan brief", data)
    };
    let ports = |device| {
        let data = json!({"interfaces": {"Ethernet1": {"hardware": "ethernet", "forwardingModel": "bridged"}}});
        record(device, "eos", "show interfaces", data)
    };
    let world = capture(&[
        ("vlan", vec![vlan("a", "red"), vlan("b", "blue")]),
        ("interfaces", vec![ports("a"), ports("b")]),
    ]);
    assert_eq!(world.get("network.vlan", "a/10", "name"), "red");
    assert_eq!(world.get("network.vlan", "b/10", "name"), "blue");
    assert_eq!(world.get("physical.port", "a:Ethernet1", "access_vlan"), "10");
}

#[test]
fn an_address_learnt_on_several_ports_is_several_entries() {
    // Trap h: lists of ports, going on over lines.
    let table = "Vlan    Mac Address       Type        Ports\n\
                 10    0200.0000.0001    DYNAMIC     Gi1/0/1,Gi1/0/2\n\
                 20    0200.0000.0002    STATIC      Gi1/0/3\n\
                 \x20                                  Gi1/0/4\n";
    let world =
        capture(&[("macs", vec![record("s", "ios", "show mac address-table", json!(table))])]);
    let keys: Vec<_> = world.all("network.mac_entry").map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "s|10|02:00:00:00:00:01|Gi1/0/1",
            "s|10|02:00:00:00:00:01|Gi1/0/2",
            "s|20|02:00:00:00:00:02|Gi1/0/3",
            "s|20|02:00:00:00:00:02|Gi1/0/4",
        ]
    );
}

#[test]
fn what_no_reader_knows_is_a_problem() {
    let world = capture(&[
        ("lldp", vec![record("fw", "panos", "<show/>", json!("x"))]),
        ("interfaces", vec![record("sw", "eos", "show something", json!({}))]),
        ("novel", vec![]),
    ]);
    assert!(world.has_problem(&["fw", "panos"]));
    assert!(world.has_problem(&["sw: show something", "no reader for this command"]));
    assert!(world.has_problem(&["no table is named novel"]));
}

#[test]
fn nxos_speaks_in_tables_of_rows() {
    let nxos = |cmd: &str, data: Value| record("n1", "nxos", cmd, data);
    let world = capture(&[
        (
            "interfaces",
            vec![
                nxos(
                    "show interface brief | json native",
                    json!({"TABLE_interface": {"ROW_interface": [
                        {"interface": "Ethernet1/1", "vlan": "trunk", "type": "eth", "portmode": "trunk", "state": "up",
                         "state_rsn_desc": "none", "portchan": 10},
                        {"interface": "Ethernet1/2", "vlan": "20", "type": "eth", "portmode": "access", "state": "down",
                         "state_rsn_desc": "Administratively down"},
                        {"interface": "port-channel10", "vlan": "trunk", "portmode": "trunk", "state": "up"},
                        {"interface": "Vlan20", "svi_admin_state": "up", "svi_rsn_desc": "--"},
                    ]}}),
                ),
                nxos(
                    "show ip interface vrf all | json native",
                    json!({"TABLE_intf": [{"ROW_intf": {"vrf-name-out": "blue", "intf-name": "Vlan20",
                        "proto-state": "up", "admin-state": "up", "prefix": "10.20.0.1", "masklen": "24", "mtu": "9216"}}]}),
                ),
            ],
        ),
        (
            "vlan",
            vec![nxos(
                "show vlan brief | json native",
                json!({"TABLE_vlanbriefxbrief": {"ROW_vlanbriefxbrief": [
                    {"vlanshowbr-vlanid": "1", "vlanshowbr-vlanname": "default", "vlanshowplist-ifidx": "port-channel10"},
                    {"vlanshowbr-vlanid": "20", "vlanshowbr-vlanname": "app",
                     "vlanshowplist-ifidx": "Ethernet1/2,port-channel10"},
                ]}}),
            )],
        ),
        (
            "mlag",
            vec![nxos(
                "show vpc | json native",
                json!({"vpc-domain-id": "1", "vpc-peer-status": "peer-ok",
                    "TABLE_peerlink": {"ROW_peerlink": {"peerlink-ifindex": "Po1"}},
                    "TABLE_vpc": {"ROW_vpc": [{"vpc-id": "10", "vpc-ifindex": "Po10", "vpc-port-state": "1"}]}}),
            )],
        ),
        (
            "macs",
            vec![nxos(
                "show mac address-table | json native",
                json!({"TABLE_mac_address": {"ROW_mac_address": [
                    {"disp_mac_addr": "0200.0000.0001", "disp_vlan": "20", "disp_type": "* ", "disp_port": "Ethernet1/2"},
                    {"disp_mac_addr": "0200.0000.0002", "disp_vlan": "20", "disp_type": "C", "disp_port": "nve1(10.9.9.9)"},
                ]}}),
            )],
        ),
        (
            "arpnd",
            vec![nxos(
                "show ip arp detail vrf all | json native",
                json!({"TABLE_vrf": {"ROW_vrf": {"vrf-name-out": "all", "TABLE_adj": {"ROW_adj":
                    {"intf-out": "Vlan20", "ip-addr-out": "10.20.0.9", "mac": "0200.0000.0001"}}}}}),
            )],
        ),
        (
            "routes",
            vec![nxos(
                "show ip route vrf all | json native",
                json!({"TABLE_vrf": {"ROW_vrf": [{"vrf-name-out": "blue", "TABLE_addrf": {"ROW_addrf": {"addrf": "ipv4",
                "TABLE_prefix": {"ROW_prefix": [
                    {"ipprefix": "10.20.0.0/24", "TABLE_path": {"ROW_path":
                        {"ipnexthop": "10.20.0.1", "ifname": "Vlan20", "clientname": "direct", "ubest": true}}},
                    {"ipprefix": "10.30.0.0/24", "TABLE_path": {"ROW_path": [
                        {"ipnexthop": "10.9.9.9", "nexthop-vrf-name": "default", "clientname": "bgp-65000",
                         "metric": "0", "ubest": "true", "encap": "vxlan", "segmentid": "999"}]}},
                ]}}}}]}}),
            )],
        ),
    ]);
    assert_eq!(world.reasons(), ["the other switch of the MLAG pair cannot be told"]);
    let port = |name: &str, attribute| {
        world.get("physical.port", &format!("n1:{name}"), attribute).to_owned()
    };
    assert_eq!(port("Ethernet1/2", "access_vlan"), "20");
    assert_eq!(port("Ethernet1/2", "admin_up"), "false");
    assert_eq!(port("port-channel10", "allowed_vlans"), "1,20");
    assert_eq!((port("Vlan20", "vrf"), port("Vlan20", "vlan")), ("blue".into(), "20".into()));
    assert_eq!(world.get("network.lag", "n1:port-channel10", "members"), "n1:Ethernet1/1");
    assert_eq!(world.get("network.lag", "n1:port-channel10", "mlag_id"), "10");
    assert_eq!(world.get("network.mac_entry", "n1|20|02:00:00:00:00:02", "vtep"), "10.9.9.9");
    assert_eq!(world.get("network.mac_entry", "n1|20|02:00:00:00:00:01", "port"), "n1:Ethernet1/2");
    assert_eq!(world.get("network.neighbor", "n1|Vlan20|10.20.0.9", "mac"), "02:00:00:00:00:01");
    let route = |key: &str, attribute| world.get("network.route", key, attribute).to_owned();
    assert_eq!(route("n1|blue|10.20.0.0/24", "next_hop_ports"), "Vlan20");
    assert_eq!(route("n1|blue|10.30.0.0/24", "next_hop_vteps"), "10.9.9.9");
    assert_eq!(route("n1|blue|10.30.0.0/24", "protocol"), "bgp");
}

#[test]
fn old_nxos_and_ios_speak_in_columns() {
    let routes = "IP Route Table for VRF \"blue\"\n\
                  10.0.0.0/24, ubest/mbest: 2/0\n\
                  \x20   *via 10.1.1.1, Eth1/1, [110/5], 1d02h, ospf-1, intra\n\
                  \x20   *via 10.1.1.5, Eth1/2, [110/5], 1d02h, ospf-1, intra\n\
                  10.9.0.0/16, ubest/mbest: 1/0\n\
                  \x20   *via Null0, [220/0], 1d, bgp-65000, discard, tag 65000\n";
    let ios = "Gateway of last resort is 10.2.0.1 to network 0.0.0.0\n\n\
               S*    0.0.0.0/0 [1/0] via 10.2.0.1\n\
               \x20     10.0.0.0/8 is variably subnetted, 3 subnets, 2 masks\n\
               C        10.2.0.0/30 is directly connected, GigabitEthernet0/1\n\
               L        10.2.0.2/32 is directly connected, GigabitEthernet0/1\n\
               O        10.3.0.0/24 [110/2] via 10.2.0.1, 00:10:00, GigabitEthernet0/1\n\
               \x20                 [110/2] via 10.2.0.5, 00:10:00, GigabitEthernet0/2\n";
    let world = capture(&[(
        "routes",
        vec![
            record("n", "nxos", "show ip route vrf all", json!(routes)),
            record("i", "iosxe", "show ip route vrf *", json!(ios)),
        ],
    )]);
    assert_eq!(world.reasons(), Vec::<&str>::new());
    let route = |key: &str, attribute| world.get("network.route", key, attribute).to_owned();
    assert_eq!(route("n|blue|10.0.0.0/24", "next_hop_ports"), "Eth1/1,Eth1/2");
    assert_eq!(route("n|blue|10.0.0.0/24", "metric"), "5");
    assert_eq!(route("n|blue|10.9.0.0/16", "drop"), "true");
    assert_eq!(route("i|default|0.0.0.0/0", "next_hop_ips"), "10.2.0.1");
    assert_eq!(
        route("i|default|10.3.0.0/24", "next_hop_ports"),
        "GigabitEthernet0/1,GigabitEthernet0/2"
    );
    assert_eq!(route("i|default|10.2.0.0/30", "protocol"), "connected");
    assert_eq!(world.count("network.route"), 5);
}

#[test]
fn old_nxos_pairs_in_text() {
    let brief = "Ethernet   VLAN  Type Mode   Status  Reason  Speed  Port\n\
                 Eth1/1     1     eth  trunk  up      none    10G(D) 1\n\
                 Eth1/2     20    eth  access down    Administratively down auto(D) --\n\
                 Po1        1     eth  trunk  up      none    a-10G(D) lacp\n\
                 Lo0        up    --\n";
    let vpc = "vPC domain id                     : 1\n\
               Peer status                       : peer adjacency formed ok\n\
               vPC Peer-link status\n\
               id   Port   Status Active vlans\n\
               1    Po1    up     1,20\n\
               vPC status\n\
               10    Po10        up     success     success     20\n";
    let row = json!({"disp_mac_addr": "0200.0000.0001", "disp_vlan": "20", "disp_type": "+", "disp_port": "vPC Peer-Link(R)"});
    let switch = |device: &str| {
        vec![
            ("interfaces", record(device, "nxos", "show interface brief", json!(brief))),
            ("mlag", record(device, "nxos", "show vpc", json!(vpc))),
            (
                "mlag",
                record(
                    device,
                    "nxos",
                    "show vpc role",
                    json!("vPC system-mac  : 00:23:04:ee:be:01\n"),
                ),
            ),
            (
                "macs",
                record(
                    device,
                    "nxos",
                    "show mac address-table | json native",
                    json!({"TABLE_mac_address": {"ROW_mac_address": row}}),
                ),
            ),
        ]
    };
    let records: Vec<_> = switch("n1").into_iter().chain(switch("n2")).collect();
    let of = |table: &str| {
        let own = records.iter().filter(|(name, _)| *name == table);
        own.map(|(_, record)| record.clone()).collect::<Vec<_>>()
    };
    let tables = ["interfaces", "mlag", "macs"].map(|table| (table, of(table)));
    let world = capture(&tables);
    assert_eq!(world.reasons(), Vec::<&str>::new());
    assert_eq!(world.get("network.mlag_domain", "n1+n2", "peer_links"), "n1:Po1,n2:Po1");
    assert_eq!(world.get("network.mlag_domain", "n1+n2", "up"), "true");
    assert_eq!(world.get("network.lag", "n1:Po1", "members"), "n1:Eth1/1");
    assert_eq!(world.get("network.lag", "n2:Po10", "mlag_id"), "10");
    assert_eq!(world.get("physical.port", "n1:Eth1/2", "access_vlan"), "20");
    assert_eq!(world.get("physical.port", "n1:Eth1/2", "admin_up"), "false");
    assert_eq!(world.get("network.mac_entry", "n1|20|02:00:00:00:00:01", "port"), "n1:Po1");
}

#[test]
fn junos_wraps_every_value() {
    fn data(text: &str) -> Value {
        json!([{"data": text}])
    }
    let junos = |cmd: &str, answer: Value| {
        record(
            "j",
            "junos-qfx",
            &format!("{cmd} | display json | no-more"),
            json!(answer.to_string()),
        )
    };
    let family = json!([
        {"address-family-name": data("inet"),
         "interface-address": [{"ifa-local": data("10.20.0.1"), "ifa-destination": data("10.20.0/24")}]},
        {"address-family-name": data("inet"),
         "interface-address": [{"ifa-local": data("10.21.0.1"), "ifa-destination": data("10.21.0.0/24")}]},
    ]);
    let member = |name: &str, tag: &str| json!({"l2ng-l2rtb-vlan-member-interface": data(name), "l2ng-l2rtb-vlan-member-tagness": data(tag)});
    let world = capture(&[
        (
            "interfaces",
            vec![junos(
                "show interface",
                json!({"interface-information": [{"physical-interface": [
                    {"name": data("xe-0/0/1"), "oper-status": data("up"), "speed": data("10Gbps"),
                     "logical-interface": [{"name": data("xe-0/0/1.0"), "address-family": [
                        {"address-family-name": data("aenet"), "ae-bundle-name": data("ae1.0")}]}]},
                    {"name": data("ae1"), "oper-status": data("up")},
                    {"name": data("xe-0/0/2"), "oper-status": data("up")},
                    {"name": data("irb"), "oper-status": data("up"),
                     "logical-interface": [{"name": data("irb.20"), "address-family": family}]},
                    {"name": data("lsi"), "oper-status": data("up")},
                ]}]}),
            )],
        ),
        (
            "vlan",
            vec![junos(
                "show vlans detail",
                json!({"l2ng-l2ald-vlan-instance-information": [{"l2ng-l2ald-vlan-instance-group": [
                    {"l2ng-l2rtb-vlan-name": data("app"), "l2ng-l2rtb-vlan-tag": data("20"), "l2ng-l2rtb-vlan-member":
                        [member("ae1.0*", "tagged"), member("xe-0/0/2.0*", "untagged"), member("vtep.32769*", "")]},
                ]}]}),
            )],
        ),
        (
            "macs",
            vec![junos(
                "show ethernet-switching table detail",
                json!({"l2ng-l2ald-rtb-macdb": [{"l2ng-l2ald-mac-entry-vlan": [
                    {"l2ng-l2-mac-address": data("02:00:00:00:00:01"), "l2ng-l2-vlan-id": data("20"),
                     "l2ng-l2-mac-logical-interface": data("ae1.0")},
                    {"l2ng-l2-mac-address": data("02:00:00:00:00:02"), "l2ng-l2-vlan-id": data("20"),
                     "l2ng-l2-mac-logical-interface": data("vtep.32769"), "l2ng-l2-active-source": data("10.9.9.9")},
                ]}]}),
            )],
        ),
        (
            "routes",
            vec![junos(
                "show route",
                json!({"route-information": [{"route-table": [
                    {"table-name": data("blue.inet.0"), "rt": [{"rt-destination": data("10.20.0.0/24"), "rt-entry": [
                        {"active-tag": data("*"), "protocol-name": data("Direct"), "nh": [{"via": data("irb.20")}]}]}]},
                    {"table-name": data("bgp.evpn.0"), "rt": [{"rt-destination": data("2:10.0.0.1:1::0/304")}]},
                ]}]}),
            )],
        ),
    ]);
    // The net is written short, which is no address.
    let port = |name: &str, attribute| {
        world.get("physical.port", &format!("j:{name}"), attribute).to_owned()
    };
    assert_eq!(port("xe-0/0/1", "speed_bits_per_second"), "10000000000");
    assert_eq!((port("ae1", "mode"), port("ae1", "allowed_vlans")), ("trunk".into(), "20".into()));
    assert_eq!(
        (port("xe-0/0/2", "mode"), port("xe-0/0/2", "access_vlan")),
        ("access".into(), "20".into())
    );
    assert_eq!((port("irb.20", "type"), port("irb.20", "vlan")), ("svi".into(), "20".into()));
    assert_eq!(world.get("network.lag", "j:ae1", "members"), "j:xe-0/0/1");
    assert_eq!(world.get("network.address", "j:irb.20|10.20.0.1", "prefix_length"), "24");
    assert_eq!(world.get("network.mac_entry", "j|20|02:00:00:00:00:01", "port"), "j:ae1");
    assert_eq!(world.get("network.mac_entry", "j|20|02:00:00:00:00:02", "vtep"), "10.9.9.9");
    assert_eq!(world.get("network.route", "j|blue|10.20.0.0/24", "next_hop_ports"), "irb.20");
    assert_eq!(world.count("network.route"), 1);
    assert_eq!(world.reasons(), Vec::<&str>::new());
}
