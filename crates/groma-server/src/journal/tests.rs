use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use super::*;

/// A folder of its own that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = env::temp_dir().join(format!("groma-journal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("groma.redb")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn entries(journal: &mut RedbJournal) -> Vec<(u64, Vec<u8>)> {
    let mut entries = Vec::new();
    journal
        .replay(&mut |sequence, entry| {
            entries.push((sequence, entry.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    entries
}

/// Of a size and content that follow from the sequence, so that a reader can tell what it should be.
fn entry(sequence: u64) -> Vec<u8> {
    let size = [10, 300, 5_000, 40_000][(sequence % 4) as usize];
    (0..size).map(|place| (sequence.wrapping_mul(31) + place) as u8).collect()
}

#[test]
fn entries_come_back_in_order_and_a_closed_file_needs_no_repair() {
    let folder = Folder::new("order");
    let journal = RedbJournal::open(&folder.file()).unwrap();
    for sequence in 1..=9 {
        assert_eq!(journal.append(&entry(sequence)).unwrap(), sequence);
    }
    drop(journal);
    let mut journal = RedbJournal::open(&folder.file()).unwrap();
    assert_eq!(journal.repair_report(), None);
    assert_eq!(entries(&mut journal), (1..=9).map(|n| (n, entry(n))).collect::<Vec<_>>());
    assert_eq!(journal.append(b"next").unwrap(), 10);
}

#[test]
fn a_file_that_another_holds_is_refused_with_a_hint() {
    let folder = Folder::new("held");
    let _held = RedbJournal::open(&folder.file()).unwrap();
    let error = RedbJournal::open(&folder.file()).err().unwrap();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    assert!(error.hint().unwrap().contains("server"));
}

#[test]
fn a_file_that_is_no_journal_is_refused_and_left_alone() {
    let folder = Folder::new("foreign");
    fs::write(folder.file(), b"these are somebody's notes\n".repeat(1_000)).unwrap();
    let before = fs::read(folder.file()).unwrap();
    let error = RedbJournal::open(&folder.file()).err().unwrap();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    assert_eq!(fs::read(folder.file()).unwrap(), before);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_with_its_name() {
    let error = RedbJournal::open(Path::new("/nowhere/at/all/groma.redb")).err().unwrap();
    assert_eq!(error.to_string(), "opening /nowhere/at/all/groma.redb failed");
}

/// Cut short at any place, or with a page overwritten, a file is an error or gives whole entries.
#[test]
fn a_damaged_file_never_panics_nor_gives_a_wrong_entry() {
    let folder = Folder::new("damaged");
    let journal = RedbJournal::open(&folder.file()).unwrap();
    for sequence in 1..=8 {
        journal.append(&entry(sequence)).unwrap();
    }
    drop(journal);
    let whole = fs::read(folder.file()).unwrap();
    let try_with = |what: &str, bytes: Vec<u8>| {
        fs::write(folder.file(), bytes).unwrap();
        match RedbJournal::open(&folder.file()) {
            Ok(mut journal) => {
                for (sequence, found) in entries(&mut journal) {
                    assert!(found == entry(sequence), "{what}: entry {sequence} is wrong");
                }
            }
            Err(error) => assert!(!error.to_string().is_empty(), "{what}"),
        }
    };
    for part in 0..24 {
        let cut = whole.len() * part / 24 + part * 13;
        try_with(&format!("cut at {cut}"), whole[..cut.min(whole.len())].to_vec());
        let mut spoilt = whole.clone();
        let place = (whole.len() * part / 24).min(whole.len() - 64);
        spoilt[place..place + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
        try_with(&format!("spoilt at {place}"), spoilt);
    }
}

const CHILD_FILE: &str = "GROMA_JOURNAL_CHILD_FILE";

/// The process that is killed: appends for ever and says what was acknowledged.
#[test]
fn child_that_appends() {
    let Ok(file) = env::var(CHILD_FILE) else { return };
    let mut journal = RedbJournal::open(Path::new(&file)).unwrap();
    let last = entries(&mut journal).last().map_or(0, |(sequence, _)| *sequence);
    let mut out = std::io::stdout();
    for next in last + 1.. {
        let sequence = journal.append(&entry(next)).unwrap();
        writeln!(out, "acknowledged {sequence}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_kill_minus_nine() {
    const ROUNDS: u64 = 24;
    let folder = Folder::new("killed");
    let mut acknowledged = 0;
    let mut repaired = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "journal::tests::child_that_appends", "--nocapture"])
            .env(CHILD_FILE, folder.file())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut hear = |lines: &mut dyn Iterator<Item = std::io::Result<String>>| {
            let number = lines.next()?.ok()?;
            let number = number.rsplit_once("acknowledged ").map(|(_, number)| number.parse());
            acknowledged = number.and_then(Result::ok).unwrap_or(acknowledged);
            Some(())
        };
        // Let it run for some commits, then some way into the next one.
        for _ in 0..6 + round * 7 % 11 {
            hear(&mut lines);
        }
        let wait = Duration::from_micros(round * 173 % 2_000);
        let start = Instant::now();
        while start.elapsed() < wait {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while hear(&mut lines).is_some() {}

        let mut journal = RedbJournal::open(&folder.file()).unwrap();
        repaired += u64::from(journal.repair_report().is_some());
        let found = entries(&mut journal);
        let last = found.last().map_or(0, |(sequence, _)| *sequence);
        assert!((acknowledged..=acknowledged + 1).contains(&last), "{acknowledged}, then {last}");
        assert!(found.iter().zip(1..).all(|((sequence, _), expected)| *sequence == expected));
        assert!(found.iter().all(|(sequence, found)| *found == entry(*sequence)));
    }
    assert!(acknowledged > ROUNDS);
    assert_eq!(repaired, ROUNDS, "every kill should be seen as one");
}
