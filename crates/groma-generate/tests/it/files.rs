//! The same plan gives the same files; without faults nothing is out of order.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use groma_generate::{GenerateError, Plan, generate};

use crate::recount::records;

/// 1/100,000 of the paper: about 2,000 transactions.
fn small(seed: u64) -> Plan {
    Plan { seed, scale: 1e-5, segment_records: 4_000, ..Plan::default() }
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(
                    path.file_name().unwrap().to_str().unwrap().into(),
                    fs::read(&path).unwrap(),
                );
            }
        }
    }
    files
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let made = [7, 7, 8].map(|seed| {
        let folder = tempfile::tempdir().unwrap();
        generate(&small(seed), folder.path(), &mut |_| {}).unwrap();
        contents(folder.path())
    });
    assert!(made[0].keys().any(|name| name == "00001.parquet"), "segments are bounded");
    assert!(made[0] == made[1]);
    assert!(made[0]["00000.parquet"] != made[2]["00000.parquet"]);
}

#[test]
fn without_faults_records_stand_in_order_and_nothing_is_amiss() {
    let folder = tempfile::tempdir().unwrap();
    let truth = generate(&small(1).perfect(), folder.path(), &mut |_| {}).unwrap();
    let counts = &truth.counts;
    assert_eq!((counts.duplicate_records, counts.children_early, counts.children_late), (0, 0, 0));
    let records = records(folder.path());
    assert_eq!(records.len() as u64, counts.records);
    assert!(records.is_sorted_by_key(|record| record.time));
    let instances = &contents(folder.path())["service.instance.csv"];
    assert!(instances.starts_with(b"id,role,farm,service,replica_set,runs_on\n"), "no validity");
}

#[test]
fn missing_times_are_counted_and_progress_reaches_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = small(3);
    plan.faults.missing_time_share = 0.1;
    let mut last = None;
    let truth = generate(&plan, folder.path(), &mut |progress| last = Some(progress)).unwrap();
    let without = records(folder.path()).iter().filter(|record| record.time.is_none()).count();
    assert_eq!(without as u64, truth.counts.records_without_time);
    assert!(without > 0);
    let last = last.unwrap();
    assert_eq!((last.share, last.records), (1.0, truth.counts.records));
}

#[test]
fn a_parameter_out_of_range_is_named() {
    let error =
        generate(&Plan { scale: 2.0, ..Plan::default() }, Path::new("never-made"), &mut |_| {});
    assert!(matches!(error, Err(GenerateError::Plan { name: "scale", .. })));
}
