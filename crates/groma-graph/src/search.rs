//! Shortest and cheapest ways from one vertex: breadth first, from both ends where both are known, and
//! Dijkstra's. Of several best ways the one is taken that comes first in the order of labels and keys.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::pattern::{EdgeVariable, Path, Reach, SEARCH_STATES_MAX, SearchError};
use crate::{EdgeId, Graph, Vertex};

/// A place that was reached: a vertex, with the number of edges as far as the way counts them.
#[derive(Debug, Clone, Copy)]
struct Found {
    vertex: Vertex,
    layer: u32,
    /// Edges from the start.
    hops: u32,
    /// Place of the one before in the list; the start's is its own.
    before: u32,
    by: EdgeId,
    cost: f64,
}

/// Room for searches, to be used again.
#[derive(Debug, Default)]
pub(crate) struct Room {
    found: Vec<Found>,
    places: Places,
    /// The same from the other end.
    found_back: Vec<Found>,
    places_back: Places,
}

/// By layer and vertex, the place in the list of what was found plus one; 0: not reached.
#[derive(Debug, Default)]
struct Places {
    places: Vec<u32>,
    /// Those that are not 0.
    touched: Vec<u32>,
}

impl Places {
    fn make_room(&mut self, states: usize) {
        if self.places.len() < states {
            self.places.resize(states, 0);
        }
    }

    fn get(&self, state: usize) -> u32 {
        self.places[state]
    }

    fn set(&mut self, state: usize, place: usize) {
        self.places[state] = place as u32 + 1;
        self.touched.push(state as u32);
    }

    fn clear(&mut self) {
        self.touched.drain(..).for_each(|state| self.places[state as usize] = 0);
    }
}

/// What a search is asked.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) edge: &'a EdgeVariable,
    /// From the edge's second vertex to its first.
    pub(crate) from_second: bool,
    pub(crate) start: Vertex,
    /// `None`: ways to all vertices.
    pub(crate) goal: Option<Vertex>,
    /// Asked now and then; `false`: give up, nobody waits.
    pub(crate) go_on: &'a dyn Fn() -> bool,
}

/// Places visited between two looks whether anybody waits.
const LOOK_EVERY: usize = 4096;

const NO_EDGE: EdgeId = EdgeId { table: 0, owner: 0, source: Vertex(0), target: Vertex(0) };

impl Search<'_> {
    /// One best way to each vertex that can be reached, the nearest first.
    pub(crate) fn paths(&self, room: &mut Room) -> Result<Vec<Reached>, SearchError> {
        room.clear();
        match self.edge.reach {
            Reach::Shortest { min, max } => match self.goal {
                Some(goal) if min <= 1 && goal != self.start => self.meet_between(goal, max, room),
                _ => self.breadth_first(min, max, room),
            },
            Reach::Cheapest { min, max } => self.cheapest(min, max, room),
            Reach::One | Reach::Walk { .. } => Ok(Vec::new()),
        }
    }

    fn layers(&self, count: u32, room: &mut Room) -> Result<(), SearchError> {
        let states = self.graph.vertices_end().saturating_mul(count as usize);
        if states > SEARCH_STATES_MAX {
            return Err(SearchError::TooWide);
        }
        room.places.make_room(states);
        Ok(())
    }

    fn state(&self, vertex: Vertex, layer: u32) -> usize {
        layer as usize * self.graph.vertices_end() + vertex.0 as usize
    }

    /// Layers count edges up to `min`, so that a way may come back to where it started.
    fn breadth_first(
        &self,
        min: u32,
        max: Option<u32>,
        room: &mut Room,
    ) -> Result<Vec<Reached>, SearchError> {
        self.layers(min + 1, room)?;
        let mut reached = Vec::new();
        room.found.push(Found::start(self.start));
        room.places.set(self.state(self.start, 0), 0);
        let mut next = 0;
        while let Some(found) = room.found.get(next).copied() {
            if found.layer == min {
                reached.push(Reached { vertex: found.vertex, place: next as u32, meets: None });
                if self.goal == Some(found.vertex) {
                    break;
                }
            }
            next += 1;
            if max.is_some_and(|max| found.hops >= max) {
                continue;
            }
            if self.is_over(next, room)? {
                break;
            }
            let Room { found: list, places, .. } = room;
            self.edge.step(self.graph, found.vertex, self.from_second, &mut |by, vertex, cost| {
                let layer = (found.layer + 1).min(min);
                let state = self.state(vertex, layer);
                if places.get(state) == 0 {
                    places.set(state, list.len());
                    list.push(found.next(next - 1, by, vertex, layer, cost));
                }
            });
        }
        reached.retain(|reached| self.goal.is_none_or(|goal| reached.vertex == goal));
        Ok(reached)
    }

    /// Level by level from whichever end has fewer places open; the first meeting is the shortest way.
    fn meet_between(
        &self,
        goal: Vertex,
        max: Option<u32>,
        room: &mut Room,
    ) -> Result<Vec<Reached>, SearchError> {
        self.layers(1, room)?;
        room.places_back.make_room(self.graph.vertices_end());
        room.found.push(Found::start(self.start));
        room.found_back.push(Found::start(goal));
        room.places.set(self.start.0 as usize, 0);
        room.places_back.set(goal.0 as usize, 0);
        let (mut open, mut open_back) = (0..1, 0..1);
        for _ in 0..max.unwrap_or(u32::MAX) {
            if open.is_empty() || open_back.is_empty() || self.is_over(0, room)? {
                break;
            }
            let backward = open_back.len() < open.len();
            let Room { found, places, found_back, places_back } = room;
            let (near, seen, other, level) = if backward {
                (&mut *found_back, &mut *places_back, &*places, &mut open_back)
            } else {
                (&mut *found, &mut *places, &*places_back, &mut open)
            };
            let mut meeting = None;
            for place in level.clone() {
                let from = near[place];
                let second = self.from_second != backward;
                self.edge.step(self.graph, from.vertex, second, &mut |by, vertex, cost| {
                    let state = vertex.0 as usize;
                    if seen.get(state) != 0 || meeting.is_some() {
                        return;
                    }
                    seen.set(state, near.len());
                    near.push(from.next(place, by, vertex, 0, cost));
                    let met = other.get(state);
                    if met != 0 {
                        meeting = Some((near.len() as u32 - 1, met - 1));
                    }
                });
                if let Some((here, there)) = meeting {
                    let (place, meets) = if backward { (there, here) } else { (here, there) };
                    return Ok(vec![Reached { vertex: goal, place, meets: Some(meets) }]);
                }
            }
            *level = level.end..near.len();
        }
        Ok(Vec::new())
    }

    /// With a bound on its edges a way is one of a layer per edge; without, layers count up to `min`.
    fn cheapest(
        &self,
        min: u32,
        max: Option<u32>,
        room: &mut Room,
    ) -> Result<Vec<Reached>, SearchError> {
        let last = max.unwrap_or(min);
        self.layers(last + 2, room)?;
        let accepted_layer = last + 1;
        let mut reached = Vec::new();
        let mut open = BinaryHeap::from([Open { cost: 0.0, place: 0 }]);
        room.found.push(Found::start(self.start));
        while let Some(Open { place, .. }) = open.pop() {
            let found = room.found[place as usize];
            let state = self.state(found.vertex, found.layer);
            if room.places.get(state) != 0 {
                continue;
            }
            room.places.set(state, place as usize);
            let accepted = self.state(found.vertex, accepted_layer);
            if found.layer >= min && room.places.get(accepted) == 0 {
                room.places.set(accepted, place as usize);
                reached.push(Reached { vertex: found.vertex, place, meets: None });
                if self.goal == Some(found.vertex) {
                    break;
                }
            }
            if max.is_some_and(|max| found.layer >= max) {
                continue;
            }
            if self.is_over(place as usize, room)? {
                break;
            }
            let Room { found: list, places, .. } = room;
            self.edge.step(self.graph, found.vertex, self.from_second, &mut |by, vertex, cost| {
                let layer = (found.layer + 1).min(last);
                if places.get(self.state(vertex, layer)) == 0 {
                    let next = found.next(place as usize, by, vertex, layer, cost);
                    open.push(Open { cost: next.cost, place: list.len() as u32 });
                    list.push(next);
                }
            });
        }
        reached.retain(|reached| self.goal.is_none_or(|goal| reached.vertex == goal));
        Ok(reached)
    }

    /// Whether nobody waits any more.
    fn is_over(&self, done: usize, room: &Room) -> Result<bool, SearchError> {
        if room.found.len() + room.found_back.len() > SEARCH_STATES_MAX {
            return Err(SearchError::TooWide);
        }
        Ok(done.is_multiple_of(LOOK_EVERY) && !(self.go_on)())
    }

    /// Writes the way to where it was reached.
    pub(crate) fn trace(&self, reached: &Reached, room: &Room, path: &mut Path) {
        path.edges.clear();
        path.vertices.clear();
        let mut found = room.found[reached.place as usize];
        path.cost = found.cost;
        path.vertices.push(found.vertex);
        while found.hops > 0 {
            path.edges.push(found.by);
            found = room.found[found.before as usize];
            path.vertices.push(found.vertex);
        }
        path.edges.reverse();
        path.vertices.reverse();
        if let Some(meets) = reached.meets {
            let mut found = room.found_back[meets as usize];
            path.cost += found.cost;
            while found.hops > 0 {
                path.edges.push(found.by);
                found = room.found_back[found.before as usize];
                path.vertices.push(found.vertex);
            }
        }
        if self.from_second {
            path.edges.reverse();
            path.vertices.reverse();
        }
    }
}

/// Where a search arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    pub(crate) vertex: Vertex,
    place: u32,
    /// Place in the search from the other end.
    meets: Option<u32>,
}

impl Found {
    fn start(vertex: Vertex) -> Found {
        Found { vertex, layer: 0, hops: 0, before: 0, by: NO_EDGE, cost: 0.0 }
    }

    fn next(&self, place: usize, by: EdgeId, vertex: Vertex, layer: u32, cost: f64) -> Found {
        let (hops, cost) = (self.hops + 1, self.cost + cost);
        Found { vertex, layer, hops, before: place as u32, by, cost }
    }
}

impl Room {
    fn clear(&mut self) {
        self.places.clear();
        self.places_back.clear();
        self.found.clear();
        self.found_back.clear();
    }
}

/// The cheapest first; of equals the one found first.
#[derive(PartialEq)]
struct Open {
    cost: f64,
    place: u32,
}

impl Eq for Open {}

impl Ord for Open {
    fn cmp(&self, other: &Open) -> Ordering {
        other.cost.total_cmp(&self.cost).then_with(|| other.place.cmp(&self.place))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Open) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
