//! How long patterns take on random cabling, without SQL around them. Prints a table.
//!
//! `cargo bench -p groma-graph` makes data centers of 1,000, 10,000 and 100,000 devices with four times as
//! many cables, each on ports of its own, and asks each question three times, of a version that was asked
//! before: the best time counts. `benches/graphs.py` asks the same over the wire.
#![expect(clippy::disallowed_methods, reason = "a bench has a clock")]

use std::sync::Arc;
use std::time::Instant;

use groma_graph::{
    Chain, ChainStep, Direction, EdgeChoice, EdgeTable, EdgeVariable, Graph, Index, Net, Pattern,
    Reach, Told, VertexSet, VertexTable, VertexVariable, Way, find,
};
use groma_model::{Observation, Schema, Timestamp, Version};
use groma_store::{Snapshot, identify};

const DEVICES: [usize; 3] = [1_000, 10_000, 100_000];
const CABLES_PER_DEVICE: usize = 4;
/// Starts and ends of the shortest ways between two sets.
const ENDS: usize = 20;

fn main() {
    println!("| devices | question | answer | best time |");
    println!("|---|---|---|---|");
    for devices in DEVICES {
        let graph = cabling(devices);
        let mut dice = Dice(2);
        let some = |dice: &mut Dice| (0..ENDS).map(|_| dice.below(devices)).collect::<Vec<_>>();
        let (starts, ends) = (some(&mut dice), some(&mut dice));
        let ask = |name: &str, question: &dyn Fn() -> usize| {
            let times = (0..3).map(|_| {
                let start = Instant::now();
                let answer = question();
                (start.elapsed(), answer)
            });
            let Some((time, answer)) = times.min() else { return };
            println!("| {devices} | {name} | {answer} | {:.3} ms |", 1e3 * time.as_secs_f64());
        };
        let reach = |max| Reach::Shortest { min: 0, max };
        ask("within 4 cables of one", &|| {
            count(&graph, &pair(&graph, &starts[..1], &[], reach(Some(4))))
        });
        ask("shortest ways from one to all, in cables", &|| {
            sum(&graph, &pair(&graph, &starts[..1], &[], reach(None)))
        });
        ask("shortest ways from 20 to 20, in cables", &|| {
            sum(&graph, &pair(&graph, &starts, &ends, reach(None)))
        });
        ask("shortest ways between 20 pairs, in cables", &|| {
            (starts.iter().zip(&ends))
                .map(|(a, b)| sum(&graph, &pair(&graph, &[*a], &[*b], reach(None))))
                .sum()
        });
        ask("all ways of two cables", &|| count(&graph, &chain(2)));
        ask("triangles", &|| {
            let mut triangle = chain(2);
            triangle.edges.push(edge(0, 2, Direction::Right, Reach::One));
            count(&graph, &triangle)
        });
        ask("parts", &|| {
            let parts = Net::new(&graph, &[0]).components();
            parts.iter().max().map_or(0, |last| *last as usize + 1)
        });
    }
}

/// Devices joined by cables over ports, as the graph `cabling` has them.
fn cabling(devices: usize) -> Graph {
    let mut dice = Dice(1);
    let time = Timestamp(1);
    let mut said: Vec<Observation> = (0..devices)
        .map(|number| Observation::new("physical.device", format!("d{number}"), time))
        .collect();
    for cable in 0..CABLES_PER_DEVICE * devices {
        let ends = ["a", "b"].map(|side| {
            let device = dice.below(devices);
            let port = format!("d{device}:p{cable}{side}");
            let device = format!("d{device}");
            said.push(Observation::new("physical.port", &*port, time).with("device", device));
            port
        });
        let [a, b] = ends;
        let link = Observation::new("physical.link", format!("c{cable}"), time);
        said.push(link.with("a", a).with("b", b));
    }
    let schema = Schema::builtin();
    let (changes, problems) = identify(&schema, &"bench".into(), &said, time);
    assert!(problems.is_empty(), "the cabling is understood");
    let snapshot = Snapshot::empty(Arc::clone(&schema)).apply(&changes, Version(1));
    let index = Arc::new(Index::build(&snapshot, Timestamp::MAX));
    let step = |kind: &str, name: &str, way| {
        let kind = schema.kind(schema.id(kind));
        let label = kind.attribute(name).and_then(|place| index.labels().find(kind.id, place));
        ChainStep { label: label.expect("a built-in reference"), way }
    };
    let device = schema.id("physical.device");
    let steps = vec![
        step("physical.port", "device", Way::Against),
        step("physical.link", "a", Way::Against),
        step("physical.link", "b", Way::Along),
        step("physical.port", "device", Way::Along),
    ];
    let (source, target) = (Some(device), Some(device));
    let chain = Chain { steps, owner_after: 2, working: true, source, target };
    let (vertices, edges) = (vec![VertexTable::Kind(device)], vec![EdgeTable::Chain(chain)]);
    Graph::new(index, vertices, edges, Vec::new())
}

fn pair(graph: &Graph, from: &[usize], to: &[usize], reach: Reach) -> Pattern {
    let vertices = [from, to].map(|devices| some_of(graph, devices)).to_vec();
    Pattern { vertices, edges: vec![edge(0, 1, Direction::Any, reach)] }
}

/// So many cables in a row, each from its one end to its other.
fn chain(cables: usize) -> Pattern {
    Pattern {
        vertices: vec![
            VertexVariable {
                tables: vec![true],
                admitted: None,
                refused: VertexSet::default()
            };
            cables + 1
        ],
        edges: (0..cables).map(|n| edge(n, n + 1, Direction::Right, Reach::One)).collect(),
    }
}

fn edge(from: usize, to: usize, direction: Direction, reach: Reach) -> EdgeVariable {
    let tables = vec![EdgeChoice { table: 0, admitted: None }];
    EdgeVariable { from, to, tables, direction, reach, told: Told::Length }
}

/// One of these devices; of none named, any.
fn some_of(graph: &Graph, devices: &[usize]) -> VertexVariable {
    let index = graph.index();
    let kind = index.schema().id("physical.device");
    let found = devices.iter().filter_map(|number| index.find(kind, &format!("d{number}")));
    let found: Vec<_> = found.map(|node| groma_graph::Vertex(node.0)).collect();
    let admitted = (!devices.is_empty()).then(|| VertexSet::new(found));
    VertexVariable { tables: vec![true], admitted, refused: VertexSet::default() }
}

fn count(graph: &Graph, pattern: &Pattern) -> usize {
    let mut matches = 0;
    let found = find(graph, pattern, &|| true, &mut |_| {
        matches += 1;
        true
    });
    assert!(found.is_ok());
    matches
}

fn sum(graph: &Graph, pattern: &Pattern) -> usize {
    let mut cables = 0;
    let found = find(graph, pattern, &|| true, &mut |found| {
        cables += found.paths[0].length as usize;
        true
    });
    assert!(found.is_ok());
    cables
}

/// Numbers that look random and are the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
