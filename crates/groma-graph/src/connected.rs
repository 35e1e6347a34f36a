//! What hangs together, and what it hangs on: components, articulation points and bridges.
//! Edges count in both directions; loops do not count; of several edges between two vertices none is
//! a bridge. Cost: O(vertices + edges), without recursion.

use crate::{EdgeId, Graph, Vertex, Way};

/// Vertices and edges by small numbers, edges in both directions.
pub struct Net {
    vertices: Vec<Vertex>,
    edges: Vec<(u32, u32, EdgeId)>,
    /// By vertex, where its part of `at` ends.
    ends: Vec<u32>,
    /// The edges at each vertex.
    at: Vec<u32>,
}

/// A vertex or edge whose loss parts others from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut<T> {
    /// The vertex or edge.
    pub part: T,
    /// How many vertices are cut off from the largest part that stays together.
    pub cut_off: u32,
}

/// What [`Net::cuts`] finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Articulation points, in the order of the graph's vertices.
    pub vertices: Vec<Cut<Vertex>>,
    /// Bridges.
    pub edges: Vec<Cut<EdgeId>>,
}

const NONE: u32 = u32::MAX;

impl Net {
    /// All vertices of a graph, joined by the edges of some of its tables.
    pub fn new(graph: &Graph, edge_tables: &[u16]) -> Net {
        let mut number = vec![NONE; graph.vertices_end()];
        let mut vertices = Vec::new();
        for table in 0..graph.vertex_tables().len() as u16 {
            for vertex in graph.vertices(table) {
                number[vertex.0 as usize] = vertices.len() as u32;
                vertices.push(vertex);
            }
        }
        let mut edges: Vec<(u32, u32, EdgeId)> = Vec::new();
        for (place, vertex) in vertices.iter().enumerate() {
            let first = edges.len();
            for table in edge_tables {
                graph.edges_at(*vertex, *table, Way::Along, |owner, other| {
                    let end = number[other.0 as usize];
                    if end != place as u32 {
                        let (table, source) = (*table, *vertex);
                        let edge = EdgeId { table, owner, source, target: other };
                        edges.push((place as u32, end, edge));
                    }
                });
            }
            // Several chains may make the same edge.
            edges[first..].sort_unstable();
        }
        edges.dedup();
        let mut ends = vec![0; vertices.len()];
        for (a, b, _) in &edges {
            ends[*a as usize] += 1;
            ends[*b as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            let count = *end;
            *end = sum;
            sum += count;
        }
        let mut at = vec![0; sum as usize];
        for (place, (a, b, _)) in edges.iter().enumerate() {
            for vertex in [a, b] {
                at[ends[*vertex as usize] as usize] = place as u32;
                ends[*vertex as usize] += 1;
            }
        }
        Net { vertices, edges, ends, at }
    }

    /// The vertices, by their numbers here.
    pub fn vertices(&self) -> &[Vertex] {
        &self.vertices
    }

    fn edges_of(&self, vertex: u32) -> &[u32] {
        let start = if vertex == 0 { 0 } else { self.ends[vertex as usize - 1] };
        &self.at[start as usize..self.ends[vertex as usize] as usize]
    }

    fn other(&self, edge: u32, vertex: u32) -> u32 {
        let (a, b, _) = self.edges[edge as usize];
        if a == vertex { b } else { a }
    }

    /// For each vertex the number of its component, the largest component first, from 0; of equals
    /// the one with the earliest vertex.
    pub fn components(&self) -> Vec<u32> {
        let mut component = vec![NONE; self.vertices.len()];
        let mut sizes: Vec<(u32, u32)> = Vec::new();
        let mut open = Vec::new();
        for start in 0..self.vertices.len() as u32 {
            if component[start as usize] != NONE {
                continue;
            }
            let number = sizes.len() as u32;
            let mut size = 0;
            component[start as usize] = number;
            open.push(start);
            while let Some(vertex) = open.pop() {
                size += 1;
                for edge in self.edges_of(vertex) {
                    let other = self.other(*edge, vertex);
                    if component[other as usize] == NONE {
                        component[other as usize] = number;
                        open.push(other);
                    }
                }
            }
            sizes.push((number, size));
        }
        sizes.sort_by_key(|(number, size)| (std::cmp::Reverse(*size), *number));
        let mut rank = vec![0; sizes.len()];
        sizes
            .iter()
            .enumerate()
            .for_each(|(place, (number, _))| rank[*number as usize] = place as u32);
        component.iter().map(|number| rank[*number as usize]).collect()
    }

    /// Articulation points and bridges (Tarjan's low points).
    pub fn cuts(&self) -> Cuts {
        let count = self.vertices.len();
        let mut walk = Walk {
            order: vec![NONE; count],
            low: vec![0; count],
            size: vec![1; count],
            hanging: vec![(0, 0); count],
            root_children: vec![0; count],
        };
        let mut cuts = Cuts::default();
        for root in 0..count as u32 {
            if walk.order[root as usize] == NONE {
                let visited = self.descend(root, &mut walk);
                self.judge(&visited, &walk, &mut cuts);
            }
        }
        cuts.vertices.sort_by_key(|cut| cut.part);
        cuts.edges.sort_by_key(|cut| cut.part);
        cuts
    }

    /// Depth first from a root, with a stack of our own. Gives the vertices in the order they were met,
    /// each with the edge it was met by.
    fn descend(&self, root: u32, walk: &mut Walk) -> Vec<(u32, u32)> {
        let mut met = vec![(root, NONE)];
        let mut stack: Vec<(u32, u32, usize)> = vec![(root, NONE, 0)];
        walk.order[root as usize] = 0;
        walk.low[root as usize] = 0;
        while let Some((vertex, by, next)) = stack.last_mut() {
            let (vertex, by) = (*vertex, *by);
            if let Some(edge) = self.edges_of(vertex).get(*next) {
                *next += 1;
                let other = self.other(*edge, vertex);
                if *edge == by {
                    continue;
                }
                if walk.order[other as usize] == NONE {
                    walk.order[other as usize] = met.len() as u32;
                    walk.low[other as usize] = met.len() as u32;
                    met.push((other, *edge));
                    stack.push((other, *edge, 0));
                } else {
                    let low = &mut walk.low[vertex as usize];
                    *low = (*low).min(walk.order[other as usize]);
                }
                continue;
            }
            stack.pop();
            if let Some((parent, ..)) = stack.last() {
                walk.close(vertex, *parent, *parent == root);
            }
        }
        met
    }

    fn judge(&self, met: &[(u32, u32)], walk: &Walk, cuts: &mut Cuts) {
        let total = met.len() as u32;
        for (place, (vertex, by)) in met.iter().enumerate() {
            let v = *vertex as usize;
            let (hanging, largest) = walk.hanging[v];
            let is_cut = if place == 0 { walk.root_children[v] > 1 } else { hanging > 0 };
            if is_cut {
                let above = total - 1 - hanging;
                let cut_off = total - 1 - above.max(largest);
                cuts.vertices.push(Cut { part: self.vertices[v], cut_off });
            }
            if *by != NONE && walk.low[v] == walk.order[v] {
                let cut_off = walk.size[v].min(total - walk.size[v]);
                cuts.edges.push(Cut { part: self.edges[*by as usize].2, cut_off });
            }
        }
    }
}

struct Walk {
    /// By vertex, when it was met in its component.
    order: Vec<u32>,
    /// The earliest vertex that its subtree reaches by one edge back.
    low: Vec<u32>,
    /// Vertices in its subtree.
    size: Vec<u32>,
    /// Vertices in those subtrees below it that hang on it alone: all together, and in the largest.
    hanging: Vec<(u32, u32)>,
    root_children: Vec<u32>,
}

impl Walk {
    fn close(&mut self, vertex: u32, parent: u32, parent_is_root: bool) {
        let (v, p) = (vertex as usize, parent as usize);
        self.low[p] = self.low[p].min(self.low[v]);
        self.size[p] += self.size[v];
        if self.low[v] >= self.order[p] {
            let (all, largest) = self.hanging[p];
            self.hanging[p] = (all + self.size[v], largest.max(self.size[v]));
        }
        if parent_is_root {
            self.root_children[p] += 1;
        }
    }
}
