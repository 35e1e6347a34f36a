//! What real captures do to those who believe them.

use groma_network::Role;

use crate::world::{devices, network, path};

#[test]
fn one_mac_of_a_gateway_on_several_switches_does_not_move_hosts() {
    // (b) All four leaves answer for the gateway's MAC; the host hangs only where its own is.
    let mut world = String::from(
        "device h1 role=host
        port h1:eth0 mac=02:00:00:00:00:01
        address h1:eth0|10.0.10.1/24
        mac l1|10|02:00:00:00:00:01 port=l1:e1
        device h2 role=host
        port h2:eth0 mac=02:00:00:00:00:02
        address h2:eth0|10.0.20.2/24
        mac l1|20|02:00:00:00:00:02 port=l1:e2\n",
    );
    for leaf in ["l1", "l2", "l3", "l4"] {
        world += &format!(
            "device {leaf} role=access
            port {leaf}:v10 type=svi vlan=10 mac=44:39:39:ff:00:13
            port {leaf}:v20 type=svi vlan=20 mac=44:39:39:ff:00:13
            address {leaf}:v10|10.0.10.254/24
            address {leaf}:v20|10.0.20.254/24\n"
        );
    }
    assert_eq!(devices(&network(&world), "h1", "h2"), ["1 h1 l1 h2"]);
}

#[test]
fn the_management_network_carries_no_traffic() {
    // (c) Neighbours seen over a flooding bridge are no cables.
    let network = network(
        "device a1 role=access
        device a2 role=access
        cable a1:mgmt0 a2:mgmt0
        cable a1:oob a2:oob out_of_band=true",
    );
    assert_eq!(network.link_count(), 0);
}

#[test]
fn a_port_with_several_neighbours_is_a_shared_segment() {
    // (d) Routers of the Stanford backbone.
    let network = network(
        "device bbra role=router
        device boza role=router
        device rozb role=router
        address bbra:te1/3|10.0.0.1/24
        address boza:te1/1|10.0.0.2/24
        address rozb:te1/1|10.0.0.3/24
        cable bbra:te1/3 boza:te1/1
        cable bbra:te1/3 rozb:te1/1
        port rozb:lo type=loopback
        address rozb:lo|10.1.1.3/32
        route bbra|default|10.1.1.3/32 next_hop_ips=10.0.0.3 next_hop_ports=te1/3",
    );
    assert!(network.problems()[0].reason.contains("2 neighbours"), "{:?}", network.problems());
    assert_eq!(path(&network, "10.0.0.1", "10.1.1.3"), "CROSSING bbra:te1/3>rozb:te1/1");
}

#[test]
fn the_mac_of_loopbacks_is_no_mac() {
    // (f)
    let network = network(
        "device a1 role=access
        device h1 role=host
        port h1:lo type=loopback mac=00:00:00:00:00:00
        address h1:lo|10.1.1.1/32
        mac a1|10|00:00:00:00:00:00 port=a1:e1",
    );
    assert!(path(&network, "h1", "10.9.9.9").starts_with("UNPLACED"));
}

#[test]
fn a_port_is_one_port_however_it_is_spelt() {
    // (h) Neighbours, routes and tables spell it differently.
    let network = network(
        "device a1 role=access
        port a1:Ethernet1/1 mode=access access_vlan=10
        port a1:Ethernet1/2 mode=access access_vlan=10
        device h1 role=host
        device h2 role=host
        cable h1:eth0 a1:Eth1/1
        port h2:eth0 mac=02:00:00:00:00:02
        address h2:eth0|10.0.10.2/24
        mac a1|10|02:00:00:00:00:02 port=a1:ethernet1/2",
    );
    assert_eq!(path(&network, "h1", "h2"), "LOCAL h1:eth0>a1:Ethernet1/1 a1:Ethernet1/2>h2:eth0");
}

#[test]
fn roles_follow_from_the_distance_to_hosts() {
    let network = network(
        "device h1
        device leaf
        device spine
        device border
        address h1:eth0|10.0.10.1/24
        cable h1:eth0 leaf:e1
        cable leaf:u spine:e1
        cable spine:e2 border:e1
        host h1",
    );
    let role = |name: &str| network.device(network.device_named(name).unwrap()).role;
    assert_eq!(
        ["h1", "leaf", "spine", "border"].map(role),
        [Role::Host, Role::Access, Role::Distribution, Role::Core]
    );
}
