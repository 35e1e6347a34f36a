//! What a GRAPH_TABLE came to: what is looked for, from which tables, and what of it is given.

use std::sync::Arc;

use groma_graph::{Direction, Reach, Told};

use super::conditions::Condition;
use super::ids::Ids;
use super::property_graph::PropertyGraph;
use crate::View;
use crate::table::Type;

/// What is looked for in which graph, and what of it is given.
#[derive(Debug)]
pub(crate) struct GraphQuery {
    pub(crate) view: Arc<View>,
    pub(crate) graph: PropertyGraph,
    pub(crate) vertices: Vec<VertexPlan>,
    pub(crate) edges: Vec<EdgePlan>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) columns: Vec<OutputColumn>,
}

#[derive(Debug, Default)]
pub(crate) struct VertexPlan {
    pub(crate) name: String,
    /// Places of its tables in the graph.
    pub(crate) tables: Vec<usize>,
    pub(super) conditions: Vec<Condition>,
    /// What its conditions say, if they speak of ids alone; they are not among the conditions then.
    pub(crate) ids: Ids,
}

#[derive(Debug)]
pub(crate) struct EdgePlan {
    pub(crate) name: String,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) tables: Vec<usize>,
    pub(crate) direction: Direction,
    pub(crate) reach: Reach,
    /// Whether it stands for several edges.
    pub(crate) group: bool,
    pub(super) conditions: Vec<Condition>,
    pub(super) cost: Option<Condition>,
}

/// What one input of a match says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// All rows of a vertex table: key, properties.
    Vertices { table: usize },
    /// All rows of an edge table: key, source, target, properties.
    Edges { table: usize },
    /// Keys of the rows of a table that a vertex of the pattern may be.
    AdmittedVertices { vertex: usize, table: usize },
    /// The same for an edge; a cost behind the key.
    AdmittedEdges { edge: usize, table: usize },
}

/// A column that a match gives.
#[derive(Debug, Clone)]
pub(crate) struct OutputColumn {
    /// The variable.
    pub(crate) of_variable: String,
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) value: Value,
}

/// What a column of a match holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Vertex(usize, Part),
    Edge(usize, Part),
    /// Lists, a value for each edge.
    Group(usize, Part),
    PathLength(Vec<usize>),
    PathCost(Vec<usize>),
    PathVertices {
        vertices: Vec<usize>,
        edges: Vec<usize>,
    },
    PathEdges(Vec<usize>),
}

impl Value {
    /// What has to be told of an edge for it.
    pub(super) fn tells(&self, edge: usize) -> Told {
        match self {
            Value::Edge(of, _) | Value::Group(of, _) if *of == edge => Told::Way,
            Value::PathVertices { edges, .. } | Value::PathEdges(edges)
                if edges.contains(&edge) =>
            {
                Told::Way
            }
            Value::PathLength(edges) | Value::PathCost(edges) if edges.contains(&edge) => {
                Told::Length
            }
            _ => Told::Nothing,
        }
    }
}

/// What of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Property(String),
    /// `noun/key`.
    Id,
    /// Its table's name in the graph.
    Label,
}
