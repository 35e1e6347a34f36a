//! The model at one version: immutable, cheap to clone, sharing with its neighbours.

use std::sync::Arc;

use groma_model::{EntityRef, Kind, KindId, Schema, Version};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::{Change, Entity};

/// The model at one version. `clone` is O(number of kinds).
#[derive(Debug, Clone)]
pub struct Snapshot {
    schema: Arc<Schema>,
    version: Version,
    /// By kind number, then by key.
    entities: Arc<Vec<OrdMap<Arc<str>, Arc<Entity>>>>,
}

/// How one entity differs between two snapshots.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// As it is in the first; `None`: not there.
    pub before: Option<Arc<Entity>>,
    /// As it is in the second; `None`: not there.
    pub after: Option<Arc<Entity>>,
}

impl Snapshot {
    /// Nothing known, at version 0.
    pub fn empty(schema: Arc<Schema>) -> Snapshot {
        let entities = Arc::new(vec![OrdMap::new(); schema.kinds().len()]);
        Snapshot { schema, version: Version(0), entities }
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

    /// The next snapshot. Cost: O(changes · log entities).
    #[must_use]
    pub fn apply(&self, changes: &[Change], version: Version) -> Snapshot {
        let mut next = self.clone();
        next.version = version;
        let kinds = Arc::make_mut(&mut next.entities);
        for change in changes {
            let id = change.entity();
            let entities = &mut kinds[usize::from(id.kind.0)];
            match change {
                Change::Exists { .. } => {
                    if !entities.contains_key(&id.key) {
                        entities.insert(Arc::clone(&id.key), Arc::new(Entity::new(id.clone())));
                    }
                }
                Change::Assert { attribute, fact, .. } => match entities.get_mut(&id.key) {
                    Some(entity) => Arc::make_mut(entity).assert(*attribute, fact.clone()),
                    None => {
                        let mut entity = Entity::new(id.clone());
                        entity.assert(*attribute, fact.clone());
                        entities.insert(Arc::clone(&id.key), Arc::new(entity));
                    }
                },
                Change::Remove { .. } => {
                    entities.remove(&id.key);
                }
            }
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
