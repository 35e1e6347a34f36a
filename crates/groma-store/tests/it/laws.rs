//! Laws that hold for any changes.

use groma_model::{Problem, Timestamp, Version};
use groma_store::{
    Change, Commit, Decisions, Fork, ForkMode, LIVE, Merge, Poll, PollOutcome, Segment, Side,
    Snapshot, World, Writer as _, changes_between,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::faulty::Faulty;
use crate::made::{changes, independent, schema, shown, shown_database};

fn of(changes: &[Change]) -> Snapshot {
    Snapshot::empty(schema()).apply(changes, Version(1))
}

/// One thing that people do to a world; names are few, so that some are refused.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Commit(String, Vec<Change>, usize),
    Segments(String),
    Fork(String, String, ForkMode),
    /// As the template was some versions ago.
    ForkOfThePast(String, String, u64),
    Merge(String, String, Option<Side>),
    Drop(String),
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("live"), Just("a"), Just("b")].prop_map(str::to_owned)
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let mode = prop_oneof![Just(ForkMode::Frozen), Just(ForkMode::Tracking)];
    prop_oneof![
        4 => (name(), changes(6), 0..4_usize).prop_map(|(name, changes, problems)| Act::Commit(name, changes, problems)),
        1 => name().prop_map(Act::Segments),
        2 => (name(), name(), mode).prop_map(|(name, template, mode)| Act::Fork(name, template, mode)),
        1 => (name(), name(), 0..6_u64).prop_map(|(name, template, ago)| Act::ForkOfThePast(name, template, ago)),
        2 => (name(), name(), any::<bool>()).prop_map(|(from, into, theirs)| {
            Act::Merge(from, into, theirs.then_some(Side::Theirs))
        }),
        1 => name().prop_map(Act::Drop),
    ]
}

pub(crate) fn act_on(world: &mut World, act: &Act, heard_at: Timestamp) {
    let at = heard_at;
    let source = "someone".into();
    // Refusals are part of life here: they must leave no trace.
    let _ = match act {
        Act::Commit(name, changes, problems) => {
            // The last number is a complete poll without problems.
            let outcome = PollOutcome::Complete { since: at };
            let poll = (*problems == 3).then_some(Poll { at, outcome });
            let count = if poll.is_some() { 0 } else { *problems };
            let problems =
                (0..count).map(|number| Problem::new(number.to_string(), "", "bad")).collect();
            let commit = Commit { problems, poll, ..Commit::new(source, at, changes.clone()) };
            world.commit(name, commit).map(|_| ())
        }
        Act::Segments(name) => {
            let file = format!("segment-{}", at.0).into();
            let (from, to) = (Timestamp(0), Timestamp(1));
            let segment = Segment { file, source: "esb".into(), records: 1, from, to, bytes: 9 };
            world.add_segments(name, source, vec![segment], at).map(|_| ())
        }
        Act::Fork(name, template, mode) => {
            world.make_fork(Fork { mode: *mode, ..Fork::new(&**name, &**template, at) })
        }
        Act::ForkOfThePast(name, template, ago) => {
            let at = Some(Version(world.version().0.saturating_sub(*ago)));
            world.make_fork(Fork { at, ..Fork::new(&**name, &**template, heard_at) })
        }
        Act::Merge(from, into, otherwise) => {
            let decisions = Decisions { otherwise: *otherwise, ..Decisions::default() };
            let planned = world
                .database(from)
                .and_then(|from| Ok(Merge::plan(from, world.database(into)?, &decisions)));
            planned.and_then(|mut merge| world.merge(&mut merge, source, at).map(|_| ()))
        }
        Act::Drop(name) => world.drop_database(name),
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_fork_with_no_changes_equals_its_base(changes in changes(20)) {
        let mut world = World::open(schema(), Box::new(Faulty::default())).unwrap();
        world.commit(LIVE, Commit::new("x".into(), Timestamp(1), changes)).unwrap();
        world.fork("f", LIVE, Timestamp(2)).unwrap();
        let (live, fork) = (world.snapshot(LIVE).unwrap(), world.snapshot("f").unwrap());
        prop_assert!(live.diff(&fork).is_empty());
        prop_assert_eq!(shown(&live), shown(&fork));
        prop_assert_eq!(live.version(), fork.version());
    }

    #[test]
    fn a_diff_is_empty_exactly_when_both_are_equal(a in changes(4), b in changes(4), more in changes(2)) {
        for (one, two) in [(of(&a), of(&b)), (of(&a), of(&a).apply(&more, Version(2)))] {
            prop_assert_eq!(one.diff(&two).is_empty(), shown(&one) == shown(&two));
            prop_assert_eq!(one.diff(&two).len(), two.diff(&one).len());
        }
    }

    #[test]
    fn the_order_of_independent_changes_does_not_matter(
        changes in changes(24).prop_map(independent), shuffled in any::<prop::sample::Index>(), reverse in any::<bool>(),
    ) {
        let mut other = changes.clone();
        if !other.is_empty() {
            let by = shuffled.index(other.len());
            other.rotate_left(by);
        }
        if reverse {
            other.reverse();
        }
        prop_assert_eq!(shown(&of(&changes)), shown(&of(&other)));
    }

    #[test]
    fn one_commit_equals_its_parts(changes in changes(24), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(changes.len() + 1);
        let parts = of(&changes[..cut]).apply(&changes[cut..], Version(2));
        prop_assert_eq!(shown(&of(&changes)), shown(&parts));
    }

    #[test]
    fn changes_between_two_lead_from_one_to_the_other(a in changes(16), b in changes(16), more in changes(6)) {
        for (from, to) in [(of(&a), of(&b)), (of(&a), of(&a).apply(&more, Version(2)))] {
            let changes = changes_between(&from, &to);
            prop_assert_eq!(shown(&from.apply(&changes, Version(3))), shown(&to));
            prop_assert_eq!(changes.is_empty(), from.diff(&to).is_empty());
        }
    }

    #[test]
    fn a_world_opened_again_is_the_same(acts in vec(act(), 0..24)) {
        let journal = Faulty::default();
        let mut world = World::open(schema(), Box::new(journal.clone())).unwrap();
        for (at, act) in acts.iter().enumerate() {
            act_on(&mut world, act, Timestamp(at as i64));
        }
        let again = World::open(schema(), Box::new(journal)).unwrap();
        prop_assert_eq!(world.version(), again.version());
        let all = |world: &World| world.databases().map(shown_database).collect::<Vec<_>>();
        prop_assert_eq!(all(&world), all(&again));
    }
}
