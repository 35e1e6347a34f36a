//! Sources of a server's schedule, and what NetBox is told of them.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::called::Groma;
use crate::netbox_double::{Mood, TOKEN, serve};

/// How long a server may take for what it does by itself.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_server_asks_its_sources_reads_them_again_and_ends_when_told() {
    let groma = Groma::new();
    groma.file("service.farm.csv", "id,balancing\norders,round_robin\n");
    let source = "[[source]]\nname = \"farms\"\npath = \"service.farm.csv\"\nevery = \"1h\"\n";
    let wrong = groma.file("wrong.toml", &source.replace("1h", "soon"));
    let refused = groma.call(&["serve", "--sources", &wrong]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.complaint.contains("wrong.toml:1: every = \"soon\""), "{}", refused.complaint);

    let sources = groma.file("sources.toml", source);
    let mut server = groma
        .command(&["serve", "--listen", "127.0.0.1:0", "--sources", &sources])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let until = |sql: &str| {
        let started = Instant::now();
        while !groma.ask(&["sql", "--json", sql]).contains("true") {
            assert!(started.elapsed() < PATIENCE, "{sql}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    until("SELECT count(*) = 1 AS there FROM service.farm");
    let is_asked =
        "SELECT count(*) = 1 AS yes FROM model.sources WHERE poll IS NOT NULL AND name = ";
    until(&format!("{is_asked}'farms'"));

    groma.file("sources.toml", &source.replace("\"farms\"", "\"others\""));
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &server.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    signal("-HUP");
    until(&format!("{is_asked}'others'"));
    signal("-TERM");
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn a_server_sends_no_secret_of_its_environment_to_whom_a_client_names() {
    let groma = Groma::new();
    let double = serve(Mood::Well);
    let mut server = groma
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .env("NETBOX_TOKEN", TOKEN)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let called = groma.call(&["import", &format!("netbox+http://{}", double.address)]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(called.code, Some(2), "{}", called.out);
    assert!(called.complaint.contains("no token is known"), "{}", called.complaint);
    assert!(called.complaint.contains("file of credentials"), "{}", called.complaint);
    assert_eq!(*double.asked.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn drift_is_proposed_to_netbox_and_applied_by_a_script() {
    let groma = Groma::new();
    let double = serve(Mood::Well);
    let netbox = format!("netbox+http://{}", double.address);
    let import = |arguments: &[&str]| {
        let output = groma.command(arguments).env("NETBOX_TOKEN", TOKEN).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let none = groma.call(&["netbox", "propose"]);
    assert_eq!(none.code, Some(0));
    assert!(none.complaint.contains("say = \"desired\""), "{}", none.complaint);

    let schema = "[[source]]\nname = \"netbox*\"\nsays = \"desired\"\n";
    groma.ask(&["schema", "apply", &groma.file("site.toml", schema)]);
    import(&["import", &netbox, "--source", "netbox"]);
    let devices = "id,serial,role\nleaf1,S9,access\nleaf7,S7,access\n";
    let ports = "id,device,name,mtu,mac\n\
        leaf1:Ethernet1,leaf1,Ethernet1,1500,aa:bb:cc:00:00:09\n";
    import(&["import", &groma.file("seen/physical.device.csv", devices), "--source", "seen"]);
    import(&["import", &groma.file("seen/physical.port.csv", ports), "--source", "seen"]);

    let proposed = groma.call(&["netbox", "propose", "--json"]);
    assert_eq!(proposed.code, Some(1));
    let rows: Vec<serde_json::Value> =
        proposed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let row = |id: &str, attribute: serde_json::Value| {
        rows.iter().find(|row| row["id"] == id && row["attribute"] == attribute).unwrap()
    };
    let serial = row("leaf1", "serial".into());
    assert_eq!((&serial["desired"], &serial["observed"]), (&json!("S1"), &json!("S9")));
    assert_eq!(serial["netbox"]["body"], json!({ "serial": "S9" }));
    let missing = row("leaf7", serde_json::Value::Null);
    assert!(missing["by_hand"].as_str().unwrap().contains("NetBox has no such physical.device"));
    let mac = row("leaf1:Ethernet1", "mac".into());
    assert!(mac["by_hand"].as_str().unwrap().starts_with("no NetBox field"));
    assert!(groma.call(&["netbox", "propose"]).out.contains("PATCH dcim/devices"));

    let file = groma.folder().join("proposal.json");
    let file = file.to_str().unwrap();
    assert_eq!(groma.call(&["netbox", "propose", file]).code, Some(1));
    let again = groma.call(&["netbox", "propose", file]);
    assert_eq!(again.code, Some(2), "a proposal that somebody reads is not written over");

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/netbox/apply.py");
    let apply = |more: &[&str]| {
        let mut python = Command::new("python3");
        python.args([script, file]).args(more).env("NETBOX_TOKEN", TOKEN);
        python.env("NETBOX_URL", format!("http://{}", double.address)).output()
    };
    let Ok(tried) = apply(&[]) else { return eprintln!("skipped: there is no python3") };
    let said = String::from_utf8([tried.stdout, tried.stderr].concat()).unwrap();
    assert!(
        tried.status.success() && said.contains("would    physical.device leaf1 serial"),
        "{said}"
    );
    assert_eq!(*double.patched.lock().unwrap(), []);
    assert!(apply(&["--apply"]).unwrap().status.success());
    let mut patched = double.patched.lock().unwrap().clone();
    patched.sort_by(|(a, _), (b, _)| a.cmp(b));
    let expected = [
        ("/api/dcim/devices/1/".to_owned(), json!({ "serial": "S9" })),
        ("/api/dcim/interfaces/1/".to_owned(), json!({ "mtu": 1500 })),
    ];
    assert_eq!(patched, expected);
}
