//! The model at one version: immutable, cheap to clone, sharing with its neighbours.

use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Fact, Kind, KindId, Schema, Timestamp, Version};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::{Change, Entity};

/// The model at one version. `clone` is O(number of kinds).
#[derive(Debug, Clone)]
pub struct Snapshot {
    schema: Arc<Schema>,
    version: Version,
    fact_count: u64,
    /// By kind number, then by key.
    entities: Arc<Vec<EntityTree>>,
}

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
    /// What each source believes now, by source.
    pub beliefs: Vec<&'a Fact>,
}

impl Snapshot {
    /// Nothing known, at version 0.
    pub fn empty(schema: Arc<Schema>) -> Snapshot {
        let entities = Arc::new(vec![OrdMap::new(); schema.kinds().len()]);
        Snapshot { schema, version: Version(0), fact_count: 0, entities }
    }

    /// The same under a schema that [continues](Schema::continues) its own. Cost: O(kinds).
    pub(crate) fn with_schema(&self, schema: Arc<Schema>) -> Snapshot {
        let mut entities = Vec::clone(&self.entities);
        entities.resize(schema.kinds().len(), OrdMap::new());
        Snapshot { schema, entities: Arc::new(entities), ..self.clone() }
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
        self.entities[usize::from(kind.0)].values()
    }

    /// All entities, in the order of kinds and keys.
    pub fn all_entities(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.entities.iter().flat_map(OrdMap::values)
    }

    /// How many entities of a kind there are.
    pub fn count(&self, kind: KindId) -> usize {
        self.entities[usize::from(kind.0)].len()
    }

    /// One entity.
    pub fn entity(&self, id: &EntityRef) -> Option<&Arc<Entity>> {
        self.get(id.kind, &id.key)
    }

    /// The entity of this kind and key.
    pub fn get(&self, kind: KindId, key: &str) -> Option<&Arc<Entity>> {
        self.entities[usize::from(kind.0)].get(key)
    }

    /// The kinds that have entities.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.schema.kinds().iter().filter(|kind| self.count(kind.id) > 0)
    }

    /// Whether both hold the very same entities of this kind, by sharing. `false` says nothing.
    pub fn shares(&self, other: &Snapshot, kind: KindId) -> bool {
        self.entities[usize::from(kind.0)].ptr_eq(&other.entities[usize::from(kind.0)])
    }

    /// How many facts there are.
    pub fn fact_count(&self) -> u64 {
        self.fact_count
    }

    /// The trees of entities, by kind number.
    pub(crate) fn trees(&self) -> &[EntityTree] {
        &self.entities
    }

    /// The tree of a kind; `None`: the kind is younger than this snapshot.
    pub(crate) fn tree(&self, kind: KindId) -> Option<&EntityTree> {
        self.entities.get(usize::from(kind.0))
    }

    /// This one with other entities.
    pub(crate) fn with_trees(
        &self,
        trees: Vec<EntityTree>,
        fact_count: u64,
        version: Version,
    ) -> Snapshot {
        Snapshot { entities: Arc::new(trees), fact_count, version, ..self.clone() }
    }

    /// Every fact of every source, in the order of kinds, keys, attributes and sources.
    pub fn facts(&self) -> impl Iterator<Item = FactRow<'_>> {
        self.all_entities().flat_map(|entity| {
            (0..entity.attributes_end()).flat_map(move |attribute| {
                let chosen = entity.fact_at(attribute, Timestamp::MAX);
                entity.facts(attribute).iter().map(move |fact| FactRow {
                    entity: entity.id(),
                    attribute,
                    fact,
                    chosen: chosen.is_some_and(|chosen| std::ptr::eq(chosen, fact)),
                })
            })
        })
    }

    /// Attributes of which sources believe different things now, with the belief of each.
    /// Cost: O(facts).
    pub fn conflicts(&self) -> impl Iterator<Item = Conflict<'_>> {
        self.all_entities().flat_map(|entity| {
            (0..entity.attributes_end()).filter_map(move |attribute| {
                let beliefs = entity.conflict(attribute);
                (!beliefs.is_empty()).then_some(Conflict { entity, attribute, beliefs })
            })
        })
    }

    /// The next snapshot. Cost: O(changes · log entities); changes about the same entity in a row
    /// look it up once.
    #[must_use]
    pub fn apply(&self, changes: &[Change], version: Version) -> Snapshot {
        let mut next = self.clone();
        next.version = version;
        let kinds = Arc::make_mut(&mut next.entities);
        for run in changes.chunk_by(|a, b| a.entity() == b.entity()) {
            let Some(first) = run.first() else { continue };
            if run.iter().all(|change| matches!(change, Change::Alias { .. } | Change::Rule { .. }))
            {
                continue;
            }
            let entities = &mut kinds[usize::from(first.entity().kind.0)];
            let (lost, won) = apply_run(entities, first.entity(), run);
            next.fact_count = next.fact_count + won - lost;
        }
        next
    }

    /// What differs from `self` to `other`, in the order of kinds and keys.
    /// Cost: O(differences · log entities), since shared parts are skipped.
    pub fn diff(&self, other: &Snapshot) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (before, after) in self.entities.iter().zip(other.entities.iter()) {
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
}

/// Applies changes that are all about `id`. Gives how many facts were lost and won.
fn apply_run(
    entities: &mut OrdMap<Arc<str>, Arc<Entity>>,
    id: &EntityRef,
    mut run: &[Change],
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
    let entity =
        (entities.entry(Arc::clone(&id.key))).or_insert_with(|| Arc::new(Entity::new(id.clone())));
    let entity = Arc::make_mut(entity);
    lost += entity.fact_count();
    for change in run {
        match change {
            Change::Assert { attribute, fact, .. } => entity.assert(*attribute, fact),
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
