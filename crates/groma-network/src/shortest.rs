//! Shortest ways to many destinations at once, repaired where a change reaches.
//!
//! For each destination a field holds the distance of every node. The next hops of a node are its ways
//! that lose no distance, so that equal ways share and nothing else needs to be kept. When ways come or
//! go, most fields do not change at all: only a node that lost its last next hop, or that is offered a
//! shorter way, starts a repair, which visits the nodes whose distance changes and their neighbours
//! (after Ramalingam and Reps).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

/// Distance of what cannot be reached.
const UNREACHED: u32 = u32::MAX;

/// A way from a node to a neighbour. Both directions exist, with a cost each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    /// The neighbour.
    pub(crate) to: u32,
    /// The port it leaves by; no other way of the node to this neighbour has it.
    pub(crate) port: u32,
    /// Above 0.
    pub(crate) cost: u32,
    /// Of the way back.
    pub(crate) cost_back: u32,
}

/// Ways out of every node, and distances to every destination. A copy shares all that does not change.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShortestWays {
    out: Vec<Arc<[Way]>>,
    fields: Vec<Arc<Field>>,
}

/// Distance of every node to one destination.
type Field = Vec<u32>;

/// What changed, by destination.
pub(crate) type Rerouted = FxHashMap<u32, Moved>;

/// What changed towards one destination. Both are sorted.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// Nodes whose next hops are others than before.
    pub(crate) next_hops: Vec<u32>,
    /// Nodes that are nearer or farther than before, maybe by the same next hops.
    pub(crate) distances: Vec<u32>,
}

impl ShortestWays {
    /// Cost: destinations × ways.
    pub(crate) fn new(out: Vec<Arc<[Way]>>, targets: &[Box<[u32]>]) -> ShortestWays {
        let mut ways = ShortestWays { out, fields: Vec::new() };
        ways.fields = targets.iter().map(|targets| Arc::new(ways.field(targets))).collect();
        ways
    }

    pub(crate) fn out(&self, node: u32) -> &[Way] {
        &self.out[node as usize]
    }

    /// How far a node is from a destination. `None`: it cannot reach it.
    pub(crate) fn distance(&self, node: u32, destination: u32) -> Option<u32> {
        Some(self.fields[destination as usize][node as usize]).filter(|far| *far != UNREACHED)
    }

    /// The ways of a node that lose no distance to a destination. None: it is there, or cannot reach it.
    pub(crate) fn next(&self, node: u32, destination: u32) -> impl Iterator<Item = &Way> {
        let distances = &self.fields[destination as usize];
        self.out(node).iter().filter(move |way| is_next(distances, node, way.cost, way.to))
    }

    /// With other ways out of some nodes; a way that comes or goes is in the lists of both its ends.
    /// Cost: destinations × ways that changed, and the nodes whose distance changes with their neighbours.
    pub(crate) fn update(&self, changed: Vec<(u32, Arc<[Way]>)>) -> (ShortestWays, Rerouted) {
        let mut after = self.clone();
        let (mut lost, mut won) = (Vec::new(), Vec::new());
        for (node, ways) in changed {
            let before = self.out(node);
            let missing = |list: &[Way], way: &Way| !list.contains(way);
            lost.extend(before.iter().filter(|way| missing(&ways, way)).map(|way| (node, *way)));
            won.extend(ways.iter().filter(|way| missing(before, way)).map(|way| (node, *way)));
            after.out[node as usize] = ways;
        }
        let mut rerouted = Rerouted::default();
        for destination in 0..self.fields.len() {
            let moved = self.repair(&mut after, destination, &lost, &won);
            if !moved.next_hops.is_empty() || !moved.distances.is_empty() {
                rerouted.insert(destination as u32, moved);
            }
        }
        (after, rerouted)
    }

    /// Repairs one field. Gives what changed in it.
    fn repair(
        &self,
        after: &mut ShortestWays,
        destination: usize,
        lost: &[(u32, Way)],
        won: &[(u32, Way)],
    ) -> Moved {
        let mut distances = Vec::new();
        let old = &self.fields[destination];
        let was_next = |(node, way): &&(u32, Way)| is_next(old, *node, way.cost, way.to);
        let offer = |(node, way): &(u32, Way)| {
            let through = old[way.to as usize].checked_add(way.cost)?;
            Some((through.cmp(&old[*node as usize]), *node))
        };
        let mut rerouted: Vec<u32> = lost.iter().filter(was_next).map(|(node, _)| *node).collect();
        let stranded: Vec<u32> =
            (rerouted.iter().copied()).filter(|node| !after.has_next(*node, old)).collect();
        let mut shorter = false;
        for (order, node) in won.iter().filter_map(offer) {
            shorter |= order.is_lt();
            if order.is_eq() {
                rerouted.push(node);
            }
        }
        if !stranded.is_empty() || shorter {
            let (new, mut touched) = after.repaired(old, stranded, won);
            touched.retain(|node| old[*node as usize] != new[*node as usize]);
            rerouted = lost.iter().chain(won).map(|(node, _)| *node).collect();
            after.note_leaning(old, &new, &touched, &mut rerouted);
            rerouted.retain(|node| !self.same_next(after, old, &new, *node));
            after.fields[destination] = Arc::new(new);
            distances = touched;
        }
        rerouted.sort_unstable();
        rerouted.dedup();
        Moved { next_hops: rerouted, distances }
    }

    /// By destination, the nodes whose next hops are others in `after`, of the same nodes and
    /// destinations. Cost: destinations × ways.
    pub(crate) fn difference(&self, after: &ShortestWays) -> Rerouted {
        let mut rerouted = Rerouted::default();
        let fields = self.fields.iter().zip(&after.fields).enumerate();
        for (destination, (old, new)) in fields {
            let nodes = 0..self.out.len() as u32;
            let far = |node: &u32| old[*node as usize] != new[*node as usize];
            let distances: Vec<u32> = nodes.clone().filter(far).collect();
            let next_hops: Vec<u32> =
                nodes.filter(|node| !self.same_next(after, old, new, *node)).collect();
            if !next_hops.is_empty() || !distances.is_empty() {
                rerouted.insert(destination as u32, Moved { next_hops, distances });
            }
        }
        rerouted
    }

    /// Whether a node has a next hop by these distances.
    fn has_next(&self, node: u32, distances: &[u32]) -> bool {
        self.out(node).iter().any(|way| is_next(distances, node, way.cost, way.to))
    }

    /// The field over the ways that are there now, and the nodes that were looked at.
    fn repaired(&self, field: &Field, stranded: Vec<u32>, won: &[(u32, Way)]) -> (Field, Vec<u32>) {
        let mut distances = field.clone();
        let mut touched = Vec::new();
        // Nodes that lost their last next hop, the nearest first, so that whoever could hold them is
        // decided before them. They lose their distance; who leaned on them may be next.
        let mut heap: BinaryHeap<Reverse<(u32, u32)>> =
            stranded.iter().map(|node| Reverse((distances[*node as usize], *node))).collect();
        let mut queued: FxHashSet<u32> = stranded.into_iter().collect();
        while let Some(Reverse((old, node))) = heap.pop() {
            if self.has_next(node, &distances) {
                continue;
            }
            for way in self.out(node) {
                let leaned = field[way.to as usize] == old.saturating_add(way.cost_back)
                    && distances[way.to as usize] != UNREACHED;
                if leaned && queued.insert(way.to) {
                    heap.push(Reverse((distances[way.to as usize], way.to)));
                }
            }
            distances[node as usize] = UNREACHED;
            touched.push(node);
        }
        // What they are offered by those that kept their distance, and what new ways offer.
        let mut heap: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::new();
        let cut_off =
            touched.iter().flat_map(|node| self.out(*node).iter().map(|way| (*node, *way)));
        for (node, way) in cut_off.chain(won.iter().copied()) {
            if let Some(offered) = distances[way.to as usize].checked_add(way.cost) {
                heap.push(Reverse((offered, node)));
            }
        }
        while let Some(Reverse((distance, node))) = heap.pop() {
            if distance >= distances[node as usize] {
                continue;
            }
            distances[node as usize] = distance;
            touched.push(node);
            for way in self.out(node) {
                if let Some(offered) = distance.checked_add(way.cost_back)
                    && offered < distances[way.to as usize]
                {
                    heap.push(Reverse((offered, way.to)));
                }
            }
        }
        touched.sort_unstable();
        touched.dedup();
        (distances, touched)
    }

    /// Notes the nodes whose distance changed, and their neighbours that lean on them now or did before.
    fn note_leaning(&self, old: &[u32], new: &[u32], moved: &[u32], noted: &mut Vec<u32>) {
        for node in moved.iter().copied() {
            noted.push(node);
            for way in self.out(node) {
                let leaned = is_next(old, way.to, way.cost_back, node);
                if leaned != is_next(new, way.to, way.cost_back, node) {
                    noted.push(way.to);
                }
            }
        }
    }

    fn same_next(&self, after: &ShortestWays, old: &[u32], new: &[u32], node: u32) -> bool {
        let before = self.out(node).iter().filter(|way| is_next(old, node, way.cost, way.to));
        let now = after.out(node).iter().filter(|way| is_next(new, node, way.cost, way.to));
        before.map(|way| (way.to, way.port)).eq(now.map(|way| (way.to, way.port)))
    }

    fn field(&self, targets: &[u32]) -> Field {
        let mut distances = vec![UNREACHED; self.out.len()];
        let mut heap: BinaryHeap<Reverse<(u32, u32)>> =
            targets.iter().map(|node| Reverse((0, *node))).collect();
        targets.iter().for_each(|node| distances[*node as usize] = 0);
        while let Some(Reverse((distance, node))) = heap.pop() {
            if distance > distances[node as usize] {
                continue;
            }
            for way in self.out(node) {
                let offered = distance.saturating_add(way.cost_back);
                if offered < distances[way.to as usize] {
                    distances[way.to as usize] = offered;
                    heap.push(Reverse((offered, way.to)));
                }
            }
        }
        distances
    }
}

/// Whether the way of a node to a neighbour loses no distance.
fn is_next(distances: &[u32], node: u32, cost: u32, to: u32) -> bool {
    let there = distances[to as usize];
    there != UNREACHED && there.checked_add(cost) == Some(distances[node as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Cable = (u32, u32, u32, u32);

    fn lists(nodes: u32, cables: &[(u32, Cable)]) -> Vec<Arc<[Way]>> {
        (0..nodes)
            .map(|node| {
                let ways = cables.iter().filter_map(|(id, (a, b, cost, back))| {
                    let way = |to, cost, cost_back| Way { to, port: *id, cost, cost_back };
                    match () {
                        () if a == b => None,
                        () if *a == node => Some(way(*b, *cost, *back)),
                        () if *b == node => Some(way(*a, *back, *cost)),
                        () => None,
                    }
                });
                ways.collect()
            })
            .collect()
    }

    fn all_next(ways: &ShortestWays, nodes: u32) -> Vec<Vec<(u32, u32, u32)>> {
        (0..ways.fields.len() as u32)
            .map(|destination| {
                (0..nodes)
                    .flat_map(|node| {
                        ways.next(node, destination).map(move |way| (node, way.to, way.port))
                    })
                    .collect()
            })
            .collect()
    }

    proptest! {
        /// Whatever comes and goes at once, what was repaired equals what is computed anew, and just
        /// those nodes are said to be rerouted that are.
        #[test]
        fn repaired_is_recomputed(
            nodes in 2_u32..14,
            cables in prop::collection::vec((0_u32..14, 0_u32..14, 1_u32..4, 1_u32..4), 1..40),
            steps in prop::collection::vec(prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..6), 1..8),
        ) {
            let cables: Vec<(u32, Cable)> = (cables.iter().enumerate())
                .map(|(id, (a, b, c, d))| (id as u32, (a % nodes, b % nodes, *c, *d)))
                .collect();
            let mut there: Vec<bool> = cables.iter().map(|(id, _)| id % 3 != 0).collect();
            let present = |there: &[bool]| -> Vec<(u32, Cable)> {
                cables.iter().zip(there).filter(|(_, is)| **is).map(|(c, _)| *c).collect()
            };
            let mut targets: Vec<Box<[u32]>> = (0..nodes).map(|node| Box::from([node])).collect();
            targets.push(Box::from([0, nodes - 1]));
            let mut ways = ShortestWays::new(lists(nodes, &present(&there)), &targets);
            for step in steps {
                let before = lists(nodes, &present(&there));
                for (is, place) in step {
                    there[place.index(cables.len())] = is;
                }
                let after = lists(nodes, &present(&there));
                let changed = (0..nodes).zip(before.into_iter().zip(after.clone()))
                    .filter(|(_, (before, after))| before != after)
                    .map(|(node, (_, after))| (node, after))
                    .collect();
                let held = all_next(&ways, nodes);
                let (repaired, rerouted) = ways.update(changed);
                let fresh = all_next(&ShortestWays::new(after, &targets), nodes);
                prop_assert_eq!(&all_next(&repaired, nodes), &fresh);
                for (destination, (held, fresh)) in held.iter().zip(&fresh).enumerate() {
                    let of = |list: &[(u32, u32, u32)], node: u32| -> Vec<_> {
                        list.iter().filter(|(from, ..)| *from == node).copied().collect()
                    };
                    let differ: Vec<u32> =
                        (0..nodes).filter(|node| of(held, *node) != of(fresh, *node)).collect();
                    let said = rerouted.get(&(destination as u32)).map(|moved| moved.next_hops.clone());
                    prop_assert_eq!(said.unwrap_or_default(), differ);
                }
                ways = repaired;
            }
        }
    }
}
