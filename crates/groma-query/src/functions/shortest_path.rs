//! One of the shortest ways between two entities, over references and cables.

use groma_graph::{Path, Reach};

use super::arguments::Function;
use crate::graph::Asked;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "shortest_path",
    usage: "shortest_path(from, to [, edge])",
    doc: "one of the shortest ways between two entities of the graph model, over edges written as in GRAPH_TABLE or all of them; for the way of packets see path. In a SELECT list it gives a list of noun/id.",
    arguments_min: 2,
    arguments_max: 3,
    columns: &[
        column("step", Type::Integer, "Place on the way, from 0."),
        column("kind", Type::Text, "Kind of the entity."),
        column("id", Type::Text, "The entity."),
        column("direction", Type::Text, "How the edge points that leads here; NULL at the start."),
        column("label", Type::Text, "Which edge leads here; NULL at the start."),
        column("held_by", Type::Text, "Id of the entity that holds that edge."),
    ],
    rows: |call, sheet| {
        let asked = Asked::model(call.view()?)?;
        let from = asked.known_entity(call.text(0).unwrap_or_default())?;
        let to = asked.known_entity(call.text(1).unwrap_or_default())?;
        let along = asked.along(call.text(2).unwrap_or(super::neighbors::ALONG))?;
        let reader = sheet.reader();
        let (reach, mut way) = (Reach::Shortest { min: 0, max: None }, Path::default());
        asked.ways(from, Some(to), &along, reach, &|| !reader.is_closed(), &mut |_, path| {
            way = path.clone();
            false
        })?;
        for (step, vertex) in way.vertices.iter().enumerate() {
            let (kind, id) = asked.kind_and_key(*vertex);
            let edge = step.checked_sub(1).map(|before| way.edges[before]);
            let points = |edge: groma_graph::EdgeId| {
                if edge.target == *vertex { Cell::Text("->") } else { Cell::Text("<-") }
            };
            sheet.push([
                Cell::Integer(step as i64),
                Cell::Text(kind),
                Cell::Text(id),
                edge.map_or(Cell::Null, points),
                edge.map_or(Cell::Null, |edge| Cell::Text(asked.edge(edge).0)),
                edge.map_or(Cell::Null, |edge| Cell::Text(asked.edge(edge).1)),
            ])?;
        }
        Ok(())
    },
};
