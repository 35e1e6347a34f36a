//! The model at one version: immutable, cheap to clone, sharing with its neighbours.

use std::collections::BTreeSet;
use std::sync::Arc;

use groma_model::{
    AttributeIndex, EntityRef, Fact, Kind, KindId, Problem, Schema, Source, Timestamp, Version,
};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::belief::Beliefs;
use crate::overlay::is_declaration;
use crate::reconcile::Reconciled;
use crate::{Alias, Change, Contradiction, Entity, Merged, Ruling};

/// The model at one version. `clone` is O(number of kinds).
#[derive(Debug, Clone)]
pub struct Snapshot {
    schema: Arc<Schema>,
    version: Version,
    fact_count: u64,
    /// What was said, by kind number, then by key.
    entities: Arc<Vec<EntityTree>>,
    reconciled: Reconciled,
}

/// Sources that say something new by a commit.
pub(crate) type News = BTreeSet<Source>;

/// The entities of a kind by key.
pub(crate) type EntityTree = OrdMap<Arc<str>, Arc<Entity>>;

/// How one entity differs between two snapshots.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// As it is in the first; `None`: not there.
    pub before: Option<Arc<Entity>>,
    /// As it is in the second; `None`: not there.
    pub after: Option<Arc<Entity>>,
}

/// One fact among all of a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct FactRow<'a> {
    /// The entity it is about.
    pub entity: &'a EntityRef,
    /// Which attribute of its kind.
    pub attribute: AttributeIndex,
    /// What was said.
    pub fact: &'a Fact,
    /// Whether it is the one believed now; see [`Entity::fact_at`].
    pub chosen: bool,
}

/// Sources that believe different things of one attribute.
#[derive(Debug, Clone)]
pub struct Conflict<'a> {
    /// The entity.
    pub entity: &'a Arc<Entity>,
    /// Which attribute of its kind.
    pub attribute: AttributeIndex,
    /// What is believed, what else is said, and why it is not believed.
    pub contradiction: Contradiction<'a>,
}

impl Snapshot {
    /// Nothing known, at version 0.
    pub fn empty(schema: Arc<Schema>) -> Snapshot {
        let entities = Arc::new(vec![OrdMap::new(); schema.kinds().len()]);
        let reconciled = Reconciled::new(Arc::clone(&schema));
        Snapshot { schema, version: Version(0), fact_count: 0, entities, reconciled }
    }

    /// The same under a schema that [continues](Schema::continues) its own. Cost: O(kinds).
    pub(crate) fn with_schema(&self, schema: Arc<Schema>) -> Snapshot {
        let mut entities = Vec::clone(&self.entities);
        entities.resize(schema.kinds().len(), OrdMap::new());
        let mut next = self.clone();
        next.entities = Arc::new(entities);
        next.reconciled.take_schema(&mut next.entities, Arc::clone(&schema));
        next.schema = schema;
        next
    }

    /// Its schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The entities of a kind in the order of their keys.
    pub fn entities(&self, kind: KindId) -> impl Iterator<Item = &Arc<Entity>> {
        self.shown()[usize::from(kind.0)].values()
    }

    /// All entities, in the order of kinds and keys.
    pub fn all_entities(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.shown().iter().flat_map(OrdMap::values)
    }

    /// All entities as they were said, key by key, none merged into another.
    pub fn said(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.entities.iter().flat_map(OrdMap::values)
    }

    pub(crate) fn reconciled(&self) -> &Reconciled {
        &self.reconciled
    }

    /// The time from which it is looked at: what begins later is not in it.
    pub(crate) fn looked_at(&self) -> Timestamp {
        self.reconciled.now()
    }

    /// The same, looked at from a time at which these entities may be otherwise than later.
    pub(crate) fn looked_at_from(&self, now: Timestamp, ids: BTreeSet<EntityRef>) -> Snapshot {
        let mut next = self.clone();
        if !ids.is_empty() {
            next.reconciled.look_from(now, &self.entities, ids);
        }
        next
    }

    fn shown(&self) -> &[EntityTree] {
        self.reconciled.trees(&self.entities)
    }

    /// How many entities of a kind there are.
    pub fn count(&self, kind: KindId) -> usize {
        self.shown()[usize::from(kind.0)].len()
    }

    /// One entity, also by a key that is merged into it.
    pub fn entity(&self, id: &EntityRef) -> Option<&Arc<Entity>> {
        self.get(id.kind, &id.key)
    }

    /// The entity of this kind and key, or the one into which the key is merged now.
    pub fn get(&self, kind: KindId, key: &str) -> Option<&Arc<Entity>> {
        let tree = &self.shown()[usize::from(kind.0)];
        tree.get(key).or_else(|| {
            if self.reconciled.overlay().is_empty() {
                return None;
            }
            let id = EntityRef { kind, key: key.into() };
            tree.get(self.reconciled.canonical(&id, Timestamp::MAX))
        })
    }

    /// The entity that is meant by a key at a time, or now if that is later; the same if the key is
    /// its own.
    pub fn canonical(&self, id: &EntityRef, at: Timestamp) -> EntityRef {
        let key = Arc::clone(self.reconciled.canonical(id, at));
        EntityRef { kind: id.kind, key }
    }

    /// The keys under which sources speak of an entity, at whatever time: its own and those that are
    /// merged into it.
    pub fn keys_of(&self, id: &EntityRef) -> Vec<Arc<str>> {
        let own = self.entities[usize::from(id.kind.0)].get_key_value(&id.key);
        let own = own.map(|(key, _)| Arc::clone(key));
        own.into_iter().chain(self.reconciled.overlay().parts(id).cloned()).collect()
    }

    /// Every key that is merged into another one, and when, in the order of kinds and keys.
    pub fn merged(&self) -> impl Iterator<Item = (&EntityRef, &Merged)> {
        self.reconciled.overlay().all()
    }

    /// What was declared about pairs: the entity that it was declared of, and the ruling.
    pub fn rulings(&self) -> impl Iterator<Item = (&EntityRef, &Ruling)> {
        self.reconciled.names().all_rulings().map(|(id, ruling)| (id, &**ruling))
    }

    /// Names that were declared.
    pub fn declared_aliases(&self) -> impl Iterator<Item = (&EntityRef, &Alias)> {
        self.reconciled.names().aliases()
    }

    /// Names that tell nothing of who is one, since several have them. Cost: O(names).
    pub fn ambiguous_names(&self) -> Vec<Problem> {
        self.reconciled.ambiguous_names(&self.entities)
    }

    /// The kinds that have entities.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.schema.kinds().iter().filter(|kind| self.count(kind.id) > 0)
    }

    /// Whether both hold the very same entities of this kind, by sharing. `false` says nothing.
    pub fn shares(&self, other: &Snapshot, kind: KindId) -> bool {
        self.shown()[usize::from(kind.0)].ptr_eq(&other.shown()[usize::from(kind.0)])
    }

    /// How many facts there are.
    pub fn fact_count(&self) -> u64 {
        self.fact_count
    }

    /// The trees of what was said, by kind number.
    pub(crate) fn trees(&self) -> &[EntityTree] {
        &self.entities
    }

    /// The tree of what was said of a kind; `None`: the kind is younger than this snapshot.
    pub(crate) fn tree(&self, kind: KindId) -> Option<&EntityTree> {
        self.entities.get(usize::from(kind.0))
    }

    /// This one with other entities, and with what `declaring` has declared besides.
    /// Cost: O(entities in which they differ, and declarations).
    pub(crate) fn with_trees(
        &self,
        trees: Vec<EntityTree>,
        fact_count: u64,
        version: Version,
        declaring: &Snapshot,
    ) -> Snapshot {
        let mut next = Snapshot { entities: Arc::new(trees), fact_count, version, ..self.clone() };
        let touched: Vec<EntityRef> = (self.diff_said(&next).iter())
            .filter_map(|difference| difference.before.as_ref().or(difference.after.as_ref()))
            .map(|entity| entity.id().clone())
            .collect();
        let declared = declaring.declared_beyond(self);
        next.reconciled.update(&self.entities, &next.entities, &touched, &declared);
        next
    }

    /// What is declared here of names and pairs, and not in another, as changes that declare it.
    pub(crate) fn declared_beyond(&self, other: &Snapshot) -> Vec<Change> {
        self.reconciled.names().declared_beyond(other.reconciled.names())
    }

    /// What was said under this very key, whatever it is merged into.
    pub(crate) fn said_of(&self, kind: KindId, key: &str) -> Option<&Arc<Entity>> {
        self.tree(kind)?.get(key)
    }

    /// Every fact of every source as it was said, in the order of kinds, keys, attributes and sources.
    pub fn facts(&self) -> impl Iterator<Item = FactRow<'_>> {
        self.said().flat_map(move |entity| {
            (0..entity.attributes_end()).flat_map(move |attribute| {
                let chosen = self.chosen(entity, attribute);
                entity.facts(attribute).iter().map(move |fact| FactRow {
                    entity: entity.id(),
                    attribute,
                    fact,
                    chosen: chosen.is_some_and(|chosen| is_of(chosen, fact)),
                })
            })
        })
    }

    /// The fact believed now of the entity that a key means.
    fn chosen<'a>(&'a self, said: &'a Entity, attribute: AttributeIndex) -> Option<&'a Fact> {
        let entity = match self.reconciled.is_as_said() {
            true => Some(said),
            false => self.entity(said.id()).map(|entity| &**entity),
        };
        entity?.fact_at(attribute, Timestamp::MAX)
    }

    /// Attributes of which sources believe different things now, with what is believed and why.
    /// Cost: O(entities of which sources differ).
    pub fn conflicts(&self) -> impl Iterator<Item = Conflict<'_>> {
        self.reconciled.contested(&self.entities).flat_map(|entity| {
            (0..entity.attributes_end()).flat_map(move |attribute| {
                let found = entity.contradictions(attribute).into_iter();
                found.map(move |contradiction| Conflict { entity, attribute, contradiction })
            })
        })
    }

    /// Entities of which sources differ at some time: all that conflicts or drift can be about.
    pub fn contested(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.reconciled.contested(&self.entities)
    }

    /// The next snapshot. Cost: O(changes · log entities); changes about the same entity in a row
    /// look it up once. Where keys are merged or split, see [`Snapshot::merged`], a pass over the kinds
    /// that can refer to them is added.
    #[must_use]
    pub fn apply(&self, changes: &[Change], version: Version) -> Snapshot {
        self.apply_noting(changes, version).0
    }

    /// As [`Snapshot::apply`], and the sources that said something new by it.
    pub(crate) fn apply_noting(&self, changes: &[Change], version: Version) -> (Snapshot, News) {
        let mut next = self.clone();
        next.version = version;
        let (mut touched, mut news) = (Vec::new(), News::new());
        let kinds = Arc::make_mut(&mut next.entities);
        for run in changes.chunk_by(|a, b| a.entity() == b.entity()) {
            let Some(first) = run.first() else { continue };
            if run.iter().all(is_declaration) {
                continue;
            }
            let entities = &mut kinds[usize::from(first.entity().kind.0)];
            let beliefs = self.reconciled.beliefs();
            let (lost, won) = apply_run(entities, first.entity(), run, beliefs, &mut news);
            next.fact_count = next.fact_count + won - lost;
            touched.push(first.entity().clone());
        }
        next.reconciled.update(&self.entities, &next.entities, &touched, changes);
        (next, news)
    }

    /// Sources that are believed only where nobody else says something, since they are stale.
    pub fn stale(&self) -> &BTreeSet<Source> {
        self.reconciled.beliefs().stale()
    }

    /// The same, with these sources not believed as long as others say something.
    pub(crate) fn with_stale(mut self, stale: BTreeSet<Source>) -> Snapshot {
        self.reconciled.believe(&mut self.entities, stale);
        self
    }

    /// What differs from `self` to `other` of what is shown, in the order of kinds and keys.
    /// Cost: O(differences · log entities), since shared parts are skipped.
    pub fn diff(&self, other: &Snapshot) -> Vec<Difference> {
        let mut differences = differences(self.shown(), other.shown());
        if self.stale() != other.stale() {
            self.differ_in_belief(other, &mut differences);
        }
        differences
    }

    /// What differs among the entities of a kind, in the order of keys. Cost: as [`Snapshot::diff`].
    pub fn diff_kind(&self, other: &Snapshot, kind: KindId) -> Vec<Difference> {
        if self.stale() != other.stale() {
            let side = |difference: &Difference| {
                let side = difference.before.as_ref().or(difference.after.as_ref());
                side.is_some_and(|entity| entity.id().kind == kind)
            };
            return self.diff(other).into_iter().filter(side).collect();
        }
        let index = usize::from(kind.0);
        let [before, after] = [self, other]
            .map(|snapshot| snapshot.shown().get(index).map_or(&[][..], std::slice::from_ref));
        differences(before, after)
    }

    /// What differs from `self` to `other` of what was said under each key.
    pub(crate) fn diff_said(&self, other: &Snapshot) -> Vec<Difference> {
        differences(&self.entities, &other.entities)
    }

    /// Adds entities of which the same is said, but other sources are believed.
    fn differ_in_belief(&self, other: &Snapshot, differences: &mut Vec<Difference>) {
        let id = |difference: &Difference| -> Option<EntityRef> {
            let side = difference.before.as_ref().or(difference.after.as_ref());
            side.map(|entity| entity.id().clone())
        };
        let known: BTreeSet<_> = differences.iter().filter_map(id).collect();
        for before in self.contested().filter(|entity| !known.contains(entity.id())) {
            if let Some(after) = other.get(before.id().kind, before.key())
                && before.believes_otherwise(after)
            {
                let (before, after) = (Some(Arc::clone(before)), Some(Arc::clone(after)));
                differences.push(Difference { before, after });
            }
        }
        differences.sort_by_cached_key(id);
    }
}

fn differences(before: &[EntityTree], after: &[EntityTree]) -> Vec<Difference> {
    let mut differences = Vec::new();
    // One of them may be older than the last kinds.
    let none = EntityTree::new();
    for index in 0..before.len().max(after.len()) {
        let [before, after] = [before, after].map(|trees| trees.get(index).unwrap_or(&none));
        if before.ptr_eq(after) {
            continue;
        }
        differences.extend(before.diff(after).map(|item| match item {
            DiffItem::Add(_, entity) => {
                Difference { before: None, after: Some(Arc::clone(entity)) }
            }
            DiffItem::Remove(_, entity) => {
                Difference { before: Some(Arc::clone(entity)), after: None }
            }
            DiffItem::Update { old, new } => {
                Difference { before: Some(Arc::clone(old.1)), after: Some(Arc::clone(new.1)) }
            }
        }));
    }
    differences
}

/// Whether a chosen fact is this one, be it cut to the time that is its entity's own.
fn is_of(chosen: &Fact, fact: &Fact) -> bool {
    let stamp = |fact: &Fact| (fact.observed_at, fact.heard_at);
    std::ptr::eq(chosen, fact)
        || (chosen.source == fact.source
            && stamp(chosen) == stamp(fact)
            && fact.valid.from <= chosen.valid.from
            && chosen.valid.from < fact.valid.to)
}

/// Applies changes that are all about `id`. Gives how many facts were lost and won.
fn apply_run(
    entities: &mut OrdMap<Arc<str>, Arc<Entity>>,
    id: &EntityRef,
    mut run: &[Change],
    beliefs: &Arc<Beliefs>,
    news: &mut News,
) -> (u64, u64) {
    let mut lost = 0;
    // What comes before the last removal is gone with it.
    if let Some(last) = run.iter().rposition(|change| matches!(change, Change::Remove { .. })) {
        lost = entities.remove(&id.key).map_or(0, |entity| entity.fact_count());
        run = &run[last + 1..];
    }
    if run.is_empty() {
        return (lost as u64, 0);
    }
    let says = |change: &Change| matches!(change, Change::Assert { .. } | Change::Retract { .. });
    let makes = |change: &Change| matches!(change, Change::Assert { .. } | Change::Exists { .. });
    // Hearing again that an entity exists, or taking back what nobody said, must not copy its part
    // of the tree.
    let is_there = entities.contains_key(&id.key);
    if !run.iter().any(if is_there { says } else { makes }) {
        return (lost as u64, 0);
    }
    let entity = (entities.entry(Arc::clone(&id.key)))
        .or_insert_with(|| Arc::new(Entity::new(id.clone(), Arc::clone(beliefs))));
    let entity = Arc::make_mut(entity);
    entity.believe(beliefs);
    lost += entity.fact_count();
    for change in run {
        match change {
            Change::Assert { attribute, fact, .. } => {
                let is_new = entity.assert(*attribute, fact);
                if is_new && !news.contains(&fact.source) {
                    news.insert(Arc::clone(&fact.source));
                }
            }
            Change::Retract { attribute, source, valid_from, .. } => {
                entity.retract(*attribute, source, *valid_from);
            }
            _ => {}
        }
    }
    entity.shrink();
    (lost as u64, entity.fact_count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify;
    use groma_model::{Observation, Timestamp};

    fn commit(snapshot: &Snapshot, observations: &[Observation]) -> Snapshot {
        let (changes, problems) =
            identify(snapshot.schema(), &"test".into(), observations, Timestamp(1));
        assert_eq!(problems, []);
        snapshot.apply(&changes, Version(snapshot.version().0 + 1))
    }

    fn farm(key: &str, balancing: &str, at: i64) -> Observation {
        Observation::new("service.farm", key, Timestamp(at)).with("balancing", balancing)
    }

    #[test]
    fn the_last_observation_wins_whatever_the_order_of_hearing() {
        let empty = Snapshot::empty(Schema::builtin());
        let kind = empty.schema().id("service.farm");
        let (old, new) = (farm("f", "round_robin", 1), farm("f", "nearest", 2));
        let one = commit(&commit(&empty, std::slice::from_ref(&old)), std::slice::from_ref(&new));
        let two = commit(&commit(&empty, &[new]), &[old]);
        assert_eq!(one.get(kind, "f"), two.get(kind, "f"));
        let balancing = one.schema().kind(kind).attribute("balancing").unwrap();
        assert_eq!(
            one.get(kind, "f").unwrap().value(balancing).unwrap().as_text(),
            Some("nearest")
        );
    }

    #[test]
    fn a_diff_shows_what_was_added_changed_and_removed() {
        let base = commit(
            &Snapshot::empty(Schema::builtin()),
            &[farm("a", "nearest", 1), farm("b", "nearest", 1)],
        );
        let kind = base.schema().id("service.farm");
        let fork = commit(&base, &[farm("b", "round_robin", 2), farm("c", "nearest", 2)]);
        let fork = fork
            .apply(&[Change::Remove { entity: EntityRef { kind, key: "a".into() } }], Version(9));
        let shown: Vec<_> = (base.diff(&fork).iter())
            .map(|d| {
                (
                    d.before.as_ref().map(|e| e.key().to_owned()),
                    d.after.as_ref().map(|e| e.key().to_owned()),
                )
            })
            .collect();
        let some = |key: &str| Some(key.to_owned());
        assert_eq!(shown, [(some("a"), None), (some("b"), some("b")), (None, some("c"))]);
        assert!(base.diff(&base.clone()).is_empty());
    }
}
