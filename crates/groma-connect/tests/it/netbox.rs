//! NetBox: its JSON, and its REST interface.

use std::net::TcpListener;
use std::time::Duration;

use groma_connect::live::{self, FetchError, Recording, Secret, Secrets};
use groma_model::Timestamp;
use serde_json::json;

use crate::heard::{World, folder, hear, hear_input};
use crate::netbox_double::{Mood, Server, TOKEN, objects, serve};

fn check(world: &World) {
    let device = |attribute| world.get("physical.device", "leaf1", attribute);
    assert_eq!((device("role"), device("vendor"), device("serial")), ("access", "Acme", "S1"));
    let port = |attribute| world.get("physical.port", "leaf1:Ethernet1", attribute);
    assert_eq!(
        (port("mode"), port("native_vlan"), port("allowed_vlans")),
        ("trunk", "1", "1,10,20")
    );
    assert_eq!((port("speed_bits_per_second"), port("mac")), ("25000000000", "aa:bb:cc:00:00:01"));
    assert_eq!(world.get("physical.link", "leaf1:Ethernet1--srv1:eth0", "evidence"), "cabling");
    assert_eq!(world.get("physical.link", "leaf1:Ethernet2--leaf2:Ethernet2", "up"), "false");
    assert_eq!(world.get("network.subnet", "default|10.0.0.0/24", "vlan"), "fabric/10");
    assert_eq!(world.get("network.gateway", "default|10.0.0.1", "members"), "leaf1");
    assert_eq!(world.get("compute.vm", "vm1", "host"), "srv1");
    assert_eq!(world.get("compute.host", "srv1", "rack"), "r1");
}

fn fetch(server: &Server, token: &str) -> Result<Recording, FetchError> {
    fetch_from(&server.address, token)
}

fn fetch_from(address: &str, token: &str) -> Result<Recording, FetchError> {
    let name = format!("netbox+http://{address}");
    let secrets = Secrets::default().with(&name, "token", Secret::new(token));
    let live = live::open(&name, &secrets).unwrap().unwrap();
    live.fetch(Timestamp(5))
}

#[test]
fn pages_are_followed_and_replayed() {
    let server = serve(Mood::Well);
    let recording = fetch(&server, TOKEN).unwrap();
    let world = hear_input(&recording.clone().into_input());
    check(&world);
    assert_eq!(world.problems, []);
    assert_eq!(recording.source, format!("netbox:{}", server.address));
    let folder = tempfile::tempdir().unwrap();
    recording.write(folder.path()).unwrap();
    assert_eq!(hear(folder.path()).observations, world.observations);
    for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(!text.contains(TOKEN), "the token stands in {:?}", file.path());
    }
    let pages =
        server.asked.lock().unwrap().iter().filter(|path| path.contains("interfaces")).count();
    assert_eq!(pages, 2 + 1, "two of devices, one of virtual machines");
}

#[test]
fn files_of_any_layout_are_the_same() {
    let all = objects("https://netbox.example.org");
    let pages: Vec<_> =
        all.iter().map(|(_, items)| json!({"count": 9, "next": null, "results": items})).collect();
    let one = folder(&[("netbox.json", serde_json::to_string_pretty(&pages).unwrap().as_bytes())]);
    check(&hear(one.path()));
    let files: Vec<_> = (all.iter().filter(|(_, items)| !items.is_empty()))
        .map(|(name, items)| (format!("{}.json", name.replace('/', "-")), json!(items).to_string()))
        .collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (&**name, text.as_bytes())).collect();
    check(&hear(folder(&files).path()));
}

#[test]
fn a_wrong_token_is_refused_and_not_shown() {
    let error = fetch(&serve(Mood::Well), "wrong-and-secret").unwrap_err();
    let text = format!("{error} {error:?} {}", error.hint());
    assert!(error.is_lasting() && text.contains("403 Forbidden: Invalid token"), "{text}");
    assert!(!text.contains("wrong-and-secret"));
    assert!(text.contains("NETBOX_TOKEN"));
}

#[test]
fn a_busy_server_is_waited_for() {
    let server = serve(Mood::Busy);
    check(&hear_input(&fetch(&server, TOKEN).unwrap().into_input()));
}

#[test]
fn a_long_break_is_left_to_the_schedule() {
    let error = fetch(&serve(Mood::Overrun), TOKEN).unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert!(!error.is_lasting() && error.to_string().contains("503"), "{error}");
}

#[test]
fn a_broken_page_is_told_and_the_rest_is_read() {
    let world = hear_input(&fetch(&serve(Mood::Broken), TOKEN).unwrap().into_input());
    assert!(world.has_problem(&["dcim/interfaces", "the page is broken", "5 tries"]));
    assert_eq!(world.get("physical.port", "leaf1:Ethernet1", "mode"), "trunk");
    assert_eq!(world.get("compute.vm", "vm1", "host"), "srv1");
}

#[test]
fn a_server_that_vanishes_leaves_what_it_said() {
    let server = serve(Mood::Well);
    fetch(&server, TOKEN).unwrap();
    server.set(Mood::Vanishing);
    let recording = fetch(&server, TOKEN).unwrap();
    assert!(!recording.lacks().is_empty());
    let world = hear_input(&recording.into_input());
    assert_eq!(world.get("physical.device", "leaf1", "role"), "access");
    assert!(world.has_problem(&["went away"]));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert!(!fetch_from(&nobody, TOKEN).unwrap_err().is_lasting());
}

#[test]
fn the_token_stays_with_the_host_that_was_asked() {
    let server = serve(Mood::Luring);
    check(&hear_input(&fetch(&server, TOKEN).unwrap().into_input()));
}

#[test]
fn wrong_names_say_what_is_right() {
    let open = |name: &str, secrets: &Secrets| live::open(name, secrets).unwrap().err().unwrap();
    let none = Secrets::default();
    assert!(open("netbox+http://netbox.example.org", &none).reason.contains("in the clear"));
    assert!(open("netbox+https://user:pw@host", &none).reason.contains("no address"));
    assert!(open("netbox+https://netbox.example.org", &none).hint.contains("NETBOX_TOKEN"));
    assert!(live::open("/some/path", &none).is_none());
}
