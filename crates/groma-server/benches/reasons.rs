//! From Parquet to reasons, and what-if: time and memory at several scales of the paper's traffic.
//!
//! `cargo bench --workspace --bench reasons -- FOLDER [SCALE ...]` makes the logs in FOLDER where
//! they are missing (seed 1) and runs each scale in a process of its own, so that its peak memory is its
//! own. Importing is not timed: the clock starts when the first question is asked of a store that was
//! just opened.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench ends at the first fault, and prints")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::StreamExt;
use groma_generate::{Plan, generate};
use groma_query::{Outcome, Session};
use groma_server::{Store, StoreOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Scales if none are given: a thousandth, a hundredth, a twentieth.
const SCALES: [&str; 3] = ["0.001", "0.01", "0.05"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let folder = arguments.first().map_or_else(|| std::env::temp_dir().join("groma-bench"), PathBuf::from);
    if std::env::var_os("GROMA_BENCH_SCALE").is_some() {
        return run(&folder, &arguments[1]);
    }
    let scales: Vec<&str> = match &arguments[..] {
        [_, given @ ..] if !given.is_empty() => given.iter().map(String::as_str).collect(),
        _ => SCALES.to_vec(),
    };
    for scale in scales {
        let status = Command::new(std::env::current_exe().unwrap())
            .args([folder.to_str().unwrap(), scale])
            .env("GROMA_BENCH_SCALE", scale)
            .status()
            .unwrap();
        assert!(status.success(), "scale {scale} failed");
    }
}

fn run(folder: &Path, scale: &str) {
    let (made, store_folder) = (folder.join(format!("made-{scale}")), folder.join(format!("store-{scale}")));
    if !made.join("truth.json").exists() {
        let plan = Plan { scale: scale.parse().unwrap(), ..Plan::default() };
        generate(&plan, &made, &mut |_| ()).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let fresh = !store_folder.exists();
    let store = Store::open(&store_folder, StoreOptions::default()).unwrap();
    let session = store.engine().session("live", "bench").unwrap();
    let ask = |sql: &str| runtime.block_on(number(&session, sql));
    if fresh {
        // The store is used by another process of this bench, whose memory starts at nothing.
        ask(&format!("SELECT count(*) FROM import('{}')", made.display()));
        drop(session);
        drop(store);
        return run_again(folder, scale);
    }
    println!("scale {scale}");
    let (trees, took) = timed(|| ask("SELECT count(*) FROM trace.trees"));
    let counts = |name: &str| ask(&format!("SELECT count FROM trace.counts WHERE name = '{name}'"));
    let (records, transactions) = (counts("records"), counts("transactions"));
    println!("  {records} records, {transactions} transactions, {trees} trees");
    report("Parquet to trees, sessions and matrix", took, records);
    let (bytes, placed) = timed(|| ask("SELECT sum(bytes) FROM traffic.reasons"));
    report("matrix to reasons (with the network)", placed, records);
    report("Parquet to reasons", took + placed, records);
    println!("  {bytes} bytes; peak memory {} MiB", peak_mebibytes());

    let (_, forked) = timed(|| ask("CREATE DATABASE near TEMPLATE live"));
    println!("  fork: {:.3} ms", forked.as_secs_f64() * 1e3);
    ask("UPDATE near.service.farm SET balancing = 'nearest'");
    let (same, replayed) = timed(|| ask("SELECT sum(bytes) FROM near.traffic.reasons"));
    assert_eq!(same, bytes, "re-balancing loses nothing");
    report("what if, farms choose the nearest", replayed, records);
    ask("CREATE DATABASE one_vlan TEMPLATE near");
    ask("UPDATE one_vlan.service.service SET balancing = 'nearest'");
    ask("UPDATE one_vlan.network.vlan SET merged_into = (SELECT min(id) FROM network.vlan WHERE zone IS NOT NULL) WHERE zone IS NOT NULL");
    let (same, merged) = timed(|| ask("SELECT sum(bytes) FROM one_vlan.traffic.reasons"));
    assert_eq!(same, bytes, "merging VLANs loses nothing");
    report("what if, one VLAN and the nearest everywhere", merged, records);
    println!("  peak memory with both forks {} MiB", peak_mebibytes());
    for fork in ["near", "one_vlan"] {
        ask(&format!("DROP DATABASE {fork}"));
    }
}

fn run_again(folder: &Path, scale: &str) {
    let status = Command::new(std::env::current_exe().unwrap()).args([folder.to_str().unwrap(), scale]).status().unwrap();
    assert!(status.success(), "scale {scale} failed");
}

/// The first number of the answer; 0 for commands.
async fn number(session: &Session, sql: &str) -> i64 {
    let mut answer = 0;
    for outcome in session.execute(sql).await.unwrap() {
        if let Outcome::Rows { mut stream, .. } = outcome {
            while let Some(batch) = stream.next().await {
                let batch = batch.unwrap();
                if batch.num_rows() > 0 {
                    answer = batch.column(0).as_primitive_opt::<Int64Type>().map_or(0, |column| column.value(0));
                }
            }
        }
    }
    answer
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

fn report(what: &str, took: Duration, records: i64) {
    let seconds = took.as_secs_f64();
    println!("  {what}: {seconds:.3} s, {:.1} M records/s", records as f64 / seconds / 1e6);
}

/// The most memory that this process ever held, as the kernel counts it.
fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
