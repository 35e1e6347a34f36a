//! Law: an index that follows the changes holds what one built from nothing holds.

use std::collections::BTreeMap;

use groma_graph::{Index, Way};
use groma_model::{EntityRef, Observation, Schema, Timestamp, Version};
use groma_store::{Change, Snapshot};
use proptest::prelude::*;

use crate::world::{commit, port, snapshot};

#[derive(Debug, Clone)]
enum Act {
    Port { port: u8, device: u8 },
    Link { link: u8, a: u8, b: u8, up: bool },
    Domain { devices: Vec<u8> },
    Remove { kind: u8, number: u8 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..6u8, 0..3u8).prop_map(|(port, device)| Act::Port { port, device }),
        (0..6u8, 0..6u8, 0..6u8, any::<bool>()).prop_map(|(link, a, b, up)| Act::Link {
            link,
            a,
            b,
            up
        }),
        proptest::collection::vec(0..3u8, 0..5).prop_map(|devices| Act::Domain { devices }),
        (0..3u8, 0..6u8).prop_map(|(kind, number)| Act::Remove { kind, number }),
    ]
}

fn carry_out(snapshot: &Snapshot, act: &Act, at: i64) -> Snapshot {
    let time = Timestamp(at);
    let observation = match act {
        Act::Port { port: number, device } => {
            Observation::new("physical.port", port(*number), time)
                .with("device", format!("d{device}"))
        }
        Act::Link { link, a, b, up } => Observation::new("physical.link", format!("l{link}"), time)
            .with("a", port(*a))
            .with("b", port(*b))
            .with("up", *up),
        Act::Domain { devices } => Observation::new("network.l2_domain", "dc", time)
            .with("devices", devices.iter().map(|device| format!("d{device}")).collect::<Vec<_>>()),
        Act::Remove { kind, number } => {
            let (kind, key) = match kind {
                0 => ("physical.port", port(*number)),
                1 => ("physical.link", format!("l{number}")),
                _ => ("physical.device", format!("d{number}")),
            };
            let entity = EntityRef { kind: snapshot.schema().id(kind), key: key.as_str().into() };
            return snapshot.apply(&[Change::Remove { entity }], Version(at as u64));
        }
    };
    let device = match act {
        Act::Port { device, .. } => Observation::new("physical.device", format!("d{device}"), time),
        _ => return commit(snapshot, &[observation], at),
    };
    commit(snapshot, &[observation, device], at)
}

/// All that can be asked of an index, without its numbers.
fn shown(index: &Index) -> BTreeMap<String, (bool, Vec<String>, Vec<String>)> {
    let print = |number| index.schema().print(index.id(number));
    let kinds = index.schema().kinds();
    let nodes = kinds.iter().flat_map(|kind| index.nodes(kind.id));
    nodes
        .map(|node| {
            let edges = |way| -> Vec<String> {
                let edges = index.edges(node, way).iter();
                edges
                    .filter(|edge| way == Way::Along || index.exists(edge.other))
                    .map(|edge| format!("{} {}", edge.label.0, print(edge.other)))
                    .collect()
            };
            (print(node), (index.works(node), edges(Way::Along), edges(Way::Against)))
        })
        .collect()
}

proptest! {
    #[test]
    fn an_index_that_follows_equals_one_built_anew(
        acts in proptest::collection::vec(act(), 1..40),
        together in 1..5usize,
    ) {
        let mut before = Snapshot::empty(Schema::builtin());
        let mut index = Index::build(&before, Timestamp::MAX);
        let mut at = 1;
        for acts in acts.chunks(together) {
            let mut after = before.clone();
            for act in acts {
                at += 1;
                after = carry_out(&after, act, at);
            }
            index = index.updated(&before, &after);
            let anew = Index::build(&after, Timestamp::MAX);
            prop_assert_eq!(shown(&index), shown(&anew));
            prop_assert_eq!(index.node_count(), anew.node_count());
            prop_assert_eq!(index.edge_count(), anew.edge_count());
            before = after;
        }
    }
}

#[test]
fn a_reference_to_what_comes_later_is_an_edge_once_it_has_come() {
    let empty = Snapshot::empty(Schema::builtin());
    let early = commit(
        &empty,
        &[Observation::new("compute.host", "h1", Timestamp(1)).with("rack", "r1")],
        1,
    );
    let index = Index::build(&early, Timestamp::MAX);
    assert_eq!((index.node_count(), index.edge_count()), (1, 0));
    let late = commit(&early, &[Observation::new("facility.rack", "r1", Timestamp(2))], 2);
    let index = index.updated(&early, &late);
    assert_eq!((index.node_count(), index.edge_count()), (2, 1));
}

proptest! {
    /// Keys in any order, known or not, more than once.
    #[test]
    fn many_are_found_as_each_alone(asked in proptest::collection::vec(0..9u8, 0..20)) {
        let snapshot = snapshot(6, &Vec::new());
        let index = Index::build(&snapshot, Timestamp::MAX);
        let kind = index.schema().id("physical.port");
        let keys: Vec<String> = asked.into_iter().map(port).collect();
        let keys = || keys.iter().map(String::as_str);
        let each: Vec<_> = keys().filter_map(|key| index.find(kind, key)).collect();
        prop_assert_eq!(index.find_all(kind, keys()).collect::<Vec<_>>(), each);
    }
}
