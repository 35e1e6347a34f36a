//! Layer-1 topologies as Batfish reads them: `{"edges": [{"node1": {"hostname", "interfaceName"}, "node2": ...}]}`.
//!
//! Hears cables and the ports and devices at their ends; an edge that is listed in both directions is one cable.
//! Needs the file. It cannot know what the devices are, nor whether a cable works.

use std::path::Path;

use groma_model::{Problem, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::cables::{CableList, End};
use crate::{Heard, Importer, Input, Takes};

/// Reads layer-1 topologies.
pub(crate) static IMPORTER: Importer = Importer {
    name: "batfish",
    doc: "Layer-1 topology of Batfish, JSON with edges of node1 and node2.",
    takes: Takes::File,
    recognises: |_: &Path, first| {
        let text = String::from_utf8_lossy(first);
        text.trim_start().starts_with('{')
            && text.contains("\"edges\"")
            && text.contains("\"node1\"")
    },
    decode,
};

#[derive(Deserialize)]
struct Document {
    edges: Vec<Value>,
}

#[derive(Deserialize)]
struct Edge {
    node1: Node,
    node2: Node,
}

#[derive(Deserialize)]
struct Node {
    hostname: String,
    #[serde(rename = "interfaceName")]
    interface_name: String,
}

fn decode(input: &Input, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut list = CableList::default();
    let mut problems = Vec::new();
    let unreadable =
        input.each_whole(|place, _, bytes| match serde_json::from_slice::<Document>(bytes) {
            Ok(document) => {
                for (index, edge) in document.edges.into_iter().enumerate() {
                    let text = edge.to_string();
                    match Edge::deserialize(edge) {
                        Ok(edge) => list.cable(edge.node1.end(), edge.node2.end(), None),
                        Err(error) => {
                            let place = format!("{place}, edge {}", index + 1);
                            problems.push(Problem::new(
                                place,
                                &text,
                                format!("not an edge: {error}"),
                            ));
                        }
                    }
                }
            }
            Err(error) => {
                let reason = format!("not a layer-1 topology: {error}");
                problems.push(Problem::new(place, &crate::lines::lossy_start(bytes), reason));
            }
        });
    problems.extend(unreadable);
    let mut decoded = list.observations(observed_at);
    decoded.problems.extend(problems);
    sink(decoded.into());
}

impl Node {
    fn end(self) -> End {
        (self.hostname, self.interface_name)
    }
}
