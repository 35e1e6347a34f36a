//! Merged entities over what was said: a key that is another entity's for a time, and back.
//!
//! What was said is never rewritten. The overlay says under which key it is found when, and an
//! [`Entity`] is shown with the facts of all its keys, cut to the time in which they are its own,
//! and with references to merged keys led on.

use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Fact, Interval, Schema, Timestamp, Value, ValueType};
use imbl::{OrdMap, OrdSet};

use crate::belief::Beliefs;
use crate::entity::{end_of, when};
use crate::grouping::{Grounds, Merged};
use crate::names::common;
use crate::snapshot::EntityTree;
use crate::{Change, Entity};

/// Which keys are other entities' when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    /// By merged key; in order of time, not overlapping.
    merged: OrdMap<EntityRef, Arc<[Merged]>>,
    /// The entity, and a key that is merged into it at some time.
    parts: OrdSet<(EntityRef, Arc<str>)>,
}

impl Overlay {
    pub(crate) fn is_empty(&self) -> bool {
        self.merged.is_empty()
    }

    /// What a key is merged into, by time; nothing for most keys.
    pub(crate) fn of(&self, id: &EntityRef) -> &[Merged] {
        self.merged.get(id).map_or(&[], |merged| merged)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&EntityRef, &Merged)> {
        self.merged.iter().flat_map(|(id, merged)| merged.iter().map(move |one| (id, one)))
    }

    /// The key under which an entity is found at `at`.
    pub(crate) fn canonical<'a>(&'a self, id: &'a EntityRef, at: Timestamp) -> &'a Arc<str> {
        let merged = self.of(id).iter().find(|merged| merged.valid.contains(at));
        merged.map_or(&id.key, |merged| &merged.into)
    }

    /// Keys that are merged into an entity at some time.
    pub(crate) fn parts(&self, id: &EntityRef) -> impl Iterator<Item = &Arc<str>> {
        let start = (id.clone(), Arc::from(""));
        let id = id.clone();
        self.parts.range(start..).take_while(move |(whole, _)| *whole == id).map(|(_, part)| part)
    }

    /// Whether that changed anything.
    pub(crate) fn set(&mut self, id: &EntityRef, merged: Vec<Merged>) -> bool {
        if self.of(id) == merged {
            return false;
        }
        let place = |merged: &Merged| {
            let whole = EntityRef { kind: id.kind, key: Arc::clone(&merged.into) };
            (whole, Arc::clone(&id.key))
        };
        let was = self.merged.remove(id);
        was.iter().flat_map(|was| was.iter()).for_each(|was| drop(self.parts.remove(&place(was))));
        merged.iter().for_each(|merged| drop(self.parts.insert(place(merged))));
        if !merged.is_empty() {
            self.merged.insert(id.clone(), merged.into());
        }
        true
    }

    /// What a key is merged into since it is a part of something that is: `b:eth0` of a device `b` that
    /// is `a` is `a:eth0`. Nothing if no thing that it refers to has another name.
    pub(crate) fn follow(&self, id: &EntityRef, said: &Entity) -> Vec<Merged> {
        let mut wholes: Vec<&EntityRef> = targets(said)
            .filter(|target| target.kind != id.kind && !self.of(target).is_empty())
            .filter(|target| replace_name(&id.key, &target.key, &target.key).is_some())
            .collect();
        wholes.sort_by(|a, b| b.key.len().cmp(&a.key.len()).then(a.cmp(b)));
        wholes.dedup();
        let Some(whole) = wholes.first() else { return Vec::new() };
        let mut bounds: Vec<Timestamp> = (wholes.iter().flat_map(|whole| self.of(whole)))
            .flat_map(|merged| [merged.valid.from, merged.valid.to])
            .collect();
        bounds.sort_unstable();
        bounds.dedup();
        let mut followed: Vec<Merged> = Vec::new();
        for pair in bounds.windows(2) {
            let valid = Interval { from: pair[0], to: pair[1] };
            let key = wholes.iter().fold(id.key.to_string(), |key, whole| {
                replace_name(&key, &whole.key, self.canonical(whole, valid.from)).unwrap_or(key)
            });
            if *key == *id.key {
                continue;
            }
            let into: Arc<str> = in_order(&id.key, key).into();
            match followed.last_mut() {
                Some(last) if last.into == into && last.valid.to == valid.from => {
                    last.valid.to = valid.to;
                }
                _ => {
                    let by = Grounds::PartOf(Arc::clone(&whole.key));
                    followed.push(Merged { into, valid, by });
                }
            }
        }
        followed
    }

    /// The entity under a key, with all that is its own; `None`: there is none. One of which nothing
    /// is said but that it exists is there if it is `now`.
    pub(crate) fn show(
        &self,
        id: &EntityRef,
        said: &EntityTree,
        beliefs: &Arc<Beliefs>,
        now: Timestamp,
    ) -> Option<Arc<Entity>> {
        let (own, away) = (said.get(&id.key), self.of(id));
        let parts: Vec<&Arc<str>> = self.parts(id).collect();
        if away.is_empty() && parts.is_empty() && !own.is_some_and(|own| self.leads_on(own)) {
            return own.map(Arc::clone);
        }
        let mut shown = Entity::new(id.clone(), Arc::clone(beliefs));
        let mut pieces: Vec<(AttributeIndex, Fact)> = Vec::new();
        let mut is_there = false;
        let mut gather = |said: &Entity, stays: Vec<Interval>| {
            let held = pieces.len();
            self.gather(said, &stays, &mut pieces);
            shown.heard_first(said.first_heard());
            let is_bare = said.fact_count() == 0;
            is_there |= pieces.len() > held || (is_bare && stays.iter().any(|s| s.contains(now)));
        };
        for key in parts {
            let part = EntityRef { kind: id.kind, key: Arc::clone(key) };
            if let Some(entity) = said.get(key) {
                let stays = self.of(&part).iter().filter(|merged| merged.into == id.key);
                gather(entity, stays.map(|merged| merged.valid).collect());
            }
        }
        if let Some(own) = own {
            gather(own, gaps(away.iter().map(|merged| merged.valid)));
        }
        pieces.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.source.cmp(&other.source)));
        for said in pieces.chunk_by(|(a, one), (b, other)| a == b && one.source == other.source) {
            for fact in one_by_one(said.iter().map(|(_, fact)| fact)) {
                shown.assert(said[0].0, &fact);
            }
        }
        shown.shrink();
        is_there.then(|| Arc::new(shown))
    }

    /// What was said of a key while it is the entity's.
    fn gather(&self, said: &Entity, stays: &[Interval], pieces: &mut Vec<(AttributeIndex, Fact)>) {
        for (attribute, fact) in said.all_facts() {
            // An open end is made plain first: cut in pieces, a fact could not give way any more.
            let to = end_of(fact, said.facts(attribute));
            let holds = Interval { from: fact.valid.from, to };
            for valid in stays.iter().filter_map(|stay| common(*stay, holds)) {
                pieces
                    .extend(self.lead_on(fact, valid).into_iter().map(|piece| (attribute, piece)));
            }
        }
    }

    /// A fact in pieces, so that each refers to an entity that is there all the while.
    fn lead_on(&self, fact: &Fact, valid: Interval) -> Vec<Fact> {
        if !self.refers_to_merged(fact) {
            return vec![Fact { valid, ..fact.clone() }];
        }
        let targets = match &fact.value {
            Some(Value::Reference(target)) => std::slice::from_ref(target),
            Some(value) => value.references(),
            None => &[],
        };
        let mut bounds: Vec<Timestamp> = (targets.iter().flat_map(|target| self.of(target)))
            .flat_map(|merged| [merged.valid.from, merged.valid.to])
            .filter(|bound| valid.from < *bound && *bound < valid.to)
            .chain([valid.from, valid.to])
            .collect();
        bounds.sort_unstable();
        bounds.dedup();
        let mut pieces: Vec<Fact> = Vec::new();
        for pair in bounds.windows(2) {
            let at = pair[0];
            let lead = |target: &EntityRef| EntityRef {
                kind: target.kind,
                key: Arc::clone(self.canonical(target, at)),
            };
            let value = match &fact.value {
                Some(Value::Reference(target)) => Some(Value::Reference(lead(target))),
                Some(Value::References(targets)) => {
                    let mut led: Vec<EntityRef> = Vec::with_capacity(targets.len());
                    for target in targets.iter().map(lead) {
                        if !led.contains(&target) {
                            led.push(target);
                        }
                    }
                    Some(Value::References(led.into()))
                }
                value => value.clone(),
            };
            match pieces.last_mut() {
                Some(last) if last.value == value => last.valid.to = pair[1],
                _ => {
                    let valid = Interval { from: pair[0], to: pair[1] };
                    pieces.push(Fact { value, valid, ..fact.clone() });
                }
            }
        }
        pieces
    }

    fn leads_on(&self, entity: &Entity) -> bool {
        entity.all_facts().any(|(_, fact)| self.refers_to_merged(fact))
    }

    fn refers_to_merged(&self, fact: &Fact) -> bool {
        match &fact.value {
            Some(Value::Reference(target)) => self.merged.contains_key(target),
            Some(Value::References(targets)) => {
                targets.iter().any(|target| self.merged.contains_key(target))
            }
            _ => false,
        }
    }
}

/// What one source says of an attribute under several keys, without overlaps: the last observed counts.
fn one_by_one<'a>(facts: impl Iterator<Item = &'a Fact>) -> Vec<Fact> {
    let facts: Vec<&Fact> = facts.collect();
    if let [only] = facts.as_slice() {
        return vec![Fact::clone(only)];
    }
    let mut bounds: Vec<Timestamp> =
        facts.iter().flat_map(|fact| [fact.valid.from, fact.valid.to]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let mut pieces: Vec<Fact> = Vec::new();
    let mut last: Option<&Fact> = None;
    for pair in bounds.windows(2) {
        let covering = facts.iter().filter(|f| f.valid.from <= pair[0] && pair[1] <= f.valid.to);
        let newest = covering.max_by_key(|fact| when(fact)).copied();
        match (newest, pieces.last_mut()) {
            (Some(fact), Some(piece)) if last.is_some_and(|last| std::ptr::eq(last, fact)) => {
                piece.valid.to = pair[1];
            }
            (Some(fact), _) => {
                let valid = Interval { from: pair[0], to: pair[1] };
                pieces.push(Fact { valid, ..fact.clone() });
            }
            (None, _) => {}
        }
        last = newest;
    }
    pieces
}

/// Everything that any fact of an entity refers to.
pub(crate) fn targets(entity: &Entity) -> impl Iterator<Item = &EntityRef> {
    entity.all_facts().flat_map(|(_, fact)| match &fact.value {
        Some(Value::Reference(target)) => std::slice::from_ref(target),
        Some(value) => value.references(),
        None => &[],
    })
}

/// Entities that refer to any of `wanted`, whatever the time. Cost: O(facts of the kinds that can).
pub(crate) fn referrers<'a>(
    schema: &'a Schema,
    said: &'a [EntityTree],
    wanted: &'a rustc_hash::FxHashSet<EntityRef>,
) -> impl Iterator<Item = &'a Arc<Entity>> {
    let can_refer = |of: &ValueType| match of {
        ValueType::Reference(kinds) | ValueType::References(kinds) => {
            wanted.iter().any(|id| kinds.contains(&id.kind))
        }
        _ => false,
    };
    let kinds: Vec<usize> = (schema.kinds().iter())
        .filter(|kind| kind.attributes.iter().any(|attribute| can_refer(&attribute.of)))
        .map(|kind| usize::from(kind.id.0))
        .collect();
    (kinds.into_iter().filter_map(|kind| said.get(kind)))
        .flat_map(OrdMap::values)
        .filter(|entity| targets(entity).any(|target| wanted.contains(target)))
}

/// What stands between the names of which a key is made.
const SEPARATORS: [&str; 6] = ["--", ":", "|", "/", "@", "+"];

/// A key that is made of names, with another name in the place of one of them.
fn replace_name(key: &str, name: &str, other: &str) -> Option<String> {
    let begins = |text: &str| text.is_empty() || SEPARATORS.iter().any(|by| text.ends_with(by));
    let ends = |text: &str| text.is_empty() || SEPARATORS.iter().any(|by| text.starts_with(by));
    let is_made = key != name || SEPARATORS.iter().any(|by| name.contains(by));
    let mut places =
        key.match_indices(name).map(|(place, _)| (&key[..place], &key[place + name.len()..]));
    let (before, after) = places.find(|(before, after)| begins(before) && ends(after))?;
    is_made.then(|| format!("{before}{other}{after}"))
}

/// Where a key joins two names, the smaller comes first.
fn in_order(was: &str, key: String) -> String {
    for by in ["--", "+"] {
        let is_ordered = was.split_once(by).is_some_and(|(a, b)| a <= b);
        if let Some((a, b)) = key.split_once(by).filter(|(a, b)| is_ordered && b < a) {
            return format!("{b}{by}{a}");
        }
    }
    key
}

/// The time that no stretch covers; they are in order.
fn gaps(covered: impl Iterator<Item = Interval>) -> Vec<Interval> {
    let mut gaps = Vec::new();
    let mut from = Timestamp::MIN;
    for stretch in covered {
        gaps.extend(common(Interval { from, to: stretch.from }, Interval::ALWAYS));
        from = stretch.to;
    }
    if from != Timestamp::MAX {
        gaps.push(Interval { from, to: Timestamp::MAX });
    }
    gaps
}

/// Whether a change is about names alone.
pub(crate) fn is_declaration(change: &Change) -> bool {
    matches!(change, Change::Alias { .. } | Change::Rule { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_replaced_where_it_stands_alone() {
        for (key, name, wanted) in [
            ("b:eth0", "b", Some("a:eth0")),
            ("b:eth0|10.0.0.1", "b:eth0", Some("a|10.0.0.1")),
            ("sw1:1--b:eth0", "b", Some("sw1:1--a:eth0")),
            ("web-1:eth0", "web", None),
            ("bb:eth0", "b", None),
            ("b", "b", None),
            ("b:bond0", "b:bond0", Some("a")),
            ("b+c", "b", Some("a+c")),
        ] {
            assert_eq!(replace_name(key, name, "a").as_deref(), wanted, "{key}");
        }
        assert_eq!(in_order("b:1--c:1", "z:1--c:1".into()), "c:1--z:1");
    }
}
