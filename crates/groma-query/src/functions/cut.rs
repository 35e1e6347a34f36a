//! What others hang on alone: vertices and edges whose loss parts a graph.

use groma_graph::Net;

use super::arguments::Function;
use super::components::asked;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "cut",
    usage: "cut([graph [, edge]])",
    doc: "vertices (articulation points) and edges (bridges) of a graph whose loss parts others from each other, those that cut off most first; without arguments, of devices and working cables.",
    arguments_min: 0,
    arguments_max: 2,
    columns: &[
        column("part", Type::Text, "vertex or edge."),
        column("kind", Type::Text, "Kind of the vertex, or of the entity that holds the edge."),
        column("id", Type::Text, "The vertex, or the entity that holds the edge."),
        column("source", Type::Text, "Of an edge, where it starts, as noun/id."),
        column("target", Type::Text, "Of an edge, where it ends."),
        column("cut_off", Type::Integer, "Vertices that are parted from the largest part left."),
    ],
    rows: |call, sheet| {
        let (asked, along) = asked(call)?;
        let mut cuts = Net::new(&asked.graph, &along.tables).cuts();
        cuts.vertices.sort_by_key(|cut| std::cmp::Reverse(cut.cut_off));
        cuts.edges.sort_by_key(|cut| std::cmp::Reverse(cut.cut_off));
        for cut in &cuts.vertices {
            let (kind, id) = asked.kind_and_key(cut.part);
            sheet.push([
                Cell::Text("vertex"),
                Cell::Text(kind),
                Cell::Text(id),
                Cell::Null,
                Cell::Null,
                Cell::Integer(cut.cut_off.into()),
            ])?;
        }
        for cut in &cuts.edges {
            let (kind, id) = asked.kind_and_key(groma_graph::Vertex(cut.part.owner));
            sheet.push([
                Cell::Text("edge"),
                Cell::Text(kind),
                Cell::Text(id),
                Cell::Owned(asked.print(cut.part.source)),
                Cell::Owned(asked.print(cut.part.target)),
                Cell::Integer(cut.cut_off.into()),
            ])?;
        }
        Ok(())
    },
};
