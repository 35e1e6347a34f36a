//! At one thousandth the published numbers come out.

use groma_generate::{Plan, generate};

use crate::recount::recount;
use crate::world::World;

fn near(what: &str, found: f64, wanted: f64, tolerance: f64) {
    assert!((found - wanted).abs() <= tolerance, "{what} is {found}, not {wanted} ± {tolerance}");
}

fn the_numbers_of_the_paper_come_out(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { seed, ..Plan::default() };
    let truth = generate(&plan, folder.path(), &mut |_| {}).unwrap();
    let recount = recount(folder.path());
    recount.assert_equals(&truth);
    assert_eq!(recount.causeless, 0);

    let (counts, trees) = (&recount.counts, recount.counts.trees as f64);
    near("transactions", counts.transactions as f64, 197_000.0, 0.02 * 197_000.0);
    near("trees", trees, 47_000.0, 0.02 * 47_000.0);
    near("sessions", counts.sessions as f64, 30_000.0, 0.02 * 30_000.0);
    let unique = recount.esb_app.total.bytes + recount.esb_esb.total.bytes;
    near("bytes", unique as f64, 4e9, 0.02 * 4e9);
    near("short trees", recount.short_trees as f64 / trees, 0.95, 0.005);
    near("dormant trees", recount.dormant_trees as f64 / trees, 0.0024, 0.0005);
    let share = |part: u64, whole: u64| part as f64 / whole as f64;
    let (app, esb) = (&recount.esb_app, &recount.esb_esb);
    near("crossing", share(app.crossing.bytes, app.total.bytes), 0.994, 0.002);
    near(
        "residual",
        share(app.placement.bytes + app.pinned.bytes, app.crossing.bytes),
        0.042,
        0.005,
    );
    near("localised", share(esb.load_balancer.bytes, esb.crossing.bytes), 0.26, 0.02);
    near("farm balance", recount.calls_balance, 1.01, 0.01);
    near("duplicates", share(counts.duplicate_records, counts.records), 0.017, 0.007);
    near("late children", share(counts.children_late, counts.transactions), 0.045, 0.02);
    assert!(counts.missing_parents > 0 && counts.children_early > 0);
}

#[test]
fn the_numbers_of_the_paper_come_out_of_seed_1() {
    the_numbers_of_the_paper_come_out(1);
}

#[test]
fn the_numbers_of_the_paper_come_out_of_seed_2() {
    the_numbers_of_the_paper_come_out(2);
}

#[test]
fn the_numbers_of_the_paper_come_out_of_seed_3() {
    the_numbers_of_the_paper_come_out(3);
}

#[test]
fn the_data_center_has_the_size_of_the_paper_and_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { scale: 1e-6, ..Plan::default() }.perfect();
    generate(&plan, folder.path(), &mut |_| {}).unwrap();
    let world = World::read(folder.path());
    let farms: Vec<_> = world.groups.iter().filter(|(name, _)| name.starts_with("farm")).collect();
    assert_eq!(farms.len(), 24);
    assert!(farms.iter().all(|(_, members)| members.len() == 16));
    // Two cables of each machine, and those of 53 pairs of switches and two edge routers.
    assert_eq!(world.rows["physical.link"], 2 * 7_118 + 53 + 4 * (48 + 4) + 4);
}
