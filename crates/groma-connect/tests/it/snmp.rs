//! SNMP: recorded walks, and real agents on loopback where they are installed.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use groma_connect::live::{self, FetchError, Recording, Secret, Secrets};
use groma_model::Timestamp;

use crate::heard::{folder, hear, hear_input, shared};

/// Two switches with a LAG of two cables, as far as the MIBs tell; the second names its ports in another way.
fn walk(name: &str, mac: &str, port: &str, far: &str, far_ports: [&str; 2]) -> String {
    let mut lines = vec![
        format!("1.3.6.1.2.1.1.1.0|4|Acme Switch OS 7\nbuilt today"),
        format!("1.3.6.1.2.1.1.5.0|4|{name}.example.org"),
        format!("1.3.6.1.2.1.17.1.1.0|4x|{mac}"),
        "1.3.6.1.2.1.47.1.1.1.1.5.1|2|3".into(),
        format!("1.3.6.1.2.1.47.1.1.1.1.11.1|4|SN-{name}"),
        "1.3.6.1.2.1.47.1.1.1.1.13.1|4|AX-1".into(),
        // LAG 100 of the ports 1 and 2.
        "1.2.840.10006.300.43.1.2.1.1.13.1|2|100".into(),
        "1.2.840.10006.300.43.1.2.1.1.13.2|2|100".into(),
        // VLAN 10 on bridge ports 3 (untagged) and 100 (tagged).
        "1.3.6.1.2.1.17.7.1.4.3.1.1.10|4|app".into(),
        format!("1.3.6.1.2.1.17.7.1.4.3.1.2.10|4x|20{}10", "00".repeat(11)),
        "1.3.6.1.2.1.17.7.1.4.3.1.4.10|4x|20".into(),
        "1.3.6.1.2.1.17.7.1.4.5.1.1.3|66|10".into(),
        "1.3.6.1.2.1.17.7.1.2.2.1.2.10.0.22.62.0.0.9|2|3".into(),
        "1.3.6.1.2.1.17.7.1.2.2.1.3.10.0.22.62.0.0.9|2|3".into(),
        "1.3.6.1.2.1.17.2.15.1.3.3|2|5".into(),
        "1.3.6.1.2.1.4.20.1.2.10.0.0.1|2|3".into(),
        "1.3.6.1.2.1.4.20.1.3.10.0.0.1|64|255.255.255.0".into(),
        "1.3.6.1.2.1.4.34.1.3.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1|2|3".into(),
        "1.3.6.1.2.1.4.22.1.2.3.10.0.0.9|4x|00163e000009".into(),
    ];
    for (index, kind) in [(1, 6), (2, 6), (3, 6), (100, 161)] {
        let name = if index == 100 { "Port-Channel1".into() } else { format!("{port}{index}") };
        lines.push(format!("1.3.6.1.2.1.2.2.1.2.{index}|4|Interface {index}"));
        lines.push(format!("1.3.6.1.2.1.2.2.1.3.{index}|2|{kind}"));
        lines.push(format!("1.3.6.1.2.1.2.2.1.8.{index}|2|{}", if index == 3 { 2 } else { 1 }));
        lines.push(format!("1.3.6.1.2.1.31.1.1.1.1.{index}|4|{name}"));
        lines.push(format!("1.3.6.1.2.1.31.1.1.1.15.{index}|66|25000"));
        lines.push(format!("1.3.6.1.2.1.17.1.4.1.2.{index}|2|{index}"));
    }
    for (local, far_port) in (1..).zip(far_ports) {
        lines.push(format!("1.0.8802.1.1.2.1.3.7.1.3.{local}|4|{port}{local}"));
        lines.push(format!("1.0.8802.1.1.2.1.4.1.1.6.0.{local}.1|2|5"));
        lines.push(format!("1.0.8802.1.1.2.1.4.1.1.7.0.{local}.1|4|{far_port}"));
        lines.push(format!("1.0.8802.1.1.2.1.4.1.1.9.0.{local}.1|4|{far}.example.org"));
    }
    lines[0] = lines[0].replace('\n', " ");
    lines.join("\n") + "\n"
}

#[test]
fn switches_of_one_name_in_two_domains_are_two() {
    let one = walk("sw1", "001122330001", "Ethernet", "sw2", ["Eth1", "Ethernet2"]);
    let two = walk("sw2", "001122330002", "Eth", "sw1", ["Ethernet1", "Ethernet2"]);
    let [near, far] = [&one, &two]
        .map(|walk| walk.replace("sw1.example", "sw.a.example"))
        .map(|walk| walk.replace("sw2.example", "sw.b.example"));
    let folder = folder(&[("1.snmprec", near.as_bytes()), ("2.snmprec", far.as_bytes())]);
    let world = hear(folder.path());
    assert_eq!(world.reasons(), Vec::<&str>::new());
    let devices: Vec<_> = world.all("physical.device").map(|(key, _)| key).collect();
    assert_eq!(devices, ["sw.a.example.org", "sw.b.example.org"]);
    assert_eq!(world.get("physical.device", "sw.b.example.org", "serial"), "SN-sw2");
    let links: Vec<_> = world.all("physical.link").map(|(key, _)| key).collect();
    let wanted = [1, 2].map(|n| format!("sw.a.example.org:Ethernet{n}--sw.b.example.org:Eth{n}"));
    assert_eq!(links, wanted);
}

#[test]
fn recorded_walks_of_a_folder_are_read_together() {
    let one = walk("sw1", "001122330001", "Ethernet", "sw2", ["Eth1", "Ethernet2"]);
    let two = walk("sw2", "001122330002", "Eth", "sw1", ["Ethernet1", "Ethernet2"]);
    let folder = folder(&[("sw1.snmprec", one.as_bytes()), ("sw2.snmprec", two.as_bytes())]);
    let world = hear(folder.path());
    assert_eq!(world.reasons(), Vec::<&str>::new());
    let device = |attribute| world.get("physical.device", "sw1", attribute);
    assert_eq!((device("serial"), device("fqdn")), ("SN-sw1", "sw1.example.org"));
    assert_eq!((device("model"), device("mac")), ("AX-1", "00:11:22:33:00:01"));
    let port = |name: &str, attribute| world.get("physical.port", name, attribute).to_owned();
    assert_eq!(port("sw1:Ethernet1", "speed_bits_per_second"), "25000000000");
    assert_eq!(
        (port("sw1:Ethernet3", "mode"), port("sw1:Ethernet3", "access_vlan")),
        ("access".into(), "10".into())
    );
    assert_eq!(
        (port("sw1:Port-Channel1", "mode"), port("sw1:Port-Channel1", "allowed_vlans")),
        ("trunk".into(), "10".into())
    );
    assert_eq!(
        (port("sw1:Ethernet3", "up"), port("sw1:Ethernet1", "up")),
        ("false".into(), "true".into())
    );
    assert_eq!(
        world.get("network.lag", "sw1:Port-Channel1", "members"),
        "sw1:Ethernet1,sw1:Ethernet2"
    );
    for link in ["sw1:Ethernet1--sw2:Eth1", "sw1:Ethernet2--sw2:Eth2"] {
        assert_eq!(world.get("physical.link", link, "evidence"), "both-ends");
    }
    assert_eq!(world.count("physical.link"), 2);
    assert_eq!(world.get("network.mac_entry", "sw1|10|00:16:3e:00:00:09", "port"), "sw1:Ethernet3");
    assert_eq!(world.get("network.address", "sw1:Ethernet3|10.0.0.1", "prefix_length"), "24");
    assert_eq!(world.get("network.address", "sw1:Ethernet3|2001:db8::1", "ip"), "2001:db8::1");
    assert_eq!(world.get("network.neighbor", "sw1|Ethernet3|10.0.0.9", "mac"), "00:16:3e:00:00:09");
    assert_eq!(world.get("network.stp_state", "sw1:Ethernet3|", "state"), "forwarding");
    assert_eq!(world.get("network.vlan", "sw1/10", "name"), "app");
}

#[test]
fn a_neighbour_that_was_not_asked_is_known_by_its_names() {
    let text = walk("sw1", "001122330001", "Ethernet", "core", ["xe-0/0/1", "xe-0/0/1"]);
    let folder = folder(&[("sw1.snmprec", text.as_bytes())]);
    let world = hear(folder.path());
    assert_eq!(world.get("physical.link", "core:xe-0/0/1--sw1:Ethernet1", "evidence"), "segment");
    assert_eq!(world.get("physical.port", "core:xe-0/0/1", "device"), "core");
}

#[test]
fn broken_walks_are_told() {
    let folder = folder(&[
        ("a.snmprec", b"1.3.6.1.2.1.1.1.0|4|no name\n1.3|4\n"),
        ("b.snmprec", b"1.3.6|7|x\n"),
    ]);
    let world = hear(folder.path());
    assert!(world.has_problem(&["a.snmprec", "the device says no name"]));
    assert!(world.has_problem(&["a.snmprec:2", "no value"]));
    assert!(world.has_problem(&["b.snmprec:1", "there is no type 7"]));
    assert!(world.observations.is_empty());
}

/// An agent that ends with the test.
struct Agent {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// net-snmp's agent; `None`, said aloud, where it is not installed.
fn snmpd() -> Option<Agent> {
    let program =
        ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"].iter().find(|path| Path::new(path).exists());
    let Some(program) = program else {
        println!("skipped: snmpd is not installed");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = "rocommunity s3cret 127.0.0.1\nsysName agent1.example.org\n\
                    createUser groma SHA \"authentic-pass\" AES \"private-pass\"\nrouser groma priv\n";
    std::fs::write(folder.path().join("snmpd.conf"), settings).unwrap();
    let process = Command::new(program)
        .args(["-f", "-C", "-Lf", "/dev/null", "-c"])
        .arg(folder.path().join("snmpd.conf"))
        .arg(format!("udp:127.0.0.1:{port}"))
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Some(Agent { process, port, _folder: folder })
}

fn secrets() -> Secrets {
    let secret = |text: &str| Secret::new(text);
    Secrets::default()
        .with("snmp://127.0.0.1", "community", secret("s3cret"))
        .with("snmp://127.0.0.1", "auth_password", secret("authentic-pass"))
        .with("snmp://127.0.0.1", "privacy_password", secret("private-pass"))
}

fn fetch(name: &str, secrets: &Secrets) -> Result<Recording, FetchError> {
    live::open(name, secrets).unwrap().unwrap().fetch(Timestamp(9))
}

/// Asks until the agent has started.
fn fetch_soon(name: &str, secrets: &Secrets) -> Recording {
    let started = Instant::now();
    loop {
        match fetch(name, secrets) {
            Ok(recording) => return recording,
            Err(error) if started.elapsed() > Duration::from_secs(60) => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

#[test]
fn a_real_agent_is_walked_in_both_versions() {
    let Some(agent) = snmpd() else { return };
    let plain = fetch_soon(&format!("snmp://127.0.0.1:{}", agent.port), &secrets());
    let world = hear_input(&plain.clone().into_input());
    assert_eq!(world.get("physical.device", "agent1", "fqdn"), "agent1.example.org");
    assert_eq!(world.get("physical.port", "agent1:lo", "type"), "loopback");
    let folder = tempfile::tempdir().unwrap();
    plain.write(folder.path()).unwrap();
    assert_eq!(hear(folder.path()).observations, world.observations);

    let name =
        format!("snmp://127.0.0.1:{}?version=3&user=groma&auth=sha1&privacy=aes128", agent.port);
    let private = fetch(&name, &secrets()).unwrap();
    let again = hear_input(&private.into_input());
    let keys = |world: &crate::heard::World| {
        world.all("physical.port").map(|(key, _)| key.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&again), keys(&world));

    let wrong = secrets().with("snmp://127.0.0.1", "auth_password", Secret::new("wrong-password"));
    let error = fetch(&name, &wrong).unwrap_err();
    assert!(!format!("{error} {error:?} {}", error.hint()).contains("wrong-password"), "{error}");
    assert!(error.is_lasting(), "{error}");
    let wrong = Secrets::default().with("snmp://127.0.0.1", "community", Secret::new("hunter2"));
    let error = fetch(&format!("snmp://127.0.0.1:{}", agent.port), &wrong).unwrap_err();
    assert!(error.to_string().contains("a wrong community is not answered"), "{error}");
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn names_say_what_is_missing() {
    let open = |name: &str| live::open(name, &Secrets::default()).unwrap().err().unwrap();
    assert!(open("snmp://sw1").hint.contains("GROMA_SNMP_COMMUNITY"));
    assert!(open("snmp://sw1?version=3").reason.contains("needs a user"));
    assert!(open("snmp://sw1?version=3&user=u&auth=rot13").reason.contains("\"rot13\" is none of"));
    assert!(open("snmp://sw1?community=public").reason.contains("no setting \"community\""));
    assert!(
        !open("snmp://sw1?community=public").to_string().contains("no setting \"community=public")
    );
}

#[test]
fn recordings_of_snmpsim_are_read() {
    let Some(path) = shared("snmp") else { return };
    let world = hear(&path);
    assert!(world.count("physical.device") > 0);
}
