//! Replays: the nearest member, turns, bounds, and who carries what follows.

use groma_trace::replay::{
    Choice, Following, NOT_ANY, ReplayGroup, ReplayPlan, ReplayTotals, replay,
};
use groma_trace::{Call, Calls, MatrixCell, Seen};

/// Parties 0 and 1 are clients on access switches 0 and 1; 2, 3 (switch 0) and 4, 5 (switch 1) are
/// a farm; 6 (switch 0) and 7 (switch 1) are applications. Each is a place of its own.
fn run(calls: Vec<Call>, choice: Choice, following: Following) -> (Vec<MatrixCell>, ReplayTotals) {
    let access = [0, 1, 0, 0, 1, 1, 0, 1];
    let places: Vec<u32> = (0..8).collect();
    let mut group = vec![NOT_ANY; 8];
    group[2..6].fill(0);
    let plan = ReplayPlan {
        party_of_name: &places,
        place_of_party: &places,
        access_of_place: &access,
        group_of_party: &group,
        groups: &[ReplayGroup { members: vec![2, 3, 4, 5], choice }],
        proximity: &|a, b| match (a == b, access[a as usize] == access[b as usize]) {
            (true, _) => 0,
            (_, true) => 1,
            _ => 3,
        },
        following,
    };
    let (mut cells, totals) = replay(&[Calls { calls, epochs: vec![] }], &plan);
    cells.sort();
    (cells, totals)
}

fn call(caller: u32, callee: u32) -> Call {
    Call::new(caller, callee, (10, 20), Seen::Both)
}

const NEAREST: Choice = Choice::Nearest { headroom: None };

#[test]
fn the_nearest_members_take_turns_and_make_the_calls_that_follow() {
    let calls = [call(0, 4).starting_a_tree(), call(4, 6).carried_by(1)].repeat(2);
    let (cells, totals) = run(calls.clone(), NEAREST, Following::Chosen);
    let told: Vec<_> = cells.iter().map(|cell| (cell.caller, cell.callee, cell.requests)).collect();
    assert_eq!(told, [(0, 2, 1), (0, 3, 1), (2, 6, 1), (3, 6, 1)]);
    assert_eq!((totals.calls, totals.moved), (4, 4));
    assert_eq!((totals.load_before[4], totals.load_after[4]), (2, 0));

    let (cells, totals) = run(calls, NEAREST, Following::Recorded);
    let told: Vec<_> = cells.iter().map(|cell| (cell.caller, cell.callee, cell.requests)).collect();
    assert_eq!(told, [(0, 2, 1), (0, 3, 1), (4, 6, 2)]);
    assert_eq!(totals.moved, 2);
}

#[test]
fn a_bound_sends_what_is_too_much_to_the_next_nearest() {
    let calls: Vec<Call> = (0..400).map(|_| call(0, 4)).collect();
    let (_, totals) = run(calls, Choice::Nearest { headroom: Some(0.2) }, Following::Chosen);
    assert_eq!(totals.load_after[2..6].iter().sum::<u64>(), 400);
    assert!(totals.load_after[2..6].iter().all(|load| *load <= 120), "{:?}", totals.load_after);
    assert_eq!((totals.load_after[2], totals.load_after[3]), (120, 120));
}

#[test]
fn recorded_choices_change_nothing() {
    let calls = vec![call(0, 4), call(4, 7).carried_by(1), call(1, 2)];
    let (cells, totals) = run(calls, Choice::Recorded, Following::Chosen);
    assert_eq!(totals.moved, 0);
    assert_eq!(cells.iter().map(|cell| cell.reply_bytes).sum::<u64>(), 60);
}

#[test]
fn a_caller_of_unknown_place_keeps_its_choice() {
    let (cells, totals) = run(vec![call(77, 4)], NEAREST, Following::Chosen);
    assert_eq!((cells[0].caller, cells[0].callee, totals.unplaced), (77, 4, 1));
}
