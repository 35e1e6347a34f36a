//! The machine that runs the tests, and one that was recorded.

use groma_connect::live::{self, Recording, Secrets};
use groma_model::Timestamp;

use crate::heard::{Attributes, hear, hear_input};

fn ask(name: &str) -> Recording {
    let live = live::open(name, &Secrets::default()).unwrap().unwrap();
    live.fetch(Timestamp(1_000_000_000)).unwrap()
}

#[test]
fn this_machine_tells_of_itself() {
    let world = hear_input(&ask("machine:").into_input());
    let (host, attributes) = world.all("compute.host").next().unwrap();
    let number = |name: &str| attributes[name].parse::<u64>().unwrap();
    assert!(number("cpus") > 0 && number("memory_bytes") > 1 << 20, "{attributes:?}");
    assert_eq!(world.get("physical.port", &format!("{host}:lo"), "type"), "loopback");
    let own = std::process::id().to_string();
    let is_own = |(_, process): &(&str, &Attributes)| process.get("pid") == Some(&own);
    let (_, process) = world.all("compute.process").find(is_own).unwrap();
    assert!(process.contains_key("program") && process.contains_key("started"), "{process:?}");
}

#[test]
fn a_socket_has_a_process_and_the_other_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let _caller = std::net::TcpStream::connect(at).unwrap();
    let (_taken, _) = listener.accept().unwrap();
    let world = hear_input(&ask("machine:").into_input());
    let (instance, attributes) = (world.all("service.instance"))
        .find(|(_, attributes)| attributes.get("address") == Some(&at.to_string()))
        .unwrap();
    assert!(attributes["runs_on"].ends_with(&format!("[{}]", std::process::id())));
    let port = at.port().to_string();
    let mut directions: Vec<_> = (world.all("service.connection"))
        .filter(|(_, connection)| connection.get("port") == Some(&port))
        .map(|(_, connection)| {
            assert_eq!(connection.get("instance").map(String::as_str), Some(instance));
            connection["direction"].clone()
        })
        .collect();
    directions.sort();
    assert_eq!(directions, ["in", "out"]);
}

#[test]
fn what_was_recorded_is_heard_again() {
    let recording = ask("machine:");
    let asked = hear_input(&recording.clone().into_input());
    let folder = tempfile::tempdir().unwrap();
    recording.write(folder.path()).unwrap();
    let replayed = hear(folder.path());
    assert!(!asked.observations.is_empty());
    assert_eq!(asked.observations, replayed.observations);
    assert_eq!(asked.problems, replayed.problems);
    let again = recording.write(folder.path()).unwrap_err();
    assert!(again.to_string().contains("holds a recording already"), "{again}");
}

#[test]
fn a_recording_that_points_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = r#"{"name":"machine:","source":"s","importer":"machine","at":"2026-11-20",
        "parts":["../../etc/passwd"],"lacks":[]}"#;
    std::fs::write(folder.path().join(live::MANIFEST), manifest).unwrap();
    let world = hear(folder.path());
    assert!(world.observations.is_empty());
    assert!(world.has_problem(&["is no name of a part"]));
}
