//! Property graphs: the built-in ones and those that were created.

use crate::graph::{PropertyGraph, defined, read_definition};
use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "graphs",
    doc: "The property graphs that GRAPH_TABLE can ask.",
    columns: &[
        column("name", Type::Text, "Its name."),
        column("built_in", Type::Boolean, "Whether it is there without being created."),
        column("vertex_tables", Type::Texts, "What its tables of vertices are called in it."),
        column("edge_tables", Type::Texts, "What its tables of edges are called in it."),
        column("definition", Type::Text, "The statement that created it; NULL: it is built in."),
    ],
    rows: |view, sheet| {
        for graph in PropertyGraph::built_in(view.snapshot().schema()) {
            let vertices = graph.vertices.iter().map(|vertex| vertex.name.clone()).collect();
            let edges = graph
                .edges
                .iter()
                .map(|edge| edge.element.labels[edge.element.labels.len().min(2) - 1].clone())
                .collect();
            sheet.push([
                Cell::Text(&graph.name),
                Cell::Boolean(true),
                Cell::Texts(vertices),
                Cell::Texts(edges),
                Cell::Null,
            ])?;
        }
        for (name, definition) in defined(view) {
            // What was checked when it was created can be read.
            let Ok(graph) = read_definition(&definition) else { continue };
            sheet.push([
                Cell::Text(&name),
                Cell::Boolean(false),
                Cell::Texts(graph.vertices.into_iter().map(|table| table.alias).collect()),
                Cell::Texts(graph.edges.into_iter().map(|edge| edge.table.alias).collect()),
                Cell::Text(&definition),
            ])?;
        }
        Ok(())
    },
};
