//! Input that is broken, doubled, huge or not text: problems are listed and the rest is read.

use std::io::{BufReader, Read};

use groma_connect::lines::{LINE_LENGTH_MAX, Lines};
use groma_connect::{discover, importers};
use proptest::prelude::*;

use crate::heard::{folder, hear};

const RECORD: &str = r#"[{"status": 0, "timestamp": 1600000000000, "cmd": "ip neigh show", "devtype": "linux",
 "hostname": "NAME", "data": "10.0.0.1 dev eth0 lladdr 02:00:00:00:00:01 STALE\n"}]"#;

fn record(name: &str) -> String {
    RECORD.replace("NAME", name)
}

#[test]
fn a_truncated_capture_gives_what_is_whole() {
    let text = format!("{}\n{}", record("a"), record("b"));
    let cut = &text.as_bytes()[..text.len() - 20];
    let folder = folder(&[("arpnd.output", cut)]);
    let world = hear(folder.path());
    assert_eq!(world.count("network.neighbor"), 1);
    assert!(world.has_problem(&["arpnd.output", "not a JSON array of records"]));
}

#[test]
fn a_broken_stretch_does_not_hide_what_follows() {
    let text = format!("{}\n[{{broken\n{}", record("a"), record("b"));
    let folder = folder(&[("arpnd.output", text.as_bytes())]);
    let world = hear(folder.path());
    assert_eq!(world.count("network.neighbor"), 2);
    assert_eq!(world.problems.len(), 1);
}

#[test]
fn a_doubled_capture_is_read_once() {
    let text = format!("{}\n{}", record("a"), record("a"));
    let folder = folder(&[("arpnd.output", text.as_bytes())]);
    let world = hear(folder.path());
    assert_eq!(world.observations.iter().filter(|o| o.kind == "network.neighbor").count(), 1);
    assert_eq!(world.reasons(), ["1 records appear twice and were read once"]);
}

#[test]
fn wrong_types_are_told() {
    let text = r#"[{"timestamp": "noon", "cmd": 7}, 5, null,
        {"timestamp": 1, "cmd": "show ip route vrf all", "devtype": "eos", "hostname": "e",
         "data": {"vrfs": {"default": {"routes": {"nowhere": 5, "10.0.0.0/8": {"vias": 7, "metric": "x"}}}}}},
        {"status": 1, "timestamp": 1, "cmd": "show ip route vrf all", "devtype": "eos", "hostname": "e", "data": []}]"#;
    let folder = folder(&[("routes.output", text.as_bytes())]);
    let world = hear(folder.path());
    assert_eq!(world.count("network.route"), 1);
    assert_eq!(world.problems.len(), 5, "{:?}", world.problems);
    assert!(world.has_problem(&["nowhere", "is not an address"]));
    assert!(world.has_problem(&["failed with status 1"]));
}

/// Gives `length` bytes of one letter without having them.
struct Letters {
    left: u64,
}

impl Read for Letters {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buffer[..length].fill(b'x');
        self.left -= length as u64;
        Ok(length)
    }
}

#[test]
fn a_line_of_a_gigabyte_is_passed_over() {
    let huge = 1_u64 << 30;
    let input = b"first\n".chain(Letters { left: huge }).chain(&b"\nl\xffst\nlast"[..]);
    let mut lines = Lines::new(BufReader::with_capacity(1 << 18, input), "huge.txt");
    assert_eq!(lines.next_line().unwrap().text, Ok("first"));
    let problem = lines.next_line().unwrap().text.unwrap_err();
    assert_eq!(problem.place, "huge.txt:2");
    assert!(problem.text.starts_with("xxxx"));
    assert_eq!(
        problem.reason,
        format!("the line has {huge} bytes, more than the {LINE_LENGTH_MAX} that are read")
    );
    let problem = lines.next_line().unwrap().text.unwrap_err();
    assert_eq!(
        (problem.text.as_str(), problem.reason.as_str()),
        ("l\u{fffd}st", "byte 2 of the line is not UTF-8")
    );
    assert_eq!(lines.next_line().unwrap().text, Ok("last"));
    assert_eq!(lines.next_line(), None);
}

#[test]
fn csv_that_is_not_text_or_never_closes_a_quote_goes_on() {
    let mut text = b"id,model\na,1\nb,\xff\nc,\"open\nd,4\n".to_vec();
    text.extend(b"e,\"two\nlines\"\nf,6\n");
    let folder = folder(&[("physical.device.csv", &text)]);
    let world = hear(folder.path());
    let keys: Vec<_> = world.all("physical.device").map(|(key, _)| key).collect();
    assert_eq!(keys.first(), Some(&"a"));
    assert_eq!(keys.last(), Some(&"f"));
    assert!(world.has_problem(&["physical.device.csv:3", "not UTF-8"]));
}

#[test]
fn a_quote_that_stays_open_costs_one_record() {
    let text = b"id,model\na,\"open\nb,2\nc,3\n";
    let folder = folder(&[("physical.device.csv", text)]);
    let world = hear(folder.path());
    assert_eq!(world.all("physical.device").map(|(key, _)| key).collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(world.reasons(), ["a quoted field does not end"]);
}

#[test]
fn a_path_that_is_not_there_is_an_error() {
    let error = discover("no/such/folder".as_ref()).err().unwrap();
    assert_eq!(error.to_string(), "cannot read no/such/folder");
}

#[test]
fn what_explains_the_data_is_passed_over() {
    let folder =
        folder(&[("LICENSE", b"x"), ("README.md", b"x"), (".hidden", b"x"), ("odd.bin", b"\x00")]);
    let world = hear(folder.path());
    assert_eq!(world.problems.len(), 1);
    assert!(world.has_problem(&["odd.bin", "no importer recognises this file"]));
}

#[test]
fn importers_have_names_of_their_own() {
    let mut names: Vec<_> = importers().map(|importer| importer.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), importers().count());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_of_a_device_breaks_a_reader(
        answer in "[ -~\n]{0,200}",
        command in prop::sample::select(vec![
            ("interfaces", "ip -d address show", "linux"), ("macs", "/sbin/bridge fdb show", "cumulus"),
            ("vlan", "/sbin/bridge -c vlan show", "cumulus"), ("routes", "ip route show table all", "linux"),
            ("routes", "show ip route", "ios"), ("routes", "show ip route vrf all", "nxos"),
            ("lldp", "lldpctl", "sonic"), ("lldp", "show lldp neighbors", "ios"),
            ("interfaces", "show interfaces", "ios"), ("macs", "show mac address-table", "ios"),
            ("arpnd", "show ip arp", "ios"), ("vlan", "show vlan", "ios"), ("device", "show version", "nxos"),
        ]),
    ) {
        let (table, cmd, devtype) = command;
        let record = serde_json::json!([{"timestamp": 1, "cmd": cmd, "devtype": devtype, "hostname": "d", "data": answer}]);
        let folder = folder(&[(&format!("{table}.output"), record.to_string().as_bytes())]);
        hear(folder.path());
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_told_and_not_waited_for() {
    let folder = folder(&[("service.farm.csv", b"id\none\n")]);
    let pipe = folder.path().join("pipe.json");
    let mapping = "[[input]]\nname = \"rows\"\nfile = \"pipe.json\"\n\n\
        [[map]]\nfrom = \"rows\"\nkind = \"service.farm\"\nkey = \"{id}\"\n";
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert!(discover(&pipe).is_err());
    let world = hear(folder.path());
    assert_eq!(world.count("service.farm"), 1);
    assert!(world.has_problem(&["pipe.json", "not a regular file"]), "{:?}", world.problems);
    // By its name in another file too.
    std::fs::write(folder.path().join("mapping.toml"), mapping).unwrap();
    let world = hear(folder.path());
    assert!(world.has_problem(&["pipe.json", "not a regular file"]), "{:?}", world.problems);
}
