//! Compaction: no answer about what is kept changes, and what is not kept is an error that says so.

use std::ops::ControlFlow;

use groma_model::{Timestamp, Version};
use groma_store::{
    CompactionReport, Database, Decisions, LIVE, Merge, StoreError, World, Writer as _,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::faulty::{Faulty, Leaves};
use crate::laws::{Act, act};
use crate::made::{commit, schema};
use crate::past::Seen;

pub(crate) fn compact(
    world: &mut World,
    oldest: Version,
) -> Result<Option<CompactionReport>, StoreError> {
    let Some(plan) = world.plan_compaction(oldest)? else { return Ok(None) };
    let mut compaction = plan.prepare()?.in_steps_of(1);
    while !world.compact(&mut compaction)? {}
    Ok(Some(compaction.report()))
}

/// What every pair of databases would merge, so that what merges start from is compared as well.
fn merges(world: &World) -> String {
    let all: Vec<&Database> = world.databases().collect();
    let pairs = all.iter().flat_map(|from| all.iter().map(move |into| (from, into)));
    let rows = pairs.map(|(from, into)| Merge::plan(from, into, &Decisions::default()));
    format!("{:?}", rows.map(|merge| merge.rows().to_vec()).collect::<Vec<_>>())
}

/// Who said what in each database, from a version on.
fn told(world: &World, since: Version) -> String {
    let mut told = String::new();
    for database in world.databases() {
        let history = world.history(database.clone(), since).unwrap();
        let read = history.read(&mut |version, name, commit| {
            told += &format!("{}: {version} {name} {commit:?}\n", database.name());
            ControlFlow::Continue(())
        });
        read.unwrap();
    }
    told
}

fn history() -> impl Strategy<Value = Vec<Act>> {
    vec(act(), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_that_can_be_read_changes(
        before in history(), after in history(), cuts in vec(any::<prop::sample::Index>(), 1..3),
    ) {
        let journal = Faulty::default();
        let mut world = World::open(schema(), Box::new(journal.clone())).unwrap();
        let mut seen = Seen::of(&world);
        let mut at = 0;
        for part in [before, after] {
            for act in &part {
                at += 1;
                seen.act(&mut world, act, Timestamp(at));
            }
            for cut in &cuts {
                let merged = merges(&world);
                let oldest = Version(cut.index(world.version().0 as usize + 1) as u64);
                let oldest = oldest.max(world.oldest_version().0);
                let kept = told(&world, Version(oldest.0 + 1));
                compact(&mut world, oldest).unwrap();
                let (oldest, since) = world.oldest_version();
                seen.forget(oldest);
                let mut again = World::open(schema(), Box::new(journal.clone())).unwrap();
                prop_assert_eq!(again.oldest_version(), (oldest, since));
                for world in [&mut world, &mut again] {
                    seen.check(world);
                    world.forget_past();
                    seen.check(world);
                    prop_assert_eq!(&merges(world), &merged);
                    prop_assert_eq!(&told(world, Version(oldest.0 + 1)), &kept);
                    if oldest > Version(0) {
                        let error = world.database_at(LIVE, Version(oldest.0 - 1)).err().unwrap();
                        let is_compacted = matches!(error, StoreError::Compacted { .. });
                        prop_assert!(is_compacted);
                    }
                }
            }
        }
    }

    #[test]
    fn a_compaction_that_fails_leaves_the_old_state_or_the_new(
        acts in history(), whole in any::<bool>(), cut in any::<prop::sample::Index>(),
    ) {
        let leaves = if whole { Leaves::Whole } else { Leaves::Nothing };
        let journal = Faulty { rewrite_fails: Some(leaves), ..Faulty::default() };
        let mut world = World::open(schema(), Box::new(journal.clone())).unwrap();
        let mut seen = Seen::of(&world);
        for (at, act) in (1..).zip(&acts) {
            seen.act(&mut world, act, Timestamp(at));
        }
        let oldest = Version(cut.index(world.version().0 as usize + 1) as u64);
        let failed = compact(&mut world, oldest);
        prop_assert!(failed.is_err() || oldest == Version(0));
        let again = World::open(schema(), Box::new(journal)).unwrap();
        prop_assert_eq!(again.oldest_version().0, if whole { oldest } else { Version(0) });
        for world in [&again, &world] {
            seen.forget(world.oldest_version().0);
            seen.check(world);
        }
    }
}

#[test]
fn what_was_said_again_and_again_takes_its_room_once() {
    let journal = Faulty::default();
    let mut world = World::open(schema(), Box::new(journal.clone())).unwrap();
    let farms = |at: i64| (0..50).map(|n| format!("farm f{n} load_cap={at}\n")).collect::<String>();
    for at in 1..=100 {
        world.commit(LIVE, commit("cmdb", &farms(at), at)).unwrap();
    }
    let size =
        || journal.entries.lock().unwrap().iter().map(|(_, entry)| entry.len()).sum::<usize>();
    let before = size();
    let report = compact(&mut world, Version(99)).unwrap().unwrap();
    assert_eq!(report.oldest, (Version(99), Timestamp(99)));
    // The first that was ever heard of each farm stays: since when it is known is an answer too.
    assert_eq!(report.changes, 2 * 97 * 50);
    assert!(size() * 4 < before, "{} bytes of {before}", size());

    let error = world.version_at(Timestamp(50)).unwrap_err();
    let told = format!("{error}. {}", error.hint().unwrap());
    assert!(told.contains("is before v99, the oldest version that is kept"), "{told}");
    assert!(told.contains("Ask for v99 or later"), "{told}");
    assert_eq!(world.version_at(Timestamp(0)).unwrap(), Version(0), "nothing had been heard yet");
    assert_eq!(world.version_at(Timestamp(99)).unwrap(), Version(99));
    assert!(compact(&mut world, Version(42)).unwrap().is_none(), "that was given up already");
}

#[test]
fn another_compaction_meanwhile_stops_a_compaction() {
    let mut world = World::open(schema(), Box::new(Faulty::default())).unwrap();
    world.commit(LIVE, commit("cmdb", "farm f", 1)).unwrap();
    world.commit(LIVE, commit("cmdb", "farm g", 2)).unwrap();
    let mut prepared = world.plan_compaction(Version(1)).unwrap().unwrap().prepare().unwrap();
    compact(&mut world, Version(2)).unwrap();
    assert!(matches!(world.compact(&mut prepared), Err(StoreError::Moved { .. })));
}

#[test]
fn what_was_said_again_stays_no_news() {
    let journal = Faulty::default();
    let mut world = World::open(schema(), Box::new(journal.clone())).unwrap();
    for (at, line) in [(1, "balancing=nearest"), (2, "load_cap=7"), (3, "load_cap=7")] {
        world.commit(LIVE, commit("cmdb", &format!("farm f {line}"), at)).unwrap();
    }
    world.commit(LIVE, commit("other", "farm g", 4)).unwrap();
    assert!(compact(&mut world, Version(4)).unwrap().unwrap().changes > 0);
    let again = World::open(schema(), Box::new(journal)).unwrap();
    let sources = again.sources(LIVE).unwrap();
    assert_eq!(sources[0].content_at, Some(Timestamp(2)), "it was the same again at 3");
}
