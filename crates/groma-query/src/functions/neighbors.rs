//! What an entity is joined to by one edge.

use groma_graph::Reach;

use super::arguments::Function;
use crate::graph::Asked;
use crate::table::{Cell, Type, column};

/// Edges followed unless the call says otherwise: all, either way.
pub(super) const ALONG: &str = "-";

pub(super) static FUNCTION: Function = Function {
    name: "neighbors",
    usage: "neighbors(id [, edge])",
    doc: "what an entity is joined to by one edge of the graph model: references either way, and cables. In a SELECT list it gives a list of noun/id.",
    arguments_min: 1,
    arguments_max: 2,
    columns: &[
        column(
            "direction",
            Type::Text,
            "-> if it refers to the other, <- if the other refers to it.",
        ),
        column("label", Type::Text, "Which edge: the attribute, cable or cabling."),
        column("kind", Type::Text, "Kind of the other entity."),
        column("id", Type::Text, "The other entity."),
        column("held_by", Type::Text, "Id of the entity that holds the edge: a cable's link."),
    ],
    rows: |call, sheet| {
        let asked = Asked::model(call.view()?)?;
        let start = asked.known_entity(call.text(0).unwrap_or_default())?;
        let along = asked.along(call.text(1).unwrap_or(ALONG))?;
        let mut outcome = Ok(());
        asked.ways(start, None, &along, Reach::One, &|| true, &mut |vertex, path| {
            let edge = path.edges[0];
            let (kind, id) = asked.kind_and_key(vertex);
            let (label, held_by) = asked.edge(edge);
            outcome = sheet.push([
                Cell::Text(if edge.source == start { "->" } else { "<-" }),
                Cell::Text(label),
                Cell::Text(kind),
                Cell::Text(id),
                Cell::Text(held_by),
            ]);
            outcome.is_ok()
        })?;
        outcome
    },
};
