//! Shortest and cheapest ways against distances found edge by edge (Bellman and Ford).

use std::collections::HashMap;

use groma_graph::{
    Direction, EdgeChoice, EdgeVariable, Graph, Path, Pattern, Reach, Told, VertexSet, find,
};
use proptest::prelude::*;

use crate::world::{any_vertex, edge, link, links, number, of_links};

const PORTS: u8 = 8;

/// Least cost from each port to each with between `min` and `max` links.
fn distances(links: &[(u8, u8, f64)], min: u32, max: Option<u32>) -> HashMap<(u8, u8), f64> {
    let mut best = HashMap::new();
    // A best way with at least `min` links is a walk of `min`, and then visits no port twice.
    let rounds = max.unwrap_or(min + u32::from(PORTS));
    let mut level: HashMap<(u8, u8), f64> = (0..PORTS).map(|port| ((port, port), 0.0)).collect();
    for round in 0..=rounds {
        if round >= min {
            for (ends, cost) in &level {
                let known: &mut f64 = best.entry(*ends).or_insert(f64::INFINITY);
                *known = known.min(*cost);
            }
        }
        let mut next: HashMap<(u8, u8), f64> = HashMap::new();
        for ((start, at), cost) in &level {
            for (_, to, more) in links.iter().filter(|(from, ..)| from == at) {
                let known = next.entry((*start, *to)).or_insert(f64::INFINITY);
                *known = known.min(cost + more);
            }
        }
        level = next;
    }
    best
}

fn found(graph: &Graph, pattern: &Pattern) -> HashMap<(u8, u8), Path> {
    let mut all = HashMap::new();
    find(graph, pattern, &|| true, &mut |found| {
        let ends = (number(graph, found.vertices[0]), number(graph, found.vertices[1]));
        assert_eq!(all.insert(ends, found.paths[0].clone()), None, "one way for each pair");
        true
    })
    .unwrap();
    all
}

/// The path is a way in the graph, and costs what it says.
fn check(graph: &Graph, ends: (u8, u8), path: &Path, links: &[(u8, u8, f64)]) {
    assert_eq!(path.length as usize, path.edges.len());
    assert_eq!(path.vertices.len(), path.edges.len() + 1);
    assert_eq!(number(graph, path.vertices[0]), ends.0);
    assert_eq!(number(graph, path.vertices[path.edges.len()]), ends.1);
    let mut cost = 0.0;
    for (place, edge) in path.edges.iter().enumerate() {
        let (a, b, more) = links[link(graph, edge.owner)];
        let step = (number(graph, path.vertices[place]), number(graph, path.vertices[place + 1]));
        assert_eq!(step, (a, b));
        cost += more;
    }
    assert_eq!(path.cost, cost);
}

fn pattern(edge: EdgeVariable, goal: Option<VertexSet>) -> Pattern {
    let mut vertices = vec![any_vertex(), any_vertex()];
    vertices[1].admitted = goal;
    Pattern { vertices, edges: vec![edge] }
}

proptest! {
    #[test]
    fn the_shortest_and_the_cheapest_way_are_as_short_and_cheap_as_can_be(
        links in links(PORTS, 20),
        costs in proptest::collection::vec(0..5u8, 20),
        min in 0..4u32,
        more in proptest::option::of(0..4u32),
        cheapest in any::<bool>(),
        some in proptest::collection::btree_set(0..PORTS, 0..6),
        not in proptest::option::of(0..PORTS),
    ) {
        let graph = of_links(PORTS, &links);
        let max = more.map(|more| min + more);
        let costs: Vec<f64> =
            costs.iter().map(|cost| if cheapest { f64::from(*cost) } else { 1.0 }).collect();
        let priced: Vec<(u8, u8, f64)> =
            links.iter().zip(&costs).map(|((a, b), cost)| (*a, *b, *cost)).collect();
        let reach = if cheapest { Reach::Cheapest { min, max } } else { Reach::Shortest { min, max } };
        let mut way = edge(0, 1, Direction::Right, reach);
        let index = graph.index();
        let kind = index.schema().id("physical.link");
        let admitted = index.nodes(kind).map(|node| (node.0, costs[link(&graph, node.0)])).collect();
        way.tables = vec![EdgeChoice { table: 0, admitted: Some(admitted) }];
        let expected = distances(&priced, min, max);

        let all = found(&graph, &pattern(way.clone(), None));
        for (ends, path) in &all {
            check(&graph, *ends, path, &priced);
        }
        let of = |all: &HashMap<(u8, u8), Path>| -> HashMap<(u8, u8), f64> {
            all.iter().map(|(ends, path)| (*ends, path.cost)).collect()
        };
        prop_assert_eq!(of(&all), expected.clone());

        // With some ends known, and one that is not wanted; how the ways go is not told.
        let at = |wanted: &dyn Fn(u8) -> bool| {
            VertexSet::new(graph.vertices(0).filter(|vertex| wanted(number(&graph, *vertex))).collect())
        };
        let ends = at(&|port| some.contains(&port));
        let mut few = pattern(EdgeVariable { told: Told::Length, ..way.clone() }, Some(ends));
        few.vertices[1].refused = at(&|port| not == Some(port));
        let few = found(&graph, &few);
        let wanted: HashMap<(u8, u8), f64> = (expected.iter())
            .filter(|(ends, _)| some.contains(&ends.1) && not != Some(ends.1))
            .map(|(ends, cost)| (*ends, *cost))
            .collect();
        prop_assert_eq!(of(&few), wanted);
        if !cheapest {
            prop_assert!(few.values().all(|path| f64::from(path.length) == path.cost));
        }

        // Walked from the other end, and with both ends known beforehand.
        for goal in graph.vertices(0) {
            let only = found(&graph, &pattern(way.clone(), Some(VertexSet::new(vec![goal]))));
            let both = Pattern {
                edges: vec![edge(0, 1, Direction::Any, Reach::Walk { min: 0, max: Some(0), mode: groma_graph::Mode::Walk })],
                ..pattern(way.clone(), Some(VertexSet::new(vec![goal])))
            };
            prop_assert_eq!(found(&graph, &both).len(), 1);
            for (ends, path) in &only {
                check(&graph, *ends, path, &priced);
            }
            let to_goal = expected.iter().filter(|(ends, _)| ends.1 == number(&graph, goal));
            prop_assert_eq!(of(&only), to_goal.map(|(ends, cost)| (*ends, *cost)).collect());
            for start in graph.vertices(0) {
                let mut known = pattern(way.clone(), Some(VertexSet::new(vec![goal])));
                known.vertices[0].admitted = Some(VertexSet::new(vec![start]));
                // A first edge that binds both ends: every vertex is joined to itself by no edge.
                let ends = (number(&graph, start), number(&graph, goal));
                known.vertices.push(known.vertices[1].clone());
                known.edges.push(edge(2, 1, Direction::Any, Reach::Walk { min: 0, max: Some(0), mode: groma_graph::Mode::Walk }));
                let one = found(&graph, &known);
                prop_assert_eq!(one.get(&ends).map(|path| path.cost), expected.get(&ends).copied());
            }
        }
    }
}
