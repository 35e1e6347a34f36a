//! The past: every version of every database is the one that was seen then.

use std::collections::BTreeMap;

use groma_model::{Timestamp, Version};
use groma_store::{LIVE, StoreError, World};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::faulty::Faulty;
use crate::laws::{Act, act, act_on};
use crate::made::{commit, schema, shown_state};

/// What was seen of each database that is still there, by version, since before it was a fork.
#[derive(Default)]
struct Seen {
    by_name: BTreeMap<String, BTreeMap<Version, String>>,
}

impl Seen {
    fn of(world: &World) -> Seen {
        let mut seen = Seen::default();
        seen.by_name.insert(LIVE.into(), BTreeMap::new());
        seen.look(world);
        seen
    }

    fn look(&mut self, world: &World) {
        self.by_name.retain(|name, _| world.database(name).is_ok());
        for (name, states) in &mut self.by_name {
            states.insert(world.version(), shown_state(world.database(name).unwrap()));
        }
    }

    fn act(&mut self, world: &mut World, act: &Act, at: Timestamp) {
        // A name that is dropped and made again is another database.
        if let Act::Drop(name) = act
            && name != LIVE
        {
            self.by_name.remove(name);
        }
        let template = match act {
            Act::Fork(name, template, _) if world.database(name).is_err() => {
                self.by_name.get(template).cloned().map(|states| (name.clone(), states))
            }
            _ => None,
        };
        act_on(world, act, at);
        self.by_name.extend(template);
        self.look(world);
    }

    fn check(&self, world: &World) {
        for (name, states) in &self.by_name {
            for (version, state) in states {
                let database = world.database_at(name, *version).unwrap();
                assert_eq!(&shown_state(&database), state, "{name} at {version}");
            }
        }
    }
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
