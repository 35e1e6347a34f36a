//! The same questions to networkx, on larger random graphs. GROMA_TEST_PYTHON names a Python that has
//! it; without, the test says that it skips.
#![allow(clippy::disallowed_methods, reason = "another program is asked")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use groma_graph::{Direction, EdgeChoice, Net, Pattern, Reach, find};

use crate::world::{Links, any_vertex, edge, link, number, of_links};

const PORTS: u8 = 90;

/// Links and costs that look random and are the same every time.
fn made(seed: u64, count: usize) -> (Links, Vec<f64>) {
    let mut state = seed;
    let mut next = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let links: Links =
        (0..count).map(|_| (next(u64::from(PORTS)) as u8, next(u64::from(PORTS)) as u8)).collect();
    let costs = (0..count).map(|_| next(9) as f64).collect();
    (links, costs)
}

#[test]
fn networkx_gives_the_same_answers() {
    let Some(python) = std::env::var_os("GROMA_TEST_PYTHON") else {
        println!("skipped: GROMA_TEST_PYTHON names no Python");
        return;
    };
    for (seed, count) in [(1, 70), (2, 110), (3, 250)] {
        let (links, costs) = made(seed, count);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/judge.py");
        let mut asked = Command::new(&python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut text = format!("{PORTS}\n");
        for ((a, b), cost) in links.iter().zip(&costs) {
            text += &format!("{a} {b} {cost}\n");
        }
        asked.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let answered = asked.wait_with_output().unwrap();
        assert!(answered.status.success());
        let theirs: BTreeSet<String> =
            String::from_utf8(answered.stdout).unwrap().lines().map(str::to_owned).collect();
        let ours = answers(&links, &costs);
        let missing: Vec<_> = theirs.difference(&ours).take(5).collect();
        let more: Vec<_> = ours.difference(&theirs).take(5).collect();
        assert!(missing.is_empty() && more.is_empty(), "missing {missing:?}, more {more:?}");
    }
}

fn answers(links: &Links, costs: &[f64]) -> BTreeSet<String> {
    let graph = of_links(PORTS, links);
    let mut lines = BTreeSet::new();
    let index = graph.index();
    let kind = index.schema().id("physical.link");
    let priced = index.nodes(kind).map(|node| (node.0, costs[link(&graph, node.0)])).collect();
    let ways = |reach, admitted| {
        let mut way = edge(0, 1, Direction::Right, reach);
        way.tables = vec![EdgeChoice { table: 0, admitted }];
        Pattern { vertices: vec![any_vertex(), any_vertex()], edges: vec![way] }
    };
    let shortest = ways(Reach::Shortest { min: 0, max: None }, None);
    let cheapest = ways(Reach::Cheapest { min: 0, max: None }, Some(priced));
    for (word, pattern) in [("shortest", shortest), ("cheapest", cheapest)] {
        find(&graph, &pattern, &|| true, &mut |found| {
            let [a, b] = [0, 1].map(|end| number(&graph, found.vertices[end]));
            let path = &found.paths[0];
            let length = if word == "shortest" { path.edges.len() } else { path.cost as usize };
            lines.insert(format!("{word} {a} {b} {length}"));
            true
        })
        .unwrap();
    }
    let net = Net::new(&graph, &[0]);
    let cuts = net.cuts();
    lines.extend(cuts.vertices.iter().map(|cut| format!("point {}", number(&graph, cut.part))));
    lines.extend(cuts.edges.iter().map(|cut| {
        let (a, b) = links[link(&graph, cut.part.owner)];
        format!("bridge {} {}", a.min(b), a.max(b))
    }));
    let mut parts: BTreeMap<u32, (u8, usize)> = BTreeMap::new();
    for (vertex, component) in net.vertices().iter().zip(net.components()) {
        let part = parts.entry(component).or_insert((u8::MAX, 0));
        *part = (part.0.min(number(&graph, *vertex)), part.1 + 1);
    }
    lines.extend(parts.values().map(|(first, size)| format!("part {first} {size}")));
    let right = |from, to| edge(from, to, Direction::Right, Reach::One);
    let triangle = Pattern {
        vertices: vec![any_vertex(); 3],
        edges: vec![right(0, 1), right(1, 2), right(0, 2)],
    };
    let mut triangles = 0;
    find(&graph, &triangle, &|| true, &mut |_| {
        triangles += 1;
        true
    })
    .unwrap();
    lines.insert(format!("triangles {triangles}"));
    lines
}
