//! From segments to trees, sessions and matrix, and replays: work, time, rate and memory.
//!
//! `cargo bench -p groma-events -- FOLDER` takes the segments of a folder;
//! `-- --make FOLDER SCALE` makes some there before (scale 0.05 is 44 million records).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use groma_events::{ReconstructOptions, Reconstructed, reconstruct, replay};
use groma_trace::replay::{Choice, Following, NOT_ANY, ReplayGroup, ReplayPlan};
use groma_trace::{Reconstruction, distribution};

mod made;

/// As in the `groma` binary: large buffers that come back every few milliseconds stay mapped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> =
        env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--make", folder, scale] => {
            make(Path::new(folder), scale.parse()?)?;
            measure(Path::new(folder))
        }
        [folder] => measure(Path::new(folder)),
        _ => {
            let folder = env::temp_dir().join(format!("groma-bench-{}", std::process::id()));
            fs::create_dir_all(&folder)?;
            make(&folder, 0.001)?;
            let measured = measure(&folder);
            fs::remove_dir_all(&folder)?;
            measured
        }
    }
}

fn make(folder: &Path, scale: f64) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    let start = Instant::now();
    let files = made::make(folder, scale)?;
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).map_or(0, |file| file.len())).sum();
    println!("made {} segments, {bytes} bytes, in {:.2?}", files.len(), start.elapsed());
    Ok(())
}

fn measure(folder: &Path) -> Result<(), Failure> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "parquet"));
    files.sort();
    let mut best = f64::MAX;
    for _ in 0..3 {
        let before = processor();
        let start = Instant::now();
        let done = reconstruct(&files, &ReconstructOptions::default());
        let seconds = start.elapsed().as_secs_f64();
        println!("processor {:.2} s of {seconds:.2} s on the clock", processor() - before);
        if seconds < best {
            best = seconds;
        }
        report(&done, seconds);
        replay_all(&done.reconstruction);
    }
    println!("best {best:.3} s");
    Ok(())
}

/// Replays the calls as if each farm chose the nearest member. The place of a party is made up.
fn replay_all(whole: &Reconstruction) {
    const ACCESS_GROUPS: u32 = 40;
    let parties: Vec<u32> = (0..whole.names.len() as u32).collect();
    let access: Vec<u32> = parties.iter().map(|party| party % ACCESS_GROUPS).collect();
    let mut farms: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (name, party) in whole.names.iter().zip(&parties) {
        // What stands before the last hyphen is a farm or a service.
        let farm = name.rsplit_once('-').map_or(&**name, |(farm, _)| farm);
        farms.entry(farm).or_default().push(*party);
    }
    let mut group_of_party = vec![NOT_ANY; parties.len()];
    let mut groups = Vec::new();
    for (farm, members) in farms {
        if members.len() > 1 && !farm.starts_with("client") {
            members.iter().for_each(|party| group_of_party[*party as usize] = groups.len() as u32);
            groups.push(ReplayGroup { members, choice: Choice::Nearest { headroom: None } });
        }
    }
    let plan = ReplayPlan {
        party_of_name: &parties,
        place_of_party: &parties,
        access_of_place: &access,
        group_of_party: &group_of_party,
        groups: &groups,
        proximity: &|a, b| match (a == b, access[a as usize] == access[b as usize]) {
            (true, _) => 0,
            (_, true) => 1,
            _ => 3,
        },
        following: Following::Chosen,
    };
    for _ in 0..3 {
        let before = processor();
        let start = Instant::now();
        let (moved, totals) = replay(&whole.calls, &plan, 0, |a, b, epoch| (a, b, epoch));
        println!(
            "replay {:.3} s, processor {:.2} s: {} groups, {} calls, {} moved, {} cells gained",
            start.elapsed().as_secs_f64(),
            processor() - before,
            groups.len(),
            totals.calls,
            totals.moved,
            moved.come.len(),
        );
    }
}

/// The numbers that the peers print, too, so that they can be compared.
fn report(done: &Reconstructed, seconds: f64) {
    let whole = &done.reconstruction;
    let counts = &whole.counts;
    let durations = distribution::tree_durations(&whole.trees);
    let silences = distribution::tree_silences(&whole.trees);
    let nanos: i128 =
        (0..whole.trees.len()).filter_map(|i| whole.trees.duration(i)).map(i128::from).sum();
    let traffic: u64 = whole.matrix.iter().map(|cell| cell.request_bytes + cell.reply_bytes).sum();
    let asked: u64 = whole.matrix.iter().map(|cell| cell.requests).sum();
    println!(
        "answers records={} messages={} transactions={} trees={} tree_nanos={nanos} sessions={} \
         cells={} requests={asked} bytes={traffic}",
        counts.records,
        counts.messages,
        counts.transactions,
        counts.trees,
        counts.sessions,
        whole.matrix.len(),
    );
    println!(
        "groma {seconds:.3} s, {:.1} M records/s, peak {} MiB; below 2 s {:.4}, dormant {:.4}, \
         duplicates {}, both ends {}, early {}, late {}, unreadable {}",
        counts.records as f64 / seconds / 1e6,
        peak_mib().unwrap_or(0),
        durations.share_below(2_000_000_000).unwrap_or(f64::NAN),
        silences.share_above(60_000_000_000).unwrap_or(f64::NAN),
        counts.duplicates,
        counts.both_ends,
        counts.early_children,
        counts.late_children,
        done.unreadable.len(),
    );
}

/// Seconds of processor time that this process took; they do not depend on who else is there.
fn processor() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The most memory that this process ever held.
fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}
