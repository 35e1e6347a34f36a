//! Captures of the commands that the SuzieQ poller runs: `lldp.output`, `interfaces.output`, and so on, of one folder.
//!
//! Hears: Linux and FRR, Cumulus and SONiC, Arista EOS, Cisco NX-OS and IOS, Juniper Junos.
//! Each file is JSON arrays of records, one behind the other: `{status, timestamp, cmd, devtype, namespace, hostname,
//! address, data}`. The files of a folder are read together, since a name, an address or a pair of switches
//! only makes sense when all devices are known:
//!
//! ```text
//! files -> records -> one reader per table (lldp.rs, arp.rs, ...) -> Capture -> facts.rs -> observations
//! ```
//!
//! What it cannot know: spanning-tree states and the VLANs a trunk would carry beyond those that exist.
//! Tables about protocols and load (`bgp`, `ospfIf`, `topcpu`, ...) say nothing about where packets can go
//! that routes do not say too; they are passed over.

mod arp;
mod capture;
mod device;
mod evpn;
mod facts;
mod interfaces;
mod json;
mod links;
mod linux;
mod lldp;
mod macs;
mod mlag;
mod pairs;
mod record;
mod routes;
mod vlans;

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use groma_model::{Decoded, Problem, Timestamp};

use crate::{Heard, Importer, Input, Takes, whole};
use capture::Capture;
use record::Record;

/// Reads captures of the SuzieQ poller.
pub(crate) static IMPORTER: Importer = Importer {
    name: "suzieq",
    doc: "Captures of show commands as the SuzieQ poller writes them, *.output, a folder at a time.",
    takes: Takes::Folder,
    recognises: |path, first| {
        path.extension().is_some_and(|extension| extension == "output")
            && matches!(
                first.iter().find(|byte| !byte.is_ascii_whitespace()),
                None | Some(b'[' | b'{')
            )
    },
    decode: |input, _observed_at, sink| sink(decode_input(input)),
};

/// Reads the answer of one command into the capture.
type ReadTable = fn(&Record, &mut Capture) -> Result<(), String>;

/// The tables that are read, in this order: ports first, so that later tables find their spelling.
const TABLES: [(&str, ReadTable); 10] = [
    ("device", device::read),
    ("interfaces", interfaces::read),
    ("vlan", vlans::read),
    ("evpnVni", evpn::read),
    ("mlag", mlag::read),
    ("lldp", lldp::read),
    ("arpnd", arp::read),
    ("macs", macs::read),
    ("routes", routes::read),
    ("time", device::read_clock),
];

/// Tables that say nothing about where packets can go.
const PASSED_OVER: [&str; 12] = [
    "bgp",
    "devconfig",
    "fs",
    "ifCounters",
    "igmp",
    "inventory",
    "mroutes",
    "ospfIf",
    "ospfNbr",
    "sqPoller",
    "topcpu",
    "topmem",
];

/// Records further apart than this are not one picture, in nanoseconds.
const SNAPSHOT_SPAN_MAX: i64 = 3_600 * 1_000_000_000;

fn decode_input(input: &Input) -> Heard {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for path in &input.paths {
        let place = path.display().to_string();
        match whole::read(path) {
            Ok(bytes) => files.push((table_of(path), place, bytes)),
            Err(problem) => problems.push(problem),
        }
    }
    let files = files.iter().map(|(table, place, bytes)| (&table[..], &place[..], &bytes[..]));
    let mut decoded = decode(&files.collect::<Vec<_>>());
    problems.append(&mut decoded.problems);
    decoded.problems = problems;
    decoded.into()
}

fn table_of(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Decodes files given as (table, place, bytes).
fn decode(files: &[(&str, &str, &[u8])]) -> Decoded {
    let mut capture = Capture::default();
    let mut times = BTreeMap::new();
    for (table, read) in TABLES {
        for (_, place, bytes) in files.iter().filter(|(name, ..)| *name == table) {
            read_file(&mut capture, place, bytes, read, &mut times);
        }
    }
    for (table, place, _) in files {
        if TABLES.iter().all(|(known, _)| known != table) && !PASSED_OVER.contains(table) {
            capture.problems.push(Problem::new(*place, "", format!("no table is named {table}")));
        }
    }
    note_span(&times, &mut capture.problems);
    facts::write(capture)
}

fn read_file(
    capture: &mut Capture,
    place: &str,
    bytes: &[u8],
    read: ReadTable,
    times: &mut BTreeMap<Timestamp, String>,
) {
    let mut records = Vec::new();
    record::read_records(bytes, place, &mut records, &mut capture.problems);
    let mut seen = HashSet::new();
    let mut repeated_count = 0;
    for record in records {
        if !seen.insert(fingerprint(&record)) {
            repeated_count += 1;
            continue;
        }
        if !record.succeeded() {
            let reason = format!("the command failed with status {}", record.status.unwrap_or(-1));
            capture.problems.push(record.problem(place, &record.shown(), reason));
            continue;
        }
        if record.hostname.trim().is_empty() {
            capture.problems.push(record.problem(
                place,
                &record.shown(),
                "the record names no device",
            ));
            continue;
        }
        let Some(family) = record.family() else {
            let reason = match &record.devtype {
                Some(devtype) => format!("no reader for devices of type {devtype}"),
                None => "the record does not say what type of device it is from".into(),
            };
            capture.problems.push(record.problem(place, &record.shown(), reason));
            continue;
        };
        times.entry(record.at()).or_insert_with(|| format!("{}: {}", record.hostname, record.cmd));
        note_device(capture, &record, family);
        if let Err(reason) = read(&record, capture) {
            capture.problems.push(record.problem(place, &record.shown(), reason));
        }
    }
    if repeated_count > 0 {
        let reason = format!("{repeated_count} records appear twice and were read once");
        capture.problems.push(Problem::new(place, "", reason));
    }
}

fn note_device(capture: &mut Capture, record: &Record, family: capture::Family) {
    let device = capture.devices.entry(record.hostname.clone()).or_default();
    device.at = device.at.max(record.at());
    device.family = family;
    if device.fabric.is_none() {
        device.fabric.clone_from(&record.namespace);
    }
    if device.address.is_none() {
        device.address.clone_from(&record.address);
    }
}

/// Records of one picture that were taken far apart are worth a word: links and tables of then and now mix.
fn note_span(times: &BTreeMap<Timestamp, String>, problems: &mut Vec<Problem>) {
    let (Some((first, first_record)), Some((last, last_record))) =
        (times.first_key_value(), times.last_key_value())
    else {
        return;
    };
    let span = last.0.saturating_sub(first.0);
    if span > SNAPSHOT_SPAN_MAX {
        problems.push(Problem::new(
            format!("{first_record} at {first}, {last_record} at {last}"),
            "",
            format!("the records of one capture are {:.1} days apart", span as f64 / 86_400e9),
        ));
    }
}

fn fingerprint(record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&record.hostname, &record.cmd, record.timestamp).hash(&mut hasher);
    record.data.to_string().hash(&mut hasher);
    hasher.finish()
}

/// A command that a reader of a table does not know.
fn unknown_command(record: &Record) -> String {
    format!("no reader for this command on {}", record.devtype.as_deref().unwrap_or("this device"))
}
