//! How fast a network of 60,000 entities is built and asked. Prints; asserts nothing.
//!
//! The world: 24 pairs of access switches, 4 pairs of distribution switches, a core pair; 7,000
//! machines on bonds over both switches of a pair, in 13 VLANs; an instance on each.
#![expect(clippy::disallowed_methods, reason = "a bench measures durations")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use groma_model::{Observation, Schema, Timestamp, Version};
use groma_network::{Classifier, EndpointIndex, Network};
use groma_store::{Snapshot, identify};

const ACCESS_PAIRS: usize = 24;
const DISTRIBUTION_PAIRS: usize = 4;
const MACHINES: usize = 7_000;
const VLANS: usize = 13;

fn main() {
    let snapshot = world();
    let entities: usize =
        snapshot.schema().kinds().iter().map(|kind| snapshot.count(kind.id)).sum();
    let mut best = Duration::MAX;
    let mut network = None;
    for _ in 0..5 {
        let start = Instant::now();
        network = Some(Network::build(black_box(&snapshot), Timestamp::MAX));
        best = best.min(start.elapsed());
    }
    let Some(network) = network else { return };
    println!(
        "build: {entities} entities in {best:.1?}: {} end points, {} groups, {} cables, {} problems",
        network.endpoints().len(),
        network.group_count(),
        network.link_count(),
        network.problems().len(),
    );
    let ends: Vec<EndpointIndex> =
        (0..MACHINES).filter_map(|m| network.endpoint(&format!("i{m}"))).collect();
    let pairs: Vec<_> = (0..2_000_000_usize)
        .map(|n| {
            let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (ends[(n >> 33) % ends.len()], ends[(n >> 7) % ends.len()])
        })
        .collect();

    let start = Instant::now();
    for (a, b) in &pairs {
        black_box(network.path_id(*a, *b));
    }
    let elapsed = start.elapsed();
    let walks = network.walk_count();
    println!(
        "first round: 2 M pairs in {elapsed:.1?}, {walks} of them walked ({:.0} cold paths/s), {} different paths",
        f64::from(walks) / elapsed.as_secs_f64(),
        network.path_count(),
    );

    rate("path_id", pairs.len(), || {
        for (a, b) in &pairs {
            black_box(network.path_id(*a, *b));
        }
    });
    rate("class and costs", pairs.len(), || {
        for (a, b) in &pairs {
            black_box(network.shared_path(network.path_id(*a, *b)).distribution_hops);
        }
    });
    rate("whole path", pairs.len(), || {
        for (a, b) in &pairs {
            black_box(network.path(*a, *b));
        }
    });
    let mut classifier = Classifier::new(&network);
    let sets: Vec<_> = (0..400)
        .map(|set| {
            let members: Vec<_> =
                (0..16).map(|m| ends[(set * 97 + m * 431) % ends.len()]).collect();
            (classifier.candidates(&members), members)
        })
        .collect();
    let verdicts = || {
        for (n, (source, _)) in pairs.iter().take(1_000_000).enumerate() {
            let (set, members) = &sets[n % sets.len()];
            black_box(classifier.classify(*source, members[n % members.len()], *set));
        }
    };
    rate("classify, first", 1_000_000, verdicts);
    rate("classify, again", 1_000_000, verdicts);

    // What if all VLANs were one: a fork, its network and every pair anew.
    let merges: Vec<_> = (1..VLANS)
        .map(|vlan| {
            Observation::new("network.vlan", format!("dc/{}", 10 + vlan), Timestamp(2))
                .with("merged_into", "dc/10")
        })
        .collect();
    let (changes, _) = identify(snapshot.schema(), &"fork".into(), &merges, Timestamp(2));
    let fork = snapshot.apply(&changes, Version(2));
    let start = Instant::now();
    let network = Network::build(&fork, Timestamp::MAX);
    let built = start.elapsed();
    for (a, b) in &pairs {
        black_box(network.path_id(*a, *b));
    }
    println!(
        "one VLAN: built in {built:.1?}, 2 M pairs in {:.1?} more, {} walks",
        start.elapsed().saturating_sub(built),
        network.walk_count(),
    );
}

fn rate(what: &str, count: usize, work: impl Fn()) {
    let start = Instant::now();
    work();
    let elapsed = start.elapsed();
    println!("{what}: {:.1} M/s", count as f64 / elapsed.as_secs_f64() / 1e6);
}

/// Takes in a kind, a key and attributes.
type See<'a> = dyn FnMut(&'static str, String, &[(&'static str, String)]) + 'a;

fn world() -> Snapshot {
    let mut made = Vec::new();
    let mut see = |kind: &'static str, key: String, attributes: &[(&'static str, String)]| {
        let mut observation = Observation::new(kind, key, Timestamp(1));
        for (name, value) in attributes {
            observation = observation.with(*name, value.clone());
        }
        made.push(observation);
    };
    let switch = |see: &mut See<'_>, name: &str, role: &str| {
        see("physical.device", name.into(), &[("role", role.into())]);
    };
    for access in 0..ACCESS_PAIRS * 2 {
        switch(&mut see, &format!("a{access}"), "access");
    }
    for distribution in 0..DISTRIBUTION_PAIRS * 2 {
        switch(&mut see, &format!("d{distribution}"), "distribution");
    }
    switch(&mut see, "c0", "core");
    switch(&mut see, "c1", "core");
    let pairs = |count: usize, letter: char| {
        (0..count).map(move |p| (format!("{letter}{}", 2 * p), format!("{letter}{}", 2 * p + 1)))
    };
    let levels = [(ACCESS_PAIRS, 'a'), (DISTRIBUTION_PAIRS, 'd'), (1, 'c')];
    for (count, letter) in levels {
        for (a, b) in pairs(count, letter) {
            for device in [&a, &b] {
                see(
                    "physical.port",
                    format!("{device}:peer"),
                    &[("device", device.clone()), ("mode", "trunk".into())],
                );
            }
            see(
                "physical.link",
                format!("{a}:peer--{b}:peer"),
                &[("a", format!("{a}:peer")), ("b", format!("{b}:peer"))],
            );
            see(
                "network.mlag_domain",
                format!("{a}+{b}"),
                &[("devices", format!("{a},{b}")), ("peer_links", format!("{a}:peer,{b}:peer"))],
            );
        }
    }
    for ((lower, upper), above) in [((ACCESS_PAIRS, 'a'), 'd'), ((DISTRIBUTION_PAIRS, 'd'), 'c')]
        .map(|((count, letter), above)| ((count, letter), above))
        .into_iter()
        .flat_map(|((count, letter), above)| {
            pairs(count, letter).enumerate().map(move |(n, pair)| ((n, pair), above))
        })
    {
        let width = if above == 'd' { DISTRIBUTION_PAIRS } else { 1 };
        let uppers =
            [format!("{above}{}", lower % width * 2), format!("{above}{}", lower % width * 2 + 1)];
        let lowers = [upper.0, upper.1];
        for (own, others) in [(&lowers, &uppers), (&uppers, &lowers)] {
            for device in own {
                let bundle = format!("{device}:to-{}", others[0]);
                let members: Vec<_> =
                    others.iter().map(|other| format!("{device}:{other}")).collect();
                see(
                    "physical.port",
                    bundle.clone(),
                    &[("device", device.clone()), ("type", "lag".into()), ("mode", "trunk".into())],
                );
                for member in &members {
                    see("physical.port", member.clone(), &[("device", device.clone())]);
                }
                see(
                    "network.lag",
                    bundle.clone(),
                    &[("port", bundle), ("members", members.join(","))],
                );
            }
        }
        for low in &lowers {
            for up in &uppers {
                see(
                    "physical.link",
                    format!("{low}:{up}--{up}:{low}"),
                    &[("a", format!("{low}:{up}")), ("b", format!("{up}:{low}"))],
                );
            }
        }
    }
    for vlan in 0..VLANS {
        let vid = 10 + vlan;
        see("network.vlan", format!("dc/{vid}"), &[("vid", vid.to_string())]);
        see(
            "network.subnet",
            format!("default|10.{vid}.0.0/16"),
            &[("prefix", format!("10.{vid}.0.0/16")), ("vlan", format!("dc/{vid}"))],
        );
        let members: Vec<_> = (0..DISTRIBUTION_PAIRS * 2).map(|d| format!("d{d}")).collect();
        for member in &members {
            let port = format!("{member}:Vlan{vid}");
            see(
                "physical.port",
                port.clone(),
                &[("device", member.clone()), ("type", "svi".into()), ("vlan", vid.to_string())],
            );
            see(
                "network.address",
                format!("{port}|10.{vid}.0.1"),
                &[("ip", format!("10.{vid}.0.1")), ("prefix_length", "16".into()), ("port", port)],
            );
        }
        see(
            "network.gateway",
            format!("default|10.{vid}.0.1"),
            &[
                ("ip", format!("10.{vid}.0.1")),
                ("vid", vid.to_string()),
                ("protocol", "anycast".into()),
                ("members", members.join(",")),
            ],
        );
    }
    for machine in 0..MACHINES {
        let name = format!("m{machine}");
        let pair = machine % ACCESS_PAIRS * 2;
        let vid = 10 + machine / ACCESS_PAIRS % VLANS;
        see("physical.device", name.clone(), &[("role", "host".into())]);
        see("compute.host", name.clone(), &[]);
        let bond = format!("{name}:bond0");
        see("physical.port", bond.clone(), &[("device", name.clone()), ("type", "lag".into())]);
        for side in 0..2 {
            let (near, far) = (format!("{name}:eth{side}"), format!("a{}:e{machine}", pair + side));
            see("physical.port", near.clone(), &[("device", name.clone())]);
            see(
                "physical.port",
                far.clone(),
                &[
                    ("device", format!("a{}", pair + side)),
                    ("mode", "access".into()),
                    ("access_vlan", vid.to_string()),
                ],
            );
            see("physical.link", format!("{far}--{near}"), &[("a", far), ("b", near)]);
        }
        see(
            "network.lag",
            bond.clone(),
            &[("port", bond.clone()), ("members", format!("{name}:eth0,{name}:eth1"))],
        );
        let ip = format!("10.{vid}.{}.{}", machine / 250 + 1, machine % 250 + 2);
        see(
            "network.address",
            format!("{bond}|{ip}"),
            &[("ip", ip), ("prefix_length", "16".into()), ("port", bond)],
        );
        see("service.instance", format!("i{machine}"), &[("runs_on", format!("host/{name}"))]);
    }
    let empty = Snapshot::empty(Schema::builtin());
    let (changes, problems) = identify(empty.schema(), &"bench".into(), &made, Timestamp(1));
    assert!(problems.is_empty(), "{:?}", problems.first());
    empty.apply(&changes, Version(1))
}
