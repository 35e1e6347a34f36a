//! One entity: for each attribute, what each source says of it.

use std::cmp::Ordering;
use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Fact, Interval, Says, Source, Timestamp, Value};

use crate::Reason;
use crate::belief::Beliefs;

/// An entity with all its facts, those that contradict each other included.
///
/// **Invariant:** of one attribute there is at most one fact per source and `valid.from`, and they
/// are in this order, so that equal facts make equal entities whatever the order of hearing.
#[derive(Clone)]
pub struct Entity {
    id: EntityRef,
    /// By attribute, source and `valid.from`, in one piece: most attributes have one fact.
    facts: Vec<Fact>,
    /// By attribute index, where its facts end; shorter than the kind's list when nobody speaks of
    /// the last ones.
    ends: Vec<u32>,
    /// Our clock, of the first that was ever heard of it.
    first_heard: Timestamp,
    beliefs: Arc<Beliefs>,
}

/// Of one attribute: what one source says, the one that is believed, and why.
#[derive(Debug, Clone)]
pub struct Contradiction<'a> {
    /// What is believed.
    pub chosen: &'a Fact,
    /// What others believe, by source, and why they are not believed.
    pub others: Vec<(&'a Fact, Reason)>,
}

/// What should be and what is.
#[derive(Debug, Clone, Copy)]
pub struct Drift<'a> {
    /// The best of those that tell what should be.
    pub desired: &'a Fact,
    /// The best of those that tell what is.
    pub observed: &'a Fact,
}

impl PartialEq for Entity {
    /// By what was said; who is believed is another matter.
    fn eq(&self, other: &Entity) -> bool {
        self.id == other.id && self.ends == other.ends && self.facts == other.facts
    }
}

impl std::fmt::Debug for Entity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Entity { id, facts, ends, .. } = self;
        f.debug_struct("Entity")
            .field("id", id)
            .field("facts", facts)
            .field("ends", ends)
            .finish_non_exhaustive()
    }
}

impl Entity {
    pub(crate) fn new(id: EntityRef, beliefs: Arc<Beliefs>) -> Entity {
        let first_heard = Timestamp::MAX;
        Entity { id, facts: Vec::new(), ends: Vec::new(), first_heard, beliefs }
    }

    /// The same without its facts.
    pub(crate) fn emptied(&self) -> Entity {
        Entity { facts: Vec::new(), ends: Vec::new(), ..self.clone() }
    }

    /// What it is.
    pub fn id(&self) -> &EntityRef {
        &self.id
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.id.key
    }

    /// The value believed now (at the end of time, for facts with a validity).
    pub fn value(&self, attribute: AttributeIndex) -> Option<&Value> {
        self.value_at(attribute, Timestamp::MAX)
    }

    /// The value believed to hold at `at`. `None`: nobody knows, or the best source says there is none.
    pub fn value_at(&self, attribute: AttributeIndex, at: Timestamp) -> Option<&Value> {
        self.fact_at(attribute, at)?.value.as_ref()
    }

    /// The value believed to hold at `at`, or else the last one that ever held: what is gone was
    /// something once. For things whose names mean nothing else before or after, such as instances.
    pub fn lasting_value_at(&self, attribute: AttributeIndex, at: Timestamp) -> Option<&Value> {
        self.value_at(attribute, at).or_else(|| {
            let facts = self.facts(attribute).iter();
            let last = facts.max_by_key(|fact| (fact.valid.to, fact.observed_at))?;
            last.value.as_ref()
        })
    }

    /// The fact behind [`Entity::value_at`]: of those that hold at `at` the one that is believed, by
    /// the order of [`Reason`]: what is before what should be, fresh before stale, then the rank of
    /// the source, the last observed, the last heard.
    ///
    /// An open-ended fact ends where a later one of the same source starts, unless it was observed
    /// after that one.
    pub fn fact_at(&self, attribute: AttributeIndex, at: Timestamp) -> Option<&Fact> {
        match self.facts(attribute) {
            [] => None,
            [only] => Some(only).filter(|fact| fact.valid.contains(at)),
            facts => (facts.iter())
                .filter(|fact| holds(fact, facts, at))
                .max_by(|a, b| self.compare(attribute, a, b).0),
        }
    }

    /// All that was said about the attribute, by source and start.
    pub fn facts(&self, attribute: AttributeIndex) -> &[Fact] {
        let Some(end) = self.ends.get(attribute) else { return &[] };
        &self.facts[self.start(attribute)..*end as usize]
    }

    /// All facts with their attributes.
    pub fn all_facts(&self) -> impl Iterator<Item = (AttributeIndex, &Fact)> {
        (0..self.ends.len())
            .flat_map(|index| self.facts(index).iter().map(move |fact| (index, fact)))
    }

    /// Whether one of its facts holds at `at`, given all others.
    pub(crate) fn holds_at(&self, attribute: AttributeIndex, fact: &Fact, at: Timestamp) -> bool {
        holds(fact, self.facts(attribute), at)
    }

    /// When one of its facts holds: an open end closes where a later one of its source starts.
    pub fn valid(&self, attribute: AttributeIndex, fact: &Fact) -> Interval {
        Interval { from: fact.valid.from, to: end_of(fact, self.facts(attribute)) }
    }

    /// How many facts there are.
    pub fn fact_count(&self) -> usize {
        self.facts.len()
    }

    /// The attributes that anyone has spoken of are below this one.
    pub(crate) fn attributes_end(&self) -> AttributeIndex {
        self.ends.len()
    }

    /// Whether anything is known of it at `at`: nothing is said of it at all, or some fact holds.
    pub fn exists_at(&self, at: Timestamp) -> bool {
        self.facts.is_empty() || self.facts.iter().any(|fact| fact.valid.contains(at))
    }

    /// Our clock, of the first fact that was ever heard of it; [`Timestamp::MAX`]: there was none.
    pub fn first_heard(&self) -> Timestamp {
        self.first_heard
    }

    /// Sources that believe different things of an attribute now: those that tell what is, and those
    /// that tell what should be, each among themselves.
    pub fn contradictions(&self, attribute: AttributeIndex) -> Vec<Contradiction<'_>> {
        let beliefs = self.beliefs_of(attribute);
        if beliefs.len() < 2 {
            return Vec::new();
        }
        let among = |says: Says| {
            let beliefs = || beliefs.iter().copied().filter(move |fact| self.says(fact) == says);
            let chosen = beliefs().max_by(|a, b| self.compare(attribute, a, b).0)?;
            let others: Vec<_> = (beliefs())
                .filter(|fact| fact.value != chosen.value)
                .map(|fact| (fact, self.compare(attribute, chosen, fact).1))
                .collect();
            (!others.is_empty()).then_some(Contradiction { chosen, others })
        };
        [Says::Observed, Says::Desired].into_iter().filter_map(among).collect()
    }

    /// What should be of an attribute and what is, if they differ now.
    pub fn drift(&self, attribute: AttributeIndex) -> Option<Drift<'_>> {
        let beliefs = self.beliefs_of(attribute);
        let best = |says: Says| {
            (beliefs.iter().copied().filter(|fact| self.says(fact) == says))
                .max_by(|a, b| self.compare(attribute, a, b).0)
        };
        let (desired, observed) = (best(Says::Desired)?, best(Says::Observed)?);
        (desired.value != observed.value).then_some(Drift { desired, observed })
    }

    /// Whether its source tells what is, or what should be.
    pub fn says(&self, fact: &Fact) -> Says {
        self.beliefs.says(fact)
    }

    /// Whether another state of it, of which the same was said, shows another value now.
    pub(crate) fn believes_otherwise(&self, other: &Entity) -> bool {
        (0..self.ends.len()).any(|attribute| self.value(attribute) != other.value(attribute))
    }

    /// Whether who is believed matters: sources differ about an attribute at some time.
    pub(crate) fn is_contested(&self) -> bool {
        (0..self.ends.len()).any(|attribute| {
            let facts = self.facts(attribute);
            facts.windows(2).any(|pair| pair[0].source != pair[1].source)
                && facts.windows(2).any(|pair| pair[0].value != pair[1].value)
        })
    }

    /// What each source believes now, by source.
    fn beliefs_of(&self, attribute: AttributeIndex) -> Vec<&Fact> {
        (self.facts(attribute).chunk_by(|a, b| a.source == b.source))
            .filter_map(|said| {
                (said.iter().filter(|fact| holds(fact, said, Timestamp::MAX)))
                    .max_by(|a, b| self.compare(attribute, a, b).0)
            })
            .collect()
    }

    fn compare(&self, attribute: AttributeIndex, a: &Fact, b: &Fact) -> (Ordering, Reason) {
        self.beliefs.compare(self.id.kind, attribute, a, b)
    }

    pub(crate) fn believe(&mut self, beliefs: &Arc<Beliefs>) {
        self.beliefs = Arc::clone(beliefs);
    }

    pub(crate) fn heard_first(&mut self, at: Timestamp) {
        self.first_heard = self.first_heard.min(at);
    }

    /// Takes a fact in. One of the same source and start takes the place of the older one. Tells
    /// whether that changed more than its times.
    pub(crate) fn assert(&mut self, attribute: AttributeIndex, fact: &Fact) -> bool {
        self.heard_first(fact.heard_at);
        if self.ends.len() <= attribute {
            self.ends.resize(attribute + 1, self.facts.len() as u32);
        }
        let start = self.start(attribute);
        let order =
            |held: &Fact| held.source.cmp(&fact.source).then(held.valid.from.cmp(&fact.valid.from));
        match self.facts(attribute).binary_search_by(order) {
            Ok(place) => {
                let held = &mut self.facts[start + place];
                let newer = when(held) <= when(fact);
                let differs = newer && (held.value != fact.value || held.valid != fact.valid);
                if newer {
                    *held = fact.clone();
                }
                differs
            }
            Err(place) => {
                self.facts.insert(start + place, fact.clone());
                self.ends[attribute..].iter_mut().for_each(|end| *end += 1);
                true
            }
        }
    }

    /// Takes back what a source said from this start on; nothing if it said nothing.
    pub(crate) fn retract(
        &mut self,
        attribute: AttributeIndex,
        source: &Source,
        valid_from: Timestamp,
    ) {
        let order = |held: &Fact| held.source.cmp(source).then(held.valid.from.cmp(&valid_from));
        if let Ok(place) = self.facts(attribute).binary_search_by(order) {
            self.facts.remove(self.start(attribute) + place);
            self.ends[attribute..].iter_mut().for_each(|end| *end -= 1);
            self.forget_empty_end();
        }
    }

    /// Makes the facts about an attribute those of `facts`, which are in order.
    pub(crate) fn set_facts(&mut self, attribute: AttributeIndex, facts: &[Fact]) {
        if self.ends.len() <= attribute {
            self.ends.resize(attribute + 1, self.facts.len() as u32);
        }
        let (start, end) = (self.start(attribute), self.ends[attribute] as usize);
        self.facts.splice(start..end, facts.iter().cloned());
        let (old, new) = ((end - start) as u32, facts.len() as u32);
        self.ends[attribute..].iter_mut().for_each(|end| *end = *end - old + new);
        facts.iter().for_each(|fact| self.heard_first(fact.heard_at));
        self.forget_empty_end();
    }

    /// Equal facts make equal entities: nothing is kept of attributes at the end without facts.
    fn forget_empty_end(&mut self) {
        while let Some(last) = self.ends.len().checked_sub(1)
            && self.facts(last).is_empty()
        {
            self.ends.pop();
        }
    }

    /// Gives back the room that a run of assertions made and did not need.
    pub(crate) fn shrink(&mut self) {
        self.facts.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    fn start(&self, attribute: AttributeIndex) -> usize {
        if attribute == 0 { 0 } else { self.ends[attribute - 1] as usize }
    }
}

/// A fact takes the place of an earlier one of the same source and start.
pub(crate) fn when(fact: &Fact) -> (Timestamp, Timestamp) {
    (fact.observed_at, fact.heard_at)
}

/// Whether `fact` holds at `at`, given all `facts` about its attribute.
fn holds(fact: &Fact, facts: &[Fact], at: Timestamp) -> bool {
    Interval { from: fact.valid.from, to: end_of(fact, facts) }.contains(at)
}

/// When a fact ceases to hold, given all `facts` about its attribute in their order: an open end closes
/// where the next one of its source starts that was not observed before it. Cost: O(log facts), if
/// they were observed in the order of their starts.
pub(crate) fn end_of(fact: &Fact, facts: &[Fact]) -> Timestamp {
    if fact.valid.to != Timestamp::MAX {
        return fact.valid.to;
    }
    let next = facts.partition_point(|other| {
        (&other.source, other.valid.from) <= (&fact.source, fact.valid.from)
    });
    let mut later = facts[next..].iter().take_while(|later| later.source == fact.source);
    let ending = later.find(|later| when(fact) <= when(later));
    ending.map_or(Timestamp::MAX, |later| later.valid.from)
}
