//! A network that followed from the one before equals one that is built from nothing.

use groma_model::{Schema, Timestamp, Version};
use groma_network::{EndpointIndex, Network, classify};
use groma_store::{Snapshot, identify};
use proptest::prelude::*;

use crate::fat_tree::fat_tree;
use crate::world::{changed, devices, path, snapshot};

/// All answers about some end points.
fn answers(network: &Network, names: &[&str]) -> Vec<String> {
    let found: Vec<(&str, EndpointIndex)> =
        names.iter().filter_map(|name| Some((*name, network.endpoint(name)?))).collect();
    let mut answers: Vec<String> =
        (network.links().iter()).map(|link| format!("{} {}", link.name, link.up)).collect();
    for (from, a) in &found {
        let end = network.endpoint_at(*a);
        let vlan = end.vlan.map(|vlan| network.vlans()[vlan.index()].vid);
        let access = end.access.map(|access| network.access_switches(access).to_vec());
        answers.push(format!("{from}: {:?} {vlan:?} {access:?}", end.placement));
        for (to, b) in &found {
            let whole = network.path(*a, *b);
            let candidates: Vec<EndpointIndex> = found.iter().map(|(_, index)| *index).collect();
            answers.push(format!(
                "{from} {to}: {} {:?} {:.6} {:.6} {:.6} {} near {} {:?} {:?}",
                path(network, from, to),
                devices(network, from, to),
                whole.distribution_hops,
                whole.link_hops,
                whole.lost,
                whole.alternatives,
                network.proximity(*a, *b),
                network.crosses_in_one_vlan(*a, *b),
                classify(network, *a, *b, &candidates),
            ));
        }
    }
    answers
}

/// Follows changes one after the other; after each, all answers are those of a network built anew.
fn follow(world: &Snapshot, steps: &[&str], names: &[&str]) {
    let (mut world, mut network) = (world.clone(), Network::build(world, Timestamp::MAX));
    answers(&network, names);
    for (number, step) in steps.iter().enumerate() {
        world = changed(&world, step, number as u64 + 2);
        network = network.update(&world, Timestamp::MAX);
        let fresh = Network::build(&world, Timestamp::MAX);
        let (said, right) = (answers(&network, names), answers(&fresh, names));
        for (said, right) in said.iter().zip(&right) {
            assert_eq!(said, right, "after {:?}", &steps[..=number]);
        }
        assert_eq!(said.len(), right.len());
        assert_eq!(network.problems(), fresh.problems());
    }
}

fn tree(ports: usize) -> Snapshot {
    let empty = Snapshot::empty(Schema::builtin());
    let made = fat_tree(ports).unwrap();
    let (changes, problems) = identify(empty.schema(), &"tree".into(), &made, Timestamp(1));
    assert_eq!(problems, []);
    empty.apply(&changes, Version(1))
}

/// Two pairs of access switches, bundles to a pair of distribution switches, VLANs, gateways of both
/// sorts, a loop that STP breaks, and bonded, single and learnt machines.
const SWITCHED: &str = "
    device a1 role=access
    device a2 role=access
    device a3 role=access
    device d1 role=distribution
    device d2 role=distribution
    port a1:peer mode=trunk
    port a2:peer mode=trunk
    cable a1:peer a2:peer
    mlag a1+a2 peer_links=a1:peer,a2:peer
    port a1:po1 type=lag mode=trunk
    port a2:po1 type=lag mode=trunk
    lag a1:po1 members=a1:u1,a1:u2
    lag a2:po1 members=a2:u1,a2:u2
    port d1:po1 type=lag mode=trunk
    port d2:po1 type=lag mode=trunk
    lag d1:po1 members=d1:e1,d1:e2
    lag d2:po1 members=d2:e1,d2:e2
    cable a1:u1 d1:e1
    cable a1:u2 d2:e1
    cable a2:u1 d1:e2
    cable a2:u2 d2:e2
    port d1:peer mode=trunk
    port d2:peer mode=trunk
    cable d1:peer d2:peer
    mlag d1+d2 peer_links=d1:peer,d2:peer
    port a3:u1 mode=trunk
    port a3:u2 mode=trunk
    port d1:e3 mode=trunk
    port d2:e3 mode=trunk
    cable a3:u1 d1:e3
    cable a3:u2 d2:e3
    stp a3:u2|10 state=blocking
    stp a3:u1|20 state=blocking
    vlan dc/10
    vlan dc/20
    vlan dc/30
    port d1:vlan10 type=svi vlan=10
    port d1:vlan20 type=svi vlan=20
    port d2:vlan10 type=svi vlan=10
    port d2:vlan20 type=svi vlan=20
    port d1:vlan30 type=svi vlan=30
    address d1:vlan10|10.0.10.1/24
    address d2:vlan10|10.0.10.1/24
    address d1:vlan20|10.0.20.2/24
    address d2:vlan20|10.0.20.3/24
    address d1:vlan30|10.0.30.1/24
    gateway 10.0.20.1 protocol=hsrp vid=20 members=d1,d2 active=d1
    device h1 role=host
    port h1:bond type=lag
    lag h1:bond members=h1:eth0,h1:eth1
    port a1:h1 type=lag mode=access access_vlan=10
    port a2:h1 type=lag mode=access access_vlan=10
    lag a1:h1 members=a1:e1 mlag_id=1
    lag a2:h1 members=a2:e1 mlag_id=1
    cable a1:e1 h1:eth0
    cable a2:e1 h1:eth1
    address h1:bond|10.0.10.11/24
    device h2 role=host
    port a1:e2 mode=access access_vlan=20
    cable a1:e2 h2:eth0
    address h2:eth0|10.0.20.12/24
    device h3 role=host
    port a3:e1 mode=access access_vlan=10
    cable a3:e1 h3:eth0
    address h3:eth0|10.0.10.13/24
    device h4 role=host
    port a3:e2 mode=access access_vlan=20
    cable a3:e2 h4:eth0
    address h4:eth0|10.0.20.14/24
    device h5 role=host
    port a3:e3 mode=access access_vlan=30
    port h5:eth0 mac=02:00:00:00:00:05
    address h5:eth0|10.0.30.15/24
    mac a3|30|02:00:00:00:00:05 port=a3:e3
    device h6 role=host
    port a2:e6 mode=access access_vlan=30
    cable a2:e6 h6:eth0
    address h6:eth0|10.0.30.16/24
    instance i1 runs_on=host/h1
    host h1
    ";

const SWITCHED_NAMES: [&str; 11] =
    ["h1", "h2", "h3", "h4", "h5", "h6", "i1", "d1", "10.0.20.3", "10.0.10.99", "192.0.2.1"];

const SWITCHED_STEPS: &[&str] = &[
    "physical.link a1:u1--d1:e1 up=false",
    "physical.link a1:u1--d1:e1 up=true",
    "physical.link a1:u2--d2:e1 up=false",
    "physical.link a1:u2--d2:e1 up=true",
    "physical.link a2:u1--d1:e2 up=false",
    "physical.link a2:u1--d1:e2 up=true",
    "physical.link a1:peer--a2:peer up=false",
    "physical.link a1:peer--a2:peer up=true",
    "physical.link a3:u1--d1:e3 up=false",
    "physical.link a3:u1--d1:e3 up=true",
    "physical.link a3:u2--d2:e3 up=false",
    "physical.link a3:u2--d2:e3 up=true",
    "physical.link a1:e1--h1:eth0 up=false",
    "physical.link a1:e1--h1:eth0 up=true",
    "physical.link a2:e1--h1:eth1 up=false",
    "physical.link a2:e1--h1:eth1 up=true",
    "physical.link a3:e1--h3:eth0 up=false",
    "physical.link a3:e1--h3:eth0 up=true",
    "remove physical.link a3:u1--d1:e3",
    "cable a3:u1 d1:e3 up=true",
    "physical.device a1 up=false",
    "physical.device a1 up=true",
    "physical.device d1 up=false",
    "physical.device d1 up=true",
    "physical.device d2 up=false",
    "physical.device d2 up=true",
    "physical.device h3 up=false",
    "physical.device h3 up=true",
    "physical.device h5 up=false",
    "physical.device h5 up=true",
    "physical.port a1:po1 up=false",
    "physical.port a1:po1 up=true",
    "physical.port d1:vlan10 up=false",
    "physical.port d1:vlan10 up=true",
    "physical.port d1:vlan20 admin_up=false",
    "physical.port d1:vlan20 admin_up=true",
    "physical.port a3:e3 up=false",
    "physical.port a3:e3 up=true",
    "physical.port a1:h1 up=false",
    "physical.port a1:h1 up=true",
    "physical.port a3:e1 access_vlan=20",
    "physical.port a3:e1 access_vlan=10",
    "physical.port a3:e2 access_vlan=30",
    "physical.port a3:u1 allowed_vlans=20,30",
    "physical.port a3:u1 allowed_vlans=10,20,30",
    "gateway 10.0.20.1 active=d2",
    "gateway 10.0.20.1 active=d1",
    "gateway 10.0.10.1 protocol=hsrp vid=10 members=d1,d2 active=d2",
    "remove network.gateway 10.0.10.1",
    "network.stp_state a3:u2|10 state=forwarding",
    "network.stp_state a3:u2|10 state=blocking",
    "network.stp_state a3:u1|20 state=forwarding",
    "network.stp_state a3:u1|20 state=blocking",
    "network.lag a1:po1 members=a1:u1",
    "network.lag a1:po1 members=a1:u1,a1:u2",
    "network.mlag_domain a1+a2 up=false",
    "network.mlag_domain a1+a2 up=true",
    "network.mlag_domain d1+d2 up=false",
    "network.mlag_domain d1+d2 up=true",
    "network.vlan dc/30 merged_into=dc/20",
    "remove physical.device h4",
    "device h4 role=host",
    "device h7 role=host",
    "instance i2 runs_on=host/h1",
    "network.mac_entry a3|30|02:00:00:00:00:05 port=a2:e6",
];

/// Two leaves with tables as captured, two spines, one of them with a protocol's and a default route.
const ROUTED: &str = "
    device l1 role=access
    device s1 role=distribution
    device s2 role=distribution
    device l2 role=access
    device x1 role=exit
    address l1:e1|10.9.0.0/31
    address s1:e1|10.9.0.1/31
    address l1:e2|10.9.0.2/31
    address s2:e1|10.9.0.3/31
    address s1:e2|10.9.0.4/31
    address l2:e1|10.9.0.5/31
    address s2:e2|10.9.0.6/31
    address l2:e2|10.9.0.7/31
    address s1:e9|10.9.0.8/31
    address x1:e1|10.9.0.9/31
    cable l1:e1 s1:e1
    cable l1:e2 s2:e1
    cable s1:e2 l2:e1
    cable s2:e2 l2:e2
    cable s1:e9 x1:e1
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
    device h3 role=host
    address h3:eth0|10.0.30.2/24
    address l2:h3|10.0.30.1/24
    cable h3:eth0 l2:h3
    route l1|default|10.0.20.0/24 next_hop_ips=10.9.0.1,10.9.0.3 next_hop_ports=e1,e2 protocol=bgp
    route l1|default|0.0.0.0/0 next_hop_ips=10.9.0.1 protocol=static
    route s1|default|10.0.0.0/16 next_hop_ips=10.9.0.5 next_hop_ports=e2 protocol=bgp
    route s2|default|10.0.20.0/24 next_hop_ips=10.9.0.7 next_hop_ports=e2 protocol=bgp
    route s1|default|10.0.10.0/24 next_hop_ips=10.9.0.0 next_hop_ports=e1 protocol=bgp
    route s2|default|10.0.10.0/24 next_hop_ips=10.9.0.2 next_hop_ports=e1 protocol=bgp
    route l2|default|10.0.10.0/24 next_hop_ips=10.9.0.4,10.9.0.6 protocol=bgp
    route s1|default|0.0.0.0/0 next_hop_ips=10.9.0.9 next_hop_ports=e9 protocol=static
    ";

const ROUTED_NAMES: [&str; 9] =
    ["h1", "h2", "h3", "l1", "s2", "x1", "10.9.0.5", "10.0.20.77", "192.0.2.7"];

const ROUTED_STEPS: &[&str] = &[
    "physical.link l1:e1--s1:e1 up=false",
    "physical.link l1:e1--s1:e1 up=true",
    "physical.link l1:e2--s2:e1 up=false",
    "physical.link l1:e2--s2:e1 up=true",
    "physical.link s1:e2--l2:e1 up=false",
    "physical.link s1:e2--l2:e1 up=true",
    "physical.link s1:e9--x1:e1 up=false",
    "physical.link s1:e9--x1:e1 up=true",
    "physical.link h3:eth0--l2:h3 up=false",
    "physical.link h3:eth0--l2:h3 up=true",
    "physical.port l2:vlan20 up=false",
    "physical.port l2:vlan20 up=true",
    "port s1:e2 up=false",
    "port s1:e2 up=true",
    "port l2:h3 up=false",
    "port l2:h3 up=true",
    "physical.device s1 up=false",
    "physical.device s1 up=true",
    "physical.device l2 up=false",
    "physical.device l2 up=true",
    "remove network.route l1|default|10.0.20.0/24",
    "route l1|default|10.0.20.0/24 next_hop_ips=10.9.0.3 next_hop_ports=e2 protocol=bgp",
    "route s2|default|10.0.0.0/16 next_hop_ips=10.9.0.7 next_hop_ports=e2 protocol=bgp",
    "route s2|default|10.0.20.0/24 drop=true",
    "route l1|default|10.0.20.2/32 next_hop_ips=10.9.0.3 next_hop_ports=e2 protocol=static",
    "network.routing_domain all protocol=ospf default_from=s1",
    "remove network.routing_domain all",
    "port l1:e1 routing_cost=5",
    "port l1:e1 routing_cost=1",
    "port s2:lo type=loopback",
    "address s2:lo|10.0.20.77/32",
    "address l1:vlan20|10.0.20.253/24",
];

const TREE_NAMES: [&str; 11] = [
    "h0-0-0",
    "h0-0-1",
    "h0-1-0",
    "h1-0-0",
    "h3-1-1",
    "e1-0",
    "a2-1",
    "c1-0",
    "172.16.3.1",
    "10.2.0.99",
    "192.0.2.1",
];

const TREE_STEPS: &[&str] = &[
    "physical.link e0-0:up0--a0-0:down0 up=false",
    "physical.link e0-0:up0--a0-0:down0 up=true",
    "physical.link e0-0:up1--a0-1:down0 up=false",
    "physical.link e0-0:up1--a0-1:down0 up=true",
    "physical.link a0-0:up0--c0-0:pod0 up=false",
    "physical.link a0-0:up0--c0-0:pod0 up=true",
    "physical.link a1-0:up1--c0-1:pod1 up=false",
    "physical.link a1-0:up1--c0-1:pod1 up=true",
    "physical.link e0-0:host0--h0-0-0:eth0 up=false",
    "physical.link e0-0:host0--h0-0-0:eth0 up=true",
    "physical.device a0-0 up=false",
    "physical.device a0-0 up=true",
    "physical.device c1-0 up=false",
    "physical.device c1-0 up=true",
    "physical.device e1-0 up=false",
    "physical.device e1-0 up=true",
    "physical.device h1-0-0 up=false",
    "physical.device h1-0-0 up=true",
    "physical.port e3-1:vlan10 up=false",
    "physical.port e3-1:vlan10 up=true",
    "physical.port e3-1:lo0 up=false",
    "physical.port e3-1:lo0 up=true",
    "physical.port a3-0:down1 admin_up=false",
    "physical.port a3-0:down1 admin_up=true",
    "physical.port e1-0:up0 routing_cost=3",
    "physical.port e1-0:up0 routing_cost=1",
    "physical.port c0-0:vlan10 type=loopback device=c0-0",
    "address c0-0:lo0|10.3.1.1/24",
    "network.routing_domain fabric default_from=c0-0,c1-1",
    "remove physical.link a0-0:up0--c0-0:pod0",
    "cable a0-0:up0 c0-0:pod0 up=true",
    "remove physical.device c0-1",
    "device c0-1 role=core",
    "route e0-0|default|10.3.0.0/16 next_hop_ports=up1 protocol=static",
    "remove network.route e0-0|default|10.3.0.0/16",
];

fn steps_of(all: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(all), 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

    #[test]
    fn switched_worlds_are_followed(steps in steps_of(SWITCHED_STEPS)) {
        follow(&snapshot(SWITCHED), &steps, &SWITCHED_NAMES);
    }

    #[test]
    fn captured_tables_are_followed(steps in steps_of(ROUTED_STEPS)) {
        follow(&snapshot(ROUTED), &steps, &ROUTED_NAMES);
    }

    #[test]
    fn fat_trees_are_followed(steps in steps_of(TREE_STEPS)) {
        follow(&tree(4), &steps, &TREE_NAMES);
    }
}

/// Every change on its own and taken back, which random walks may miss.
#[test]
fn every_single_change_is_followed() {
    let both = |steps: &[&'static str], world: &Snapshot, names: &[&str]| {
        steps.windows(2).for_each(|pair| follow(world, pair, names));
    };
    both(SWITCHED_STEPS, &snapshot(SWITCHED), &SWITCHED_NAMES);
    both(ROUTED_STEPS, &snapshot(ROUTED), &ROUTED_NAMES);
    both(TREE_STEPS, &tree(4), &TREE_NAMES);
}

#[test]
fn a_protocol_finds_other_ways_when_a_link_fails() {
    let world = tree(4);
    let network = Network::build(&world, Timestamp::MAX);
    assert_eq!(devices(&network, "h0-0-0", "h0-1-0").len(), 2);
    assert_eq!(devices(&network, "h0-0-0", "h1-0-0").len(), 4);
    let world = changed(&world, "physical.link e0-0:up0--a0-0:down0 up=false", 2);
    let network = network.update(&world, Timestamp::MAX);
    assert_eq!(devices(&network, "h0-0-0", "h0-1-0"), ["1 h0-0-0 e0-0 a0-1 e0-1 h0-1-0"]);
    assert_eq!(devices(&network, "h0-0-0", "h1-0-0").len(), 2);
    // Nothing but what lost its way changes its next hops.
    assert!(network.work().patched);
    let world = changed(&world, "physical.link e0-0:up1--a0-1:down0 up=false", 3);
    let network = network.update(&world, Timestamp::MAX);
    assert!(path(&network, "h1-0-0", "h0-0-0").starts_with("UNROUTED"));
    assert!(path(&network, "h0-0-0", "h0-0-1").starts_with("LOCAL"));
}

/// What is computed grows with what a failure reaches, not with the tree.
#[test]
fn work_grows_with_the_change() {
    let world = tree(8);
    let network = Network::build(&world, Timestamp::MAX);
    let names: Vec<String> =
        (0..8).flat_map(|pod| (0..4).map(move |edge| format!("h{pod}-{edge}-0"))).collect();
    let ask_all = |network: &Network| {
        let ends: Vec<_> = names.iter().map(|name| network.endpoint(name).unwrap()).collect();
        for a in &ends {
            ends.iter().for_each(|b| drop(network.path(*a, *b)));
        }
        network.walk_count()
    };
    assert_eq!(ask_all(&network), 32 * 32 - 32);
    let world = changed(&world, "physical.link e0-0:up0--a0-0:down0 up=false", 2);
    let after = network.update(&world, Timestamp::MAX);
    assert_eq!(after.work().cables, 1);
    assert_eq!(after.work().endpoints, 0);
    // To and from the hosts of one edge switch.
    assert_eq!(ask_all(&after), 31 + 31);
    // Hosts below another one: no path changes but theirs.
    let world = changed(&world, "physical.link e1-0:host0--h1-0-0:eth0 up=false", 3);
    let after = after.update(&world, Timestamp::MAX);
    assert_eq!((after.work().endpoints > 0, after.work().next_hops), (true, 0));
    assert!(ask_all(&after) <= 31 + 31 + 1, "{}", after.walk_count());
    // A captured route: the tables are read anew, the paths of others are kept.
    let line = "route e2-0|default|10.3.0.0/24 next_hop_ports=up1 protocol=static";
    let world = changed(&world, line, 4);
    let after = after.update(&world, Timestamp::MAX);
    assert!(!after.work().patched);
    // One host is still unplugged, and what cannot be placed is always looked at again.
    assert!(ask_all(&after) <= 2 * (31 + 31) + 1, "{}", after.walk_count());
}

#[test]
fn facts_that_say_the_same_again_change_nothing() {
    let world = snapshot(SWITCHED);
    let network = Network::build(&world, Timestamp::MAX);
    let same = changed(&world, "device a1 role=access\n port a1:peer mode=trunk", 2);
    let after = network.update(&same, Timestamp::MAX);
    assert!(after.work().patched && after.work().cables == 0);
}
