//! One number per name for all threads.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::columns::{Dictionaries, NameSink};

/// The names of a log.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Numbered>);

#[derive(Debug, Default)]
struct Numbered {
    numbers: FxHashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    fn number(&self, name: &str) -> (Arc<str>, u32) {
        let mut numbered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Numbered { numbers, names } = &mut *numbered;
        if let Some((name, number)) = numbers.get_key_value(name) {
            return (name.clone(), *number);
        }
        let (name, number) = (Arc::<str>::from(name), names.len() as u32);
        numbers.insert(name.clone(), number);
        names.push(name.clone());
        (name, number)
    }

    pub(crate) fn into_names(self) -> Vec<Arc<str>> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).names
    }
}

/// What one thread knows of the names, so that it seldom has to ask.
pub(crate) struct NamesOfThread<'n> {
    all: &'n Names,
    known: FxHashMap<Arc<str>, u32>,
}

/// Names of a thread with the dictionaries in which it last met them.
pub(crate) struct ReadNames<'n> {
    pub(crate) names: NamesOfThread<'n>,
    pub(crate) dictionaries: Dictionaries,
}

impl<'n> NamesOfThread<'n> {
    pub(crate) fn new(all: &'n Names) -> Self {
        NamesOfThread { all, known: FxHashMap::default() }
    }
}

impl NameSink for NamesOfThread<'_> {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.known.get(name) {
            return *number;
        }
        let (name, number) = self.all.number(name);
        self.known.insert(name, number);
        number
    }
}
