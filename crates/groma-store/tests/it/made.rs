//! Small models, written down or thrown together.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use groma_model::{Interval, Observation, Raw, Schema, Timestamp, Version};
use groma_store::{Change, Commit, Database, Snapshot, identify};
use proptest::collection::vec;
use proptest::prelude::*;

/// Reading it takes longer than most tests.
pub(crate) fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(Schema::builtin);
    Arc::clone(&SCHEMA)
}

/// `port a:1 device=a up=true`, one entity a line; a kind is meant by its noun.
pub(crate) fn observations(world: &str, at: i64) -> Vec<Observation> {
    let schema = schema();
    let lines = world.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (noun, key) = (words.next().unwrap(), words.next().unwrap());
            let kind = schema.kinds().iter().find(|kind| kind.noun() == noun).unwrap();
            words.fold(
                Observation::new(kind.name.to_string(), key, Timestamp(at)),
                |observation, word| {
                    let (name, value) = word.split_once('=').unwrap();
                    observation.with(name.to_owned(), value)
                },
            )
        })
        .collect()
}

pub(crate) fn commit(source: &str, world: &str, at: i64) -> Commit {
    let source = source.into();
    let (changes, problems) = identify(&schema(), &source, &observations(world, at), Timestamp(at));
    Commit { problems, ..Commit::new(source, Timestamp(at), changes) }
}

pub(crate) fn snapshot(world: &str) -> Snapshot {
    let commit = commit("test", world, 1);
    assert_eq!(commit.problems, []);
    Snapshot::empty(schema()).apply(&commit.changes, Version(1))
}

/// Everything in a snapshot, as one text: what must be equal when two are said to be.
pub(crate) fn shown(snapshot: &Snapshot) -> String {
    let entities: Vec<_> = snapshot.all_entities().map(|entity| entity.id().clone()).collect();
    let facts: Vec<_> = snapshot.facts().collect();
    assert_eq!(facts.len() as u64, snapshot.fact_count());
    format!("{entities:?} {facts:?}")
}

/// Everything in a database.
pub(crate) fn shown_database(database: &Database) -> String {
    format!("{} {:?} {}", database.name(), database.template(), shown_state(database))
}

/// Everything in a database but its name, so that it can be compared with what it was forked from.
pub(crate) fn shown_state(database: &Database) -> String {
    format!(
        "{} {} {:?} {:?} {:?} {:?}",
        database.version(),
        shown(database.snapshot()),
        database.commits().collect::<Vec<_>>(),
        database.segments().collect::<Vec<_>>(),
        database.problems().collect::<Vec<_>>(),
        database.sources(),
    )
}

/// Of few entities, so that they meet.
pub(crate) fn changes(count: usize) -> impl Strategy<Value = Vec<Change>> {
    vec(change(), 0..count)
}

fn change() -> impl Strategy<Value = Change> {
    let value = prop_oneof![
        (0..3_i64).prop_map(|mtu| ("mtu", Raw::Integer(mtu))),
        any::<bool>().prop_map(|up| ("up", Raw::Boolean(up))),
        "[ab]".prop_map(|device| ("device", Raw::Text(device))),
        Just(("allowed_vlans", Raw::Text("1-3".into()))),
        Just(("mode", Raw::Absent)),
    ];
    let valid = prop_oneof![
        Just(Interval::ALWAYS),
        Just(Interval { from: Timestamp(5), to: Timestamp::MAX }),
        Just(Interval { from: Timestamp(5), to: Timestamp(7) }),
    ];
    (0..12_u8, "[a-d]", "[xy]", value, 0..3_i64, valid).prop_map(
        |(what, key, source, (attribute, raw), at, valid)| {
            let schema = schema();
            let source: Arc<str> = source.into();
            let mut observation = Observation::new("physical.port", key, Timestamp(at));
            observation.valid = valid;
            if what > 0 {
                observation = observation.with(attribute, raw);
            }
            let (mut changes, problems) = identify(&schema, &source, &[observation], Timestamp(at));
            assert_eq!(problems, []);
            let change = changes.pop().unwrap();
            match (what, change) {
                (1, change) => Change::Remove { entity: change.entity().clone() },
                (2, Change::Assert { entity, attribute, fact }) => {
                    let (source, valid_from) = (fact.source, fact.valid.from);
                    Change::Retract { entity, attribute, source, valid_from }
                }
                (_, change) => change,
            }
        },
    )
}

/// Only those that may come in any order: no removals, one fact per entity, attribute, source and start.
pub(crate) fn independent(changes: Vec<Change>) -> Vec<Change> {
    let mut seen = HashSet::new();
    let mut keep = |change: &Change| match change {
        Change::Exists { .. } | Change::Alias { .. } | Change::Rule { .. } => true,
        Change::Retract { .. } | Change::Remove { .. } => false,
        Change::Assert { entity, attribute, fact } => {
            seen.insert((entity.clone(), *attribute, Arc::clone(&fact.source), fact.valid.from))
        }
    };
    changes.into_iter().filter(|change| keep(change)).collect()
}
