//! Cable lists as Arista's AVD writes them: one row per port, with the port at the other end.
//!
//! Hears devices with their role, ports and cables: `Node Type,Node,Node Interface,Peer Type,Peer Node,Peer Interface`
//! and `Node Interface Enabled` or `Enabled`. A row without a peer is a port that nothing is plugged into.
//! It cannot know whether a cable works, only whether the port was meant to.

use std::io::BufRead;

use groma_model::{Decoded, Problem, Timestamp};

use crate::cables::CableList;
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
            Some((number, Ok(fields))) => (number, take(&mut list, &columns, fields)),
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

/// Reads a row into the list.
fn take(list: &mut CableList, columns: &Columns, fields: &Fields) -> Result<(), (String, String)> {
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
    let enabled = match field(columns.enabled).map(|text| text.to_ascii_lowercase()).as_deref() {
        None => None,
        Some("true" | "yes" | "1") => Some(true),
        Some("false" | "no" | "0") => Some(false),
        Some(other) => return Err((shown(), format!("\"{other}\" is not true or false"))),
    };
    list.device(&node, field(columns.node_type).as_deref());
    let end = (node, port);
    list.port(&end, enabled);
    let (peer, peer_port) = match (field(columns.peer), field(columns.peer_port)) {
        (Some(peer), Some(peer_port)) => (peer, peer_port),
        (None, None) => return Ok(()),
        _ => return Err((shown(), "the row names half of a peer".into())),
    };
    list.device(&peer, field(columns.peer_type).as_deref());
    list.cable(end, (peer, peer_port), enabled);
    Ok(())
}
