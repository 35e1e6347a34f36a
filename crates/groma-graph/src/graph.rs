//! A property graph: which entities and rows are its vertices, and what joins them.
//!
//! An edge between entities is a chain of references, followed in the [`Index`] when it is asked for:
//! `port.device` is a chain of one; a cable between two ports is *against* `link.a`, then *along*
//! `link.b`, and the link in the middle owns it. So nothing has to be built per graph. Rows of tables
//! that are no kinds are given by the caller ([`RowVertices`], [`RowEdges`]) and live with the graph.

use std::sync::Arc;

use groma_model::KindId;

use crate::flat::{Flat, FlatChain};
use crate::{Index, Label, NodeIndex, Way};

/// A vertex: an entity by its number in the index, or behind those a row by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vertex(pub u32);

/// An edge in its own direction, whichever way it was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId {
    /// Place of its table in the graph.
    pub table: u16,
    /// The entity or row that holds its properties.
    pub owner: u32,
    /// Where it starts.
    pub source: Vertex,
    /// Where it ends.
    pub target: Vertex,
}

/// One reference of a chain, and the way to take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainStep {
    /// Which reference.
    pub label: Label,
    /// Which way.
    pub way: Way,
}

/// References that make one edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// From source to target; not empty.
    pub steps: Vec<ChainStep>,
    /// After how many steps the entity is reached that owns the edge; 0: it is the source.
    pub owner_after: usize,
    /// Whether it leads only over entities that work, both ends included; see [`Index::works`].
    pub working: bool,
    /// Kind of the source; `None`: any vertex.
    pub source: Option<KindId>,
    /// Kind of the target; `None`: any vertex.
    pub target: Option<KindId>,
}

/// Edges given as rows: of row `i` the source and target.
#[derive(Debug, Clone, Default)]
pub struct RowEdges {
    ends: Vec<(Vertex, Vertex)>,
    /// Rows by source, then in their order; and by target.
    by_source: Vec<u32>,
    by_target: Vec<u32>,
}

impl RowEdges {
    /// Rows whose ends are both vertices; others are left out by the caller.
    pub fn new(rows: Vec<(u32, Vertex, Vertex)>) -> RowEdges {
        let last = rows.iter().map(|(row, ..)| *row as usize + 1).max().unwrap_or(0);
        let mut ends = vec![(Vertex(u32::MAX), Vertex(u32::MAX)); last];
        let mut by_source: Vec<u32> = rows.iter().map(|(row, ..)| *row).collect();
        for (row, source, target) in rows {
            ends[row as usize] = (source, target);
        }
        let mut by_target = by_source.clone();
        by_source.sort_by_key(|row| (ends[*row as usize].0, *row));
        by_target.sort_by_key(|row| (ends[*row as usize].1, *row));
        RowEdges { ends, by_source, by_target }
    }

    fn at(&self, vertex: Vertex, way: Way) -> impl Iterator<Item = (u32, Vertex, Vertex)> {
        let near = move |row: &u32| match way {
            Way::Along => self.ends[*row as usize].0,
            Way::Against => self.ends[*row as usize].1,
        };
        let rows = if way == Way::Along { &self.by_source } else { &self.by_target };
        let start = rows.partition_point(|row| near(row) < vertex);
        (rows[start..].iter())
            .take_while(move |row| near(row) == vertex)
            .map(|row| (*row, self.ends[*row as usize].0, self.ends[*row as usize].1))
    }
}

/// What a table of vertices holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VertexTable {
    /// All entities of a kind. A kind is at most one table of a graph.
    Kind(KindId),
    /// Rows of the caller's.
    Rows,
}

/// What a table of edges holds.
#[derive(Debug, Clone)]
pub enum EdgeTable {
    /// Chains of references.
    Chain(Chain),
    /// Rows of the caller's.
    Rows(RowEdges),
}

/// Vertices and edges, each in tables.
#[derive(Debug, Clone)]
pub struct Graph {
    index: Arc<Index>,
    vertex_tables: Vec<VertexTable>,
    edge_tables: Vec<EdgeTable>,
    /// By kind number, its vertex table.
    table_of_kind: Vec<Option<u16>>,
    /// Every kind is a vertex table.
    every_kind: bool,
    /// Of row vertices, in their order, their table.
    table_of_row: Vec<u16>,
    /// For each chain, the way back.
    back: Vec<Vec<ChainStep>>,
    /// For each chain of several references, where it leads if that is written down.
    flats: Vec<Option<Arc<FlatChain>>>,
}

impl Graph {
    /// Of these tables. `table_of_row` says for each row vertex, in the order of their numbers behind
    /// the index's, the place of its table.
    pub fn new(
        index: Arc<Index>,
        vertex_tables: Vec<VertexTable>,
        edge_tables: Vec<EdgeTable>,
        table_of_row: Vec<u16>,
    ) -> Graph {
        let mut table_of_kind = vec![None; index.schema().kinds().len()];
        for (place, table) in vertex_tables.iter().enumerate() {
            if let VertexTable::Kind(kind) = table {
                table_of_kind[usize::from(kind.0)] = Some(place as u16);
            }
        }
        let back = (edge_tables.iter())
            .map(|table| match table {
                EdgeTable::Chain(chain) => (chain.steps.iter().rev())
                    .map(|step| ChainStep { label: step.label, way: step.way.back() })
                    .collect(),
                EdgeTable::Rows(_) => Vec::new(),
            })
            .collect();
        let flats = (edge_tables.iter())
            .map(|table| match table {
                EdgeTable::Chain(chain) => (chain.steps.len() > 1).then(|| index.flats.of(chain)),
                EdgeTable::Rows(_) => None,
            })
            .collect();
        let every_kind = table_of_kind.iter().all(Option::is_some);
        Graph {
            index,
            vertex_tables,
            edge_tables,
            table_of_kind,
            every_kind,
            table_of_row,
            back,
            flats,
        }
    }

    /// The index behind it.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The tables of vertices.
    pub fn vertex_tables(&self) -> &[VertexTable] {
        &self.vertex_tables
    }

    /// The tables of edges.
    pub fn edge_tables(&self) -> &[EdgeTable] {
        &self.edge_tables
    }

    /// All vertices are below this number.
    pub fn vertices_end(&self) -> usize {
        self.index.nodes_end() + self.table_of_row.len()
    }

    /// The entity of a vertex; `None`: it is a row.
    pub fn node(&self, vertex: Vertex) -> Option<NodeIndex> {
        ((vertex.0 as usize) < self.index.nodes_end()).then_some(NodeIndex(vertex.0))
    }

    /// Place of a row vertex among the rows; `None`: it is an entity.
    pub fn row(&self, vertex: Vertex) -> Option<usize> {
        (vertex.0 as usize).checked_sub(self.index.nodes_end())
    }

    /// The table of a vertex; `None`: it is none of this graph's.
    pub fn table_of(&self, vertex: Vertex) -> Option<u16> {
        match self.node(vertex) {
            Some(node) if !self.index.exists(node) => None,
            Some(node) => self.table_of_kind[usize::from(self.index.id(node).kind.0)],
            None => self.table_of_row.get(self.row(vertex)?).copied(),
        }
    }

    /// The vertices of a table: entities by key, rows in their order.
    pub fn vertices(&self, table: u16) -> Box<dyn Iterator<Item = Vertex> + '_> {
        match self.vertex_tables[usize::from(table)] {
            VertexTable::Kind(kind) => Box::new(self.index.nodes(kind).map(|node| Vertex(node.0))),
            VertexTable::Rows => {
                let first = self.index.nodes_end();
                let rows = self.table_of_row.iter().enumerate();
                Box::new(
                    rows.filter(move |(_, of)| **of == table)
                        .map(move |(row, _)| Vertex((first + row) as u32)),
                )
            }
        }
    }

    /// How many vertices a table has, or more.
    pub fn vertex_count(&self, table: u16) -> usize {
        match self.vertex_tables[usize::from(table)] {
            VertexTable::Kind(kind) => self.index.count(kind),
            VertexTable::Rows => self.table_of_row.len(),
        }
    }

    /// Every edge of a table at a vertex, one way: who owns it, and the vertex at its other end. In the
    /// order of labels and keys; an edge may come twice if several chains make it.
    #[inline]
    pub fn edges_at(
        &self,
        vertex: Vertex,
        table: u16,
        way: Way,
        mut visit: impl FnMut(u32, Vertex),
    ) {
        match &self.edge_tables[usize::from(table)] {
            EdgeTable::Rows(rows) => {
                for (owner, source, target) in rows.at(vertex, way) {
                    visit(owner, if way == Way::Along { target } else { source });
                }
            }
            EdgeTable::Chain(chain) => {
                let Some(node) = self.node(vertex) else { return };
                let far = if way == Way::Along { chain.target } else { chain.source };
                // Of a kind that is a vertex table, every entity that exists is a vertex.
                let sure = match far {
                    Some(kind) => self.table_of_kind[usize::from(kind.0)].is_some(),
                    None => self.every_kind,
                };
                let is_vertex = |other| sure || self.table_of(other).is_some();
                let flat = self.flats[usize::from(table)].as_ref();
                match flat.and_then(|flat| flat.get(way, || self.flatten(chain, table, way))) {
                    // The loop that searches spend their time in.
                    Some(flat) => {
                        for (owner, other) in flat.at(node) {
                            if is_vertex(*other) {
                                visit(*owner, *other);
                            }
                        }
                    }
                    None => self.chain_at(node, chain, table, way, &mut |owner, other| {
                        if is_vertex(other) {
                            visit(owner, other);
                        }
                    }),
                }
            }
        }
    }

    /// Where a chain leads from every vertex.
    fn flatten(&self, chain: &Chain, table: u16, way: Way) -> Flat {
        let mut flat = Flat::new(self.index.nodes_end());
        let near = if way == Way::Along { chain.source } else { chain.target };
        let kinds = self.index.schema().kinds().iter().map(|kind| kind.id);
        for kind in kinds.filter(|kind| near.is_none_or(|near| near == *kind)) {
            for node in self.index.nodes(kind) {
                flat.add(node, |edges| {
                    self.chain_at(node, chain, table, way, &mut |owner, other| {
                        edges.push((owner, other));
                    });
                });
            }
        }
        flat
    }

    /// Where a chain leads from one entity: the owner and the other end of each edge.
    fn chain_at(
        &self,
        node: NodeIndex,
        chain: &Chain,
        table: u16,
        way: Way,
        visit: &mut dyn FnMut(u32, Vertex),
    ) {
        let length = chain.steps.len();
        let (steps, owner_after, near, far) = match way {
            Way::Along => (&chain.steps, chain.owner_after, chain.source, chain.target),
            Way::Against => {
                let back = &self.back[usize::from(table)];
                (back, length - chain.owner_after, chain.target, chain.source)
            }
        };
        let passes =
            |kind: Option<KindId>, node| kind.is_none_or(|kind| self.index.id(node).kind == kind);
        if !passes(near, node) || chain.working && !self.index.works(node) {
            return;
        }
        let trail = Trail { steps, owner_after, working: chain.working };
        self.follow(node, 0, node, &trail, &mut |end, owner| {
            if passes(far, end) {
                visit(owner.0, Vertex(end.0));
            }
        });
    }

    fn follow(
        &self,
        node: NodeIndex,
        done: usize,
        owner: NodeIndex,
        trail: &Trail<'_>,
        visit: &mut dyn FnMut(NodeIndex, NodeIndex),
    ) {
        let owner = if done == trail.owner_after { node } else { owner };
        let Some(step) = trail.steps.get(done) else { return visit(node, owner) };
        for edge in self.index.labelled(node, step.way, step.label) {
            let passes =
                self.index.exists(edge.other) && (!trail.working || self.index.works(edge.other));
            if passes {
                self.follow(edge.other, done + 1, owner, trail, visit);
            }
        }
    }
}

struct Trail<'a> {
    steps: &'a [ChainStep],
    owner_after: usize,
    working: bool,
}
