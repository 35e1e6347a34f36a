//! Layer 2: VLANs, trunks, bundles, MLAG, spanning tree.

use crate::world::{devices, network, path};

/// Two hosts of VLAN 10 on two access switches below a pair of distribution switches.
const SQUARE: &str = "
    device a1 role=access
    device a2 role=access
    device d1 role=distribution
    device d2 role=distribution
    port a1:u1 mode=trunk allowed_vlans=10,20
    port a1:u2 mode=trunk allowed_vlans=10,20
    port a2:u1 mode=trunk allowed_vlans=10,20
    port a2:u2 mode=trunk allowed_vlans=10
    cable a1:u1 d1:e1
    cable a1:u2 d2:e1
    cable a2:u1 d1:e2
    cable a2:u2 d2:e2
    port a1:e1 mode=access access_vlan=10
    port a2:e1 mode=access access_vlan=10
    device h1 role=host
    device h2 role=host
    cable h1:eth0 a1:e1
    cable h2:eth0 a2:e1
    ";

#[test]
fn of_equal_ways_one_is_taken_where_nothing_allows_to_share() {
    let network = network(SQUARE);
    assert_eq!(
        path(&network, "h1", "h2"),
        "CROSSING h1:eth0>a1:e1 a1:u1>d1:e1 d1:e2>a2:u1 a2:e1>h2:eth0"
    );
}

#[test]
fn a_blocked_port_and_a_trunk_that_lacks_the_vlan_are_gone_round() {
    let blocked = format!("{SQUARE} stp a1:u1|10 state=blocking");
    assert_eq!(devices(&network(&blocked), "h1", "h2"), ["1 h1 a1 d2 a2 h2"]);
    let pruned = format!("{SQUARE} port a1:u1 mode=trunk allowed_vlans=20");
    assert_eq!(devices(&network(&pruned), "h1", "h2"), ["1 h1 a1 d2 a2 h2"]);
    let cut = format!("{SQUARE} cable a1:u1 d1:e1 up=false");
    assert_eq!(devices(&network(&cut), "h1", "h2"), ["1 h1 a1 d2 a2 h2"]);
    let down = format!("{SQUARE} device d1 role=distribution up=false");
    assert_eq!(devices(&network(&down), "h1", "h2"), ["1 h1 a1 d2 a2 h2"]);
    let both = format!("{blocked}\n stp a1:u2|10 state=blocking");
    assert_eq!(path(&network(&both), "h1", "h2"), "UNROUTED (no switch path carries the VLAN)");
    let other = format!("{SQUARE} stp a1:u1|20 state=blocking");
    assert_eq!(devices(&network(&other), "h1", "h2"), ["1 h1 a1 d1 a2 h2"]);
}

#[test]
fn a_bundle_is_one_edge_whose_cables_share_what_works() {
    let bundle = format!(
        "{SQUARE}
        lag a1:po1 members=a1:u1,a1:u3
        lag d1:po1 members=d1:e1,d1:e3
        port a1:po1 mode=trunk
        port d1:po1 mode=trunk
        cable a1:u3 d1:e3"
    );
    assert_eq!(
        path(&network(&bundle), "h1", "h2"),
        "CROSSING h1:eth0>a1:e1 a1:u1>d1:e1*0.5 a1:u3>d1:e3*0.5 d1:e2>a2:u1 a2:e1>h2:eth0"
    );
    let half = format!("{bundle}\n port a1:u3 up=false");
    assert_eq!(
        path(&network(&half), "h1", "h2"),
        "CROSSING h1:eth0>a1:e1 a1:u1>d1:e1 d1:e2>a2:u1 a2:e1>h2:eth0"
    );
}

#[test]
fn a_bundle_towards_an_mlag_pair_splits_over_both() {
    let world = format!(
        "{SQUARE}
        mlag d1+d2 peer_links=d1:peer,d2:peer
        cable d1:peer d2:peer
        lag a1:po1 members=a1:u1,a1:u2
        port a1:po1 mode=trunk"
    );
    assert_eq!(devices(&network(&world), "h1", "h2"), ["0.5 h1 a1 d1 a2 h2", "0.5 h1 a1 d2 a2 h2"]);
}

#[test]
fn the_peer_link_is_used_only_where_the_far_side_is_down() {
    let pair = "
        device a1 role=access
        device a2 role=access
        mlag a1+a2 peer_links=a1:peer,a2:peer
        cable a1:peer a2:peer
        port a1:e1 mode=access access_vlan=10
        port a2:e1 mode=access access_vlan=10
        port a1:e2 mode=access access_vlan=10
        port a2:e2 mode=access access_vlan=10
        device h1 role=host
        device h2 role=host
        lag h1:bond0 members=h1:eth0,h1:eth1
        lag h2:bond0 members=h2:eth0,h2:eth1
        address h1:bond0|10.0.10.1/24
        address h2:bond0|10.0.10.2/24
        cable h1:eth0 a1:e1
        cable h1:eth1 a2:e1
        cable h2:eth0 a1:e2
        ";
    let both = format!("{pair} cable h2:eth1 a2:e2");
    assert_eq!(devices(&network(&both), "h1", "h2"), ["0.5 h1 a1 h2", "0.5 h1 a2 h2"]);
    let one = format!("{pair} cable h2:eth1 a2:e2 up=false");
    assert_eq!(devices(&network(&one), "h1", "h2"), ["0.5 h1 a1 h2", "0.5 h1 a2 a1 h2"]);
    assert!(path(&network(&one), "h1", "h2").starts_with("LOCAL "));
}

#[test]
fn merged_vlans_are_one_on_every_cable_that_carries_any_of_them() {
    let world = format!(
        "{SQUARE}
        port a1:e3 mode=access access_vlan=20
        device h3 role=host
        cable h3:eth0 a1:e3
        address h1:eth0|10.0.10.1/24
        address h2:eth0|10.0.10.2/24
        address h3:eth0|10.0.20.3/24
        vlan dc/10
        "
    );
    let apart = network(&format!("{world} vlan dc/20"));
    assert_eq!(path(&apart, "h3", "h1"), "UNROUTED (no gateway serves the source)");
    let merged = network(&format!("{world} vlan dc/20 merged_into=dc/10"));
    assert_eq!(path(&merged, "h3", "h1"), "LOCAL h3:eth0>a1:e3 a1:e1>h1:eth0");
    assert_eq!(devices(&merged, "h3", "h2"), ["1 h3 a1 d1 a2 h2"]);
}

#[test]
fn a_vlan_id_means_another_vlan_in_another_domain() {
    let world = "
        domain east devices=a1
        domain west devices=a2
        device a1 role=access
        device a2 role=access
        port a1:e1 mode=access access_vlan=10
        port a2:e1 mode=access access_vlan=10
        port a1:u mode=trunk allowed_vlans=10
        port a2:u mode=trunk allowed_vlans=10
        cable a1:u a2:u
        device h1 role=host
        device h2 role=host
        cable h1:eth0 a1:e1
        cable h2:eth0 a2:e1";
    let network = network(world);
    let vlan = |name: &str| network.vlan_of(network.endpoint(name).unwrap());
    assert_ne!(vlan("h1"), vlan("h2"));
    assert!(path(&network, "h1", "h2").starts_with("UNROUTED"));
}

#[test]
fn hosts_carry_nothing_for_others() {
    let world = format!(
        "{SQUARE} stp a1:u1|10 state=blocking
        stp a1:u2|10 state=blocking
        device h3 role=host
        port a1:e3 mode=access access_vlan=10
        port a2:e3 mode=access access_vlan=10
        cable h3:eth0 a1:e3
        cable h3:eth1 a2:e3"
    );
    assert!(path(&network(&world), "h1", "h2").starts_with("UNROUTED"));
}
