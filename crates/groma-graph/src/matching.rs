//! Finds all matches of a pattern, one after the other, by going from vertex to vertex.
//!
//! It begins where the fewest vertices are admitted, takes an edge to a vertex that is bound already,
//! goes on from there, and comes back when nothing more is found. So only one match is held at a time.
//! Matches come in the order of the graph's tables and keys.

use crate::follow::{Follow, Hop};
use crate::pattern::{Match, Mode, PATH_HOPS_MAX, Path, Pattern, Reach, SearchError, Told};
use crate::plan::{Step, plan};
use crate::search::{Goals, Room, Search};
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
        free: pattern.vertices.iter().map(|vertex| vertex.is_any()).collect(),
        vertices: vec![NONE; pattern.vertices.len()],
        paths: vec![Path::default(); pattern.edges.len()],
        rooms: pattern.edges.iter().map(|_| Room::default()).collect(),
        marks: pattern.edges.iter().map(|_| Marks::default()).collect(),
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

/// So many goals are first looked for one by one, from both ends.
const GOALS_APART_MAX: usize = 64;

enum Stop {
    /// Nobody wants more.
    Enough,
    Beyond(SearchError),
}

struct Matcher<'a> {
    graph: &'a Graph,
    pattern: &'a Pattern,
    steps: Vec<Step>,
    /// By vertex of the pattern, whether every vertex fits.
    free: Vec<bool>,
    vertices: Vec<Vertex>,
    paths: Vec<Path>,
    rooms: Vec<Room>,
    marks: Vec<Marks>,
    go_on: &'a dyn Fn() -> bool,
    found: &'a mut dyn FnMut(&Match<'_>) -> bool,
    visits: u32,
}

impl<'a> Matcher<'a> {
    fn advance(&mut self, step: usize) -> Result<(), Stop> {
        let Some(taken) = self.steps.get(step).copied() else {
            let found = Match { vertices: &self.vertices, paths: &self.paths };
            return if (self.found)(&found) { Ok(()) } else { Err(Stop::Enough) };
        };
        let taking = match taken {
            Step::Seed(variable) => {
                for vertex in self.pattern.vertices[variable].all(self.graph) {
                    self.look()?;
                    self.vertices[variable] = vertex;
                    self.advance(step + 1)?;
                }
                self.vertices[variable] = NONE;
                return Ok(());
            }
            Step::Follow { edge, from_second } | Step::Close { edge, from_second } => {
                Taking::new(self.graph, self.pattern, step, edge, from_second)
            }
        };
        let start = self.vertices[taking.near];
        match taking.follow.edge.reach {
            Reach::One => match taken {
                Step::Close { .. } if !self.is_joined(&taking) => Ok(()),
                _ => self.one(&taking),
            },
            Reach::Walk { min, max, mode } => {
                self.walk(&taking, &Walk { min, max, mode }, &mut Way::new(start))
            }
            Reach::Shortest { .. } | Reach::Cheapest { .. } => self.search(&taking),
        }
    }

    /// Whether an edge joins two bound vertices at all.
    fn is_joined(&mut self, taking: &Taking<'a>) -> bool {
        self.mark(taking);
        self.marks[taking.edge].is_marked(self.vertices[taking.far])
    }

    /// Marks the vertices at the other ends of a bound one's edges, once while it stays.
    fn mark(&mut self, taking: &Taking<'a>) {
        let near = self.vertices[taking.near];
        let marks = &mut self.marks[taking.edge];
        if marks.of != Some(near) {
            marks.begin(near, self.graph.vertices_end());
            taking.follow.hops(near, |hop, _| marks.mark(hop.other));
        }
    }

    /// Every single edge from a bound vertex.
    fn one(&mut self, taking: &Taking<'a>) -> Result<(), Stop> {
        let start = self.vertices[taking.near];
        // Most edges lead to a vertex that the ring does not close at: they are not even bound.
        let ring = self.ring_behind(taking);
        let mut outcome = Ok(());
        taking.follow.hops(start, |hop, cost| {
            let closes = ring.is_none_or(|edge| self.marks[edge].is_marked(hop.other));
            if closes && outcome.is_ok() {
                outcome = self.take(taking, start, hop, cost);
            }
        });
        outcome
    }

    /// The edge of the next step, if it closes a ring at the vertex that this step binds; where it
    /// leads from its other end is marked.
    fn ring_behind(&mut self, taking: &Taking<'a>) -> Option<usize> {
        let Some(Step::Close { edge, from_second }) = self.steps.get(taking.step + 1).copied()
        else {
            return None;
        };
        let ring = Taking::new(self.graph, self.pattern, taking.step + 1, edge, from_second);
        let is_ring = ring.follow.edge.reach == Reach::One
            && ring.far == taking.far
            && ring.near != taking.far
            && self.vertices[taking.far] == NONE;
        is_ring.then(|| {
            self.mark(&ring);
            edge
        })
    }

    fn take(
        &mut self,
        taking: &Taking<'a>,
        start: Vertex,
        hop: Hop,
        cost: f64,
    ) -> Result<(), Stop> {
        self.look()?;
        let Some(freed) = self.bind(taking.far, hop.other) else { return Ok(()) };
        let path = &mut self.paths[taking.edge];
        (path.length, path.cost) = (1, cost);
        if taking.follow.edge.told == Told::Way {
            let edge = hop.edge(start);
            path.edges.clear();
            path.edges.push(edge);
            let ends =
                if taking.follow.from_second { [hop.other, start] } else { [start, hop.other] };
            path.vertices.clear();
            path.vertices.extend(ends);
        }
        self.advance(taking.step + 1)?;
        self.vertices[taking.far] = freed;
        Ok(())
    }

    /// Every way on from where `way` ends, depth first.
    fn walk(&mut self, taking: &Taking<'a>, walk: &Walk, way: &mut Way) -> Result<(), Stop> {
        let length = way.edges.len() as u32;
        if length >= walk.min {
            self.arrive(taking, way)?;
        }
        if walk.max == Some(length) || walk.mode == Mode::Simple && way.is_closed() {
            return Ok(());
        }
        let end = way.end();
        let mut outcome = Ok(());
        taking.follow.hops(end, |hop, cost| {
            let edge = hop.edge(end);
            if outcome.is_err() || !walk.mode.allows(way, edge, hop.other) {
                return;
            }
            outcome = self.look().and_then(|()| {
                if length >= PATH_HOPS_MAX {
                    return Err(Stop::Beyond(SearchError::TooLong));
                }
                way.push(edge, hop.other, cost);
                let on = self.walk(taking, walk, way);
                way.pop(cost);
                on
            });
        });
        outcome
    }

    /// Takes a way as what the pattern's edge stands for, if its end fits, and goes on.
    fn arrive(&mut self, taking: &Taking<'a>, way: &Way) -> Result<(), Stop> {
        let Some(freed) = self.bind(taking.far, way.end()) else { return Ok(()) };
        let path = &mut self.paths[taking.edge];
        (path.length, path.cost) = (way.edges.len() as u32, way.cost);
        if taking.follow.edge.told == Told::Way {
            path.edges.clone_from(&way.edges);
            path.vertices.clone_from(&way.vertices);
            if taking.follow.from_second {
                path.edges.reverse();
                path.vertices.reverse();
            }
        }
        self.advance(taking.step + 1)?;
        self.vertices[taking.far] = freed;
        Ok(())
    }

    /// Binds a variable if it is free and fits, or is that vertex already. Gives what to restore.
    fn bind(&mut self, variable: usize, vertex: Vertex) -> Option<Vertex> {
        let bound = self.vertices[variable];
        if bound != NONE {
            return (bound == vertex).then_some(bound);
        }
        if !self.free[variable] && !self.pattern.vertices[variable].fits(self.graph, vertex) {
            return None;
        }
        self.vertices[variable] = vertex;
        Some(NONE)
    }

    /// The best way to each goal. Few goals are looked for one by one, from both ends, which visits
    /// little where they are near; as soon as that visits more than all vertices, those that are left
    /// are looked for together.
    fn search(&mut self, taking: &Taking<'a>) -> Result<(), Stop> {
        let bound = Some(self.vertices[taking.far]).filter(|vertex| *vertex != NONE);
        let goals = match (bound, &self.pattern.vertices[taking.far].admitted) {
            (Some(goal), _) => Goals::One(goal),
            (None, Some(admitted)) => Goals::Some(admitted),
            (None, None) => Goals::Any,
        };
        // Out of `self` while matches are taken from it; the same edge is not searched meanwhile.
        let mut room = std::mem::take(&mut self.rooms[taking.edge]);
        let outcome = self.search_apart(taking, goals, &mut room).and_then(|done| match goals {
            Goals::Some(admitted) if done.len() == admitted.ordered().len() => Ok(()),
            _ => self.search_together(taking, goals, done, &mut room),
        });
        self.rooms[taking.edge] = room;
        outcome
    }

    /// Gives the goals that were looked for.
    fn search_apart(
        &mut self,
        taking: &Taking<'a>,
        goals: Goals<'a>,
        room: &mut Room,
    ) -> Result<&'a [Vertex], Stop> {
        let Goals::Some(admitted) = goals else { return Ok(&[]) };
        let goals = admitted.ordered();
        let shortest = matches!(taking.follow.edge.reach, Reach::Shortest { .. });
        if !shortest || goals.len() > GOALS_APART_MAX {
            return Ok(&[]);
        }
        let tables = 0..self.graph.vertex_tables().len() as u16;
        let all: usize = tables.map(|table| self.graph.vertex_count(table)).sum();
        let mut visited = 0;
        for (done, goal) in goals.iter().enumerate() {
            if visited > all {
                return Ok(&goals[..done]);
            }
            self.search_together(taking, Goals::One(*goal), &[], room)?;
            visited += room.visited();
        }
        Ok(goals)
    }

    fn search_together(
        &mut self,
        taking: &Taking<'a>,
        goals: Goals<'a>,
        done: &[Vertex],
        room: &mut Room,
    ) -> Result<(), Stop> {
        let (follow, start, go_on) = (taking.follow, self.vertices[taking.near], self.go_on);
        let search = Search { follow, start, goals, go_on };
        search.run(room).map_err(Stop::Beyond)?;
        for end in room.reached() {
            self.look()?;
            if done.contains(&end.vertex) {
                continue;
            }
            let Some(freed) = self.bind(taking.far, end.vertex) else { continue };
            search.trace(end, room, &mut self.paths[taking.edge]);
            self.advance(taking.step + 1)?;
            self.vertices[taking.far] = freed;
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), Stop> {
        self.visits = self.visits.wrapping_add(1);
        if self.visits.is_multiple_of(LOOK_EVERY) && !(self.go_on)() {
            return Err(Stop::Enough);
        }
        Ok(())
    }
}

/// An edge of the pattern that is being taken: from which of its vertices to which.
struct Taking<'a> {
    step: usize,
    edge: usize,
    near: usize,
    far: usize,
    follow: Follow<'a>,
}

impl<'a> Taking<'a> {
    fn new(
        graph: &'a Graph,
        pattern: &'a Pattern,
        step: usize,
        edge: usize,
        from_second: bool,
    ) -> Taking<'a> {
        let variable = &pattern.edges[edge];
        let (near, far) =
            if from_second { (variable.to, variable.from) } else { (variable.from, variable.to) };
        Taking { step, edge, near, far, follow: Follow { graph, edge: variable, from_second } }
    }
}

/// The vertices that one vertex is joined to.
#[derive(Default)]
struct Marks {
    of: Option<Vertex>,
    round: u32,
    /// By vertex, the last round in which it was marked.
    rounds: Vec<u32>,
}

impl Marks {
    fn begin(&mut self, of: Vertex, vertices_end: usize) {
        self.of = Some(of);
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.rounds.fill(0);
            self.round = 1;
        }
        if self.rounds.is_empty() {
            self.rounds = vec![0; vertices_end];
        }
    }

    fn mark(&mut self, vertex: Vertex) {
        self.rounds[vertex.0 as usize] = self.round;
    }

    fn is_marked(&self, vertex: Vertex) -> bool {
        self.rounds[vertex.0 as usize] == self.round
    }
}

struct Walk {
    min: u32,
    max: Option<u32>,
    mode: Mode,
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
