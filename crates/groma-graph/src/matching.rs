//! Finds all matches of a pattern, one after the other, by going from vertex to vertex.
//!
//! It begins where the fewest vertices are admitted, takes an edge to a vertex that is bound already,
//! goes on from there, and comes back when nothing more is found. So only one match is held at a time.
//! Matches come in the order of the graph's tables and keys.

use std::collections::BTreeSet;

use crate::pattern::{EdgeVariable, Match, Mode, PATH_HOPS_MAX, Path, Pattern, Reach, SearchError};
use crate::search::{Room, Search};
use crate::{EdgeId, Graph, Vertex};

/// Gives every match to `found` until it says `false`. `go_on` is asked now and then; `false` ends the
/// search as well.
pub fn find(
    graph: &Graph,
    pattern: &Pattern,
    go_on: &dyn Fn() -> bool,
    found: &mut dyn FnMut(&Match<'_>) -> bool,
) -> Result<(), SearchError> {
    let mut matcher = Matcher {
        graph,
        pattern,
        steps: plan(graph, pattern),
        vertices: vec![NONE; pattern.vertices.len()],
        paths: vec![Path::default(); pattern.edges.len()],
        rooms: pattern.edges.iter().map(|_| Room::default()).collect(),
        go_on,
        found,
        visits: 0,
    };
    match matcher.advance(0) {
        Ok(()) | Err(Stop::Enough) => Ok(()),
        Err(Stop::Beyond(error)) => Err(error),
    }
}

const NONE: Vertex = Vertex(u32::MAX);

/// Edges visited between two looks whether anybody waits.
const LOOK_EVERY: u32 = 4096;

/// One step of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Every admitted vertex in turn.
    Seed(usize),
    /// An edge from a bound vertex; the other end is bound by it, or must be it.
    Follow { edge: usize, from_second: bool },
}

/// The order in which to bind: checks first, then few edges before many, from the smallest set.
fn plan(graph: &Graph, pattern: &Pattern) -> Vec<Step> {
    let counts: Vec<usize> = pattern.vertices.iter().map(|vertex| vertex.count(graph)).collect();
    let mut bound = vec![false; pattern.vertices.len()];
    let mut open: BTreeSet<usize> = (0..pattern.edges.len()).collect();
    let mut steps = Vec::new();
    loop {
        let reached = (open.iter().copied())
            .filter(|edge| bound[pattern.edges[*edge].from] || bound[pattern.edges[*edge].to])
            .min_by_key(|edge| {
                let EdgeVariable { from, to, reach, .. } = &pattern.edges[*edge];
                let checks = bound[*from] && bound[*to];
                let unbound = if bound[*from] { *to } else { *from };
                (effort(reach), !checks, counts[unbound], *edge)
            });
        if let Some(edge) = reached {
            let EdgeVariable { from, to, .. } = pattern.edges[edge];
            steps.push(Step::Follow { edge, from_second: !bound[from] });
            (bound[from], bound[to]) = (true, true);
            open.remove(&edge);
            continue;
        }
        let unbound = (0..bound.len()).filter(|vertex| !bound[*vertex]);
        let Some(vertex) = unbound.min_by_key(|vertex| (counts[*vertex], *vertex)) else {
            return steps;
        };
        bound[vertex] = true;
        steps.push(Step::Seed(vertex));
    }
}

fn effort(reach: &Reach) -> u8 {
    match reach {
        Reach::One => 0,
        Reach::Walk { .. } => 1,
        Reach::Shortest { .. } | Reach::Cheapest { .. } => 2,
    }
}

enum Stop {
    /// Nobody wants more.
    Enough,
    Beyond(SearchError),
}

struct Matcher<'a> {
    graph: &'a Graph,
    pattern: &'a Pattern,
    steps: Vec<Step>,
    vertices: Vec<Vertex>,
    paths: Vec<Path>,
    rooms: Vec<Room>,
    go_on: &'a dyn Fn() -> bool,
    found: &'a mut dyn FnMut(&Match<'_>) -> bool,
    visits: u32,
}

impl Matcher<'_> {
    fn advance(&mut self, step: usize) -> Result<(), Stop> {
        match self.steps.get(step).copied() {
            None => {
                let found = Match { vertices: &self.vertices, paths: &self.paths };
                if (self.found)(&found) { Ok(()) } else { Err(Stop::Enough) }
            }
            Some(Step::Seed(variable)) => {
                for vertex in self.pattern.vertices[variable].all(self.graph) {
                    self.look()?;
                    self.vertices[variable] = vertex;
                    self.advance(step + 1)?;
                }
                self.vertices[variable] = NONE;
                Ok(())
            }
            Some(Step::Follow { edge, from_second }) => self.follow(step, edge, from_second),
        }
    }

    fn follow(&mut self, step: usize, edge: usize, from_second: bool) -> Result<(), Stop> {
        let variable = &self.pattern.edges[edge];
        let near = if from_second { variable.to } else { variable.from };
        let start = self.vertices[near];
        match variable.reach {
            Reach::One => self.walk(step, edge, from_second, &Walk::ONE, &mut Way::new(start)),
            Reach::Walk { min, max, mode } => {
                let walk = Walk { min, max, mode };
                self.walk(step, edge, from_second, &walk, &mut Way::new(start))
            }
            Reach::Shortest { .. } | Reach::Cheapest { .. } => {
                self.search(step, edge, from_second, start)
            }
        }
    }

    /// Every way on from where `way` ends, depth first.
    fn walk(
        &mut self,
        step: usize,
        edge: usize,
        from_second: bool,
        walk: &Walk,
        way: &mut Way,
    ) -> Result<(), Stop> {
        let hops = way.edges.len() as u32;
        if hops >= walk.min {
            self.arrive(step, edge, from_second, way)?;
        }
        if walk.max == Some(hops) || walk.mode == Mode::Simple && way.is_closed() {
            return Ok(());
        }
        let (graph, variable) = (self.graph, &self.pattern.edges[edge]);
        let mut outcome = Ok(());
        variable.step(graph, way.end(), from_second, &mut |id, other, cost| {
            if outcome.is_err() || !walk.mode.allows(way, id, other) {
                return;
            }
            outcome = self.look().and_then(|()| {
                if hops >= PATH_HOPS_MAX {
                    return Err(Stop::Beyond(SearchError::TooLong));
                }
                way.push(id, other, cost);
                let on = self.walk(step, edge, from_second, walk, way);
                way.pop(cost);
                on
            });
        });
        outcome
    }

    /// Takes a way as what the pattern's edge stands for, if its end fits, and goes on.
    fn arrive(
        &mut self,
        step: usize,
        edge: usize,
        from_second: bool,
        way: &Way,
    ) -> Result<(), Stop> {
        let variable = &self.pattern.edges[edge];
        let far = if from_second { variable.from } else { variable.to };
        let Some(freed) = self.bind(far, way.end()) else { return Ok(()) };
        let path = &mut self.paths[edge];
        path.edges.clone_from(&way.edges);
        path.vertices.clone_from(&way.vertices);
        path.cost = way.cost;
        if from_second {
            path.edges.reverse();
            path.vertices.reverse();
        }
        self.advance(step + 1)?;
        self.vertices[far] = freed;
        Ok(())
    }

    /// Binds a variable if it is free and fits, or is that vertex already. Gives what to restore.
    fn bind(&mut self, variable: usize, vertex: Vertex) -> Option<Vertex> {
        let bound = self.vertices[variable];
        if bound != NONE {
            return (bound == vertex).then_some(bound);
        }
        if !self.pattern.vertices[variable].fits(self.graph, vertex) {
            return None;
        }
        self.vertices[variable] = vertex;
        Some(NONE)
    }

    fn search(
        &mut self,
        step: usize,
        edge: usize,
        from_second: bool,
        start: Vertex,
    ) -> Result<(), Stop> {
        let variable = &self.pattern.edges[edge];
        let far = if from_second { variable.from } else { variable.to };
        let goal = Some(self.vertices[far]).filter(|vertex| *vertex != NONE);
        let (graph, go_on) = (self.graph, self.go_on);
        let search = Search { graph, edge: variable, from_second, start, goal, go_on };
        // Out of `self` while matches are taken from it; the same edge is not searched meanwhile.
        let mut room = std::mem::take(&mut self.rooms[edge]);
        let outcome = search.paths(&mut room).map_err(Stop::Beyond).and_then(|reached| {
            for end in &reached {
                self.look()?;
                let Some(freed) = self.bind(far, end.vertex) else { continue };
                search.trace(end, &room, &mut self.paths[edge]);
                self.advance(step + 1)?;
                self.vertices[far] = freed;
            }
            Ok(())
        });
        self.rooms[edge] = room;
        outcome
    }

    fn look(&mut self) -> Result<(), Stop> {
        self.visits = self.visits.wrapping_add(1);
        if self.visits.is_multiple_of(LOOK_EVERY) && !(self.go_on)() {
            return Err(Stop::Enough);
        }
        Ok(())
    }
}

struct Walk {
    min: u32,
    max: Option<u32>,
    mode: Mode,
}

impl Walk {
    const ONE: Walk = Walk { min: 1, max: Some(1), mode: Mode::Walk };
}

/// Edges taken so far.
struct Way {
    edges: Vec<EdgeId>,
    vertices: Vec<Vertex>,
    cost: f64,
}

impl Way {
    fn new(start: Vertex) -> Way {
        Way { edges: Vec::new(), vertices: vec![start], cost: 0.0 }
    }

    fn end(&self) -> Vertex {
        self.vertices[self.vertices.len() - 1]
    }

    fn is_closed(&self) -> bool {
        self.vertices.len() > 1 && self.vertices[0] == self.end()
    }

    fn push(&mut self, edge: EdgeId, vertex: Vertex, cost: f64) {
        self.edges.push(edge);
        self.vertices.push(vertex);
        self.cost += cost;
    }

    fn pop(&mut self, cost: f64) {
        self.edges.pop();
        self.vertices.pop();
        self.cost -= cost;
    }
}

impl Mode {
    fn allows(self, way: &Way, edge: EdgeId, vertex: Vertex) -> bool {
        match self {
            Mode::Walk => true,
            Mode::Trail => !way.edges.contains(&edge),
            Mode::Acyclic => !way.vertices.contains(&vertex),
            Mode::Simple => !way.vertices[1..].contains(&vertex),
        }
    }
}
