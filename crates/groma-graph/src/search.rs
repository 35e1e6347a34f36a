//! Shortest and cheapest ways from one vertex: breadth first, from both ends where both are known, and
//! Dijkstra's. A search ends where all that is looked for was found. Of several best ways it takes the
//! one that it meets first, in the order of labels and keys: the same every time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::follow::{Follow, Hop};
use crate::pattern::{Path, Reach, SEARCH_STATES_MAX, SearchError, Told, VertexSet};
use crate::{Vertex, Way};

/// A place that was reached, by an edge from the place before.
#[derive(Debug, Clone, Copy)]
struct Found {
    vertex: Vertex,
    /// Place of the one before in the list; the start's is its own.
    before: u32,
    owner: u32,
    table: u16,
    way: Way,
}

/// Room for searches, to be used again.
#[derive(Debug, Default)]
pub(crate) struct Room {
    found: Vec<Found>,
    places: Places,
    /// The same from the other end.
    found_back: Vec<Found>,
    places_back: Places,
    /// By place, how far it is; of cheapest ways alone.
    far: Vec<Far>,
    reached: Vec<Reached>,
}

#[derive(Debug, Clone, Copy)]
struct Far {
    length: u32,
    cost: f64,
}

/// By layer and vertex, the place in the list of what was found plus one; 0: not reached. A layer counts
/// the edges of a way as far as that matters.
#[derive(Debug, Default)]
struct Places {
    places: Vec<u32>,
    /// Those that are not 0.
    touched: Vec<u32>,
}

impl Places {
    fn make_room(&mut self, states: usize) {
        if self.places.len() < states {
            // New memory is zero, and costs nothing where no search comes by.
            self.places = vec![0; states];
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

/// Which vertices are looked for.
#[derive(Clone, Copy)]
pub(crate) enum Goals<'a> {
    Any,
    One(Vertex),
    Some(&'a VertexSet),
}

impl Goals<'_> {
    fn has(self, vertex: Vertex) -> bool {
        match self {
            Goals::Any => true,
            Goals::One(goal) => goal == vertex,
            Goals::Some(goals) => goals.has(vertex),
        }
    }

    fn count(self) -> usize {
        match self {
            Goals::Any => usize::MAX,
            Goals::One(_) => 1,
            Goals::Some(goals) => goals.ordered().len(),
        }
    }
}

/// What a search is asked.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    pub(crate) follow: Follow<'a>,
    pub(crate) start: Vertex,
    pub(crate) goals: Goals<'a>,
    /// Asked now and then; `false`: give up, nobody waits.
    pub(crate) go_on: &'a dyn Fn() -> bool,
}

/// Where a search arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    pub(crate) vertex: Vertex,
    place: u32,
    length: u32,
    /// Place in the search from the other end.
    meets: Option<u32>,
}

/// Places visited between two looks whether anybody waits.
const LOOK_EVERY: usize = 4096;

impl Search<'_> {
    /// Finds one best way to each goal that can be reached, the nearest first.
    pub(crate) fn run(&self, room: &mut Room) -> Result<(), SearchError> {
        room.clear();
        match (self.follow.edge.reach, self.goals) {
            (Reach::Shortest { min, max }, Goals::One(goal)) if min <= 1 && goal != self.start => {
                self.meet_between(goal, max, room)
            }
            (Reach::Shortest { min, max }, _) => self.breadth_first(min, max, room),
            (Reach::Cheapest { min, max }, _) => self.cheapest(min, max, room),
            (Reach::One | Reach::Walk { .. }, _) => Ok(()),
        }
    }

    fn layers(&self, count: u32, room: &mut Room) -> Result<(), SearchError> {
        let states = self.follow.graph.vertices_end().saturating_mul(count as usize);
        if states > SEARCH_STATES_MAX {
            return Err(SearchError::TooWide);
        }
        room.places.make_room(states);
        Ok(())
    }

    fn state(&self, vertex: Vertex, layer: u32) -> usize {
        layer as usize * self.follow.graph.vertices_end() + vertex.0 as usize
    }

    /// Level by level. Layers count edges up to `min`, so that a way may come back to where it started.
    fn breadth_first(
        &self,
        min: u32,
        max: Option<u32>,
        room: &mut Room,
    ) -> Result<(), SearchError> {
        self.layers(min + 1, room)?;
        let Room { found, places, reached, .. } = room;
        let mut wanted = self.goals.count();
        let mut arrive = |vertex, place: usize, length| {
            if length >= min && self.goals.has(vertex) {
                reached.push(Reached { vertex, place: place as u32, length, meets: None });
                wanted -= 1;
            }
            wanted > 0
        };
        found.push(Found::start(self.start));
        places.set(self.state(self.start, 0), 0);
        let mut goes_on = arrive(self.start, 0, 0);
        let mut level = 0..1;
        for length in 1..=max.unwrap_or(u32::MAX) {
            let layer = length.min(min);
            for place in level.clone() {
                if !goes_on || self.is_over(place) {
                    return Ok(());
                }
                let from = found[place].vertex;
                self.follow.hops(from, |hop, _| {
                    let state = self.state(hop.other, layer);
                    if places.get(state) == 0 {
                        places.set(state, found.len());
                        goes_on &= arrive(hop.other, found.len(), length);
                        found.push(Found::by(hop, place));
                    }
                });
            }
            level = level.end..found.len();
            if level.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Level by level from whichever end has fewer places open; the first meeting is the shortest way.
    fn meet_between(
        &self,
        goal: Vertex,
        max: Option<u32>,
        room: &mut Room,
    ) -> Result<(), SearchError> {
        self.layers(1, room)?;
        room.places_back.make_room(self.follow.graph.vertices_end());
        room.found.push(Found::start(self.start));
        room.found_back.push(Found::start(goal));
        room.places.set(self.start.0 as usize, 0);
        room.places_back.set(goal.0 as usize, 0);
        let (mut open, mut open_back) = (0..1, 0..1);
        for length in 1..=max.unwrap_or(u32::MAX) {
            if open.is_empty() || open_back.is_empty() || self.is_over(0) {
                break;
            }
            let backward = open_back.len() < open.len();
            let Room { found, places, found_back, places_back, reached, .. } = &mut *room;
            let meeting = if backward {
                self.follow.back().level(found_back, places_back, places, &mut open_back)
            } else {
                self.follow.level(found, places, places_back, &mut open)
            };
            if let Some((here, there)) = meeting {
                let (place, meets) = if backward { (there, here) } else { (here, there) };
                reached.push(Reached { vertex: goal, place, length, meets: Some(meets) });
                break;
            }
        }
        Ok(())
    }

    /// With a bound on its edges a way is one of a layer per edge; without, layers count up to `min`.
    fn cheapest(&self, min: u32, max: Option<u32>, room: &mut Room) -> Result<(), SearchError> {
        let last = max.unwrap_or(min);
        self.layers(last + 2, room)?;
        let accepted_layer = last + 1;
        let Room { found, places, far, reached, .. } = room;
        let mut wanted = self.goals.count();
        let mut open = BinaryHeap::from([Open { cost: 0.0, place: 0 }]);
        found.push(Found::start(self.start));
        far.push(Far { length: 0, cost: 0.0 });
        while let Some(Open { place, .. }) = open.pop() {
            let (vertex, Far { length, cost }) =
                (found[place as usize].vertex, far[place as usize]);
            let state = self.state(vertex, length.min(last));
            if places.get(state) != 0 {
                continue;
            }
            places.set(state, place as usize);
            let accepted = self.state(vertex, accepted_layer);
            if length >= min && places.get(accepted) == 0 {
                places.set(accepted, place as usize);
                if self.goals.has(vertex) {
                    reached.push(Reached { vertex, place, length, meets: None });
                    wanted -= 1;
                }
            }
            if max.is_some_and(|max| length >= max) {
                continue;
            }
            if found.len() > SEARCH_STATES_MAX {
                return Err(SearchError::TooWide);
            }
            if wanted == 0 || self.is_over(place as usize) {
                break;
            }
            let layer = (length + 1).min(last);
            self.follow.hops(vertex, |hop, more| {
                if places.get(self.state(hop.other, layer)) == 0 {
                    let next = Far { length: length + 1, cost: cost + more };
                    open.push(Open { cost: next.cost, place: found.len() as u32 });
                    found.push(Found::by(hop, place as usize));
                    far.push(next);
                }
            });
        }
        Ok(())
    }

    /// Whether nobody waits any more.
    fn is_over(&self, done: usize) -> bool {
        done.is_multiple_of(LOOK_EVERY) && !(self.go_on)()
    }

    /// Writes the way to where it was reached, as far as it is told.
    pub(crate) fn trace(&self, reached: &Reached, room: &Room, path: &mut Path) {
        let Follow { edge, from_second, .. } = self.follow;
        path.length = reached.length;
        path.cost = f64::from(reached.length);
        let uniform = edge.tables.iter().all(|choice| choice.admitted.is_none());
        if edge.told < Told::Length || edge.told == Told::Length && uniform {
            return;
        }
        path.edges.clear();
        path.vertices.clear();
        walk_back(&room.found, reached.place, path);
        path.edges.reverse();
        path.vertices.reverse();
        if let Some(meets) = reached.meets {
            path.vertices.pop();
            walk_back(&room.found_back, meets, path);
        }
        if from_second {
            path.edges.reverse();
            path.vertices.reverse();
        }
        if !uniform {
            path.cost = path.edges.iter().map(|edge| self.follow.cost(edge)).sum();
        }
    }
}

/// Adds the way from a place back to the start.
fn walk_back(list: &[Found], place: u32, path: &mut Path) {
    let mut place = place;
    loop {
        let Found { vertex, before, owner, table, way } = list[place as usize];
        path.vertices.push(vertex);
        if before == place {
            return;
        }
        let hop = Hop { owner, table, way, other: vertex };
        path.edges.push(hop.edge(list[before as usize].vertex));
        place = before;
    }
}

impl Follow<'_> {
    /// Takes a search one level on. Gives where it met the other one: the places in both.
    fn level(
        self,
        found: &mut Vec<Found>,
        places: &mut Places,
        others: &Places,
        level: &mut Range<usize>,
    ) -> Option<(u32, u32)> {
        let mut meeting = None;
        for place in level.clone() {
            let from = found[place].vertex;
            self.hops(from, |hop, _| {
                let state = hop.other.0 as usize;
                if meeting.is_some() || places.get(state) != 0 {
                    return;
                }
                places.set(state, found.len());
                found.push(Found::by(hop, place));
                let met = others.get(state);
                if met != 0 {
                    meeting = Some((found.len() as u32 - 1, met - 1));
                }
            });
            if meeting.is_some() {
                return meeting;
            }
        }
        *level = level.end..found.len();
        None
    }
}

impl Found {
    fn start(vertex: Vertex) -> Found {
        Found { vertex, before: 0, owner: 0, table: 0, way: Way::Along }
    }

    fn by(hop: Hop, place: usize) -> Found {
        let Hop { owner, table, way, other } = hop;
        Found { vertex: other, before: place as u32, owner, table, way }
    }
}

impl Room {
    fn clear(&mut self) {
        self.places.clear();
        self.places_back.clear();
        self.found.clear();
        self.found_back.clear();
        self.far.clear();
        self.reached.clear();
    }

    /// What the last search found.
    pub(crate) fn reached(&self) -> &[Reached] {
        &self.reached
    }

    /// How many places the last search visited.
    pub(crate) fn visited(&self) -> usize {
        self.found.len() + self.found_back.len()
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
