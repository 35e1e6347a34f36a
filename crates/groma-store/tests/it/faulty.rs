//! A journal that fails as disks do, and the law that nothing acknowledged is lost.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use groma_model::Timestamp;
use groma_store::{Journal, JournalError, LIVE, StoreError, World};
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

/// A journal whose entries outlive the world that writes them.
#[derive(Clone, Default)]
pub(crate) struct Faulty {
    pub(crate) entries: Arc<Mutex<Vec<Vec<u8>>>>,
    /// At which append, and what it leaves.
    pub(crate) fails: Option<(usize, Leaves)>,
    /// Whether it admits that it may tear.
    pub(crate) tears: bool,
}

impl Journal for Faulty {
    fn replay(
        &mut self,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let entries = self.entries.lock().unwrap();
        for (sequence, entry) in (1..).zip(entries.iter()) {
            if each(sequence, entry).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn append(&mut self, entry: &[u8]) -> Result<u64, JournalError> {
        let mut entries = self.entries.lock().unwrap();
        if let Some((at, leaves)) = self.fails
            && at == entries.len()
        {
            match leaves {
                Leaves::Nothing => {}
                Leaves::Torn(part) => entries.push(entry[..entry.len() * part / 100].to_vec()),
                Leaves::Whole => entries.push(entry.to_vec()),
            }
            let (tried, source) = ("appending an entry".to_owned(), "the disk is full".into());
            return Err(JournalError::Failed { tried, source });
        }
        entries.push(entry.to_vec());
        Ok(entries.len() as u64)
    }

    fn cut_torn_tail(&mut self, sequence: u64) -> Result<bool, JournalError> {
        let mut entries = self.entries.lock().unwrap();
        assert_eq!(sequence, entries.len() as u64, "only the last one may be cut");
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
        let whole = journal.entries.lock().unwrap()[index].clone();
        journal.entries.lock().unwrap()[index][20] ^= 1;
        let error = open(&Faulty { tears, ..journal.clone() }).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("entry {} of the journal cannot be read: its checksum is wrong", index + 1)
        );
        journal.entries.lock().unwrap()[index] = whole;
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
