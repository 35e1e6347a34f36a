//! Small forms: Batfish, Graphviz, Ansible, hosts, a probe's reports.

use crate::heard::{World, folder, hear};

fn read(name: &str, text: &str) -> World {
    hear(folder(&[(name, text.as_bytes())]).path())
}

#[test]
fn edges_of_batfish_are_cables() {
    let world = read(
        "layer1_topology.json",
        r#"{"edges": [
            {"node1": {"hostname": "a", "interfaceName": "e1"}, "node2": {"hostname": "b", "interfaceName": "e2"}},
            {"node1": {"hostname": "b", "interfaceName": "e2"}, "node2": {"hostname": "a", "interfaceName": "e1"}},
            {"node1": {"hostname": "a"}}]}"#,
    );
    assert_eq!(world.count("physical.link"), 1);
    assert_eq!(world.get("physical.link", "a:e1--b:e2", "evidence"), "cabling");
    assert!(world.has_problem(&["edge 3", "interfaceName"]));
}

#[test]
fn graphs_of_cables_are_read() {
    let world = read(
        "topology.dot",
        "graph vx {\n  graph [hostidtype=\"hostname\"]\n  \"leaf-1\" [function=\"leaf\" os=\"x\"]; /* a\nb */\n\
         \"spine1\" [function=spine]\n\"leaf-1\":\"swp51\" -- \"spine1\":\"swp1\" [left_mac=\"aa\"]\n\
         leaf-1:swp1--server1:eth1 // no space\n\"leaf-1:swp2\" -- \"server2:eth1\"\n a -- b\n}\n",
    );
    let links: Vec<_> = world.all("physical.link").map(|(key, _)| key).collect();
    assert_eq!(
        links,
        ["leaf-1:swp1--server1:eth1", "leaf-1:swp2--server2:eth1", "leaf-1:swp51--spine1:swp1"]
    );
    assert_eq!(world.get("physical.device", "leaf-1", "role"), "access");
    assert_eq!(world.get("physical.device", "spine1", "role"), "distribution");
    assert!(
        world.has_problem(&["topology.dot:9", "a -- b", "names no port"]),
        "{:?}",
        world.problems
    );
    assert_eq!(world.problems.len(), 1);
}

#[test]
fn hosts_have_addresses() {
    let world = read(
        "hosts",
        "127.0.0.1 localhost\n# comment\n::1 ip6-localhost\n2001:db8::5 web1.example.org web1\n\
         10.0.0.5 web1.example.org\n10.0.0.6\tdb1 # the one\nnonsense here\n10.0.0.7\n",
    );
    assert_eq!(world.get("compute.host", "web1", "address"), "10.0.0.5");
    assert_eq!(world.get("compute.host", "web1", "fqdn"), "web1.example.org");
    assert_eq!(world.get("compute.host", "db1", "address"), "10.0.0.6");
    assert_eq!(world.count("compute.host"), 2);
    assert!(world.has_problem(&["hosts:7", "does not begin with an address"]));
    assert!(world.has_problem(&["hosts:8", "has no name"]));
}

#[test]
fn a_schema_beside_its_tables_is_no_problem() {
    let schema = include_bytes!("../../../../examples/site-schema/power.toml");
    let hosts = b"id,address\nweb1,10.0.0.1\n";
    let world = hear(folder(&[("power.toml", schema), ("compute.host.csv", hosts)]).path());
    assert_eq!(world.reasons(), Vec::<&str>::new());
    assert_eq!(world.count("compute.host"), 1);
}

/// Key, full name and address of each machine.
fn machines(world: &World) -> Vec<(&str, &str, &str)> {
    let said = |key, attribute| world.get("compute.host", key, attribute);
    world
        .all("compute.host")
        .map(|(key, _)| (key, said(key, "fqdn"), said(key, "address")))
        .collect()
}

#[test]
fn machines_of_several_domains_keep_them_apart() {
    let mut lines = [
        "10.0.0.1 web.a.example web",
        "10.0.0.2 web.b.example",
        "10.0.0.3 db.a.example",
        "10.0.0.4 db.a.example",
        "2001:db8::3 db",
    ];
    let wanted = [
        ("db", "db.a.example", "10.0.0.3"),
        ("web.a.example", "web.a.example", "10.0.0.1"),
        ("web.b.example", "web.b.example", "10.0.0.2"),
    ];
    assert_eq!(machines(&read("hosts", &lines.join("\n"))), wanted);
    lines.swap(0, 1);
    assert_eq!(machines(&read("hosts", &lines.join("\n"))), wanted);
    let inventory = "[web]\nweb.a.example ansible_host=10.0.0.1\nweb.b.example ansible_host=10.0.0.2\n\
                     db.a.example ansible_host=10.0.0.3\n";
    let world = read("inventory.ini", inventory);
    assert_eq!(machines(&world), wanted);
    let members = world.get("compute.group", "web", "members");
    assert_eq!(members, "host/db,host/web.a.example,host/web.b.example");
}

/// Each form says the same.
fn check(world: &World) {
    assert_eq!(world.reasons(), Vec::<&str>::new());
    let hosts: Vec<_> = world.all("compute.host").map(|(key, _)| key).collect();
    assert_eq!(hosts, ["db-a", "db-b", "web01", "web02"]);
    assert_eq!(world.get("compute.host", "web01", "fqdn"), "web01.example.org");
    assert_eq!(world.get("compute.host", "db-a", "address"), "10.0.0.9");
    assert_eq!(world.get("physical.device", "leaf1", "os"), "eos");
    assert_eq!(world.get("compute.group", "web", "members"), "host/web01,host/web02");
    assert_eq!(world.get("compute.group", "prod", "groups"), "db,web");
    for seen in &world.observations {
        assert!(!format!("{seen:?}").contains("hunter2"), "{seen:?}");
    }
}

#[test]
fn inventories_of_all_forms_are_the_same() {
    check(&read(
        "inventory.ini",
        "[web]\nweb[01:02].example.org ansible_password=hunter2\n[db]\ndb-[a:b] ansible_host=10.0.0.9\n\
         [switches]\nleaf1 ansible_network_os=eos ansible_host=leaf1.oob\n[prod:children]\nweb\ndb\n[prod:vars]\nx=hunter2\n",
    ));
    check(&read(
        "inventory.yml",
        "all:\n  children:\n    prod:\n      children:\n        web:\n          hosts:\n            web[01:02].example.org: {ansible_password: hunter2}\n\
        \x20       db:\n          hosts:\n            db-[a:b]:\n              ansible_host: 10.0.0.9\n\
        \x20   switches:\n      hosts:\n        leaf1: {ansible_network_os: eos}\n",
    ));
    check(&read(
        "list.json",
        r#"{"_meta": {"hostvars": {"db-a": {"ansible_host": "10.0.0.9"}, "db-b": {}, "leaf1": {"ansible_network_os": "eos"},
            "web01.example.org": {"ansible_password": "hunter2"}, "web02.example.org": {}}},
            "all": {"children": ["ungrouped", "prod", "switches"]}, "prod": {"children": ["web", "db"]},
            "web": {"hosts": ["web01.example.org", "web02.example.org"]}, "db": {"hosts": ["db-a", "db-b"]},
            "switches": {"hosts": ["leaf1"]}}"#,
    ));
}

#[test]
fn a_pattern_cannot_eat_the_memory() {
    let world =
        read("inventory.ini", "[all:children]\nx\n[x]\nh[1:999999999]\nh[1:300][1:300]\nh[1\n");
    assert!(
        world.has_problem(&["inventory.ini:4", "stands for more than 65536 machines"]),
        "{:?}",
        world.problems
    );
    assert!(world.has_problem(&["inventory.ini:5", "stands for more than"]));
    assert!(world.has_problem(&["inventory.ini:6", "no partner"]));
}

#[test]
fn windows_of_a_probe_are_facts_of_programs_and_locks() {
    let window = |at: u32, pid: u32, p: f64| {
        format!(
            r#"{{"at":{at},"expected_error":0.01,"host":"web1","machine":{{"cpus":4}},"processes":[{{
            "pid":{pid},"comm":"shop","unit":"shop.service","started":{started},"window":{{"tier":"bpf-owner",
            "window_seconds":5,"cpus":2,"cpus_used":1.5,"throughput":300,"parallel":{{"value":{p},"low":0.5,"high":0.9}},
            "method":"owner","locks":[{{"name":"0x{pid}","kind":"rust-mutex","share":{{"value":0.3,"low":0.2,"high":0.4}},
            "method":"holds"}}],"waits":[{{"kind":"disk","threads":0.5}}]}}}}]}}"#,
            started = at - 20
        )
        .replace('\n', " ")
    };
    let text =
        format!("{}\nnonsense\n{}\n", window(1_700_000_000, 7, 0.7), window(1_700_000_060, 8, 0.8));
    let world = read("windows.jsonl", &text);
    assert_eq!(world.count("capacity.scalability"), 1);
    let said = |attribute| world.get("capacity.scalability", "web1/shop", attribute);
    assert_eq!((said("p"), said("process")), ("0.8", "web1/shop[8]"));
    assert_eq!((said("cpus_limit"), said("disk_waiters")), ("2", "0.5"));
    assert_eq!(world.get("capacity.contention", "web1/shop/0x8", "lock"), "rust-mutex");
    assert_eq!(world.get("compute.host", "web1", "cpus"), "4");
    assert!(world.has_problem(&["windows.jsonl:2", "not understood"]));
}
