//! Where end points hang.

use groma_model::{EntityRef, Interval, Timestamp, Version};
use groma_network::{Network, PathClass, Placement};
use groma_store::{Change, Ruling, Verdict};

use crate::world::{changed, network, network_at, path, snapshot};

const SWITCHES: &str = "
    device a1 role=access
    device a2 role=access
    device d1 role=distribution
    port a1:up mode=trunk
    port a2:up mode=trunk
    port d1:e1 mode=trunk
    port d1:e2 mode=trunk
    cable a1:up d1:e1
    cable a2:up d1:e2
    port a1:e1 mode=access access_vlan=10
    port a1:e2 mode=access access_vlan=10
    port a2:e1 mode=access access_vlan=10
    ";

fn hangs_on(world: &str, name: &str) -> (Placement, Vec<String>) {
    let network = network(&format!("{SWITCHES}{world}"));
    let endpoint = network.endpoint_at(network.endpoint(name).unwrap());
    let ports = endpoint.attachments().iter().map(|a| network.port_label(a.port)).collect();
    (endpoint.placement, ports)
}

#[test]
fn a_mac_counts_where_it_is_learnt_on_an_edge_port() {
    // The switches on the way learn it too, on the ports that lead to it.
    let world = "arp d1|10.0.10.1 02:00:00:00:00:01
        subnet 10.0.10.0/24 vid=10
        mac d1|10|02:00:00:00:00:01 port=d1:e1
        mac a2|10|02:00:00:00:00:01 port=a2:up
        mac a1|10|02:00:00:00:00:01 port=a1:e1";
    assert_eq!(hangs_on(world, "10.0.10.1"), (Placement::Placed, vec!["a1:e1".into()]));
}

#[test]
fn the_newest_entry_wins_and_two_at_once_are_ambiguous() {
    let vm = "vm v1 mac=02:00:00:00:00:01 vlan=10
        mac a1|10|02:00:00:00:00:01 port=a1:e1";
    let old = format!("{vm} seen=1\n mac a2|10|02:00:00:00:00:01 port=a2:e1 seen=2678400000000000");
    assert_eq!(hangs_on(&old, "v1"), (Placement::Placed, vec!["a2:e1".into()]));
    let now = format!("{vm} seen=1\n mac a2|10|02:00:00:00:00:01 port=a2:e1 seen=2");
    assert_eq!(hangs_on(&now, "v1").0, Placement::Ambiguous);
    let other_vlan = format!("{vm}\n mac a2|20|02:00:00:00:00:01 port=a2:e1");
    assert_eq!(hangs_on(&other_vlan, "v1"), (Placement::Placed, vec!["a1:e1".into()]));
}

#[test]
fn behind_an_mlag_pair_it_hangs_on_both_though_one_has_not_learnt_it() {
    let world = "mlag a1+a2
        lag a1:po1 members=a1:e1 mlag_id=1
        lag a2:po1 members=a2:e1 mlag_id=1
        port a1:po1 type=lag mode=access access_vlan=10
        port a2:po1 type=lag mode=access access_vlan=10
        vm v1 mac=02:00:00:00:00:01
        mac a1|10|02:00:00:00:00:01 port=a1:po1";
    assert_eq!(hangs_on(world, "v1"), (Placement::Placed, vec!["a1:po1".into(), "a2:po1".into()]));
    let half_down = format!("{world}\n port a1:po1 type=lag up=false");
    assert_eq!(hangs_on(&half_down, "v1"), (Placement::Placed, vec!["a2:po1".into()]));
}

#[test]
fn a_cable_places_what_no_switch_has_learnt() {
    let bond = "device h1 role=host
        lag h1:bond0 members=h1:eth0,h1:eth1
        address h1:bond0|10.0.10.1/24
        cable h1:eth0 a1:e1
        cable h1:eth1 a2:e1";
    assert_eq!(hangs_on(bond, "h1"), (Placement::Placed, vec!["a1:e1".into(), "a2:e1".into()]));
    let cut = format!("{bond}\n cable h1:eth1 a2:e1 up=false");
    assert_eq!(hangs_on(&cut, "h1"), (Placement::Placed, vec!["a1:e1".into()]));
    let loose = "device h1 role=host\n cable h1:eth0 a1:e1\n cable h1:eth1 a2:e1";
    assert_eq!(hangs_on(loose, "h1").0, Placement::Ambiguous);
    let addressed = format!("{loose}\n address h1:eth1|10.0.10.1/24");
    assert_eq!(hangs_on(&addressed, "h1"), (Placement::Placed, vec!["a2:e1".into()]));
}

#[test]
fn what_cannot_be_placed_is_told_apart() {
    let world = "subnet 10.0.10.0/24 vid=10\n instance i1 address=10.0.10.77:80";
    assert_eq!(hangs_on(world, "i1").0, Placement::Unplaced);
    assert_eq!(hangs_on(world, "10.0.10.78").0, Placement::Unplaced);
    assert_eq!(hangs_on(world, "192.0.2.1:443").0, Placement::External);
    assert_eq!(hangs_on("device h9 role=host", "h9").0, Placement::Unplaced);
    assert!(network(SWITCHES).endpoint("nobody").is_none());
}

#[test]
fn two_unknown_addresses_are_not_one_machine() {
    let network = network(&format!("{SWITCHES}\n subnet 10.0.10.0/24 vid=10"));
    let class = |from, to| {
        let end = |name| network.endpoint(name).unwrap();
        network.path(end(from), end(to)).class
    };
    assert_eq!(class("192.0.2.1", "198.51.100.7"), PathClass::External);
    assert_eq!(class("10.0.10.78", "10.0.10.79"), PathClass::Unplaced);
}

#[test]
fn an_instance_is_found_through_what_it_runs_on() {
    let world = "
        device h1 role=host
        cable h1:eth0 a1:e1
        host h1
        vm v1 host=h1 address=10.0.10.5 vlan=10
        compute.container c1 runs_on=vm/v1
        compute.process p1 runs_on=container/c1
        instance i1 runs_on=process/p1
        instance i2 runs_on=vm/v1 address=10.0.10.5:8080
        subnet 10.0.10.0/24 vid=10";
    for name in ["i1", "i2", "instance/i1", "process/p1", "vm/v1", "10.0.10.5", "10.0.10.5:8080"] {
        assert_eq!(hangs_on(world, name), (Placement::Placed, vec!["a1:e1".into()]), "{name}");
    }
    let network = network(&format!("{SWITCHES}{world}"));
    assert_eq!(network.endpoint("10.0.10.5:8080"), network.endpoint("i2"));
    assert_eq!(path(&network, "i1", "i2"), "LOCAL");
}

#[test]
fn a_circle_of_containment_is_a_problem_and_no_endless_loop() {
    let network = network(
        "compute.process p1 runs_on=container/c1
         compute.container c1 runs_on=vm/v1
         vm v1 host=h1
         host h1
         instance i1 runs_on=container/c2
         compute.container c2 runs_on=vm/c2
         vm c2 host=c2",
    );
    assert!(network.endpoint("p1").is_some());
    assert_eq!(network.endpoint_at(network.endpoint("i1").unwrap()).placement, Placement::Unplaced);
}

#[test]
fn a_machine_hangs_where_its_cable_was_at_that_time() {
    let world = format!(
        "{SWITCHES}
        device h1 role=host
        address h1:eth0|10.0.10.1/24
        cable h1:eth0 a1:e1 to=100
        cable h1:eth0 a2:e1 from=100
        device h2 role=host
        cable h2:eth0 a1:e2"
    );
    let before = network_at(&world, Timestamp(50));
    let after = network_at(&world, Timestamp(100));
    assert_eq!(path(&before, "h1", "h2"), "LOCAL h1:eth0>a1:e1 a1:e2>h2:eth0");
    assert_eq!(
        path(&after, "h1", "h2"),
        "CROSSING h1:eth0>a2:e1 a2:up>d1:e2 d1:e1>a1:up a1:e2>h2:eth0"
    );
}

#[test]
fn an_address_belongs_to_who_has_it_and_not_to_who_had_it() {
    // Whichever name comes first.
    let world = "instance a address=10.0.0.5:80 from=100
        instance m address=10.0.0.6:80 to=100
        instance n address=10.0.0.6:80 from=100
        instance z address=10.0.0.5:80 to=100";
    for (at, five, six) in [(50, "z", "m"), (200, "a", "n")] {
        let network = network_at(world, Timestamp(at));
        let named = |name| &*network.endpoint_at(network.endpoint(name).unwrap()).name;
        assert_eq!([named("10.0.0.5"), named("10.0.0.5:80")], [five; 2]);
        assert_eq!([named("10.0.0.6"), named("10.0.0.6:80")], [six; 2]);
    }
    // A network that follows the changes gives it away as well.
    let both = snapshot("instance a address=10.0.0.5:80\ninstance z address=10.0.0.5:80");
    let before = Network::build(&both, Timestamp(200));
    let gone = changed(&both, "instance z address=10.0.0.5:80 to=100 seen=2", 2);
    let after = before.update(&gone, Timestamp(200));
    let named = |network: &Network| {
        network.endpoint_at(network.endpoint("10.0.0.5").unwrap()).name.to_string()
    };
    assert_eq!([named(&before), named(&after)], ["z", "a"]);
}

#[test]
fn a_name_that_was_merged_into_another_is_an_end_point() {
    let world = snapshot("device h1 role=host\nhost old device=h1\nhost new device=h1");
    let kind = world.schema().id("compute.host");
    let ruling = Ruling {
        other: "new".into(),
        verdict: Verdict::Same(Interval::ALWAYS),
        source: "test".into(),
        heard_at: Timestamp(2),
    };
    let rule = Change::Rule { entity: EntityRef { kind, key: "old".into() }, ruling };
    let network = Network::build(&world.apply(&[rule], Version(2)), Timestamp::MAX);
    let new = network.endpoint("new");
    assert!(new.is_some());
    assert_eq!([network.endpoint("old"), network.endpoint("host/old")], [new; 2]);
    assert_eq!(network.endpoint("older"), None);
}
