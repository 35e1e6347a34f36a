//! Loads a million facts about 60,000 ports through the whole way, and forks them.
//!
//! `cargo bench -p groma-store` prints the time of every step and the memory at its end.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]
#![allow(clippy::disallowed_methods, reason = "a bench has a clock and looks at its own memory")]
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first surprise")]

use std::sync::{Arc, Mutex};
use std::time::Instant;

use groma_model::{Observation, Raw, Schema, Timestamp, Version};
use groma_store::{
    Commit, Journal, JournalError, JournalReader, LIVE, MemoryJournal, World, Writer as _,
    changes_between, check, identify,
};

const DEVICES: usize = 1_250;
const PORTS_PER_DEVICE: usize = 48;

fn main() {
    let schema = Schema::builtin();
    let (mut observations, facts) = observations(Timestamp(1));
    step("observations made", facts);

    let start = Instant::now();
    let source = "bench".into();
    let (changes, problems) = identify(&schema, &source, &observations, Timestamp(1));
    assert!(problems.is_empty());
    timed("identify", start, changes.len());
    observations.clear();
    observations.shrink_to_fit();

    let start = Instant::now();
    let snapshot = groma_store::Snapshot::empty(Arc::clone(&schema)).apply(&changes, Version(1));
    timed("apply (without a journal)", start, snapshot.fact_count() as usize);
    drop(snapshot);

    let kept = KeptJournal::default();
    let mut world = World::open(Arc::clone(&schema), Box::new(kept.clone())).unwrap();
    let start = Instant::now();
    world.commit(LIVE, Commit::new(source, Timestamp(1), changes)).unwrap();
    timed("commit (encode, append, apply)", start, facts);
    println!("{:>36} {:>12} bytes", "entry", kept.bytes());

    let start = Instant::now();
    for index in 0..1_000 {
        world.fork(&format!("fork-{index}"), LIVE, Timestamp(2)).unwrap();
    }
    timed("1,000 forks", start, 1_000);

    let change = Observation::new("physical.port", "d7:p7", Timestamp(3)).with("up", false);
    let (changes, _) = identify(&schema, &"sql".into(), &[change], Timestamp(3));
    let start = Instant::now();
    world.commit("fork-7", Commit::new("sql".into(), Timestamp(3), changes)).unwrap();
    timed("one change in a fork", start, 1);

    let (live, fork) = (world.snapshot(LIVE).unwrap(), world.snapshot("fork-7").unwrap());
    let start = Instant::now();
    assert_eq!(live.diff(&fork).len(), 1);
    timed("diff of live and the fork", start, 1);
    let start = Instant::now();
    assert_eq!(changes_between(&live, &fork).len(), 1);
    timed("changes between them", start, 1);

    let start = Instant::now();
    let chosen = live.facts().filter(|row| row.chosen).count();
    timed("scan of all facts", start, chosen);
    let start = Instant::now();
    let rows = world.sources(LIVE).unwrap();
    timed("sources", start, rows.len());
    let start = Instant::now();
    let problems = check(&live);
    timed("check", start, problems.len());
    drop((live, fork, world));

    let start = Instant::now();
    let world = World::open(schema, Box::new(kept.clone())).unwrap();
    timed("open again (decode, apply)", start, world.databases().len());
    give_up_the_past(world, &kept);
}

/// All is said again, and nobody asks any more what was said first.
fn give_up_the_past(mut world: World, kept: &KeptJournal) {
    for name in (0..1_000).map(|index| format!("fork-{index}")) {
        world.drop_database(&name).unwrap();
    }
    let source = "bench".into();
    let (again, _) = observations(Timestamp(4));
    let (changes, _) = identify(world.schema(), &source, &again, Timestamp(4));
    world.commit(LIVE, Commit::new(source, Timestamp(4), changes)).unwrap();
    drop(again);
    println!("{:>36} {:>12} bytes", "journal", kept.bytes());
    let start = Instant::now();
    let plan = world.plan_compaction(world.version()).unwrap().unwrap();
    let mut compaction = plan.prepare().unwrap();
    let changes = compaction.report().changes as usize;
    timed("compaction, beside the world", start, changes);
    let start = Instant::now();
    while !world.compact(&mut compaction).unwrap() {}
    timed("compaction, holding the world", start, changes);
    println!("{:>36} {:>12} bytes", "journal", kept.bytes());
}

/// Ports with some 16 attributes each.
fn observations(at: Timestamp) -> (Vec<Observation>, usize) {
    let mut observations = Vec::with_capacity(DEVICES * (PORTS_PER_DEVICE + 1));
    for device in 0..DEVICES {
        let name = format!("d{device}");
        observations
            .push(Observation::new("physical.device", name.as_str(), at).with("role", "access"));
        for port in 0..PORTS_PER_DEVICE {
            let mac = format!("02:00:{:02x}:{:02x}:{:02x}:00", device / 256, device % 256, port);
            observations.push(
                Observation::new("physical.port", format!("{name}:p{port}"), at)
                    .with("device", name.as_str())
                    .with("name", format!("p{port}"))
                    .with("type", "ethernet")
                    .with("mac", mac)
                    .with("mtu", 9_216)
                    .with("speed_bits_per_second", 100_000_000_000)
                    .with("admin_up", true)
                    .with("up", true)
                    .with("mode", "trunk")
                    .with("access_vlan", Raw::Absent)
                    .with("native_vlan", 1)
                    .with("allowed_vlans", format!("1,10-{}", 12 + port % 8))
                    .with("vlan", Raw::Absent)
                    .with("vrf", "default")
                    .with("parent", format!("{name}:p0"))
                    .with("description", format!("to machine {device}-{port}")),
            );
        }
    }
    let facts = observations.iter().map(|observation| observation.attributes.len()).sum();
    (observations, facts)
}

/// A journal that outlives the world.
#[derive(Clone, Default)]
struct KeptJournal(Arc<Mutex<MemoryJournal>>);

impl KeptJournal {
    fn bytes(&self) -> usize {
        let mut bytes = 0;
        let mut count = |_, entry: &[u8]| {
            bytes += entry.len();
            std::ops::ControlFlow::Continue(())
        };
        self.0.lock().unwrap().replay(&mut count).unwrap();
        bytes
    }
}

impl Journal for KeptJournal {
    fn reader(&self) -> Result<Box<dyn JournalReader>, JournalError> {
        self.0.lock().unwrap().reader()
    }

    fn append(&self, entry: &[u8]) -> Result<u64, JournalError> {
        self.0.lock().unwrap().append(entry)
    }

    fn rewrite(&mut self, entries: &[(u64, Vec<u8>)]) -> Result<(), JournalError> {
        self.0.lock().unwrap().rewrite(entries)
    }
}

fn timed(what: &str, start: Instant, count: usize) {
    let millis = start.elapsed().as_secs_f64() * 1e3;
    println!("{what:>36} {millis:>12.3} ms  ({count})  {}", memory());
}

fn step(what: &str, count: usize) {
    println!("{what:>36} {:>12}     ({count})  {}", "", memory());
}

/// Now and at most, where the system tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    match (field("VmRSS:"), field("VmHWM:")) {
        (Some(now), Some(most)) => format!("{} MB, at most {} MB", now / 1024, most / 1024),
        _ => String::new(),
    }
}
