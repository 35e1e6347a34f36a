//! Worlds in a few lines of text.
//!
//! ```text
//! device leaf01 role=access
//! port leaf01:e1 mode=access access_vlan=10
//! cable h1:eth0 leaf01:e1
//! ```
//!
//! A line is a word for a kind, a key and attributes `name=value`. Short words stand for kinds
//! (see `KINDS`); any other word is the full name of a kind. A reference is made from the key where
//! it is plain: the device of `leaf01:e1`, the ends of a cable, the port of `leaf01:e1|10.0.0.1`.

use groma_model::{EntityRef, Interval, Observation, Raw, Schema, Timestamp, Version};
use groma_network::{Network, classify};
use groma_store::{Change, Snapshot, identify};

const KINDS: [(&str, &str); 18] = [
    ("device", "physical.device"),
    ("port", "physical.port"),
    ("cable", "physical.link"),
    ("domain", "network.l2_domain"),
    ("vlan", "network.vlan"),
    ("subnet", "network.subnet"),
    ("address", "network.address"),
    ("gateway", "network.gateway"),
    ("route", "network.route"),
    ("arp", "network.neighbor"),
    ("mac", "network.mac_entry"),
    ("lag", "network.lag"),
    ("mlag", "network.mlag_domain"),
    ("stp", "network.stp_state"),
    ("vtep", "network.vtep"),
    ("host", "compute.host"),
    ("vm", "compute.vm"),
    ("instance", "service.instance"),
];

/// The network of a world, at the end of time.
pub(crate) fn network(world: &str) -> Network {
    network_at(world, Timestamp::MAX)
}

/// The network of a world at a time. Facts hold as their line says: `from=5`, `to=9`, `seen=3`.
pub(crate) fn network_at(world: &str, at: Timestamp) -> Network {
    Network::build(&snapshot(world), at)
}

pub(crate) fn snapshot(world: &str) -> Snapshot {
    let observations: Vec<_> = (world.lines().map(str::trim))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(observation)
        .collect();
    let empty = Snapshot::empty(Schema::builtin());
    let (changes, problems) = identify(empty.schema(), &"test".into(), &observations, Timestamp(1));
    assert_eq!(problems, []);
    empty.apply(&changes, Version(1))
}

/// The world after more lines; `remove kind key` takes an entity away.
pub(crate) fn changed(before: &Snapshot, lines: &str, version: u64) -> Snapshot {
    let (mut after, schema) = (before.clone(), before.schema());
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let changes = match line.strip_prefix("remove ") {
            Some(gone) => {
                let (kind, key) = gone.split_once(' ').unwrap();
                let entity = EntityRef { kind: schema.id(kind), key: key.into() };
                vec![Change::Remove { entity }]
            }
            None => {
                let seen = [observation(line)];
                let heard_at = Timestamp(version as i64);
                let (changes, problems) = identify(schema, &"test".into(), &seen, heard_at);
                assert_eq!(problems, []);
                changes
            }
        };
        after = after.apply(&changes, Version(version));
    }
    after
}

fn observation(line: &str) -> Observation {
    let mut words = line.split_whitespace();
    let (word, key) = (words.next().unwrap(), words.next().unwrap());
    let kind = KINDS.iter().find(|(short, _)| *short == word).map_or(word, |(_, kind)| kind);
    let mut made = Observation::new(kind.to_owned(), key, Timestamp(1));
    let split = |by: char| key.split_once(by).unwrap();
    match word {
        "port" => made = made.with("device", split(':').0).with("name", split(':').1),
        "cable" => {
            let far = words.next().unwrap();
            made.key = format!("{key}--{far}");
            made = made.with("a", key).with("b", far);
        }
        "address" => {
            let (ip, length) = split('|').1.split_once('/').unwrap();
            made.key = format!("{}|{ip}", split('|').0);
            let length: i64 = length.parse().unwrap();
            made = made.with("port", split('|').0).with("ip", ip).with("prefix_length", length);
        }
        "gateway" => made = made.with("ip", key),
        "subnet" => made = made.with("prefix", key),
        "route" => made = route(made, key),
        "mac" => {
            let parts: Vec<_> = key.split('|').collect();
            made = made.with("device", parts[0]).with("vlan", parts[1]).with("mac", parts[2]);
        }
        "arp" => {
            let (ip, mac) = (split('|').1, words.next().unwrap());
            made = made.with("device", split('|').0).with("ip", ip).with("mac", mac);
        }
        "lag" => made = made.with("port", key),
        "mlag" => made = made.with("devices", key.replace('+', ",")),
        "stp" => made = made.with("port", split('|').0).with("vlan", split('|').1),
        "vtep" => made = made.with("device", split('|').0).with("ip", split('|').1),
        "vlan" => made = made.with("vid", key.rsplit('/').next().unwrap()),
        _ => {}
    }
    let mut valid = Interval::ALWAYS;
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        match name {
            "from" => valid.from = Timestamp(value.parse().unwrap()),
            "to" => valid.to = Timestamp(value.parse().unwrap()),
            "seen" => made.observed_at = Timestamp(value.parse().unwrap()),
            _ => made = made.with(name.to_owned(), value),
        }
    }
    made.valid = valid;
    made
}

/// `leaf01|vrf|prefix`, then `via=ip@port` or `via=@port` or `vtep=ip` through plain attributes.
fn route(made: Observation, key: &str) -> Observation {
    let parts: Vec<_> = key.split('|').collect();
    let made = made.with("device", parts[0]).with("prefix", parts[2]);
    match parts[1] {
        "default" => made,
        vrf => made.with("vrf", Raw::from(vrf)),
    }
}

/// `LOCAL h1:eth0>leaf01:e1 leaf01:e2>h2:eth0`: the class and each cable with its share if not 1.
pub(crate) fn path(network: &Network, from: &str, to: &str) -> String {
    let end = |name: &str| network.endpoint(name).unwrap_or_else(|| panic!("no {name}"));
    let path = network.path(end(from), end(to));
    let port = |port: Option<groma_network::PortIndex>| {
        port.map_or_else(|| "?".into(), |port| network.port_label(port))
    };
    let mut text = path.class.name().to_owned();
    for hop in &path.hops {
        text += &format!(" {}>{}", port(hop.port), port(hop.peer_port));
        if (hop.fraction - 1.0).abs() > 1e-9 {
            text += &format!("*{}", (hop.fraction * 1e4).round() / 1e4);
        }
    }
    if let Some(failure) = path.failure {
        text += &format!(" ({})", failure.name());
    }
    text
}

/// The devices of every route, sorted, with shares.
pub(crate) fn devices(network: &Network, from: &str, to: &str) -> Vec<String> {
    let end = |name: &str| network.endpoint(name).unwrap_or_else(|| panic!("no {name}"));
    let mut routes: Vec<_> = (network.routes(end(from), end(to)).iter())
        .map(|route| {
            let names: Vec<_> =
                route.steps.iter().map(|step| network.device(step.device).name.as_ref()).collect();
            format!("{} {}", (route.fraction * 1e4).round() / 1e4, names.join(" "))
        })
        .collect();
    routes.sort();
    routes
}

/// `VLAN deployment -> -v+`: reason, sub-label, and what would save it: balancer, VLAN, both.
pub(crate) fn why(network: &Network, from: &str, to: &str, candidates: &[&str]) -> String {
    let end = |name: &str| network.endpoint(name).unwrap_or_else(|| panic!("no {name}"));
    let candidates: Vec<_> = candidates.iter().map(|name| end(name)).collect();
    let verdict = classify(network, end(from), end(to), &candidates);
    let label = (verdict.cause.map(|cause| cause.name()))
        .or(verdict.stretch.map(|stretch| stretch.name()))
        .unwrap_or("-");
    let saves: String =
        [(verdict.saves_lb, 'l'), (verdict.saves_vlan, 'v'), (verdict.saves_both, '+')]
            .iter()
            .map(|(saves, letter)| if *saves { *letter } else { '-' })
            .collect();
    format!("{} {label} {saves}", verdict.reason.map_or(verdict.class.name(), |r| r.name()))
}
