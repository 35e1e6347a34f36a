//! Forks that track, merges, and what both must hold for any history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groma_model::{EntityRef, Fact, Source, Timestamp, Value, Version};
use groma_store::{
    Change, Commit, Decisions, Entity, Fork, ForkMode, LIVE, MemoryJournal, Merge, Resolution,
    Side, Snapshot, StoreError, World, Writer as _, own_changes,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::faulty::Faulty;
use crate::made::{changes, commit, independent, schema, shown, shown_database};

fn world() -> World {
    World::open(schema(), Box::new(MemoryJournal::default())).unwrap()
}

fn said(world: &mut World, database: &str, changes: Vec<Change>) {
    let at = Timestamp(world.version().0 as i64 + 1);
    world.commit(database, Commit::new("someone".into(), at, changes)).unwrap();
}

fn track(world: &mut World, name: &str, template: &str) {
    let fork = Fork::new(name, template, Timestamp(1));
    world.make_fork(Fork { mode: ForkMode::Tracking, ..fork }).unwrap();
}

fn plan(world: &World, from: &str, into: &str, otherwise: Option<Side>) -> Merge {
    let decisions = Decisions { otherwise, ..Decisions::default() };
    Merge::plan(world.database(from).unwrap(), world.database(into).unwrap(), &decisions)
}

fn merge(world: &mut World, from: &str, into: &str, otherwise: Option<Side>) -> bool {
    let mut planned = plan(world, from, into, otherwise);
    world.merge(&mut planned, "merger".into(), Timestamp(99)).unwrap().is_some()
}

/// A model without any cleverness: all facts in maps, by key, attribute, source and start.
#[derive(Debug, Clone, Default, PartialEq)]
struct Plain(BTreeMap<EntityRef, Cells>);

type Cells = BTreeMap<usize, BTreeMap<(Source, Timestamp), Fact>>;

impl Plain {
    fn of(snapshot: &Snapshot) -> Plain {
        let mut plain = Plain::default();
        for entity in snapshot.all_entities() {
            let cells = plain.0.entry(entity.id().clone()).or_default();
            for (attribute, fact) in entity.all_facts() {
                let key = (Arc::clone(&fact.source), fact.valid.from);
                cells.entry(attribute).or_default().insert(key, fact.clone());
            }
        }
        plain
    }

    fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Exists { entity } => drop(self.0.entry(entity.clone()).or_default()),
                Change::Remove { entity } => drop(self.0.remove(entity)),
                Change::Assert { entity, attribute, fact } => {
                    let cell = self.0.entry(entity.clone()).or_default();
                    let cell = cell.entry(*attribute).or_default();
                    let key = (Arc::clone(&fact.source), fact.valid.from);
                    let when = |fact: &Fact| (fact.observed_at, fact.heard_at);
                    if cell.get(&key).is_none_or(|held| when(held) <= when(fact)) {
                        cell.insert(key, fact.clone());
                    }
                }
                Change::Retract { entity, attribute, source, valid_from } => {
                    if let Some(cells) = self.0.get_mut(entity)
                        && let Some(cell) = cells.get_mut(attribute)
                    {
                        cell.remove(&(Arc::clone(source), *valid_from));
                        if cell.is_empty() {
                            cells.remove(attribute);
                        }
                    }
                }
                Change::Alias { .. } | Change::Rule { .. } => {}
            }
        }
    }
}

/// A fork that tracks another, made anew from the template after every step.
#[derive(Debug, Default)]
struct PlainTracking {
    now: Plain,
    whole: BTreeSet<EntityRef>,
    cells: BTreeSet<(EntityRef, usize)>,
    made: BTreeSet<EntityRef>,
}

impl PlainTracking {
    fn of(template: &Plain) -> PlainTracking {
        PlainTracking { now: template.clone(), ..PlainTracking::default() }
    }

    fn commit(&mut self, changes: &[Change]) {
        let before = self.now.clone();
        self.now.apply(changes);
        for entity in before.0.keys().chain(self.now.0.keys()).cloned().collect::<BTreeSet<_>>() {
            let (before, after) = (before.0.get(&entity), self.now.0.get(&entity));
            let Some(after) = after else {
                self.whole.insert(entity);
                continue;
            };
            if before.is_none() {
                self.made.insert(entity.clone());
            }
            let cell = |cells: Option<&Cells>, attribute| {
                cells.and_then(|cells| cells.get(&attribute).cloned())
            };
            let differing =
                (0..99).filter(|index| cell(before, *index) != cell(Some(after), *index));
            self.cells.extend(differing.map(|attribute| (entity.clone(), attribute)));
        }
    }

    fn follow(&mut self, template: &Plain) {
        let own = std::mem::replace(&mut self.now, template.clone());
        for entity in &self.made {
            self.now.0.entry(entity.clone()).or_default();
        }
        for (entity, attribute) in &self.cells {
            let cell = own.0.get(entity).and_then(|cells| cells.get(attribute));
            let cells = self.now.0.entry(entity.clone()).or_default();
            match cell {
                Some(cell) => drop(cells.insert(*attribute, cell.clone())),
                None => drop(cells.remove(attribute)),
            }
        }
        for entity in &self.whole {
            match own.0.get(entity) {
                Some(cells) => drop(self.now.0.insert(entity.clone(), cells.clone())),
                None => drop(self.now.0.remove(entity)),
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Live(Vec<Change>),
    Fork(Vec<Change>),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => changes(6).prop_map(Step::Live),
        2 => changes(4).prop_map(Step::Fork),
        1 => Just(Step::Look),
    ]
}

fn believed(entity: Option<&Arc<Entity>>, attribute: usize) -> Option<&groma_model::Value> {
    entity?.value(attribute)
}

fn facts(entity: Option<&Arc<Entity>>, attribute: usize) -> Vec<Fact> {
    entity.map_or(Vec::new(), |entity| entity.facts(attribute).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// The oracle: the template as it is now, and over it what the fork has said itself.
    #[test]
    fn a_tracking_fork_is_its_template_with_its_own_changes(
        first in changes(8), steps in vec(step(), 0..16),
    ) {
        let journal = Faulty::default();
        let mut world = World::open(schema(), Box::new(journal.clone())).unwrap();
        said(&mut world, LIVE, first);
        track(&mut world, "f", LIVE);
        track(&mut world, "g", "f");
        let mut live = Plain::of(&world.snapshot(LIVE).unwrap());
        let mut fork = PlainTracking::of(&live);
        for step in &steps {
            match step {
                Step::Live(changes) => {
                    said(&mut world, LIVE, changes.clone());
                    live.apply(changes);
                    fork.follow(&live);
                }
                Step::Fork(changes) => {
                    said(&mut world, "f", changes.clone());
                    fork.commit(changes);
                }
                Step::Look => prop_assert_eq!(&Plain::of(&world.snapshot("f").unwrap()), &fork.now),
            }
        }
        let (shown_fork, snapshot) = (shown(&world.snapshot("f").unwrap()), world.snapshot("f").unwrap());
        prop_assert_eq!(&Plain::of(&snapshot), &fork.now);
        prop_assert_eq!(&shown(&world.snapshot("g").unwrap()), &shown_fork, "who follows it sees the same");
        prop_assert_eq!(&Plain::of(&world.snapshot(LIVE).unwrap()), &live);

        let again = World::open(schema(), Box::new(journal)).unwrap();
        let all = |world: &World| world.databases().map(shown_database).collect::<Vec<_>>();
        prop_assert_eq!(all(&world), all(&again));

        // Once it was merged into its template nothing is its own.
        if merge(&mut world, "f", LIVE, Some(Side::Theirs)) {
            let (live, fork) = (world.snapshot(LIVE).unwrap(), world.snapshot("f").unwrap());
            prop_assert_eq!(shown(&live), shown(&fork));
            prop_assert_eq!(shown(&live), shown(&world.snapshot("g").unwrap()));
            prop_assert_eq!(own_changes(world.database("f").unwrap(), world.database(LIVE).ok()), 0);
        }
        prop_assert!(!merge(&mut world, "f", LIVE, None));

        // Without its template it stays as it is.
        world.drop_database("f").unwrap();
        let left = shown(&world.snapshot("g").unwrap());
        said(&mut world, LIVE, steps.iter().flat_map(|step| match step {
            Step::Live(changes) => changes.clone(),
            _ => Vec::new(),
        }).collect());
        prop_assert_eq!(shown(&world.snapshot("g").unwrap()), left);
    }

    /// What a merge promises, looked at cell by cell over the whole model.
    #[test]
    fn a_merge_keeps_its_promises(
        first in changes(10), live in changes(8), fork in changes(8),
        otherwise in prop_oneof![Just(Side::Ours), Just(Side::Theirs)],
    ) {
        let mut world = world();
        said(&mut world, LIVE, first);
        world.fork("f", LIVE, Timestamp(1)).unwrap();
        let base = world.snapshot(LIVE).unwrap();
        said(&mut world, LIVE, live);
        said(&mut world, "f", fork);
        let (ours, theirs) = (world.snapshot(LIVE).unwrap(), world.snapshot("f").unwrap());

        let mut undecided = plan(&world, "f", LIVE, None);
        let conflicts: BTreeSet<_> = (undecided.rows().iter())
            .filter(|row| row.resolution == Resolution::Conflict)
            .map(|row| (row.entity.clone(), row.attribute))
            .collect();
        let refused = world.merge(&mut undecided, "m".into(), Timestamp(5));
        prop_assert_eq!(
            matches!(refused, Err(StoreError::Conflicts { count, .. }) if count == conflicts.len()),
            !conflicts.is_empty()
        );
        if conflicts.is_empty() {
            // It is done already; a second time there is nothing to do.
            prop_assert!(!merge(&mut world, "f", LIVE, None));
        } else {
            prop_assert_eq!(shown(&world.snapshot(LIVE).unwrap()), shown(&ours), "all or nothing");
            merge(&mut world, "f", LIVE, Some(otherwise));
        }
        let result = world.snapshot(LIVE).unwrap();

        let ids: BTreeSet<EntityRef> = [&base, &ours, &theirs, &result].into_iter()
            .flat_map(|snapshot| snapshot.all_entities().map(|entity| entity.id().clone()).collect::<Vec<_>>())
            .collect();
        for id in ids {
            let [b, o, t, r] = [&base, &ours, &theirs, &result].map(|s| s.entity(&id));
            if conflicts.contains(&(id.clone(), None)) {
                prop_assert_eq!(r, if otherwise == Side::Ours { o } else { t });
                continue;
            }
            let expected_there = match (b.is_some(), o.is_some(), t.is_some()) {
                (true, o, t) => o && t,
                (false, o, t) => o || t,
            };
            prop_assert_eq!(r.is_some(), expected_there, "{:?}", id);
            if r.is_none() {
                continue;
            }
            for attribute in 0..20 {
                let [bf, of, tf, rf] = [b, o, t, r].map(|entity| facts(entity, attribute));
                let [bv, ov, tv, rv] = [b, o, t, r].map(|entity| believed(entity, attribute));
                prop_assert!(rf.iter().all(|fact| of.contains(fact) || tf.contains(fact)));
                let is_conflict = conflicts.contains(&(id.clone(), Some(attribute)));
                if is_conflict {
                    prop_assert_eq!(&rf, if otherwise == Side::Ours { &of } else { &tf });
                    continue;
                }
                prop_assert!(bv == ov || bv == tv || ov == tv, "both changed it: a conflict");
                if tf == bf {
                    prop_assert_eq!(&rf, &of);
                } else if of == bf {
                    prop_assert_eq!(&rf, &tf);
                }
                prop_assert_eq!(rv, if tv == bv { ov } else { tv });
            }
        }
        prop_assert!(!merge(&mut world, "f", LIVE, None), "merging again does nothing");
        merge(&mut world, LIVE, "f", None);
        if otherwise == Side::Theirs || conflicts.is_empty() {
            prop_assert_eq!(shown(&world.snapshot("f").unwrap()), shown(&result), "back it gives the same");
        }
        prop_assert!(!merge(&mut world, LIVE, LIVE, None));
    }

    #[test]
    fn the_order_of_independent_merges_does_not_matter(
        first in changes(10), all in changes(24).prop_map(independent), cut in any::<prop::sample::Index>(),
    ) {
        // Independent: no attribute of an entity is spoken of by both.
        let cut = cut.index(all.len() + 1);
        let spoken: BTreeSet<_> = all[..cut].iter().filter_map(cell).collect();
        let one = all[..cut].to_vec();
        let two: Vec<_> = all[cut..].iter().filter(|change| cell(change).is_none_or(|cell| !spoken.contains(&cell))).cloned().collect();
        let merged = |order: [&str; 2]| {
            let mut world = world();
            said(&mut world, LIVE, first.clone());
            for (name, changes) in [("one", &one), ("two", &two)] {
                world.fork(name, LIVE, Timestamp(1)).unwrap();
                said(&mut world, name, changes.clone());
            }
            for name in order {
                merge(&mut world, name, LIVE, None);
            }
            shown(&world.snapshot(LIVE).unwrap())
        };
        prop_assert_eq!(merged(["one", "two"]), merged(["two", "one"]));
    }
}

fn cell(change: &Change) -> Option<(EntityRef, usize)> {
    match change {
        Change::Assert { entity, attribute, .. } => Some((entity.clone(), *attribute)),
        _ => None,
    }
}

#[test]
fn a_fork_of_the_past_is_what_was_known_then() {
    let journal = Faulty::default();
    let mut world = World::open(schema(), Box::new(journal.clone())).unwrap();
    for (at, farms) in [
        (1, "farm f balancing=nearest"),
        (2, "farm f load_cap=1.5\nfarm g"),
        (3, "farm f balancing=round_robin\nfarm h"),
    ] {
        world.commit(LIVE, commit("cmdb", farms, at)).unwrap();
    }
    world.commit(LIVE, Commit::new("sql".into(), Timestamp(4), vec![remove("g")])).unwrap();
    let past = Fork { at: Some(Version(2)), ..Fork::new("then", LIVE, Timestamp(5)) };
    world.make_fork(past.clone()).unwrap();
    let then = world.database_at(LIVE, Version(2)).unwrap();
    let again = World::open(schema(), Box::new(journal)).unwrap();
    for fork in [world.database("then").unwrap(), again.database("then").unwrap()] {
        assert_eq!(shown(fork.snapshot()), shown(then.snapshot()));
        assert_eq!(fork.sources(), then.sources());
        assert!(fork.commits().eq(then.commits()));
        assert_eq!(fork.template().unwrap().version, Version(2));
        assert_eq!(own_changes(fork, again.database(LIVE).ok()), 0);
    }
    // What it changes is merged as if it had been forked then.
    world.commit("then", commit("sql", "farm f load_cap=2.5", 6)).unwrap();
    let rows = plan(&world, "then", LIVE, None).rows().len();
    assert_eq!(rows, 1);
    let tracking = Fork { mode: ForkMode::Tracking, name: "no".into(), ..past };
    assert!(matches!(world.make_fork(tracking), Err(StoreError::PastCannotMove)));
}

#[test]
fn a_fork_of_the_past_has_taken_in_what_was_merged_by_then() {
    let mut world = world();
    world.commit(LIVE, commit("cmdb", "farm f load_cap=1.5", 1)).unwrap();
    for name in ["one", "two"] {
        world.fork(name, LIVE, Timestamp(1)).unwrap();
    }
    world.commit("one", commit("sql", "farm f load_cap=2.5", 2)).unwrap();
    world.commit(LIVE, commit("cmdb", "farm h", 3)).unwrap();
    // After the time that is forked, though the state that is taken in is older.
    assert!(merge(&mut world, "one", "two", None));
    assert!(merge(&mut world, "two", LIVE, None));
    let past = Fork { at: Some(Version(3)), ..Fork::new("then", LIVE, Timestamp(5)) };
    world.make_fork(past).unwrap();
    assert_eq!(plan(&world, "two", "then", None).rows().len(), 1);
}

#[test]
fn a_fork_of_a_fork_from_before_that_was_made_merges_into_what_it_was() {
    for mode in [ForkMode::Frozen, ForkMode::Tracking] {
        let mut world = world();
        world.commit(LIVE, commit("cmdb", "farm f load_cap=1.5", 1)).unwrap();
        world.commit(LIVE, commit("cmdb", "farm g", 2)).unwrap();
        world.make_fork(Fork { mode, ..Fork::new("plan", LIVE, Timestamp(2)) }).unwrap();
        world.commit("plan", commit("sql", "farm g load_cap=1.5", 3)).unwrap();
        world.commit(LIVE, commit("cmdb", "farm h", 4)).unwrap();
        for (at, rows) in [(1, 1), (3, 2)] {
            let past = Fork { at: Some(Version(at)), ..Fork::new("then", "plan", Timestamp(5)) };
            world.make_fork(past).unwrap();
            world.commit("then", commit("sql", "farm f balancing=nearest", 6)).unwrap();
            assert_eq!(plan(&world, "then", LIVE, None).rows().len(), rows, "{mode:?} at {at}");
            world.drop_database("then").unwrap();
        }
    }
}

#[test]
fn forks_outlive_their_template_and_still_merge_with_each_other() {
    let mut world = world();
    world.commit(LIVE, commit("cmdb", "farm f balancing=nearest", 1)).unwrap();
    world.fork("plan", LIVE, Timestamp(2)).unwrap();
    world.commit("plan", commit("sql", "farm f load_cap=1.5", 3)).unwrap();
    for name in ["one", "two"] {
        world.fork(name, "plan", Timestamp(4)).unwrap();
    }
    world.drop_database("plan").unwrap();
    world.commit("one", commit("sql", "farm f balancing=round_robin", 5)).unwrap();
    assert!(merge(&mut world, "one", "two", None));
    assert_eq!(
        plan(&world, "two", LIVE, None).rows().len(),
        2,
        "the plan's change and that of one"
    );
    assert!(merge(&mut world, "two", LIVE, None));
    assert!(!merge(&mut world, "one", LIVE, None), "it has come through the other");
}

#[test]
fn conflicts_are_named_and_decided_one_by_one() {
    let mut world = world();
    world.commit(LIVE, commit("cmdb", "farm f balancing=nearest load_cap=1.5", 1)).unwrap();
    world.fork("f", LIVE, Timestamp(2)).unwrap();
    // Hearing the same again is no change; another value is.
    world.commit(LIVE, commit("cmdb", "farm f balancing=nearest load_cap=3.5", 9)).unwrap();
    world.commit("f", commit("sql", "farm f balancing=round_robin load_cap=2.5", 8)).unwrap();
    let mut planned = plan(&world, "f", LIVE, None);
    let error = world.merge(&mut planned, "m".into(), Timestamp(10)).unwrap_err();
    assert_eq!(error.to_string(), "merging \"f\" into \"live\" has conflicts: 1");
    assert_eq!(error.detail().unwrap(), "service.farm f load_cap: 3.5 or 2.5");

    let kind = world.schema().find("service.farm").unwrap().clone();
    let farm = EntityRef { kind: kind.id, key: "f".into() };
    let [balancing, load_cap] = ["balancing", "load_cap"].map(|name| kind.attribute(name).unwrap());
    let mut decisions = Decisions::default();
    decisions.chosen.insert((farm.clone(), Some(load_cap)), Side::Ours);
    let (from, into) = (world.database("f").unwrap(), world.database(LIVE).unwrap());
    let mut planned = Merge::plan(from, into, &decisions);
    world.merge(&mut planned, "merger".into(), Timestamp(10)).unwrap();

    let snapshot = world.snapshot(LIVE).unwrap();
    let farm = snapshot.entity(&farm).unwrap();
    assert_eq!(farm.value(load_cap), Some(&Value::Float(3.5)));
    // Though the other was heard later; and it keeps its own source and time.
    assert_eq!(farm.value(balancing).unwrap().as_text(), Some("round_robin"));
    let believed = farm.fact_at(balancing, Timestamp::MAX).unwrap();
    assert_eq!((&*believed.source, believed.heard_at), ("sql", Timestamp(8)));
    assert_eq!(&*world.commits(LIVE).unwrap().last().unwrap().source, "merger");
    assert!(!merge(&mut world, "f", LIVE, None), "what was decided stays decided");
}

fn remove(farm: &str) -> Change {
    let kind = schema().find("service.farm").unwrap().id;
    Change::Remove { entity: EntityRef { kind, key: farm.into() } }
}

/// Each follows the one before: telling all of them is no recursion.
#[test]
fn a_long_row_of_forks_follows_to_its_end() {
    const LENGTH: usize = 1_000;
    const STACK_BYTES: usize = 256 << 10;
    let row = || {
        let mut world = world();
        let mut template = LIVE.to_owned();
        for number in 0..LENGTH {
            let name = format!("f{number}");
            track(&mut world, &name, &template);
            template = name;
        }
        world.commit(LIVE, commit("cmdb", "farm f balancing=nearest", 1)).unwrap();
        let [last, live] = [&template, LIVE].map(|name| shown(&world.snapshot(name).unwrap()));
        assert_eq!(last, live);
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(row).unwrap();
    thread.join().unwrap();
}
