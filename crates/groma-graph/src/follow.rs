//! Where an edge of a pattern leads from a vertex.

use crate::pattern::{Direction, EdgeVariable};
use crate::{EdgeId, Graph, Vertex, Way};

/// An edge of a pattern, taken from one of its ends.
#[derive(Clone, Copy)]
pub(crate) struct Follow<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) edge: &'a EdgeVariable,
    /// From its second vertex to its first.
    pub(crate) from_second: bool,
}

/// One edge, as it is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hop {
    pub(crate) owner: u32,
    pub(crate) table: u16,
    pub(crate) way: Way,
    pub(crate) other: Vertex,
}

impl Hop {
    /// The edge that it takes, if it is taken from this vertex.
    pub(crate) fn edge(&self, from: Vertex) -> EdgeId {
        let (source, target) = match self.way {
            Way::Along => (from, self.other),
            Way::Against => (self.other, from),
        };
        EdgeId { table: self.table, owner: self.owner, source, target }
    }
}

impl<'a> Follow<'a> {
    /// Every edge at a vertex that fits, with its cost.
    #[inline]
    pub(crate) fn hops(&self, vertex: Vertex, mut visit: impl FnMut(Hop, f64)) {
        let ways: &[Way] = match (self.edge.direction, self.from_second) {
            (Direction::Right, false) | (Direction::Left, true) => &[Way::Along],
            (Direction::Left, false) | (Direction::Right, true) => &[Way::Against],
            (Direction::Any, _) => &[Way::Along, Way::Against],
        };
        for choice in &self.edge.tables {
            for way in ways {
                let second_look = ways.len() == 2 && *way == Way::Against;
                self.graph.edges_at(vertex, choice.table, *way, |owner, other| {
                    // A loop was seen along already.
                    if second_look && other == vertex {
                        return;
                    }
                    let hop = Hop { owner, table: choice.table, way: *way, other };
                    match &choice.admitted {
                        None => visit(hop, 1.0),
                        Some(admitted) => {
                            if let Some(cost) = admitted.get(&owner) {
                                visit(hop, *cost);
                            }
                        }
                    }
                });
            }
        }
    }

    /// What an edge costs; `None` is told of edges that all cost 1.
    pub(crate) fn cost(&self, edge: &EdgeId) -> f64 {
        let choice = self.edge.tables.iter().find(|choice| choice.table == edge.table);
        let costs = choice.and_then(|choice| choice.admitted.as_ref());
        costs.map_or(1.0, |costs| costs.get(&edge.owner).copied().unwrap_or(1.0))
    }

    /// The same edge taken from its other end.
    pub(crate) fn back(self) -> Follow<'a> {
        Follow { from_second: !self.from_second, ..self }
    }
}
