//! A journal that fails as disks do, and the law that nothing acknowledged is lost.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use groma_model::Timestamp;
use groma_store::{Journal, JournalError, JournalReader, LIVE, StoreError, World, Writer as _};
use proptest::prelude::*;

use crate::made::{commit, schema, shown};

/// What a failing append leaves behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Leaves {
    Nothing,
    /// So many hundredths of the entry.
    Torn(usize),
    /// It was durable after all; only the answer was lost.
    Whole,
}

pub(crate) type Entries = Vec<(u64, Vec<u8>)>;

/// A journal whose entries outlive the world that writes them.
#[derive(Clone, Default)]
pub(crate) struct Faulty {
    /// By sequence.
    pub(crate) entries: Arc<Mutex<Entries>>,
    /// At which append, and what it leaves.
    pub(crate) fails: Option<(usize, Leaves)>,
    /// What a rewrite leaves that fails.
    pub(crate) rewrite_fails: Option<Leaves>,
    /// Whether it admits that it may tear.
    pub(crate) tears: bool,
}

struct Kept(Vec<(u64, Vec<u8>)>);

impl JournalReader for Kept {
    fn read(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let mut left = self.0.iter().filter(|(sequence, _)| from <= *sequence);
        let _ = left.try_for_each(|(sequence, entry)| each(*sequence, entry));
        Ok(())
    }
}

fn full() -> JournalError {
    JournalError::Failed { tried: "writing".to_owned(), source: "the disk is full".into() }
}

impl Journal for Faulty {
    fn reader(&self) -> Result<Box<dyn JournalReader>, JournalError> {
        Ok(Box::new(Kept(self.entries.lock().unwrap().clone())))
    }

    fn append(&self, entry: &[u8]) -> Result<u64, JournalError> {
        let mut entries = self.entries.lock().unwrap();
        let sequence = entries.last().map_or(1, |(last, _)| last + 1);
        if let Some((at, leaves)) = self.fails
            && at == entries.len()
        {
            match leaves {
                Leaves::Nothing => {}
                Leaves::Torn(part) => {
                    entries.push((sequence, entry[..entry.len() * part / 100].to_vec()));
                }
                Leaves::Whole => entries.push((sequence, entry.to_vec())),
            }
            return Err(full());
        }
        entries.push((sequence, entry.to_vec()));
        Ok(sequence)
    }

    fn rewrite(&mut self, rewritten: &[(u64, Vec<u8>)]) -> Result<(), JournalError> {
        if self.rewrite_fails == Some(Leaves::Nothing) {
            return Err(full());
        }
        let mut entries: BTreeMap<_, _> = self.entries.lock().unwrap().drain(..).collect();
        entries.extend(rewritten.iter().cloned());
        self.entries.lock().unwrap().extend(entries);
        self.rewrite_fails.map_or(Ok(()), |_| Err(full()))
    }

    fn cut_torn_tail(&mut self, sequence: u64) -> Result<bool, JournalError> {
        let mut entries = self.entries.lock().unwrap();
        assert_eq!(
            Some(sequence),
            entries.last().map(|(last, _)| *last),
            "only the last may be cut"
        );
        if self.tears {
            entries.pop();
        }
        Ok(self.tears)
    }
}

fn open(journal: &Faulty) -> Result<World, StoreError> {
    World::open(schema(), Box::new(journal.clone()))
}

fn step(world: &mut World, number: usize) -> Result<(), StoreError> {
    let line = format!("port d:{} mtu={number}", number % 3);
    world.commit(LIVE, commit("test", &line, number as i64)).map(|_| ())
}

proptest! {
    #[test]
    fn nothing_acknowledged_is_lost(
        at in 0..8_usize,
        leaves in prop_oneof![
            Just(Leaves::Nothing), (0..100_usize).prop_map(Leaves::Torn), Just(Leaves::Whole)
        ],
    ) {
        let mut journal = Faulty { fails: Some((at, leaves)), tears: true, ..Faulty::default() };
        let mut world = open(&journal).unwrap();
        let acknowledged = (0..8).take_while(|number| step(&mut world, *number).is_ok()).count();
        prop_assert_eq!(acknowledged, at);
        let before = shown(&world.snapshot(LIVE).unwrap());
        // Nobody knows what the journal holds: no more commits, but answers.
        let refused = matches!(step(&mut world, 9), Err(StoreError::ReadOnly { .. }));
        prop_assert!(refused);

        journal.fails = None;
        let mut world = open(&journal).unwrap();
        let after = shown(&world.snapshot(LIVE).unwrap());
        prop_assert_eq!(before == after, leaves != Leaves::Whole);
        let torn = matches!(leaves, Leaves::Torn(_));
        prop_assert_eq!((world.torn_tail().is_some(), world.repair().is_some()), (torn, torn));
        // And on it goes.
        step(&mut world, 9).unwrap();
        let again = open(&journal).unwrap();
        prop_assert_eq!(shown(&again.snapshot(LIVE).unwrap()), shown(&world.snapshot(LIVE).unwrap()));
        prop_assert!(again.torn_tail().is_none());
    }
}

#[test]
fn an_acknowledged_entry_that_cannot_be_read_is_an_error_that_names_it() {
    let journal = Faulty::default();
    let mut world = open(&journal).unwrap();
    (0..3).for_each(|number| step(&mut world, number).unwrap());
    for (index, tears) in [(1, true), (2, false)] {
        let whole = journal.entries.lock().unwrap()[index].1.clone();
        journal.entries.lock().unwrap()[index].1[20] ^= 1;
        let error = open(&Faulty { tears, ..journal.clone() }).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("entry {} of the journal cannot be read: its checksum is wrong", index + 1)
        );
        journal.entries.lock().unwrap()[index].1 = whole;
    }
    assert!(open(&journal).is_ok());
}

#[test]
fn a_failed_fork_or_drop_changes_nothing() {
    let journal = Faulty { fails: Some((1, Leaves::Nothing)), ..Faulty::default() };
    let mut world = open(&journal).unwrap();
    world.fork("a", LIVE, Timestamp(1)).unwrap();
    assert!(world.drop_database("a").is_err());
    assert!(world.database("a").is_ok());
    assert!(world.fork("b", LIVE, Timestamp(1)).is_err());
    assert!(world.database("b").is_err());
}
