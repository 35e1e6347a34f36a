//! One entity: for each attribute, what each source says of it.

use groma_model::{AttributeIndex, EntityRef, Fact, Timestamp, Value};

/// An entity with all its facts.
///
/// **Invariant:** of one attribute there is at most one fact per source and `valid.from`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    id: EntityRef,
    /// By attribute index; shorter than the kind's list when the last ones are unknown.
    facts: Vec<Vec<Fact>>,
}

impl Entity {
    pub(crate) fn new(id: EntityRef) -> Entity {
        Entity { id, facts: Vec::new() }
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

    /// The fact behind [`Entity::value_at`]: of those valid at `at` the last observed;
    /// of several the last heard, then the last source by name.
    pub fn fact_at(&self, attribute: AttributeIndex, at: Timestamp) -> Option<&Fact> {
        (self.facts(attribute).iter()).filter(|fact| fact.valid.contains(at)).max_by(|a, b| {
            (a.observed_at, a.heard_at, &a.source).cmp(&(b.observed_at, b.heard_at, &b.source))
        })
    }

    /// All that was said about the attribute.
    pub fn facts(&self, attribute: AttributeIndex) -> &[Fact] {
        self.facts.get(attribute).map_or(&[], Vec::as_slice)
    }

    /// All facts with their attributes.
    pub fn all_facts(&self) -> impl Iterator<Item = (AttributeIndex, &Fact)> {
        self.facts
            .iter()
            .enumerate()
            .flat_map(|(index, facts)| facts.iter().map(move |fact| (index, fact)))
    }

    /// Takes a fact in. A fact of the same source and start takes the place of the older one;
    /// an open-ended one of the same source ends where a later one starts.
    pub(crate) fn assert(&mut self, attribute: AttributeIndex, fact: Fact) {
        if self.facts.len() <= attribute {
            self.facts.resize_with(attribute + 1, Vec::new);
        }
        let facts = &mut self.facts[attribute];
        match facts
            .iter_mut()
            .find(|held| held.source == fact.source && held.valid.from == fact.valid.from)
        {
            Some(held)
                if (held.observed_at, held.heard_at) <= (fact.observed_at, fact.heard_at) =>
            {
                *held = fact
            }
            Some(_) => {}
            None => facts.push(fact),
        }
    }
}
