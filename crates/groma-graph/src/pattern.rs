//! What is looked for: vertices and what joins them, as numbers. Names, types and conditions in words
//! are the caller's; what passes a condition is given as a set.

use std::collections::HashMap;

use crate::{EdgeId, Graph, Vertex};

/// Longest walk that `*`, `+` or `{m,n}` may ask for; shortest and cheapest ways have no such bound.
pub const PATH_HOPS_MAX: u32 = 64;

/// Most places that one search for a way may visit: vertices, times hops where the way counts them.
pub const SEARCH_STATES_MAX: usize = 1 << 23;

/// A vertex of a pattern.
#[derive(Debug, Clone)]
pub struct VertexVariable {
    /// By vertex table of the graph, whether it may be of that.
    pub tables: Vec<bool>,
    /// Those of its tables that pass its condition; `None`: it has none.
    pub admitted: Option<VertexSet>,
    /// Those that it may not be.
    pub refused: VertexSet,
}

/// Vertices in an order.
#[derive(Debug, Clone, Default)]
pub struct VertexSet {
    ordered: Vec<Vertex>,
    /// A bit for each vertex, up to the last of them.
    bits: Vec<u64>,
}

impl VertexSet {
    /// In this order, each once.
    pub fn new(mut ordered: Vec<Vertex>) -> VertexSet {
        let end = ordered.iter().map(|vertex| vertex.0 as usize + 1).max().unwrap_or(0);
        let mut bits: Vec<u64> = vec![0; end.div_ceil(64)];
        ordered.retain(|vertex| {
            let (word, bit) = (vertex.0 as usize / 64, 1 << (vertex.0 % 64));
            let is_new = bits[word] & bit == 0;
            bits[word] |= bit;
            is_new
        });
        VertexSet { ordered, bits }
    }

    pub(crate) fn ordered(&self) -> &[Vertex] {
        &self.ordered
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ordered.is_empty()
    }

    pub(crate) fn has(&self, vertex: Vertex) -> bool {
        let word = self.bits.get(vertex.0 as usize / 64);
        word.is_some_and(|word| word & (1 << (vertex.0 % 64)) != 0)
    }
}

/// Which way an edge of a pattern points, read from its first vertex to its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `->`
    Right,
    /// `<-`
    Left,
    /// `-` or `<->`
    Any,
}

/// An edge of a pattern, or a way of several.
#[derive(Debug, Clone)]
pub struct EdgeVariable {
    /// Its first vertex.
    pub from: usize,
    /// Its second vertex.
    pub to: usize,
    /// The tables of the graph that its edges may be of.
    pub tables: Vec<EdgeChoice>,
    /// Which way they point.
    pub direction: Direction,
    /// How many there are.
    pub reach: Reach,
    /// What is told of them.
    pub told: Told,
}

/// What a match tells of an edge of its pattern. What nobody asks for is not written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Nothing: the vertices at its ends are enough.
    Nothing,
    /// Of a way, how many edges it has and what they cost.
    Length,
    /// Every edge and vertex as well.
    Way,
}

/// Edges of one table.
#[derive(Debug, Clone)]
pub struct EdgeChoice {
    /// Place of the table in the graph.
    pub table: u16,
    /// The owners that pass the edge's condition, with the cost of each, 0 or above; `None`: all
    /// pass and cost 1.
    pub admitted: Option<HashMap<u32, f64>>,
}

/// How many edges an edge of a pattern stands for, and which ways count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One.
    One,
    /// Every way of so many edges.
    Walk {
        /// At least so many.
        min: u32,
        /// At most; `None`: an error if there is a way longer than [`PATH_HOPS_MAX`].
        max: Option<u32>,
        /// Which ways count.
        mode: Mode,
    },
    /// Between two vertices one with the fewest edges.
    Shortest {
        /// At least so many.
        min: u32,
        /// At most.
        max: Option<u32>,
    },
    /// Between two vertices one with the least sum of costs.
    Cheapest {
        /// At least so many.
        min: u32,
        /// At most.
        max: Option<u32>,
    },
}

/// What a way may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Anything goes.
    Walk,
    /// No edge twice.
    Trail,
    /// No vertex twice.
    Acyclic,
    /// No vertex twice, but it may end where it starts.
    Simple,
}

/// Vertices and edges to be found together.
#[derive(Debug, Clone, Default)]
pub struct Pattern {
    /// The vertices.
    pub vertices: Vec<VertexVariable>,
    /// What joins them.
    pub edges: Vec<EdgeVariable>,
}

/// The edges that an edge of a pattern was found to be, as far as it is [`Told`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Path {
    /// How many edges.
    pub length: u32,
    /// Sum of the costs of its edges.
    pub cost: f64,
    /// The edges, from the first vertex to the second.
    pub edges: Vec<EdgeId>,
    /// The vertices, both ends included: one more than edges.
    pub vertices: Vec<Vertex>,
}

/// One way to find a pattern.
#[derive(Debug)]
pub struct Match<'a> {
    /// By vertex of the pattern.
    pub vertices: &'a [Vertex],
    /// By edge of the pattern.
    pub paths: &'a [Path],
}

/// A search that went beyond a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// An unbounded walk does not end.
    #[error("there are walks of more than {PATH_HOPS_MAX} edges")]
    TooLong,
    /// A search for ways would visit too much.
    #[error("a search for ways visits more than {SEARCH_STATES_MAX} places")]
    TooWide,
}

impl VertexVariable {
    pub(crate) fn fits(&self, graph: &Graph, vertex: Vertex) -> bool {
        match &self.admitted {
            _ if self.refused.has(vertex) => false,
            Some(admitted) => admitted.has(vertex),
            None => graph.table_of(vertex).is_some_and(|table| self.tables[usize::from(table)]),
        }
    }

    /// Whether every vertex of a graph fits.
    pub(crate) fn is_any(&self) -> bool {
        self.admitted.is_none() && self.refused.is_empty() && self.tables.iter().all(|fits| *fits)
    }

    /// How many there are, or more.
    pub(crate) fn count(&self, graph: &Graph) -> usize {
        match &self.admitted {
            Some(admitted) => admitted.ordered.len(),
            None => self.places().map(|table| graph.vertex_count(table)).sum(),
        }
    }

    pub(crate) fn all(&self, graph: &Graph) -> Vec<Vertex> {
        let mut all = match &self.admitted {
            Some(admitted) => admitted.ordered.clone(),
            None => self.places().flat_map(|table| graph.vertices(table)).collect(),
        };
        if !self.refused.is_empty() {
            all.retain(|vertex| !self.refused.has(*vertex));
        }
        all
    }

    fn places(&self) -> impl Iterator<Item = u16> {
        (0..self.tables.len() as u16).filter(|table| self.tables[usize::from(*table)])
    }
}
