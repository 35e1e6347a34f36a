//! Mapping files: the example, wrong ones, and a model of the size of google/malt-example-models.

use std::path::Path;
use std::sync::Arc;

use groma_model::{Schema, Timestamp, Version};
use groma_network::{Network, PathClass};
use groma_store::{Snapshot, identify};
use serde_json::json;

use crate::heard::{World, folder, hear};

fn network(world: &World) -> Network {
    let empty = Snapshot::empty(Schema::builtin());
    let (changes, problems) =
        identify(empty.schema(), &Arc::from("test"), &world.observations, Timestamp(2));
    assert_eq!(problems, []);
    Network::build(&empty.apply(&changes, Version(1)), Timestamp::MAX)
}

/// How a path is classed, and how many ways there are.
fn ask(network: &Network, a: &str, b: &str) -> (PathClass, usize) {
    let (a, b) = (network.endpoint(a).unwrap(), network.endpoint(b).unwrap());
    (network.path(a, b).class, network.routes(a, b).len())
}

#[test]
fn the_example_is_a_model() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/mapping"));
    let world = hear(path);
    assert_eq!(world.reasons(), Vec::<&str>::new());
    let host = |attribute| world.get("compute.host", "db-1", attribute);
    assert_eq!((host("memory_bytes"), host("address")), ("274877906944", "10.0.20.11"));
    assert_eq!(world.get("physical.device", "db-2", "up"), "false");
    assert_eq!(world.get("physical.port", "leaf3:server1", "access_vlan"), "20");
    assert_eq!(world.count("physical.link"), 4 + 3);
    let instance =
        world.observations.iter().find(|seen| seen.key == "shop@web-1").unwrap().observed_at;
    assert_eq!(instance.to_string(), "2025-11-20T00:53:20Z");
    let network = network(&world);
    assert_eq!(ask(&network, "web-1", "web-2"), (PathClass::Crossing, 1));
    assert_eq!(ask(&network, "web-1", "db-1"), (PathClass::Crossing, 1));
}

#[test]
fn a_rule_with_too_many_combinations_is_refused_at_once() {
    let rule = |last: &str| {
        let mapping = format!(
            "[[input]]\nname = \"t\"\nfile = \"t.csv\"\n\
             [[map]]\nfrom = \"t\"\nkind = \"physical.device\"\nkey = \"{{id}}\"\n\
             [[wire]]\nfor.x = \"1..10000\"\nfor.y = \"1..{last}\"\na = \"a:{{x}}\"\nb = \"b:{{y}}\"\n"
        );
        hear(folder(&[("m.toml", mapping.as_bytes()), ("t.csv", b"id\na\n")]).path())
    };
    for (last, tries) in [("5001", "50010000"), ("9223372036854775807", "18446744073709551615")] {
        let world = rule(last);
        assert_eq!(world.count("physical.link"), 0);
        let reason = format!("the rule has {tries} combinations, more than 50000000");
        assert!(world.has_problem(&[&reason]), "{:?}", world.reasons());
    }
}

#[test]
fn a_wrong_mapping_says_what_is_wrong() {
    let input = "[[input]]\nname = \"t\"\nfile = \"t.csv\"\n";
    for (mapping, reason) in [
        ("[[map]]\nfrom = \"t\"\nkind = \"physical.port\"\nkey = \"{a\"", "has no partner"),
        (
            "[[map]]\nfrom = \"u\"\nkind = \"a.b\"\nkey = \"{a}\"",
            "no [[input]] is named \"u\"; there are t",
        ),
        (
            "[[map]]\nfrom = \"t\"\nkind = \"physical.port\"\nkey = \"{a}\"\nattributes = { speed = \"{b}\" }",
            "physical.port has no attribute \"speed\"; it has device, name",
        ),
        ("[[map]]\nfrom = \"t\"\nkind = \"physical.port\"\nkeys = \"{a}\"", "unknown field `keys`"),
        (
            "[[map]]\nfrom = \"t\"\nkind = \"physical.port\"\nkey = \"{x:a}\"",
            "speaks of x, which is no join of this map",
        ),
        (
            "[[map]]\nfrom = \"t\"\nkind = \"physical.port\"\nkey = \"{a}\"\nattributes = { mtu = { from = \"{m}\", unit = \"parsec\" } }",
            "\"parsec\" is no unit such as",
        ),
        (
            "[[map]]\nfrom = \"t\"\nkind = \"physical.port\"\nkey = \"{a}\"\n[[wire]]\nfor.i = \"9..1\"\na = \"x:{i}\"\nb = \"y:{i}\"",
            "is no range such as 1..48",
        ),
        (
            "[[map]]\nfrom = \"t\"\nkind = \"physical.port\"\nkey = \"{a}\"\n[[wire]]\nfor.i = \"1..9\"\na = \"x:{j}\"\nb = \"y:{i}\"",
            "nothing in for is named \"j\"",
        ),
        ("", "there is no [[map]]"),
    ] {
        let text = format!("{input}{mapping}");
        let folder = folder(&[("mapping.toml", text.as_bytes()), ("t.csv", b"a,b\n1,2\n")]);
        let world = hear(folder.path());
        assert!(world.observations.is_empty(), "{mapping}");
        assert!(world.has_problem(&[reason]), "{reason} in {:?}", world.problems);
    }
}

#[test]
fn a_row_that_does_not_fit_is_a_problem_and_the_others_are_read() {
    let mapping = r#"
[[input]]
name = "ports"
file = "ports.csv"
[[map]]
from = "ports"
kind = "physical.port"
where = { kind = ["port", "uplink"] }
unless = { state = "planned" }
key = "{device|lower}:{port}"
[map.attributes]
device = "{device|lower}"
name = "{port}"
up = { from = "{state}", values = { UP = true, DOWN = false } }
allowed_vlans = { from = "{vlans}", split = ";" }
speed_bits_per_second = { from = "{speed}", unit = "Gbit/s" }
description = { from = "{note}", absent = ["-"] }
"#;
    let csv = "device,port,kind,state,vlans,speed,note\n\
               L1,e1,port,UP,1;2;10-12,10,-\n\
               L1,e2,uplink,sideways,,fast,\n\
               ,e3,port,UP,,,\n\
               L1,e4,port,planned,,,\n\
               L1,e5,console,UP,,,\n\
               L1,e6\n";
    let folder = folder(&[("mapping.toml", mapping.as_bytes()), ("ports.csv", csv.as_bytes())]);
    let world = hear(folder.path());
    let port = |attribute| world.get("physical.port", "l1:e1", attribute);
    assert_eq!((port("allowed_vlans"), port("description")), ("1-2,10-12", "NULL"));
    assert_eq!((port("up"), port("speed_bits_per_second")), ("true", "10000000000"));
    assert_eq!(world.count("physical.port"), 2);
    for words in [
        ["ports.csv:3", "\"sideways\" is none of DOWN, UP"],
        ["ports.csv:3", "\"fast\" is no number"],
        ["ports.csv:4", "a part of the key \"{device|lower}:{port}\" is empty"],
        ["ports.csv:7", "2 fields"],
    ] {
        assert!(world.has_problem(&words), "{words:?} in {:?}", world.problems);
    }
    assert_eq!(world.problems.len(), 4);
}

/// Entities and relationships as MALT has them: 16 spines, 64 leaves with 8 hosts each, their ports and interfaces.
fn malt() -> serde_json::Value {
    let (mut entities, mut relationships) = (Vec::new(), Vec::new());
    let contain =
        |entities: &mut Vec<_>, relationships: &mut Vec<_>, device: &str, port: &str, index| {
            let id = format!("port/{device}:{port}");
            entities.push(
                json!({"id": id, "kind": "EK_PORT", "attrs": {"name": port, "index": index}}),
            );
            relationships.push(json!({"a": device, "kind": "RK_CONTAINS", "z": id}));
        };
    for (count, name, role) in [(16, "spine", "spine"), (64, "leaf", "leaf"), (512, "host", "host")]
    {
        for number in 1..=count {
            let id = format!("{name}{number}");
            entities.push(json!({"id": id, "kind": "EK_PACKET_SWITCH", "attrs": {"role": role}}));
            let ports: Vec<String> = match name {
                "spine" => (1..=64).map(|port| format!("down{port}")).collect(),
                "leaf" => (1..=16)
                    .map(|port| format!("up{port}"))
                    .chain((1..=8).map(|port| format!("server{port}")))
                    .collect(),
                _ => vec!["eth0".into()],
            };
            for (index, port) in ports.iter().enumerate() {
                contain(&mut entities, &mut relationships, &id, port, index);
            }
        }
    }
    entities.push(
        json!({"id": "net1", "kind": "EK_NETWORK", "attrs": {"prefix": "10.0.0.0/21", "vlan": 10}}),
    );
    for number in 0.. {
        if entities.len() == 6_133 {
            break;
        }
        let (host, extra) = (number % 512 + 1, number >= 512);
        let ip = format!("{}.0.{}.{}", if extra { 192 } else { 10 }, host / 250, host % 250 + 1);
        let id = format!("interface{number}");
        let attrs = json!({"address": if extra { String::new() } else { format!("{ip}/21") }});
        entities.push(json!({"id": id, "kind": "EK_INTERFACE", "attrs": attrs}));
        let port = format!("port/host{host}:eth0");
        relationships.push(json!({"a": id, "kind": "RK_TRAVERSES", "z": port}));
    }
    for number in relationships.len()..7_064 {
        relationships
            .push(json!({"a": "controller", "kind": "RK_CONTROLS", "z": format!("port/{number}")}));
    }
    json!({"entities": entities, "relationships": relationships})
}

const MALT: &str = include_str!("../../testdata/malt.toml");

#[test]
fn a_model_of_malt_becomes_a_fabric() {
    let model = malt();
    let count = |list: &str| model[list].as_array().unwrap().len();
    assert_eq!((count("entities"), count("relationships")), (6_133, 7_064));
    let bytes = model.to_string().into_bytes();
    let folder = folder(&[("mapping.toml", MALT.as_bytes()), ("model.json", &bytes)]);
    let world = hear(folder.path());
    assert_eq!(world.reasons(), Vec::<&str>::new());
    assert_eq!(world.count("physical.link"), 64 * 16 + 512);
    assert_eq!(world.get("physical.link", "host9:eth0--leaf2:server1", "evidence"), "cabling");
    let network = network(&world);
    assert_eq!(ask(&network, "host1", "host8"), (PathClass::Local, 1));
    assert_eq!(ask(&network, "host1", "host512"), (PathClass::Crossing, 1));
}
