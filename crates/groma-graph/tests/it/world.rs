//! Small random data centers: ports, and links between them.

use std::sync::Arc;

use groma_graph::{
    Chain, ChainStep, Direction, EdgeChoice, EdgeTable, EdgeVariable, Graph, Index, Reach, Told,
    Vertex, VertexSet, VertexTable, VertexVariable, Way,
};
use groma_model::{Observation, Schema, Timestamp, Version};
use groma_store::{Snapshot, identify};
use proptest::prelude::*;

/// Links as numbers of two ports.
pub(crate) type Links = Vec<(u8, u8)>;

pub(crate) fn links(ports: u8, count: usize) -> impl Strategy<Value = Links> {
    proptest::collection::vec((0..ports, 0..ports), 0..count)
}

pub(crate) fn port(number: u8) -> String {
    format!("d{}:p{number:02}", number % 3)
}

pub(crate) fn commit(snapshot: &Snapshot, observations: &[Observation], at: i64) -> Snapshot {
    let (changes, problems) =
        identify(snapshot.schema(), &"test".into(), observations, Timestamp(at));
    assert_eq!(problems, []);
    snapshot.apply(&changes, Version(snapshot.version().0 + 1))
}

pub(crate) fn snapshot(ports: u8, links: &Links) -> Snapshot {
    let time = Timestamp(1);
    let ports = (0..ports).map(|number| Observation::new("physical.port", port(number), time));
    let links = links.iter().enumerate().map(|(number, (a, b))| {
        Observation::new("physical.link", format!("l{number:03}"), time)
            .with("a", port(*a))
            .with("b", port(*b))
    });
    commit(&Snapshot::empty(Schema::builtin()), &ports.chain(links).collect::<Vec<_>>(), 1)
}

/// Ports joined by links, from `a` to `b`.
pub(crate) fn graph(index: Arc<Index>) -> Graph {
    let schema = Arc::clone(index.schema());
    let (ports, links) = (schema.id("physical.port"), schema.id("physical.link"));
    let step = |name: &str, way| {
        let attribute = schema.kind(links).attribute(name).unwrap();
        ChainStep { label: index.labels().find(links, attribute).unwrap(), way }
    };
    let chain = Chain {
        steps: vec![step("a", Way::Against), step("b", Way::Along)],
        owner_after: 1,
        working: false,
        source: Some(ports),
        target: Some(ports),
    };
    Graph::new(index, vec![VertexTable::Kind(ports)], vec![EdgeTable::Chain(chain)], Vec::new())
}

pub(crate) fn of_links(ports: u8, links: &Links) -> Graph {
    graph(Arc::new(Index::build(&snapshot(ports, links), Timestamp::MAX)))
}

pub(crate) fn any_vertex() -> VertexVariable {
    VertexVariable { tables: vec![true], admitted: None, refused: VertexSet::default() }
}

pub(crate) fn edge(from: usize, to: usize, direction: Direction, reach: Reach) -> EdgeVariable {
    let tables = vec![EdgeChoice { table: 0, admitted: None }];
    EdgeVariable { from, to, tables, direction, reach, told: Told::Way }
}

/// The number of a port.
pub(crate) fn number(graph: &Graph, vertex: Vertex) -> u8 {
    let key = &graph.index().id(graph.node(vertex).unwrap()).key;
    key[key.len() - 2..].parse().unwrap()
}

/// The number of the link that owns an edge.
pub(crate) fn link(graph: &Graph, owner: u32) -> usize {
    graph.index().id(groma_graph::NodeIndex(owner)).key[1..].parse().unwrap()
}
