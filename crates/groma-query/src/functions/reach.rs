//! What hangs on an entity, hop by hop.

use groma_graph::Reach;

use super::arguments::{Function, whole_number};
use crate::graph::Asked;
use crate::table::{Cell, Type, column};

/// Edges followed unless the call says otherwise: whoever refers to it.
pub(super) const ALONG: &str = "<-[IS reference]-";

pub(super) static FUNCTION: Function = Function {
    name: "reach",
    usage: "reach(id [, max_hops [, edge]])",
    doc: "what refers to an entity, to what refers to it, and so on; or what is reached over other edges, written as in GRAPH_TABLE: '-[IS cabling]-'. In a SELECT list it gives a list of noun/id.",
    arguments_min: 1,
    arguments_max: 3,
    columns: &[
        column("kind", Type::Text, "Kind of the entity reached."),
        column("id", Type::Text, "The entity."),
        column("hops", Type::Integer, "Edges to it, at least."),
        column("label", Type::Text, "The last edge on a shortest way to it."),
        column("before", Type::Text, "The entity before it on that way, as noun/id."),
    ],
    rows: |call, sheet| {
        let asked = Asked::model(call.view()?)?;
        let start = asked.known_entity(call.text(0).unwrap_or_default())?;
        let max = whole_number(call.text(1), "max_hops")?;
        let along = asked.along(call.text(2).unwrap_or(ALONG))?;
        let reader = sheet.reader();
        let mut outcome = Ok(());
        let reach = Reach::Shortest { min: 0, max };
        let go_on = || !reader.is_closed();
        asked.ways(start, None, &along, reach, &go_on, &mut |vertex, path| {
            let Some(last) = path.edges.last() else { return true };
            let (kind, id) = asked.kind_and_key(vertex);
            outcome = sheet.push([
                Cell::Text(kind),
                Cell::Text(id),
                Cell::Integer(path.edges.len() as i64),
                Cell::Text(asked.edge(*last).0),
                Cell::Owned(asked.print(path.vertices[path.edges.len() - 1])),
            ]);
            outcome.is_ok()
        })?;
        outcome
    },
};
