//! The past: every version of every database is the one that was seen then.

use std::collections::BTreeMap;

use groma_model::{Timestamp, Version};
use groma_store::{Change, Database, LIVE, Snapshot, StoreError, World, Writer as _};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::faulty::Faulty;
use crate::laws::{Act, act, act_on};
use crate::made::{changes, commit, schema, shown, shown_state};

/// What was seen of each database that is still there, by version, since before it was a fork.
#[derive(Default)]
pub(crate) struct Seen {
    by_name: BTreeMap<String, BTreeMap<Version, String>>,
    /// Of forks of the past: up to which version they are what the template was, at which one.
    of_the_past: BTreeMap<String, Vec<(Version, Version)>>,
}

impl Seen {
    pub(crate) fn of(world: &World) -> Seen {
        let mut seen = Seen::default();
        seen.by_name.insert(LIVE.into(), BTreeMap::new());
        seen.look(world);
        seen
    }

    fn look(&mut self, world: &World) {
        self.by_name.retain(|name, _| world.database(name).is_ok());
        for (name, states) in &mut self.by_name {
            let database = world.database(name).unwrap();
            states.entry(world.version()).or_insert_with(|| shown_with_age(database));
        }
    }

    pub(crate) fn act(&mut self, world: &mut World, act: &Act, at: Timestamp) {
        // A name that is dropped and made again is another database.
        if let Act::Drop(name) = act
            && name != LIVE
        {
            self.by_name.remove(name);
            self.of_the_past.remove(name);
        }
        let made = world.version();
        let template = match act {
            Act::Fork(name, template, _) | Act::ForkOfThePast(name, template, _)
                if world.database(name).is_err() =>
            {
                self.by_name.get(template).cloned().map(|states| (name.clone(), states))
            }
            _ => None,
        };
        act_on(world, act, at);
        if let Some((name, mut states)) = template
            && let Ok(database) = world.database(&name)
        {
            if let Act::Fork(_, template, _) | Act::ForkOfThePast(_, template, _) = act {
                let mut stretches = self.of_the_past.get(template).cloned().unwrap_or_default();
                if let Act::ForkOfThePast(..) = act {
                    let as_of = database.version();
                    let then = states.range(as_of..).next().unwrap().1.clone();
                    let later = states.range_mut(as_of..).map(|(_, state)| state);
                    later.for_each(|state| state.clone_from(&then));
                    stretches.push((made, as_of));
                }
                self.of_the_past.insert(name.clone(), stretches);
            }
            self.by_name.insert(name, states);
        }
        self.look(world);
    }

    /// Versions before this one can no longer be asked for.
    pub(crate) fn forget(&mut self, oldest: Version) {
        for (name, states) in &mut self.by_name {
            *states = states.split_off(&oldest);
            for (made, as_of) in self.of_the_past.get(name).into_iter().flatten() {
                if *as_of < oldest {
                    *states = states.split_off(&Version(made.0 + 1));
                }
            }
        }
    }

    pub(crate) fn check(&self, world: &World) {
        for (name, states) in &self.by_name {
            for (version, state) in states {
                let database = world.database_at(name, *version).unwrap();
                assert_eq!(&shown_with_age(&database), state, "{name} at {version}");
            }
        }
    }
}

/// Everything in a database, and of `live` since when each entity is known: in a fork that follows its
/// template that depends on when it was looked at.
fn shown_with_age(database: &Database) -> String {
    let live = (&**database.name() == LIVE).then_some(database.snapshot());
    let ages = live.into_iter().flat_map(Snapshot::said).map(|entity| entity.first_heard());
    format!("{} {:?}", shown_state(database), ages.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_version_of_every_database_is_as_it_was(acts in vec(act(), 0..32)) {
        let journal = Faulty::default();
        let mut world = World::open(schema(), Box::new(journal.clone())).unwrap();
        let mut seen = Seen::of(&world);
        for (at, act) in (1..).zip(&acts) {
            seen.act(&mut world, act, Timestamp(at));
        }
        seen.check(&world);
        world.forget_past();
        seen.check(&world);
        seen.check(&World::open(schema(), Box::new(journal)).unwrap());
    }
}

#[test]
fn a_time_of_hearing_is_the_last_version_heard_until_then() {
    let mut world = World::open(schema(), Box::new(Faulty::default())).unwrap();
    for at in [10, 20, 30] {
        world.commit(LIVE, commit("cmdb", &format!("farm f{at}"), at)).unwrap();
    }
    let versions = [9, 10, 29, 30, 99].map(|at| world.version_at(Timestamp(at)).unwrap().0);
    assert_eq!(versions, [0, 1, 2, 3, 3]);
}

#[test]
fn a_version_that_is_still_to_come_is_refused() {
    let mut world = World::open(schema(), Box::new(Faulty::default())).unwrap();
    world.commit(LIVE, commit("cmdb", "farm f", 1)).unwrap();
    let error = world.database_at(LIVE, Version(7)).err().unwrap();
    assert!(matches!(error, StoreError::NoVersion { .. }));
    assert_eq!(error.to_string(), "v7 is still to come; the newest version is v1");
}

/// Times at which something begins, holds or ends in what `made` throws together.
const TIMES: [i64; 7] = [-1, 0, 1, 2, 5, 6, 7];

proptest! {
    /// Told by who reads no time from what it was, as by who asks each value for that time.
    #[test]
    fn what_held_then_holds_in_the_model_as_it_was(changes in changes(24), at in 0..TIMES.len()) {
        let (now, at) = (Snapshot::empty(schema()).apply(&changes, Version(1)), Timestamp(TIMES[at]));
        for then in [None, Some(&now)] {
            let was = now.as_it_was(then, at);
            prop_assert_eq!(shown(&was), shown(&was.as_it_was(then, at)));
            for entity in now.all_entities() {
                for attribute in 0..now.schema().kind(entity.id().kind).attributes.len() {
                    let then = was.entity(entity.id()).and_then(|then| then.value(attribute));
                    prop_assert_eq!(then, entity.value_at(attribute, at));
                }
            }
        }
    }

    /// What was heard later only adds what it says of that time.
    #[test]
    fn what_was_known_then_stays_unless_something_later_speaks_of_it(
        before in changes(16), after in changes(16), at in 0..TIMES.len(),
    ) {
        let at = Timestamp(TIMES[at]);
        let silent = |change: &Change| match change {
            Change::Assert { fact, .. } => {
                fact.valid.from == Timestamp::MIN && at < fact.observed_at && at < fact.valid.to
            }
            Change::Exists { .. } | Change::Remove { .. } => true,
            _ => false,
        };
        let after: Vec<_> = after.into_iter().filter(silent).collect();
        let then = Snapshot::empty(schema()).apply(&before, Version(1));
        let now = then.apply(&after, Version(2));
        prop_assert_eq!(values(&now.as_it_was(Some(&then), at)), values(&then.as_it_was(None, at)));
    }
}

fn values(snapshot: &Snapshot) -> String {
    let entities = snapshot.all_entities();
    let values = entities.map(|entity| {
        let count = snapshot.schema().kind(entity.id().kind).attributes.len();
        (entity.id(), (0..count).map(|attribute| entity.value(attribute)).collect::<Vec<_>>())
    });
    format!("{:?}", values.collect::<Vec<_>>())
}
