//! Cable lists and Groma's own CSV.

use groma_connect::{KindRow, Said, write_kind_csv};
use groma_model::{Interval, Schema, Timestamp, Value};

use crate::heard::{folder, hear, shared};

#[test]
fn the_cable_lists_of_avd_are_heard() {
    let Some(path) = shared("topology/cabling-csv") else { return };
    let world = hear(&path);
    assert_eq!(world.get("physical.device", "dc1-leaf1a", "role"), "access");
    assert_eq!(world.get("physical.device", "dc1-spine1", "role"), "distribution");
    let link = "dc1-leaf1a:Ethernet1--dc1-spine1:Ethernet1";
    assert_eq!(world.get("physical.link", link, "evidence"), "cabling");
    let reasons = world.reasons();
    assert!(reasons.iter().all(|reason| reason.contains("several cables")), "{reasons:?}");
}

#[test]
fn a_cable_list_says_what_it_says() {
    let list = "Node Type,Node,Node Interface,Peer Type,Peer Node,Peer Interface,Enabled\n\
                leaf,l1,Ethernet1,spine,s1,Ethernet1,True\n\
                leaf,l1,Ethernet2,server,h1,eth0,False\n\
                leaf,l1,Ethernet3,network_port,,,True\n\
                leaf,l1,Ethernet4\n\
                leaf,l1,Ethernet5,server,h2,,True\n\
                super-spine,c1,Ethernet1,mystery,m1,Ethernet1,maybe\n";
    let folder = folder(&[("cables.csv", list.as_bytes())]);
    let world = hear(folder.path());
    assert_eq!(world.count("physical.link"), 2);
    assert_eq!(world.get("physical.link", "h1:eth0--l1:Ethernet2", "up"), "false");
    assert_eq!(world.get("physical.link", "l1:Ethernet1--s1:Ethernet1", "up"), "");
    assert_eq!(world.get("physical.port", "l1:Ethernet3", "name"), "Ethernet3");
    assert_eq!(world.get("physical.device", "h1", "role"), "host");
    assert!(world.has_problem(&["cables.csv:5", "3 fields"]));
    assert!(world.has_problem(&["cables.csv:6", "half of a peer"]));
    assert!(world.has_problem(&["cables.csv:7", "\"maybe\" is not true or false"]));
}

#[test]
fn the_csv_of_a_kind_is_read() {
    let text = "id,device,access_vlan,allowed_vlans,colour,valid_from,valid_to,observed_at\n\
                l1:e1,l1,20,\"1,5,10-12\",red,,,2026-11-20T10:00:00Z\n\
                l1:e2,l1,NULL,,,2026-11-20,2026-11-21,\n\
                l1:e2,l1,30,,,2026-11-21,,\n\
                l1:e3,l1\n\
                l1:e1,l1,21,\"1,5,10-12\",red,,,2026-11-20T10:00:00Z\n\
                ,l1,1,,,,,\n\
                l1:e4,l1,1,,,yesterday,,\n\
                \"l1:e5\",\"l1\"\n";
    let folder = folder(&[("physical.port.csv", text.as_bytes()), ("notes.txt", b"hello")]);
    let world = hear(folder.path());
    let port = |key, attribute| world.get("physical.port", key, attribute);
    assert_eq!(port("l1:e1", "allowed_vlans"), "1,5,10-12");
    assert_eq!(port("l1:e1", "access_vlan"), "21", "the later row wins");
    assert_eq!(world.observations[0].observed_at.to_string(), "2026-11-20T10:00:00Z");
    assert_eq!(world.observations[1].observed_at, Timestamp(7));
    assert_eq!(world.observations[1].valid.to, world.observations[2].valid.from);
    assert_eq!(world.observations.len(), 4);
    for words in [
        ["physical.port", "colour"],
        ["physical.port.csv:5", "2 fields"],
        ["physical.port.csv:6", "stands above with other values"],
        ["physical.port.csv:7", "no id"],
        ["physical.port.csv:8", "yesterday"],
        ["physical.port.csv:9", "2 fields"],
        ["notes.txt", "no importer recognises"],
    ] {
        assert!(world.has_problem(&words), "{words:?} in {:?}", world.problems);
    }
    assert_eq!(world.problems.len(), 8);
}

#[test]
fn what_is_written_is_read_back() {
    let schema = Schema::builtin();
    let kind = schema.find("physical.device").unwrap();
    let text = |text: &str| Value::Text(text.into());
    let (model, os, truth) = (text("a \"b\", c\nd"), text("NULL"), Value::Boolean(true));
    let mut values = vec![Said::Nothing; kind.attributes.len()];
    for (name, said) in [
        ("model", Said::Value(&model)),
        ("os", Said::Value(&os)),
        ("up", Said::Value(&truth)),
        ("vendor", Said::Absent),
    ] {
        values[kind.attribute(name).unwrap()] = said;
    }
    let valid = Interval { from: Timestamp(1_000_000_000), to: Timestamp::MAX };
    let row = KindRow { id: "s,1", values, observed_at: Some(Timestamp(5_000_000_000)), valid };
    let mut bytes = Vec::new();
    write_kind_csv(&mut bytes, &schema, kind, [row]).unwrap();
    let folder = folder(&[("physical.device.csv", &bytes)]);
    let world = hear(folder.path());
    let device = |attribute| world.get("physical.device", "s,1", attribute);
    assert_eq!(device("model"), "a \"b\", c\nd");
    assert_eq!((device("os"), device("up"), device("vendor")), ("NULL", "true", "NULL"));
    let read = &world.observations[0];
    assert_eq!((read.valid, read.observed_at), (valid, Timestamp(5_000_000_000)));
    assert_eq!(read.attributes.len(), 4, "what is not said stays unsaid");
    assert_eq!(world.reasons(), Vec::<&str>::new());
}
