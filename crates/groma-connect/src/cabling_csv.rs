//! Cable lists as Arista's AVD writes them: one row per port, with the port at the other end.
//!
//! Hears devices with their role, ports and cables: `Node Type,Node,Node Interface,Peer Type,Peer Node,Peer Interface`
//! and `Node Interface Enabled` or `Enabled`. A row without a peer is a port that nothing is plugged into.
//! It cannot know whether a cable works, only whether the port was meant to.

use std::collections::BTreeMap;
use std::io::BufRead;

use groma_model::{Decoded, Observation, Problem, Timestamp};

use crate::csv_lines::{CsvLines, Fields};
use crate::lines::{self, Lines};
use crate::{Importer, Takes};

/// Reads cable lists.
pub(crate) static IMPORTER: Importer = Importer {
    name: "cabling-csv",
    doc: "Cable lists with the columns Node Type, Node, Node Interface, Peer Type, Peer Node, Peer Interface.",
    takes: Takes::File,
    recognises: |_, first| {
        let header = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let header = String::from_utf8_lossy(header);
        NEEDED.iter().all(|column| header.split(',').any(|name| name.trim() == *column))
    },
    decode: |input, observed_at, sink| {
        for path in &input.paths {
            match lines::open(path) {
                Ok(lines) => sink(decode(lines, observed_at).into()),
                Err(problem) => sink(problem.into()),
            }
        }
    },
};

const NEEDED: [&str; 4] = ["Node", "Node Interface", "Peer Node", "Peer Interface"];

/// A cable by its ends, the smaller first.
type Ends = (String, String);

/// Decodes a cable list. Memory: one entry per device, port and cable.
pub(crate) fn decode<R: BufRead>(lines: Lines<R>, observed_at: Timestamp) -> Decoded {
    let mut rows = CsvLines::new(lines);
    let mut problems = Vec::new();
    let columns = loop {
        match rows.next_record() {
            None => return Decoded { observations: Vec::new(), problems },
            Some((_, Ok(header))) => break Columns::of(header),
            Some((_, Err(problem))) => problems.push(problem),
        }
    };
    let mut list = CableList::default();
    loop {
        let (number, outcome) = match rows.next_record() {
            None => break,
            Some((number, Ok(fields))) => (number, list.take(&columns, fields)),
            Some((_, Err(problem))) => {
                problems.push(problem);
                continue;
            }
        };
        if let Err((text, reason)) = outcome {
            problems.push(Problem::new(rows.place(number), &text, reason));
        }
    }
    let mut decoded = list.observations(observed_at);
    problems.append(&mut decoded.problems);
    decoded.problems = problems;
    decoded
}

/// Where the columns stand.
struct Columns {
    width: usize,
    node_type: Option<usize>,
    node: Option<usize>,
    node_port: Option<usize>,
    peer_type: Option<usize>,
    peer: Option<usize>,
    peer_port: Option<usize>,
    enabled: Option<usize>,
}

impl Columns {
    fn of(header: &Fields) -> Columns {
        let at = |names: &[&str]| header.iter().position(|column| names.contains(&column.trim()));
        Columns {
            width: header.len(),
            node_type: at(&["Node Type"]),
            node: at(&["Node"]),
            node_port: at(&["Node Interface"]),
            peer_type: at(&["Peer Type"]),
            peer: at(&["Peer Node"]),
            peer_port: at(&["Peer Interface"]),
            enabled: at(&["Node Interface Enabled", "Enabled"]),
        }
    }
}

#[derive(Default)]
struct CableList {
    roles: BTreeMap<String, Option<&'static str>>,
    ports: BTreeMap<Ends, Option<bool>>,
    /// Whether each cable is in use; a cable listed from both ends is in use if both say so.
    cables: BTreeMap<(Ends, Ends), Option<bool>>,
}

impl CableList {
    fn take(&mut self, columns: &Columns, fields: &Fields) -> Result<(), (String, String)> {
        let shown = || fields.iter().collect::<Vec<_>>().join(",");
        if fields.len() != columns.width {
            let reason =
                format!("the row has {} fields and the header {}", fields.len(), columns.width);
            return Err((shown(), reason));
        }
        let field = |at: Option<usize>| {
            at.map(|at| fields.get(at).trim()).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let (Some(node), Some(port)) = (field(columns.node), field(columns.node_port)) else {
            return Err((shown(), "the row names no device or no port".into()));
        };
        let enabled = match field(columns.enabled).map(|text| text.to_ascii_lowercase()).as_deref()
        {
            None => None,
            Some("true" | "yes" | "1") => Some(true),
            Some("false" | "no" | "0") => Some(false),
            Some(other) => return Err((shown(), format!("\"{other}\" is not true or false"))),
        };
        self.note_device(&node, field(columns.node_type));
        let end = (node, port);
        let known = self.ports.entry(end.clone()).or_default();
        *known = enabled.or(*known);
        let (peer, peer_port) = match (field(columns.peer), field(columns.peer_port)) {
            (Some(peer), Some(peer_port)) => (peer, peer_port),
            (None, None) => return Ok(()),
            _ => return Err((shown(), "the row names half of a peer".into())),
        };
        self.note_device(&peer, field(columns.peer_type));
        let far = (peer, peer_port);
        self.ports.entry(far.clone()).or_default();
        let cable = if end < far { (end, far) } else { (far, end) };
        let known = self.cables.entry(cable).or_default();
        *known = match (*known, enabled) {
            (Some(a), Some(b)) => Some(a && b),
            (a, b) => a.or(b),
        };
        Ok(())
    }

    fn note_device(&mut self, name: &str, node_type: Option<String>) {
        let role = node_type.as_deref().and_then(role);
        let known = self.roles.entry(name.to_owned()).or_default();
        *known = known.or(role);
    }

    fn observations(self, at: Timestamp) -> Decoded {
        let id = |(device, port): &Ends| format!("{device}:{port}");
        let mut decoded = Decoded::default();
        for (name, role) in self.roles {
            decoded
                .observations
                .push(Observation::new("physical.device", name, at).with_some("role", role));
        }
        for (end, enabled) in &self.ports {
            decoded.observations.push(
                Observation::new("physical.port", id(end), at)
                    .with("device", end.0.clone())
                    .with("name", end.1.clone())
                    .with_some("admin_up", *enabled),
            );
        }
        let mut cables_at: BTreeMap<&Ends, usize> = BTreeMap::new();
        for ((a, b), enabled) in &self.cables {
            *cables_at.entry(a).or_default() += 1;
            *cables_at.entry(b).or_default() += 1;
            decoded.observations.push(
                Observation::new("physical.link", format!("{}--{}", id(a), id(b)), at)
                    .with("a", id(a))
                    .with("b", id(b))
                    .with("evidence", "cabling")
                    .with_some("up", enabled.filter(|enabled| !enabled)),
            );
        }
        for (end, _) in cables_at.into_iter().filter(|(_, count)| *count > 1) {
            let reason = "the list plugs several cables into this port";
            decoded.problems.push(Problem::new(id(end), "", reason));
        }
        decoded
    }
}

/// The role that a type of node plays; unknown types have none.
fn role(node_type: &str) -> Option<&'static str> {
    let name = node_type.to_ascii_lowercase();
    Some(match name.as_str() {
        "server" | "host" | "endpoint" => "host",
        "spine" | "l3spine" | "l2spine" => "distribution",
        "super-spine" | "superspine" | "super_spine" => "core",
        "leaf" | "l2leaf" | "l3leaf" => "access",
        "firewall" => "firewall",
        "router" => "router",
        _ => return None,
    })
}
