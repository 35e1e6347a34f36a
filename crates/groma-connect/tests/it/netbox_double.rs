//! A small server on loopback that speaks as NetBox does, for the tests of several crates.

#![allow(dead_code, reason = "each crate uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "0123456789abcdef";

/// A leaf and a server, cabled through a patch panel, as NetBox tells of them.
pub(crate) fn objects(base: &str) -> Vec<(&'static str, Vec<Value>)> {
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

/// How the server misbehaves.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mood {
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

pub(crate) struct Server {
    pub(crate) address: String,
    /// Paths and queries.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// Paths and bodies of what was changed; nothing is.
    pub(crate) patched: Arc<Mutex<Vec<(String, Value)>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Server {
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

/// Serves pages of two objects. The thread ends with the process.
pub(crate) fn serve(mood: Mood) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let patched = Arc::new(Mutex::new(Vec::new()));
    let (base, log) = (format!("http://{address}"), Arc::clone(&asked));
    let patches = Arc::clone(&patched);
    let now = Arc::new(Mutex::new(mood));
    let mood = Arc::clone(&now);
    std::thread::spawn(move || {
        let busy = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming().flatten() {
            let (base, log, busy) = (base.clone(), Arc::clone(&log), Arc::clone(&busy));
            let (mood, patches) = (Arc::clone(&mood), Arc::clone(&patches));
            std::thread::spawn(move || {
                while answer(&stream, &base, &mood, &log, &patches, &busy).is_some() {}
            });
        }
    });
    Server { address, asked, patched, mood: now }
}

/// Answers one request; `None`: the connection is over.
fn answer(
    mut stream: &TcpStream,
    base: &str,
    mood: &Mutex<Mood>,
    log: &Mutex<Vec<String>>,
    patches: &Mutex<Vec<(String, Value)>>,
    busy: &AtomicUsize,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request).ok().filter(|length| *length > 0)?;
    let (mut authorized, mut length, mut line) = (false, 0, String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        authorized |= line.trim().eq_ignore_ascii_case(&format!("authorization: Token {TOKEN}"));
        if let Some(given) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = given.trim().parse().ok()?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mood = *mood.lock().unwrap();
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
    if request.starts_with("PATCH ") {
        patches.lock().unwrap().push((path.to_owned(), serde_json::from_slice(&body).ok()?));
        return send("200 OK", "", "{}");
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
    let Some((_, items)) = all.into_iter().find(|(name, _)| *name == endpoint) else {
        return send("404 Not Found", "", r#"{"detail":"Not found."}"#);
    };
    // Filters by name, as `device=leaf1&name=Ethernet1`; others fit everything.
    let filters = query.split('&').filter_map(|part| part.split_once('='));
    let wanted: Vec<_> = filters.filter(|(name, _)| ["name", "device"].contains(name)).collect();
    let fits = |item: &Value| {
        wanted.iter().all(|(name, value)| item[*name] == *value || item[*name]["name"] == *value)
    };
    let items: Vec<Value> = items.into_iter().filter(fits).collect();
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
