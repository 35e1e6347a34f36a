//! The smallest merge: the facts about one attribute of one entity.

use std::cmp::Ordering;

use groma_model::{AttributeIndex, Fact};

use crate::Entity;
use crate::entity::when;

/// What becomes of the facts about an attribute.
#[derive(Debug, PartialEq)]
pub(super) enum Cell {
    /// Ours stay: theirs said nothing new.
    Kept,
    /// Theirs take the place of ours.
    Taken,
    /// These, some of each.
    Combined(Vec<Fact>),
    /// Both sides changed what is believed, or what one source said, to different things.
    Conflict,
}

pub(super) fn merge_cell(
    base: &Entity,
    ours: &Entity,
    theirs: &Entity,
    attribute: AttributeIndex,
) -> Cell {
    let [b, o, t] = [base, ours, theirs].map(|entity| entity.facts(attribute));
    if t == b || t == o {
        return Cell::Kept;
    }
    if o == b {
        return Cell::Taken;
    }
    let [was, our, their] = [base, ours, theirs].map(|entity| entity.value(attribute));
    let (we_changed, they_changed) = (our != was, their != was);
    if we_changed && they_changed && our != their {
        return Cell::Conflict;
    }
    let Some(facts) = combine(b, o, t) else { return Cell::Conflict };
    let mut combined = ours.clone();
    combined.set_facts(attribute, &facts);
    // Facts keep their times, so that one may outrank what only the other side changed.
    let wanted = if they_changed { their } else { our };
    match combined.value(attribute) == wanted {
        true if facts == o => Cell::Kept,
        true if facts == t => Cell::Taken,
        true => Cell::Combined(facts),
        false if they_changed && !we_changed => Cell::Taken,
        false => Cell::Kept,
    }
}

/// Whether two lists of facts say the same, whenever it was heard.
pub(super) fn says_same(a: &[Fact], b: &[Fact]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| order(a, b).is_eq() && says(Some(a)) == says(Some(b)))
}

/// Fact by fact, in order; `None`: a source said different things to both sides.
fn combine(base: &[Fact], ours: &[Fact], theirs: &[Fact]) -> Option<Vec<Fact>> {
    let mut all: Vec<&Fact> = base.iter().chain(ours).chain(theirs).collect();
    all.sort_by(|a, b| order(a, b));
    all.dedup_by(|a, b| order(a, b).is_eq());
    let find =
        |facts: &'_ [Fact], fact: &Fact| facts.binary_search_by(|held| order(held, fact)).ok();
    let mut combined = Vec::new();
    for fact in all {
        let [b, o, t] =
            [base, ours, theirs].map(|facts| find(facts, fact).map(|place| &facts[place]));
        let (we_changed, they_changed) = (says(o) != says(b), says(t) != says(b));
        let kept = match (we_changed, they_changed) {
            (true, false) => o,
            (false, true) => t,
            (true, true) if says(o) != says(t) => return None,
            // Both say the same: as it was heard last.
            _ => o.into_iter().chain(t).max_by_key(|fact| when(fact)),
        };
        combined.extend(kept.cloned());
    }
    Some(combined)
}

fn order(a: &Fact, b: &Fact) -> Ordering {
    a.source.cmp(&b.source).then(a.valid.from.cmp(&b.valid.from))
}

/// What a fact says, whenever it was heard.
fn says(fact: Option<&Fact>) -> Option<(&Option<groma_model::Value>, groma_model::Timestamp)> {
    fact.map(|fact| (&fact.value, fact.valid.to))
}
