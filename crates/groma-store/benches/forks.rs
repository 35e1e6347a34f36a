//! What forks, diffs and merges cost, against the number of changes and against that of facts.
//!
//! `cargo bench -p groma-store --bench forks` prints two series: changes grow in a model of a million
//! facts, and facts grow under the same changes. The second should be flat.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]
#![allow(clippy::disallowed_methods, reason = "a bench has a clock")]
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first surprise")]

use std::sync::Arc;
use std::time::Instant;

use groma_model::{Observation, Schema, Timestamp};
use groma_store::{
    Change, Commit, Decisions, Fork, ForkMode, LIVE, MemoryJournal, Merge, Side, World,
    Writer as _, identify, own_changes,
};

const FACTS_PER_PORT: usize = 16;

fn main() {
    println!("in milliseconds, the best of 3");
    let columns = ["changes", "fork", "diff", "plan merge", "merge", "follow", "own changes"];
    println!("{:>9}{}", "facts", columns.map(|name| format!("{name:>12}")).concat());
    for changes in [100, 1_000, 10_000, 100_000] {
        row(1_000_000, changes);
    }
    for facts in [125_000, 250_000, 500_000, 1_000_000] {
        row(facts, 10_000);
    }
}

fn row(facts: usize, changes: usize) {
    let ports = facts / FACTS_PER_PORT;
    let mut world = World::open(schema(), Box::new(MemoryJournal::default())).unwrap();
    commit(&mut world, LIVE, ports_with(0..ports, 1));
    let mut best = [f64::MAX; 6];
    for round in 0..3 {
        let timed = measure(&mut world, ports, changes, 10 * (round + 1));
        best.iter_mut().zip(timed).for_each(|(best, time)| *best = best.min(time));
    }
    println!("{facts:>9}{changes:>12}{}", best.map(|time| format!("{time:>12.3}")).concat());
}

/// The fork and `live` change different attributes of ports spread over the whole model.
fn measure(world: &mut World, ports: usize, changes: usize, at: i64) -> [f64; 6] {
    let (fork, tracking) = (format!("f{at}"), format!("t{at}"));
    let made = timed(|| world.fork(&fork, LIVE, Timestamp(at)).unwrap()).0;
    let follower = Fork::new(tracking.as_str(), LIVE, Timestamp(at));
    world.make_fork(Fork { mode: ForkMode::Tracking, ..follower }).unwrap();

    let per_port = changes.div_ceil(ports).max(2);
    let chosen: Vec<usize> =
        (0..changes / per_port).map(|index| index * ports * per_port / changes).collect();
    let in_fork = changed(&chosen, per_port, ["mtu", "description", "mac", "name"], at + 1);
    let in_live = changed(&chosen, per_port, ["vrf", "mode", "type", "native_vlan"], at + 2);
    commit(world, &tracking, changed(&chosen[..1], 1, ["mtu"; 4], at + 1));
    world.database(&tracking).unwrap();
    commit(world, &fork, in_fork);
    commit(world, LIVE, in_live);

    let followed = timed(|| world.database(&tracking).unwrap().version()).0;
    let (from, into) =
        (world.database(&fork).unwrap().clone(), world.database(LIVE).unwrap().clone());
    let (differed, differing) = timed(|| into.snapshot().diff(from.snapshot()).len());
    assert!(differing >= chosen.len());
    let counted = timed(|| own_changes(&from, Some(&into))).0;
    let decisions = Decisions { otherwise: Some(Side::Theirs), ..Decisions::default() };
    let (planned, mut merge) = timed(|| Merge::plan(&from, &into, &decisions));
    assert_eq!(merge.rows().len(), chosen.len() * per_port);
    let merged = timed(|| world.merge(&mut merge, "bench".into(), Timestamp(at + 3)).unwrap()).0;
    world.drop_database(&fork).unwrap();
    world.drop_database(&tracking).unwrap();
    [made, differed, planned, merged, followed, counted]
}

fn schema() -> Arc<Schema> {
    Schema::builtin()
}

fn commit(world: &mut World, database: &str, observations: Vec<Observation>) {
    let at = observations[0].observed_at;
    let source = format!("bench:{}", at.0).into();
    let (changes, problems) = identify(world.schema(), &source, &observations, at);
    assert!(problems.is_empty());
    let changes = changes.into_iter().filter(|change| matches!(change, Change::Assert { .. }));
    world.commit(database, Commit::new(source, at, changes.collect())).unwrap();
}

fn port(index: usize, at: i64) -> Observation {
    let (device, port) = (index / 48, index % 48);
    Observation::new("physical.port", format!("d{device}:p{port}"), Timestamp(at))
}

fn ports_with(indexes: std::ops::Range<usize>, at: i64) -> Vec<Observation> {
    let full = |index: usize| {
        port(index, at)
            .with("device", format!("d{}", index / 48))
            .with("name", format!("p{}", index % 48))
            .with("type", "ethernet")
            .with("mac", format!("02:00:00:{:02x}:{:02x}:00", index / 256 % 256, index % 256))
            .with("mtu", 9_216)
            .with("speed_bits_per_second", 100_000_000_000)
            .with("admin_up", true)
            .with("up", true)
            .with("mode", "trunk")
            .with("native_vlan", 1)
            .with("allowed_vlans", "1,10-16")
            .with("vlan", 1)
            .with("access_vlan", 1)
            .with("vrf", "default")
            .with("parent", format!("d{}:p0", index / 48))
            .with("description", format!("to machine {index}"))
    };
    indexes.map(full).collect()
}

/// So many attributes of each of these ports, with new values.
fn changed(ports: &[usize], count: usize, names: [&'static str; 4], at: i64) -> Vec<Observation> {
    let value = |name: &str| match name {
        "mtu" | "native_vlan" => format!("{}", at % 4_000 + 1),
        "mac" => format!("02:00:00:00:{:02x}:{:02x}", at / 256 % 256, at % 256),
        "mode" => "access".to_owned(),
        "type" => "lag".to_owned(),
        _ => format!("changed {at}"),
    };
    let spoken = |index: &usize| {
        (names[..count].iter()).fold(port(*index, at), |port, name| port.with(*name, value(name)))
    };
    ports.iter().map(spoken).collect()
}

fn timed<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = run();
    (start.elapsed().as_secs_f64() * 1e3, result)
}
