//! What is looked for: vertices and what joins them, as numbers. Names, types and conditions in words
//! are the caller's; what passes a condition is given as a set.

use std::collections::{HashMap, HashSet};

use crate::{EdgeId, Graph, Vertex, Way};

/// Longest walk that `*`, `+` or `{m,n}` may ask for; shortest and cheapest ways have no such bound.
pub const PATH_HOPS_MAX: u32 = 64;

/// Most places that one search for a way may visit: vertices, times hops where the way counts them.
pub const SEARCH_STATES_MAX: usize = 1 << 23;

/// A vertex of a pattern.
#[derive(Debug, Clone)]
pub struct VertexVariable {
    /// By vertex table of the graph, whether it may be of that.
    pub tables: Vec<bool>,
    /// Those that pass its condition; `None`: it has none.
    pub admitted: Option<Admitted>,
}

/// Vertices that pass a condition.
#[derive(Debug, Clone, Default)]
pub struct Admitted {
    ordered: Vec<Vertex>,
    set: HashSet<Vertex>,
}

impl Admitted {
    /// In this order.
    pub fn new(ordered: Vec<Vertex>) -> Admitted {
        let set = ordered.iter().copied().collect();
        Admitted { ordered, set }
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

/// The edges that an edge of a pattern was found to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Path {
    /// The edges, from the first vertex to the second.
    pub edges: Vec<EdgeId>,
    /// The vertices, both ends included: one more than edges.
    pub vertices: Vec<Vertex>,
    /// Sum of the costs of its edges.
    pub cost: f64,
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
        let Some(table) = graph.table_of(vertex) else { return false };
        self.tables[usize::from(table)]
            && self.admitted.as_ref().is_none_or(|admitted| admitted.set.contains(&vertex))
    }

    /// How many there are, or more.
    pub(crate) fn count(&self, graph: &Graph) -> usize {
        match &self.admitted {
            Some(admitted) => admitted.ordered.len(),
            None => self.places().map(|table| graph.vertex_count(table)).sum(),
        }
    }

    pub(crate) fn all(&self, graph: &Graph) -> Vec<Vertex> {
        match &self.admitted {
            Some(admitted) => admitted.ordered.clone(),
            None => self.places().flat_map(|table| graph.vertices(table)).collect(),
        }
    }

    fn places(&self) -> impl Iterator<Item = u16> {
        (0..self.tables.len() as u16).filter(|table| self.tables[usize::from(*table)])
    }
}

impl EdgeVariable {
    /// Every edge at a vertex that fits, from the first end or from the second, with its other end
    /// and its cost.
    pub(crate) fn step(
        &self,
        graph: &Graph,
        vertex: Vertex,
        from_second: bool,
        visit: &mut dyn FnMut(EdgeId, Vertex, f64),
    ) {
        let ways: &[Way] = match (self.direction, from_second) {
            (Direction::Right, false) | (Direction::Left, true) => &[Way::Along],
            (Direction::Left, false) | (Direction::Right, true) => &[Way::Against],
            (Direction::Any, _) => &[Way::Along, Way::Against],
        };
        for choice in &self.tables {
            for way in ways {
                let second_look = ways.len() == 2 && *way == Way::Against;
                graph.edges_at(vertex, choice.table, *way, &mut |edge, other| {
                    // A loop was seen along already.
                    if second_look && other == vertex {
                        return;
                    }
                    match &choice.admitted {
                        None => visit(edge, other, 1.0),
                        Some(admitted) => {
                            if let Some(cost) = admitted.get(&edge.owner) {
                                visit(edge, other, *cost);
                            }
                        }
                    }
                });
            }
        }
    }
}
