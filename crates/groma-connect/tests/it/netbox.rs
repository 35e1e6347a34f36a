//! NetBox: its JSON, and a small server on loopback that speaks as NetBox does.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use groma_connect::live::{self, FetchError, Recording, Secret, Secrets};
use groma_model::Timestamp;
use serde_json::{Value, json};

use crate::heard::{World, folder, hear, hear_input};

const TOKEN: &str = "0123456789abcdef";

/// A leaf and a server, cabled through a patch panel, as NetBox tells of them.
fn objects(base: &str) -> Vec<(&'static str, Vec<Value>)> {
    let url = |path: &str| format!("{base}/api/{path}/");
    let device = |id: u32, name: &str, role: &str| {
        json!({"id": id, "url": url(&format!("dcim/devices/{id}")), "name": name, "display": name,
            "role": {"slug": role}, "device_type": {"model": "M1", "manufacturer": {"name": "Acme"}},
            "platform": null, "serial": format!("S{id}"), "asset_tag": null, "status": {"value": "active"},
            "site": {"name": "dc1"}, "rack": {"name": "r1"}, "primary_ip": {"address": "10.0.0.9/24"}})
    };
    let port = |id: u32, device: &str, name: &str, far: Value| {
        json!({"id": id, "url": url(&format!("dcim/interfaces/{id}")), "device": {"name": device}, "name": name,
            "type": {"value": "25gbase-x-sfp28"}, "enabled": true, "mtu": 9000, "mac_address": "AA:BB:CC:00:00:01",
            "mode": {"value": "tagged"}, "untagged_vlan": {"vid": 1}, "tagged_vlans": [{"vid": 10}, {"vid": 20}],
            "connected_endpoints": far})
    };
    let far = |id: u32, device: &str, name: &str| json!([{"id": id, "url": url(&format!("dcim/interfaces/{id}")), "device": {"name": device}, "name": name}]);
    vec![
        (
            "dcim/sites",
            vec![
                json!({"id": 1, "url": url("dcim/sites/1"), "name": "dc1", "region": {"name": "north"}}),
            ],
        ),
        (
            "dcim/racks",
            vec![
                json!({"id": 1, "url": url("dcim/racks/1"), "name": "r1", "site": {"name": "dc1"},
            "location": {"name": "hall"}, "u_height": 42}),
            ],
        ),
        ("dcim/devices", vec![device(1, "leaf1", "leaf-switch"), device(2, "srv1", "server")]),
        (
            "dcim/interfaces",
            vec![
                port(1, "leaf1", "Ethernet1", far(2, "srv1", "eth0")),
                port(2, "srv1", "eth0", far(1, "leaf1", "Ethernet1")),
                port(3, "leaf1", "Ethernet2", Value::Null),
            ],
        ),
        (
            "dcim/cables",
            vec![json!({"id": 1, "url": url("dcim/cables/1"), "status": {"value": "planned"},
            "a_terminations": [{"object_type": "dcim.interface", "object": far(3, "leaf1", "Ethernet2")[0]}],
            "b_terminations": [{"object_type": "dcim.interface", "object": far(9, "leaf2", "Ethernet2")[0]}]})],
        ),
        (
            "ipam/vlans",
            vec![
                json!({"id": 5, "url": url("ipam/vlans/5"), "vid": 10, "name": "app", "group": {"name": "fabric"}}),
            ],
        ),
        (
            "ipam/prefixes",
            vec![
                json!({"id": 1, "url": url("ipam/prefixes/1"), "prefix": "10.0.0.0/24", "vrf": null,
            "vlan": {"id": 5, "vid": 10, "url": url("ipam/vlans/5")}}),
            ],
        ),
        (
            "ipam/ip-addresses",
            vec![
                json!({"id": 1, "url": url("ipam/ip-addresses/1"), "address": "10.0.0.1/24", "vrf": null,
            "role": {"value": "anycast"}, "assigned_object": far(1, "leaf1", "Ethernet1")[0]}),
            ],
        ),
        (
            "virtualization/virtual-machines",
            vec![json!({"id": 1, "url": url("virtualization/virtual-machines/1"),
            "name": "vm1", "device": {"name": "srv1"}, "primary_ip": {"address": "10.0.0.5/24"}})],
        ),
        ("virtualization/interfaces", vec![]),
    ]
}

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

/// How the server misbehaves.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// Says twice that it is busy, then answers.
    Busy,
    /// Asks for a long break.
    Overrun,
    /// The second page of interfaces is cut off.
    Broken,
    /// Closes every connection once devices were asked for.
    Vanishing,
    /// Names the next page on another host.
    Luring,
}

struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Serves pages of two objects. The thread ends with the process.
fn serve(mood: Mood) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (base, log) = (format!("http://{address}"), Arc::clone(&asked));
    std::thread::spawn(move || {
        let busy = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming().flatten() {
            let (base, log, busy) = (base.clone(), Arc::clone(&log), Arc::clone(&busy));
            std::thread::spawn(
                move || while answer(&stream, &base, mood, &log, &busy).is_some() {},
            );
        }
    });
    Server { address, asked }
}

/// Answers one request; `None`: the connection is over.
fn answer(
    mut stream: &TcpStream,
    base: &str,
    mood: Mood,
    log: &Mutex<Vec<String>>,
    busy: &AtomicUsize,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request).ok().filter(|length| *length > 0)?;
    let (mut authorized, mut line) = (false, String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        authorized |= line.trim().eq_ignore_ascii_case(&format!("authorization: Token {TOKEN}"));
        line.clear();
    }
    let target = request.split(' ').nth(1)?.to_owned();
    log.lock().unwrap().push(target.clone());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let number = |name: &str| {
        query.split('&').find_map(|part| part.strip_prefix(name)?.parse::<usize>().ok())
    };
    let mut send = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(text.as_bytes()).ok()
    };
    if !authorized {
        return send("403 Forbidden", "", r#"{"detail":"Invalid token"}"#);
    }
    let endpoint = path.trim_start_matches("/api/").trim_end_matches('/');
    match mood {
        Mood::Busy if busy.fetch_add(1, Ordering::Relaxed) < 2 => {
            return send("429 Too Many Requests", "Retry-After: 0\r\n", "{}");
        }
        Mood::Overrun => return send("503 Service Unavailable", "Retry-After: 3600\r\n", "{}"),
        Mood::Vanishing if endpoint == "dcim/interfaces" => return None,
        _ => {}
    }
    let all = objects(base);
    let Some((_, items)) = all.iter().find(|(name, _)| *name == endpoint) else {
        return send("404 Not Found", "", r#"{"detail":"Not found."}"#);
    };
    let offset = number("offset=").unwrap_or(0);
    let page: Vec<_> = items.iter().skip(offset).take(2).collect();
    let host = if mood == Mood::Luring { "http://evil.example" } else { base };
    let next = (offset + 2 < items.len())
        .then(|| format!("{host}/api/{endpoint}/?limit=2&offset={}", offset + 2));
    let body = json!({"count": items.len(), "next": next, "previous": null, "results": page});
    let mut body = body.to_string();
    if mood == Mood::Broken && endpoint == "dcim/interfaces" && offset > 0 {
        body.truncate(body.len() / 2);
    }
    send("200 OK", "", &body)
}

fn fetch(server: &Server, token: &str) -> Result<Recording, FetchError> {
    let name = format!("netbox+http://{}", server.address);
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
    let recording = fetch(&serve(Mood::Vanishing), TOKEN).unwrap();
    assert!(!recording.lacks().is_empty());
    let world = hear_input(&recording.into_input());
    assert_eq!(world.get("physical.device", "leaf1", "role"), "access");
    assert!(world.has_problem(&["went away"]));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let gone = Server { address: nobody, asked: Arc::default() };
    assert!(!fetch(&gone, TOKEN).unwrap_err().is_lasting());
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
