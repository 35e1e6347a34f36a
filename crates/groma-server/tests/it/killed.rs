//! `kill -9` at any instant of commits, forks, merges, drops and compactions: a world that is opened
//! again is the one after the last act that was acknowledged, or after the one that was under way, and
//! nothing between. The same acts, done in memory and never compacted, tell what that is.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use groma_model::{EntityRef, Observation, Raw, Schema, Timestamp, Version};
use groma_server::RedbJournal;
use groma_store::{
    Change, Commit, Database, Decisions, Fork, ForkMode, LIVE, MemoryJournal, Merge, Side,
    StoreError, World, Writer as _, changes_between, identify,
};
use tempfile::TempDir;

const FILE: &str = "GROMA_KILLED_FILE";
const FROM: &str = "GROMA_KILLED_FROM";
/// Another seed: other acts, and other points at which they are killed.
const SEED: &str = "GROMA_KILLED_SEED";
const SEED_IF_NOT_SET: u64 = 2026;
const KILLS: u64 = 8;
const KILLS_IN_A_SOAK: u64 = 200;
const NAMES: [&str; 4] = [LIVE, "a", "b", "c"];
/// Forks of the past start at one of so many last versions, which compactions keep.
const PAST_MAX: u64 = 6;

/// Numbers that follow from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.below(NAMES.len() as u64) as usize]
    }
}

fn seed() -> u64 {
    env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED_IF_NOT_SET)
}

/// The dice of an act.
fn dice_of(number: u64) -> Dice {
    Dice(seed().rotate_left(32) ^ number)
}

/// Does what people and sources do; what that is follows from the seed, the number and the world alone.
fn act(world: &mut World, number: u64, compacts: bool) -> &'static str {
    let (mut dice, at) = (dice_of(number), Timestamp(number as i64));
    let (what, done) = match dice.below(12) {
        0..=5 => {
            let (name, changes) = (dice.name(), changes(world.schema(), &mut dice, at));
            ("commit", world.commit(name, Commit::new("someone".into(), at, changes)).map(|_| ()))
        }
        6 | 7 => {
            let mut fork = Fork::new(dice.name(), dice.name(), at);
            match dice.below(3) {
                0 => fork.mode = ForkMode::Tracking,
                1 => {
                    // Of `live`: a fork of the past may begin as something that is given up.
                    fork.template = LIVE.into();
                    let ago = dice.below(PAST_MAX);
                    fork.at = Some(Version(world.version().0.saturating_sub(ago)));
                }
                _ => {}
            }
            ("fork", world.make_fork(fork))
        }
        8 | 9 => ("merge", merge(world, dice.name(), dice.name(), at)),
        10 => ("drop", world.drop_database(dice.name())),
        _ => {
            let ago = PAST_MAX + dice.below(30);
            let oldest = Version(world.version().0.saturating_sub(ago));
            ("compaction", if compacts { compact(world, oldest) } else { Ok(()) })
        }
    };
    if let Err(error) = done {
        let is_a_failure = matches!(
            error,
            StoreError::Journal(_) | StoreError::ReadOnly { .. } | StoreError::Damaged { .. }
        );
        assert!(!is_a_failure, "{what} {number}: {error}");
    }
    what
}

fn changes(schema: &Arc<Schema>, dice: &mut Dice, at: Timestamp) -> Vec<Change> {
    let count = if dice.below(8) == 0 { 400 } else { 1 + dice.below(12) };
    let ports = if count == 400 { 400 } else { 16 };
    let mut changes = Vec::new();
    for _ in 0..count {
        let observed_at = Timestamp(at.0 - dice.below(20) as i64);
        let key = format!("sw:{}", dice.below(ports));
        let (attribute, value) = match dice.below(3) {
            0 => ("mtu", Raw::Integer(1500 + dice.below(3) as i64)),
            1 => ("up", Raw::Boolean(dice.below(2) == 0)),
            _ => ("device", Raw::Text(format!("sw{}", dice.below(3)))),
        };
        let observation = Observation::new("physical.port", key, observed_at);
        let observation = observation.with(attribute, value);
        let source = if dice.below(2) == 0 { "x" } else { "y" };
        let (said, problems) = identify(schema, &source.into(), &[observation], at);
        assert_eq!(problems, []);
        changes.extend(said);
    }
    if dice.below(3) == 0 {
        let entity = EntityRef { kind: schema.id("physical.port"), key: "sw:3".into() };
        changes.push(Change::Remove { entity });
    }
    changes
}

fn merge(world: &mut World, from: &str, into: &str, at: Timestamp) -> Result<(), StoreError> {
    let decisions = Decisions { otherwise: Some(Side::Theirs), ..Decisions::default() };
    let mut merge = Merge::plan(world.database(from)?, world.database(into)?, &decisions);
    world.merge(&mut merge, "someone".into(), at).map(|_| ())
}

fn compact(world: &mut World, oldest: Version) -> Result<(), StoreError> {
    let Some(plan) = world.plan_compaction(oldest)? else { return Ok(()) };
    let mut compaction = plan.prepare()?.in_steps_of(2_000);
    while !world.compact(&mut compaction)? {}
    Ok(())
}

/// Everything that a database tells.
fn shown(database: &Database) -> String {
    let mut shown = String::new();
    let snapshot = database.snapshot();
    let _ = write!(shown, "{} {:?} ", database.version(), database.sources());
    snapshot.facts().for_each(|row| shown += &format!("{row:?}"));
    if &**database.name() == LIVE {
        // In a fork that follows its template that depends on when it was looked at.
        snapshot.said().for_each(|entity| shown += &format!("{:?}", entity.first_heard()));
    }
    database.commits().for_each(|row| shown += &format!("{row:?}"));
    shown
}

fn all_shown(world: &World) -> Vec<String> {
    let told = |database: &Database| {
        format!("{} {:?} {}", database.name(), database.template(), shown(database))
    };
    world.databases().map(told).collect()
}

fn merges(world: &World) -> Vec<String> {
    let all: Vec<&Database> = world.databases().collect();
    let pairs = all.iter().flat_map(|from| all.iter().map(move |into| (from, into)));
    let planned = pairs.map(|(from, into)| Merge::plan(from, into, &Decisions::default()));
    planned.map(|merge| format!("{:?}", merge.rows())).collect()
}

fn open(file: &Path) -> World {
    let journal = RedbJournal::open(file).unwrap();
    World::open(Schema::builtin(), Box::new(journal)).unwrap()
}

/// The process that is killed: acts for ever, and says what is done.
#[test]
fn child_that_acts() {
    let (Ok(file), Ok(from)) = (env::var(FILE), env::var(FROM)) else { return };
    let mut world = open(Path::new(&file));
    let mut out = std::io::stdout();
    for number in from.parse::<u64>().unwrap().. {
        act(&mut world, number, true);
        writeln!(out, "done {number}").unwrap();
        out.flush().unwrap();
    }
}

fn start(file: &Path, from: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "killed::child_that_acts", "--nocapture"])
        .env(FILE, file)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets a child act for some time and kills it. How many acts were acknowledged by then, in all.
fn run_and_kill(file: &Path, from: u64, dice: &mut Dice) -> u64 {
    let mut child = start(file, from);
    let mut acknowledged = from;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut hear = || -> Option<()> {
        let line = lines.next()?.ok()?;
        let number = line.rsplit_once("done ").and_then(|(_, number)| number.parse::<u64>().ok());
        acknowledged = number.map_or(acknowledged, |number| number + 1);
        Some(())
    };
    for _ in 0..dice.below(40) {
        assert!(hear().is_some(), "the child ended by itself");
    }
    let wait = Duration::from_micros(dice.below(6_000));
    let began = Instant::now();
    while began.elapsed() < wait {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    while hear().is_some() {}
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let soaking = env::var_os("GROMA_SOAK").is_some();
    let kills = if soaking { KILLS_IN_A_SOAK } else { KILLS };
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("groma.redb");
    let mut expected = World::open(Schema::builtin(), Box::new(MemoryJournal::default())).unwrap();
    println!("{SEED}={}", seed());
    let (mut dice, mut done) = (Dice(seed()), 0);
    let mut killed_in: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut under_way_stayed, began) = (0, Instant::now());
    for kill in 0..kills {
        let acknowledged = run_and_kill(&file, done, &mut dice);
        while done < acknowledged {
            act(&mut expected, done, false);
            done += 1;
        }
        let mut world = open(&file);
        let next = act_name(done);
        *killed_in.entry(next).or_default() += 1;
        let shown = all_shown(&world);
        if shown != all_shown(&expected) {
            // It was not acknowledged, and is there: all of it.
            act(&mut expected, done, false);
            done += 1;
            under_way_stayed += 1;
        }
        assert_same(&shown, &all_shown(&expected), &format!("kill {kill}, in {next} {done}"));
        assert_same(&merges(&world), &merges(&expected), &format!("kill {kill}, merges at {done}"));
        check_the_past(&world, &expected, &mut dice);
        check_laws(&mut world, &mut dice);
        if kill % 20 == 19 {
            println!("{} kills, {done} acts, {:.0} s", kill + 1, began.elapsed().as_secs_f64());
        }
    }
    println!(
        "{kills} kills in {done} acts: {killed_in:?}; {under_way_stayed} times what was under way was kept; {} of {} versions were given up",
        open(&file).oldest_version().0.0,
        expected.version().0,
    );
    assert!(done > kills);
}

/// Shows no more than where the first difference is: all of it is megabytes.
fn assert_same(is: &[String], should: &[String], what: &str) {
    assert_eq!(is.len(), should.len(), "{what}");
    for (place, (is, should)) in is.iter().zip(should).enumerate() {
        let Some(at) = is.bytes().zip(should.bytes()).position(|(a, b)| a != b) else {
            assert_eq!(is.len(), should.len(), "{what}, part {place}");
            continue;
        };
        let around = |text: &str| {
            let bytes = &text.as_bytes()[at.saturating_sub(300)..text.len().min(at + 300)];
            String::from_utf8_lossy(bytes).into_owned()
        };
        panic!("{what}, part {place}:\n  is     {}\n  should {}", around(is), around(should));
    }
}

fn act_name(number: u64) -> &'static str {
    match dice_of(number).below(12) {
        0..=5 => "commit",
        6 | 7 => "fork",
        8 | 9 => "merge",
        10 => "drop",
        _ => "compaction",
    }
}

/// All that is kept is as it was, and what is not is refused.
fn check_the_past(world: &World, expected: &World, dice: &mut Dice) {
    let (oldest, _) = world.oldest_version();
    let newest = world.version().0;
    // Rising, since the past is read from where it was read before: without a journal that is compacted
    // that is otherwise all of it.
    let mut some = [0; 3].map(|_| oldest.0 + dice.below(newest - oldest.0 + 1));
    some[0] = oldest.0;
    some.sort_unstable();
    for version in some.map(Version) {
        for database in world.databases() {
            let name = database.name();
            let was = match world.database_at(name, version) {
                // It was to begin as something older.
                Err(StoreError::Compacted { .. }) if &**name != LIVE => continue,
                was => was.unwrap(),
            };
            let should = expected.database_at(name, version).unwrap();
            assert_same(&[shown(&was)], &[shown(&should)], &format!("{name} at {version}"));
        }
    }
    if oldest > Version(0) {
        let error = world.database_at(LIVE, Version(oldest.0 - 1)).err().unwrap();
        assert!(matches!(error, StoreError::Compacted { .. }), "{error}");
    }
}

/// A fork without changes is its base, and what differs between two leads from one to the other.
fn check_laws(world: &mut World, dice: &mut Dice) {
    let all: Vec<Database> = world.databases().cloned().collect();
    let base = &all[dice.below(all.len() as u64) as usize];
    world.fork("law", base.name(), Timestamp(0)).unwrap();
    let fork = world.database("law").unwrap();
    assert!(base.snapshot().diff(fork.snapshot()).is_empty());
    assert!(Merge::plan(fork, base, &Decisions::default()).rows().is_empty());
    world.drop_database("law").unwrap();
    for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (from, to))) {
        let (from, to) = (from.snapshot(), to.snapshot());
        let there = from.apply(&changes_between(from, to), Version(u64::MAX));
        assert!(there.diff(to).is_empty());
        assert_eq!(there.fact_count(), to.fact_count());
    }
}
