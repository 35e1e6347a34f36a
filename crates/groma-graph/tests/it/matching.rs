//! Patterns of two and three edges, and bounded walks, against nested loops over all links.

use std::collections::BTreeMap;

use groma_graph::{Direction, Graph, Mode, Pattern, Reach, SearchError, VertexSet, find};
use proptest::prelude::*;

use crate::world::{Links, any_vertex, edge, link, links, number, of_links};

const PORTS: u8 = 7;

/// How often each way to match was found: the ports, then the links of each edge.
type Found = BTreeMap<(Vec<u8>, Vec<Vec<usize>>), usize>;

fn found(graph: &Graph, pattern: &Pattern) -> Found {
    let mut all = Found::new();
    find(graph, pattern, &|| true, &mut |found| {
        let ports = found.vertices.iter().map(|vertex| number(graph, *vertex)).collect();
        let links = (found.paths.iter())
            .map(|path| path.edges.iter().map(|edge| link(graph, edge.owner)).collect())
            .collect();
        *all.entry((ports, links)).or_default() += 1;
        true
    })
    .unwrap();
    all
}

/// Every link as it can be walked: from, to, link.
fn steps(links: &Links, direction: Direction) -> Vec<(u8, u8, usize)> {
    let mut steps = Vec::new();
    for (place, (a, b)) in links.iter().enumerate() {
        if direction != Direction::Left {
            steps.push((*a, *b, place));
        }
        if direction == Direction::Left || direction == Direction::Any && a != b {
            steps.push((*b, *a, place));
        }
    }
    steps
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Right), Just(Direction::Left), Just(Direction::Any)]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Walk), Just(Mode::Trail), Just(Mode::Acyclic), Just(Mode::Simple)]
}

fn walks(links: &Links, direction: Direction, min: usize, max: usize, mode: Mode) -> Found {
    let steps = steps(links, direction);
    let mut all = Found::new();
    let mut open: Vec<(Vec<u8>, Vec<usize>)> =
        (0..PORTS).map(|port| (vec![port], Vec::new())).collect();
    while let Some((ports, way)) = open.pop() {
        let last = *ports.last().unwrap();
        if way.len() >= min {
            *all.entry((vec![ports[0], last], vec![way.clone()])).or_default() += 1;
        }
        let closed = !way.is_empty() && last == ports[0];
        if way.len() == max || mode == Mode::Simple && closed {
            continue;
        }
        for (_, to, link) in steps.iter().filter(|(from, ..)| *from == last) {
            let allowed = match mode {
                Mode::Walk => true,
                Mode::Trail => !way.contains(link),
                Mode::Acyclic => !ports.contains(to),
                Mode::Simple => !ports[1..].contains(to),
            };
            if allowed {
                open.push(([&ports[..], &[*to]].concat(), [&way[..], &[*link]].concat()));
            }
        }
    }
    all
}

proptest! {
    #[test]
    fn a_triangle_with_a_tail_is_found_wherever_it_is(
        links in links(PORTS, 14),
        directions in (direction(), direction(), direction(), direction()),
        some in proptest::collection::vec(0..PORTS, 0..4),
    ) {
        let graph = of_links(PORTS, &links);
        let mut vertices = vec![any_vertex(); 4];
        let admitted = graph.vertices(0).filter(|v| some.contains(&number(&graph, *v))).collect();
        vertices[2].admitted = Some(VertexSet::new(admitted));
        let (d0, d1, d2, d3) = directions;
        let edges = vec![
            edge(0, 1, d0, Reach::One),
            edge(1, 2, d1, Reach::One),
            edge(0, 2, d2, Reach::One),
            edge(3, 2, d3, Reach::One),
        ];
        let mut expected = Found::new();
        for (a, b, l0) in steps(&links, d0) {
            for (_, c, l1) in steps(&links, d1).into_iter().filter(|(from, ..)| *from == b) {
                for (_, _, l2) in steps(&links, d2).into_iter().filter(|step| step.0 == a && step.1 == c) {
                    for (d, _, l3) in steps(&links, d3).into_iter().filter(|step| step.1 == c) {
                        if some.contains(&c) {
                            let owners = vec![vec![l0], vec![l1], vec![l2], vec![l3]];
                            *expected.entry((vec![a, b, c, d], owners)).or_default() += 1;
                        }
                    }
                }
            }
        }
        prop_assert_eq!(found(&graph, &Pattern { vertices, edges }), expected);
    }

    #[test]
    fn every_bounded_walk_is_found_once(
        links in links(PORTS, 9),
        direction in direction(),
        mode in mode(),
        min in 0..3u32,
        more in 0..3u32,
    ) {
        let graph = of_links(PORTS, &links);
        let reach = Reach::Walk { min, max: Some(min + more), mode };
        let pattern = Pattern {
            vertices: vec![any_vertex(), any_vertex()],
            edges: vec![edge(0, 1, direction, reach)],
        };
        let expected = walks(&links, direction, min as usize, (min + more) as usize, mode);
        prop_assert_eq!(found(&graph, &pattern), expected);
    }
}

#[test]
fn a_walk_without_end_is_an_error_and_a_trail_is_not() {
    let graph = of_links(2, &vec![(0, 1), (1, 0)]);
    let pattern = |mode| Pattern {
        vertices: vec![any_vertex(), any_vertex()],
        edges: vec![edge(0, 1, Direction::Right, Reach::Walk { min: 0, max: None, mode })],
    };
    let ask = |mode| find(&graph, &pattern(mode), &|| true, &mut |_| true);
    assert_eq!(ask(Mode::Walk), Err(SearchError::TooLong));
    assert_eq!(ask(Mode::Trail), Ok(()));
}

#[test]
fn a_search_that_nobody_waits_for_ends() {
    let all: Links = (0..PORTS).flat_map(|a| (0..PORTS).map(move |b| (a, b))).collect();
    let graph = of_links(PORTS, &all);
    let reach = Reach::Walk { min: 30, max: Some(40), mode: Mode::Walk };
    let pattern = Pattern {
        vertices: vec![any_vertex(), any_vertex()],
        edges: vec![edge(0, 1, Direction::Right, reach)],
    };
    let asked = std::cell::Cell::new(0);
    let go_on = || asked.replace(asked.get() + 1) < 2;
    find(&graph, &pattern, &go_on, &mut |_| true).unwrap();
    assert_eq!(asked.get(), 3);
}
