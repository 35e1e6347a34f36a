//! Replays: the nearest member, turns, bounds, and who carries what follows.

use groma_trace::replay::{
    Choice, Following, Moved, NOT_ANY, REPLAY_SHARDS, ReplayGroup, ReplayPlan, ReplayTotals,
    Replayer, replay, replay_shard,
};
use groma_trace::{Call, Calls, MatrixCell, MatrixTable, Seen, cell_hash};
use proptest::prelude::*;

/// Parties 0 and 1 are clients on access switches 0 and 1; 2, 3 (switch 0) and 4, 5 (switch 1) are
/// a farm; 6 (switch 0) and 7 (switch 1) are applications. Each is a place of its own.
fn run(calls: Vec<Call>, choice: Choice, following: Following) -> (Vec<MatrixCell>, ReplayTotals) {
    run_log(&[Calls { calls, epochs: vec![] }], choice, following)
}

fn run_log(log: &[Calls], choice: Choice, following: Following) -> (Vec<MatrixCell>, ReplayTotals) {
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
    let (mut cells, totals) = replay(log, &plan);
    cells.sort();
    for places in [1, 3, 1_000] {
        assert_eq!(moved_sums(log, &plan, places), sums(log, |log| replay(log, &plan).0, places));
    }
    (cells, totals)
}

/// Where a call counts if there are only so many places.
fn key(places: u32) -> impl Fn(u32, u32, u32) -> (u32, u32, u32) {
    move |caller, callee, epoch| (caller % places, callee % places, epoch)
}

fn sums(
    log: &[Calls],
    matrix: impl Fn(&[Calls]) -> Vec<MatrixCell>,
    places: u32,
) -> Vec<MatrixCell> {
    let mut table = MatrixTable::default();
    for mut cell in matrix(log) {
        let (caller, callee, _) = key(places)(cell.caller, cell.callee, cell.epoch);
        (cell.caller, cell.callee) = (caller, callee);
        table.add_cell(&cell);
    }
    let mut cells = table.into_cells();
    cells.sort();
    cells
}

/// The recorded sums with what was moved: what a replay from nothing gives.
fn moved_sums(log: &[Calls], plan: &ReplayPlan<'_>, places: u32) -> Vec<MatrixCell> {
    let as_recorded = |log: &[Calls]| {
        let mut table = MatrixTable::default();
        log.iter().for_each(|calls| table.add_all(calls));
        table.into_cells()
    };
    let (mut replayer, mut tables) = (Replayer::new(plan), <[MatrixTable; 2]>::default());
    for shard in 0..REPLAY_SHARDS {
        for calls in &log[replay_shard(shard, log.len())] {
            replayer.moved(calls, key(places), |index, was, is| {
                for (table, place) in tables.iter_mut().zip([was, is]) {
                    table.add(&calls.calls[index], place, cell_hash(place));
                }
            });
        }
        replayer.end_shard();
    }
    let mut all = MatrixTable::default();
    for shard in 0..REPLAY_SHARDS {
        for calls in &log[replay_shard(shard, log.len())] {
            replayer.placed(calls, key(places), |index, place| {
                all.add(&calls.calls[index], place, cell_hash(place));
            });
        }
        replayer.end_shard();
    }
    let mut all = all.into_cells();
    all.sort();
    let [gone, come] = tables.map(MatrixTable::into_cells);
    let mut cells = Moved { gone: Some(gone), come }.applied_to(&sums(log, as_recorded, places));
    cells.sort();
    assert_eq!(cells, all);
    cells
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

/// Calls of trees: who is called, and how far behind its carrier each call stands, if it has one.
fn logs() -> impl Strategy<Value = Vec<Calls>> {
    let call = (0_u32..9, 0_u32..9, 0_usize..4, 0_u16..3);
    let part = prop::collection::vec(call, 0..30).prop_map(|said| {
        let mut part = Calls::default();
        for (index, (caller, callee, distance, epoch)) in said.into_iter().enumerate() {
            let call = match distance.min(index) {
                0 => self::call(caller, callee).starting_a_tree(),
                distance => {
                    let carrier: Call = part.calls[index - distance];
                    self::call(carrier.callee, callee).carried_by(distance)
                }
            };
            part.calls.push(call);
            part.epochs.push(epoch);
        }
        part
    });
    prop::collection::vec(part, 0..40)
}

proptest! {
    /// [`run_log`] compares what is moved with a replay from nothing.
    #[test]
    fn what_is_moved_leads_to_the_sums_of_a_replay(
        log in logs(),
        headroom in prop::option::of(0.0..1.0),
        following in prop::sample::select(vec![Following::Chosen, Following::Recorded]),
    ) {
        run_log(&log, Choice::Nearest { headroom }, following);
    }
}
