//! Why a message crossed, and how near end points are.

use std::collections::HashMap;

use groma_network::{AtHome, Classifier, EndpointIndex, classify};

use crate::world::{network, why};

/// Two access switches below d1, one below d2. Gateways are on the distribution switches.
/// The names of hosts say switch and VLAN: `h1v10`.
fn fabric() -> String {
    let mut world = String::from(
        "device d1 role=distribution
        device d2 role=distribution
        port d1:p mode=trunk
        port d2:p mode=trunk
        cable d1:p d2:p\n",
    );
    for (number, above) in [(1, "d1"), (2, "d1"), (3, "d2")] {
        world += &format!(
            "device a{number} role=access
            port a{number}:u mode=trunk
            port {above}:a{number} mode=trunk
            cable a{number}:u {above}:a{number}\n"
        );
        for vlan in [10, 20] {
            for twin in ["", "b"] {
                let host = format!("h{number}v{vlan}{twin}");
                let last = number * 2 + i32::from(twin == "b");
                world += &format!(
                    "device {host} role=host
                    address {host}:e|10.0.{vlan}.{last}/24
                    port a{number}:{host} mode=access access_vlan={vlan}
                    cable {host}:e a{number}:{host}\n"
                );
            }
        }
    }
    for vlan in [10, 20] {
        world += &format!(
            "port d1:v{vlan} type=svi vlan={vlan}\naddress d1:v{vlan}|10.0.{vlan}.254/24\n"
        );
    }
    world
}

#[test]
fn each_reason_has_its_case() {
    let network = network(&fabric());
    let why = |to: &str, candidates: &[&str]| why(&network, "h1v10", to, candidates);
    assert_eq!(why("h1v10b", &["h1v10b"]), "LOCAL - ---");
    assert_eq!(why("h2v10", &["h2v10", "h1v10b"]), "LB - l-+");
    assert_eq!(why("h1v20", &["h1v20"]), "VLAN deployment -v+");
    assert_eq!(why("h1v20", &["h1v20", "h2v10"]), "VLAN configuration -v+");
    assert_eq!(why("h1v20", &["h1v20", "h1v10b"]), "LB|VLAN configuration lv+");
    assert_eq!(why("h2v20", &["h2v20", "h1v20"]), "LB&VLAN deployment --+");
    assert_eq!(why("h2v20", &["h2v20", "h3v20"]), "PLACEMENT l3-routed ---");
    assert_eq!(why("h2v10", &["h2v10", "h3v10"]), "PLACEMENT l2-stretched ---");
    assert_eq!(why("h2v10", &["h2v10"]), "PINNED l2-stretched ---");
}

#[test]
fn with_a_gateway_at_access_a_vlan_is_no_reason() {
    let world = fabric()
        + "port a1:v10 type=svi vlan=10
        port a1:v20 type=svi vlan=20
        address a1:v10|10.0.10.254/24
        address a1:v20|10.0.20.254/24";
    let network = network(&world);
    assert_eq!(why(&network, "h1v10", "h1v20", &["h1v20"]), "LOCAL - ---");
    assert_eq!(why(&network, "h1v10", "h2v20", &["h2v20", "h1v20"]), "LB - l-+");
}

/// What is known of one pair of groups serves all pairs of their members that have as much at home.
#[test]
fn a_classifier_says_the_same_as_one_by_one() {
    let vms = "host h1v10\n vm v1 host=h1v10\n vm v2 host=h1v10 vlan=20\n vm v3 host=h1v10 vlan=20
        host h2v20\n vm w1 host=h2v20 vlan=10\n vm w2 host=h2v20";
    let network = network(&(fabric() + vms));
    let mut classifier = Classifier::new(&network);
    let names = "h1v10 v1 v2 v3 h1v10b h2v20 w1 w2 h1v20 h2v10 h3v10 h3v20b 10.0.10.99 192.0.2.1";
    let hosts: Vec<_> = names.split(' ').map(|name| network.endpoint(name).unwrap()).collect();
    let group = |end| network.endpoint_at(end).group;
    let mut known: HashMap<_, (EndpointIndex, EndpointIndex)> = HashMap::new();
    let mut shared = 0;
    let step_two = hosts.iter().zip(hosts.iter().skip(2)).map(|(a, b)| vec![*a, *b]);
    let sets = (1..=3).flat_map(|size| hosts.windows(size).map(<[_]>::to_vec)).chain(step_two);
    for set in sets {
        let index = classifier.candidates(&set);
        for source in &hosts {
            for destination in &set {
                let path = network.path_id(*source, *destination);
                let verdict = classify(&network, *source, *destination, &set);
                assert_eq!(classifier.classify(*source, *destination, index), verdict);
                let at_home = AtHome::of(&network, *source, *destination, &set);
                let alike = (group(*source), group(*destination), index, at_home);
                let (a, b) = *known.entry(alike).or_insert((*source, *destination));
                shared += usize::from((a, b) != (*source, *destination));
                assert_eq!(classifier.classify_alike(a, b, index, at_home), (path, verdict));
            }
        }
    }
    assert!(shared > 50, "{shared}");
}

#[test]
fn nearness_goes_from_one_machine_to_beyond_one_distribution_switch() {
    let network = network(&(fabric() + "host h1v10\n vm v1 host=h1v10\n vm v2 host=h1v10"));
    let near = |a: &str, b: &str| {
        network.proximity(network.endpoint(a).unwrap(), network.endpoint(b).unwrap())
    };
    assert_eq!(near("v1", "v2"), 0);
    assert_eq!(near("h1v10", "h1v10b"), 1);
    assert_eq!(near("h1v10", "h1v20"), 2);
    assert_eq!(near("h1v10", "h2v10"), 2);
    assert_eq!(near("h1v10", "h3v10"), 3);
    assert_eq!(near("h1v10", "192.0.2.1"), 4);
}

#[test]
fn hops_beyond_access_are_counted_with_their_shares() {
    let network = network(&fabric());
    let cost = |a: &str, b: &str| {
        let path = network.path(network.endpoint(a).unwrap(), network.endpoint(b).unwrap());
        (path.distribution_hops, path.link_hops)
    };
    assert_eq!(cost("h1v10", "h1v10b"), (0.0, 2.0));
    assert_eq!(cost("h1v10", "h2v10"), (2.0, 4.0));
    assert_eq!(cost("h1v10", "h3v20"), (3.0, 5.0));
}
