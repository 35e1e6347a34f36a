//! One entity: for each attribute, what each source says of it.

use std::cmp::Ordering;

use groma_model::{AttributeIndex, EntityRef, Fact, Source, Timestamp, Value};

/// An entity with all its facts, those that contradict each other included.
///
/// **Invariant:** of one attribute there is at most one fact per source and `valid.from`, and they
/// are in this order, so that equal facts make equal entities whatever the order of hearing.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    id: EntityRef,
    /// By attribute, source and `valid.from`, in one piece: most attributes have one fact.
    facts: Vec<Fact>,
    /// By attribute index, where its facts end; shorter than the kind's list when nobody speaks of
    /// the last ones.
    ends: Vec<u32>,
}

impl Entity {
    pub(crate) fn new(id: EntityRef) -> Entity {
        Entity { id, facts: Vec::new(), ends: Vec::new() }
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

    /// The fact behind [`Entity::value_at`]: of those that hold at `at` the last observed;
    /// of several the last heard, then the last source by name, then the last to start.
    ///
    /// An open-ended fact ends where a later one of the same source starts, unless it was observed
    /// after that one.
    pub fn fact_at(&self, attribute: AttributeIndex, at: Timestamp) -> Option<&Fact> {
        match self.facts(attribute) {
            [] => None,
            [only] => Some(only).filter(|fact| fact.valid.contains(at)),
            facts => (facts.iter()).filter(|fact| holds(fact, facts, at)).max_by(by_trust),
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

    /// How many facts there are.
    pub fn fact_count(&self) -> usize {
        self.facts.len()
    }

    /// The attributes that anyone has spoken of are below this one.
    pub(crate) fn attributes_end(&self) -> AttributeIndex {
        self.ends.len()
    }

    /// What each source believes now of an attribute, if they do not all agree; else empty.
    pub fn conflict(&self, attribute: AttributeIndex) -> Vec<&Fact> {
        let facts = self.facts(attribute);
        if facts.len() < 2 {
            return Vec::new();
        }
        let beliefs: Vec<&Fact> = (facts.chunk_by(|a, b| a.source == b.source))
            .filter_map(|said| {
                said.iter().filter(|fact| holds(fact, said, Timestamp::MAX)).max_by(by_trust)
            })
            .collect();
        let agree = beliefs.windows(2).all(|pair| pair[0].value == pair[1].value);
        if agree { Vec::new() } else { beliefs }
    }

    /// Takes a fact in. One of the same source and start takes the place of the older one.
    pub(crate) fn assert(&mut self, attribute: AttributeIndex, fact: &Fact) {
        if self.ends.len() <= attribute {
            self.ends.resize(attribute + 1, self.facts.len() as u32);
        }
        let start = self.start(attribute);
        let order =
            |held: &Fact| held.source.cmp(&fact.source).then(held.valid.from.cmp(&fact.valid.from));
        match self.facts(attribute).binary_search_by(order) {
            Ok(place) => {
                let held = &mut self.facts[start + place];
                if when(held) <= when(fact) {
                    *held = fact.clone();
                }
            }
            Err(place) => {
                self.facts.insert(start + place, fact.clone());
                self.ends[attribute..].iter_mut().for_each(|end| *end += 1);
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

fn by_trust(a: &&Fact, b: &&Fact) -> Ordering {
    when(a)
        .cmp(&when(b))
        .then_with(|| a.source.cmp(&b.source))
        .then_with(|| a.valid.from.cmp(&b.valid.from))
}

/// Whether `fact` holds at `at`, given all `facts` about its attribute.
fn holds(fact: &Fact, facts: &[Fact], at: Timestamp) -> bool {
    let superseded = |later: &Fact| {
        fact.valid.from < later.valid.from
            && later.valid.from <= at
            && later.source == fact.source
            && when(fact) <= when(later)
    };
    fact.valid.contains(at) && !(fact.valid.to == Timestamp::MAX && facts.iter().any(superseded))
}
