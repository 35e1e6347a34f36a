//! What the graph functions share: an entity by its name, an edge by its pattern, and searches.

use std::sync::Arc;

use futures::executor::block_on;
use groma_graph::{
    Direction, EdgeChoice, EdgeId, EdgeTable, EdgeVariable, Graph, NodeIndex, Path, Pattern, Reach,
    Told, Vertex, VertexSet, VertexTable, VertexVariable, find,
};

use super::exec::search_error;
use super::property_graph::{Held, Joined, MODEL, PropertyGraph};
use super::text::{Cursor, Source};
use super::written::find_graph;
use super::{query, syntax};
use crate::catalog::Databases;
use crate::{QueryError, View};

/// A graph of entities alone, ready to be searched.
pub(crate) struct Asked {
    pub(crate) described: PropertyGraph,
    pub(crate) graph: Graph,
}

/// Which edges to follow, and which way.
#[derive(Debug, Clone)]
pub(crate) struct Along {
    /// Places of the edge tables.
    pub(crate) tables: Vec<u16>,
    pub(crate) direction: Direction,
}

impl Asked {
    /// The graph of all entities and references of a view.
    pub(crate) fn model(view: Arc<View>) -> Result<Asked, QueryError> {
        let schema = view.snapshot().schema();
        let described = PropertyGraph::find_built_in(MODEL, schema).ok_or_else(|| {
            QueryError::new(QueryError::INTERNAL, "the graph of the model is not there")
        })?;
        Asked::of(view, described)
    }

    /// A graph by name: one that is built in, or one created over kinds.
    pub(crate) fn named(
        name: &str,
        database: &str,
        databases: &Databases,
    ) -> Result<Asked, QueryError> {
        let names: Vec<String> = name.split('.').map(str::to_owned).collect();
        let (view, described) = block_on(find_graph(&names, 1, database, databases, None))
            .map_err(|e| e.nowhere(""))?;
        Asked::of(view, described)
    }

    fn of(view: Arc<View>, described: PropertyGraph) -> Result<Asked, QueryError> {
        let rows = || {
            let message = format!("graph \"{}\" has tables that are no kinds", described.name);
            QueryError::new(QueryError::NOT_SUPPORTED, message).with_hint(
                "This function answers for graphs over kinds; ask others with GRAPH_TABLE.",
            )
        };
        let vertices = (described.vertices.iter())
            .map(|vertex| match vertex.held {
                Held::Kind(kind) => Ok(VertexTable::Kind(kind)),
                Held::Rows(_) => Err(rows()),
            })
            .collect::<Result<_, _>>()?;
        let edges = (described.edges.iter())
            .map(|edge| match &edge.joined {
                Joined::Chain(chain) => Ok(EdgeTable::Chain(chain.clone())),
                Joined::Rows { .. } => Err(rows()),
            })
            .collect::<Result<_, _>>()?;
        let graph = Graph::new(view.graph_index(), vertices, edges, Vec::new());
        Ok(Asked { described, graph })
    }

    /// The entity that a text names: `noun/key`, `layer.noun/key`, or a key that only one has.
    /// `Ok(None)`: none does.
    pub(crate) fn entity(&self, text: &str) -> Result<Option<Vertex>, QueryError> {
        let index = self.graph.index();
        let schema = index.schema();
        let in_graph = |node: &NodeIndex| self.graph.table_of(Vertex(node.0)).is_some();
        if let Some((kind, key)) = text.split_once('/') {
            let kinds = schema.kinds().iter().filter(|k| k.noun() == kind || *k.name == *kind);
            let mut found = kinds.filter_map(|kind| index.find(kind.id, key)).filter(in_graph);
            if let Some(node) = found.next() {
                return Ok(Some(Vertex(node.0)));
            }
        }
        let kinds = schema.kinds().iter();
        let found: Vec<NodeIndex> =
            kinds.filter_map(|kind| index.find(kind.id, text)).filter(in_graph).collect();
        match found.as_slice() {
            [] => Ok(None),
            [node] => Ok(Some(Vertex(node.0))),
            several => {
                let names: Vec<String> =
                    several.iter().map(|node| schema.print(index.id(*node))).collect();
                Err(QueryError::new("42725", format!("\"{text}\" is the id of several entities"))
                    .with_hint(format!("Write one of {}.", names.join(", "))))
            }
        }
    }

    /// As [`Asked::entity`]; that there is none is an error.
    pub(crate) fn known_entity(&self, text: &str) -> Result<Vertex, QueryError> {
        self.entity(text)?.ok_or_else(|| {
            QueryError::new("42704", format!("no entity is called \"{text}\""))
                .with_hint("Name an entity by its id, or as noun/id: device/leaf01.")
        })
    }

    /// Reads an edge as a pattern has it, `<-[IS device|rack]-`, or its labels alone: either direction.
    pub(crate) fn along(&self, text: &str) -> Result<Along, QueryError> {
        let pattern = match text.trim() {
            text if text.starts_with(['-', '<']) => text.to_owned(),
            labels => format!("-[IS {labels}]-"),
        };
        let usage = |error: QueryError| {
            error
                .nowhere("")
                .with_hint("Write an edge as in GRAPH_TABLE: '<-[IS device|rack]-', '->' or '-'.")
        };
        let mut cursor = Cursor::new(Source { text: pattern, first: 1 })?;
        let edge = syntax::edge(&mut cursor).map_err(usage)?;
        if !cursor.is_end() {
            return Err(usage(cursor.wanted("the end of the edge")));
        }
        if edge.quantifier.is_some() || edge.element.condition.is_some() || edge.cost.is_some() {
            let message = "an edge of this function has labels and a direction alone";
            return Err(usage(QueryError::new(QueryError::NOT_SUPPORTED, message)));
        }
        let elements = self.described.edges.iter().map(|edge| &edge.element);
        let labels = edge.element.labels.as_ref();
        let tables = query::labelled(&self.described.name, elements, labels, "edge")
            .map_err(|error| error.nowhere(""))?;
        let tables = tables.into_iter().map(|table| table as u16).collect();
        Ok(Along { tables, direction: edge.direction })
    }

    /// Every way from a vertex, as `reach` says, to each vertex or to one.
    pub(crate) fn ways(
        &self,
        from: Vertex,
        to: Option<Vertex>,
        along: &Along,
        reach: Reach,
        go_on: &dyn Fn() -> bool,
        found: &mut dyn FnMut(Vertex, &Path) -> bool,
    ) -> Result<(), QueryError> {
        let tables = vec![true; self.described.vertices.len()];
        let one = |vertex| Some(VertexSet::new(vec![vertex]));
        let vertex = |admitted| {
            let (tables, refused) = (tables.clone(), VertexSet::default());
            VertexVariable { tables, admitted, refused }
        };
        let choice = |table: &u16| EdgeChoice { table: *table, admitted: None };
        let edge = EdgeVariable {
            from: 0,
            to: 1,
            tables: along.tables.iter().map(choice).collect(),
            direction: along.direction,
            reach,
            told: Told::Way,
        };
        let pattern = Pattern {
            vertices: vec![vertex(one(from)), vertex(to.and_then(one))],
            edges: vec![edge],
        };
        find(&self.graph, &pattern, go_on, &mut |all| found(all.vertices[1], &all.paths[0]))
            .map_err(search_error)
    }

    /// `noun/key`.
    pub(crate) fn print(&self, vertex: Vertex) -> String {
        let index = self.graph.index();
        self.graph
            .node(vertex)
            .map_or_else(String::new, |node| index.schema().print(index.id(node)))
    }

    /// Full name of a vertex's kind, and its key.
    pub(crate) fn kind_and_key(&self, vertex: Vertex) -> (&str, &str) {
        let index = self.graph.index();
        self.graph.node(vertex).map_or(("", ""), |node| {
            let id = index.id(node);
            (&*index.schema().kind(id.kind).name, &*id.key)
        })
    }

    /// The label of an edge, and the key of the entity that holds it.
    pub(crate) fn edge(&self, edge: EdgeId) -> (&str, &str) {
        let element = &self.described.edges[usize::from(edge.table)].element;
        (&element.name, &self.graph.index().id(NodeIndex(edge.owner)).key)
    }
}
