//! In which order the vertices and edges of a pattern are bound.

use std::collections::BTreeSet;

use crate::Graph;
use crate::pattern::{EdgeVariable, Pattern, Reach};

/// One step of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Every admitted vertex in turn.
    Seed(usize),
    /// An edge from a bound vertex to one that it binds.
    Follow { edge: usize, from_second: bool },
    /// An edge between two bound vertices, looked for at the one that was bound first, since that one
    /// stays while the other changes.
    Close { edge: usize, from_second: bool },
}

/// Checks first, then few edges before many, from the smallest set.
pub(crate) fn plan(graph: &Graph, pattern: &Pattern) -> Vec<Step> {
    let counts: Vec<usize> = pattern.vertices.iter().map(|vertex| vertex.count(graph)).collect();
    // By vertex, after how many steps it was bound.
    let mut bound: Vec<Option<usize>> = vec![None; pattern.vertices.len()];
    let mut open: BTreeSet<usize> = (0..pattern.edges.len()).collect();
    let mut steps = Vec::new();
    loop {
        let reached = (open.iter().copied())
            .filter(|edge| {
                let EdgeVariable { from, to, .. } = pattern.edges[*edge];
                bound[from].is_some() || bound[to].is_some()
            })
            .min_by_key(|edge| {
                let EdgeVariable { from, to, reach, .. } = &pattern.edges[*edge];
                let checks = bound[*from].is_some() && bound[*to].is_some();
                let unbound = if bound[*from].is_some() { *to } else { *from };
                (effort(reach), !checks, counts[unbound], *edge)
            });
        if let Some(edge) = reached {
            let EdgeVariable { from, to, .. } = pattern.edges[edge];
            steps.push(match (bound[from], bound[to]) {
                (Some(first), Some(second)) => Step::Close { edge, from_second: second < first },
                (first, _) => Step::Follow { edge, from_second: first.is_none() },
            });
            for end in [from, to] {
                bound[end].get_or_insert(steps.len());
            }
            open.remove(&edge);
            continue;
        }
        let unbound = (0..bound.len()).filter(|vertex| bound[*vertex].is_none());
        let Some(vertex) = unbound.min_by_key(|vertex| (counts[*vertex], *vertex)) else {
            return steps;
        };
        steps.push(Step::Seed(vertex));
        bound[vertex] = Some(steps.len());
    }
}

fn effort(reach: &Reach) -> u8 {
    match reach {
        Reach::One => 0,
        Reach::Walk { .. } => 1,
        Reach::Shortest { .. } | Reach::Cheapest { .. } => 2,
    }
}
