//! Layer 3: gateways, routing tables, tunnels, exits.

use crate::world::{devices, network, path};

/// Two VLANs on two access switches; both distribution switches route.
const TWO_VLANS: &str = "
    device a1 role=access
    device d1 role=distribution
    device d2 role=distribution
    port a1:u1 mode=trunk
    port a1:u2 mode=trunk
    port d1:e1 mode=trunk
    port d2:e1 mode=trunk
    port d1:peer mode=trunk
    port d2:peer mode=trunk
    cable a1:u1 d1:e1
    cable a1:u2 d2:e1
    cable d1:peer d2:peer
    port a1:e1 mode=access access_vlan=10
    port a1:e2 mode=access access_vlan=20
    device h1 role=host
    device h2 role=host
    address h1:eth0|10.0.10.1/24
    address h2:eth0|10.0.20.2/24
    cable h1:eth0 a1:e1
    cable h2:eth0 a1:e2
    port d1:vlan10 type=svi vlan=10
    port d1:vlan20 type=svi vlan=20
    port d2:vlan10 type=svi vlan=10
    port d2:vlan20 type=svi vlan=20
    ";

#[test]
fn the_active_member_of_a_redundancy_group_routes() {
    let world = format!(
        "{TWO_VLANS}
        address d1:vlan10|10.0.10.252/24
        address d2:vlan10|10.0.10.253/24
        address d1:vlan20|10.0.20.252/24
        address d2:vlan20|10.0.20.253/24
        gateway 10.0.10.254 protocol=hsrp vid=10 members=d1,d2 active=d2
        gateway 10.0.20.254 protocol=vrrp vid=20 members=d1,d2 active=d1"
    );
    assert_eq!(devices(&network(&world), "h1", "h2"), ["1 h1 a1 d2 a1 h2"]);
    assert_eq!(devices(&network(&world), "h2", "h1"), ["1 h2 a1 d1 a1 h1"]);
    let down = format!("{world}\n device d2 role=distribution up=false");
    assert_eq!(devices(&network(&down), "h1", "h2"), ["1 h1 a1 d1 a1 h2"]);
}

#[test]
fn of_an_anycast_gateway_the_nearest_answer_and_share_alike() {
    let shared = "
        address d1:vlan10|10.0.10.254/24
        address d2:vlan10|10.0.10.254/24
        address d1:vlan20|10.0.20.254/24
        address d2:vlan20|10.0.20.254/24";
    let derived = network(&format!("{TWO_VLANS}{shared}"));
    assert_eq!(devices(&derived, "h1", "h2"), ["0.5 h1 a1 d1 a1 h2", "0.5 h1 a1 d2 a1 h2"]);
    let at_access = network(&format!(
        "{TWO_VLANS}{shared}
        port a1:vlan10 type=svi vlan=10
        port a1:vlan20 type=svi vlan=20
        address a1:vlan10|10.0.10.254/24
        address a1:vlan20|10.0.20.254/24"
    ));
    assert_eq!(path(&at_access, "h1", "h2"), "LOCAL h1:eth0>a1:e1 a1:e2>h2:eth0");
}

#[test]
fn a_single_routed_interface_is_the_gateway() {
    let world =
        format!("{TWO_VLANS} address d1:vlan10|10.0.10.254/24\n address d1:vlan20|10.0.20.254/24");
    assert_eq!(
        path(&network(&world), "h1", "h2"),
        "CROSSING h1:eth0>a1:e1 a1:u1>d1:e1 d1:e1>a1:u1 a1:e2>h2:eth0"
    );
}

#[test]
fn a_host_with_a_routing_table_uses_it() {
    let world = format!(
        "{TWO_VLANS}
        address d1:vlan10|10.0.10.254/24
        address d1:vlan20|10.0.20.254/24
        address d2:vlan10|10.0.10.253/24
        address d2:vlan20|10.0.20.253/24
        route h1|default|10.0.10.0/24 next_hop_ports=eth0
        route h1|default|10.0.0.0/8 next_hop_ips=10.0.10.253 next_hop_ports=eth0"
    );
    assert_eq!(devices(&network(&world), "h1", "h2"), ["1 h1 a1 d2 a1 h2"]);
}

/// Two routers between two networks, and a third way that is longer in prefix.
const ROUTED: &str = "
    device l1 role=access
    device s1 role=distribution
    device s2 role=distribution
    device l2 role=access
    address l1:e1|10.9.0.0/31
    address s1:e1|10.9.0.1/31
    address l1:e2|10.9.0.2/31
    address s2:e1|10.9.0.3/31
    address s1:e2|10.9.0.4/31
    address l2:e1|10.9.0.5/31
    address s2:e2|10.9.0.6/31
    address l2:e2|10.9.0.7/31
    cable l1:e1 s1:e1
    cable l1:e2 s2:e1
    cable s1:e2 l2:e1
    cable s2:e2 l2:e2
    port l1:vlan10 type=svi vlan=10
    port l2:vlan20 type=svi vlan=20
    address l1:vlan10|10.0.10.254/24
    address l2:vlan20|10.0.20.254/24
    port l1:h mode=access access_vlan=10
    port l2:h mode=access access_vlan=20
    device h1 role=host
    device h2 role=host
    address h1:eth0|10.0.10.1/24
    address h2:eth0|10.0.20.2/24
    cable h1:eth0 l1:h
    cable h2:eth0 l2:h
    route l1|default|10.0.20.0/24 next_hop_ips=10.9.0.1,10.9.0.3 next_hop_ports=e1,e2
    route s1|default|10.0.20.0/24 next_hop_ips=10.9.0.5 next_hop_ports=e2
    ";

#[test]
fn equal_routes_share_and_the_longest_prefix_wins() {
    let both = format!("{ROUTED} route s2|default|10.0.0.0/8 next_hop_ips=10.9.0.7");
    assert_eq!(devices(&network(&both), "h1", "h2"), ["0.5 h1 l1 s1 l2 h2", "0.5 h1 l1 s2 l2 h2"]);
    let host_route =
        format!("{both}\n route l1|default|10.0.20.2/32 next_hop_ips=10.9.0.3 next_hop_ports=e2");
    assert_eq!(devices(&network(&host_route), "h1", "h2"), ["1 h1 l1 s2 l2 h2"]);
}

#[test]
fn a_branch_that_does_not_deliver_carries_nothing_that_arrived() {
    let network = network(&format!("{ROUTED} route s2|default|10.0.20.0/24 drop=true"));
    assert_eq!(devices(&network, "h1", "h2"), ["1 h1 l1 s1 l2 h2"]);
    let (a, b) = (network.endpoint("h1").unwrap(), network.endpoint("h2").unwrap());
    assert_eq!(network.path(a, b).lost, 0.5);
}

#[test]
fn circles_and_missing_routes_are_unrouted() {
    let circle = format!(
        "{ROUTED}
        route l1|default|10.0.20.0/24 next_hop_ips=10.9.0.1 next_hop_ports=e1 seen=2
        route s1|default|10.0.20.0/24 next_hop_ips=10.9.0.0 next_hop_ports=e1 seen=2"
    );
    assert!(path(&network(&circle), "h1", "h2").starts_with("UNROUTED (the routes run"));
    assert!(path(&network(ROUTED), "h2", "h1").starts_with("UNROUTED (a device on the way has no"));
}

#[test]
fn a_routing_table_of_its_own_keeps_tenants_apart() {
    let world = ROUTED
        .replace("port l1:vlan10 type=svi", "port l1:vlan10 vrf=red type=svi")
        .replace("port l2:vlan20 type=svi", "port l2:vlan20 vrf=red type=svi");
    assert!(path(&network(&world), "h1", "h2").starts_with("UNROUTED"));
}

/// [`ROUTED`] as an overlay: tenants' routes lead into tunnels, which the spines route.
fn overlay(vteps: &str) -> String {
    format!(
        "{}
        port l1:lo type=loopback
        port l2:lo type=loopback
        address l1:lo|10.1.1.1/32
        address l2:lo|10.1.1.2/32
        {vteps}
        route l1|red|10.0.20.0/24 next_hop_vteps=10.1.1.2
        route l1|default|10.1.1.2/32 next_hop_ips=10.9.0.1,10.9.0.3 next_hop_ports=e1,e2
        route s1|default|10.1.1.2/32 next_hop_ips=10.9.0.5 next_hop_ports=e2
        route s2|default|10.1.1.2/32 next_hop_ips=10.9.0.7 next_hop_ports=e2",
        ROUTED
            .replace("port l1:vlan10 type=svi", "port l1:vlan10 vrf=red type=svi")
            .replace("port l2:vlan20 type=svi", "port l2:vlan20 vrf=red type=svi")
    )
}

#[test]
fn a_tunnel_is_routed_hop_by_hop_and_opened_at_its_end() {
    let world = overlay("vtep l1|10.1.1.1\n vtep l2|10.1.1.2");
    assert_eq!(devices(&network(&world), "h1", "h2"), ["0.5 h1 l1 s1 l2 h2", "0.5 h1 l1 s2 l2 h2"]);
}

#[test]
fn a_stretched_vlan_goes_through_the_tunnel_that_its_mac_was_learnt_behind() {
    let world = format!(
        "{}
        port l2:h2 mode=access access_vlan=10
        device h3 role=host
        port h3:eth0 mac=02:00:00:00:00:03
        address h3:eth0|10.0.10.3/24
        cable h3:eth0 l2:h2
        mac l1|10|02:00:00:00:00:03 vtep=10.1.1.2 type=remote",
        overlay("vtep l1|10.1.1.1\n vtep l2|10.1.1.2")
    );
    let network = network(&world);
    assert_eq!(devices(&network, "h1", "h3"), ["0.5 h1 l1 s1 l2 h3", "0.5 h1 l1 s2 l2 h3"]);
}

#[test]
fn what_lies_outside_costs_up_to_the_exit_and_back_the_same_way() {
    let world = format!(
        "{ROUTED}
        device x1 role=exit
        address l1:e9|10.9.0.8/31
        address x1:e1|10.9.0.9/31
        cable l1:e9 x1:e1
        route l1|default|0.0.0.0/0 next_hop_ips=10.9.0.9 next_hop_ports=e9"
    );
    let network = network(&world);
    assert_eq!(path(&network, "h1", "192.0.2.7"), "EXTERNAL h1:eth0>l1:h l1:e9>x1:e1");
    assert_eq!(path(&network, "192.0.2.7:80", "h1"), "EXTERNAL x1:e1>l1:e9 l1:h>h1:eth0");
}

#[test]
fn routers_addresses_are_end_points() {
    let network = network(&format!(
        "{ROUTED}
        port l1:lo type=loopback
        address l1:lo|10.1.1.1/32
        route s1|default|10.1.1.1/32 next_hop_ips=10.9.0.0 next_hop_ports=e1"
    ));
    assert_eq!(path(&network, "s1", "10.1.1.1"), "CROSSING s1:e1>l1:e1");
}

#[test]
fn a_firewall_without_neighbour_protocol_is_joined_by_its_addresses() {
    let world = format!(
        "{ROUTED}
        device f1 role=firewall
        port l1:e5.2 type=subinterface vlan=2 parent=l1:e5
        port f1:eth1.2 type=subinterface vlan=2 parent=f1:eth1
        address l1:e5.2|10.9.1.1/30
        address f1:eth1.2|10.9.1.2/30
        port f1:lo type=loopback
        address f1:lo|10.1.1.9/32
        route l1|default|10.1.1.9/32 next_hop_ips=10.9.1.2 next_hop_ports=e5.2"
    );
    let network = network(&world);
    assert_eq!(path(&network, "h1", "10.1.1.9"), "CROSSING h1:eth0>l1:h l1:e5>f1:eth1");
    let inferred: Vec<_> = network.links().iter().filter(|link| link.inferred).collect();
    assert_eq!(inferred.len(), 1);
}
