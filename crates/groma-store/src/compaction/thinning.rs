//! Which changes of a commit stay, going through all commits in order.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Fact, Schema, Source, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::set_aside::Place;
use crate::{Change, Commit, Entity, Snapshot};

/// Every entity of every state that must stay: those of the first, and what differs in the others.
pub(super) struct Kept {
    first: Snapshot,
    others: FxHashMap<EntityRef, Vec<Arc<Entity>>>,
}

impl Kept {
    /// Cost: O(what differs between the states).
    pub(super) fn of(
        schema: &Arc<Schema>,
        states: &[Snapshot],
        entities: Vec<Arc<Entity>>,
    ) -> Kept {
        let empty = Snapshot::empty(Arc::clone(schema));
        let first = states.first().cloned().unwrap_or(empty);
        let differing = states.iter().flat_map(|state| first.diff_said(state));
        let mut others: FxHashMap<EntityRef, Vec<Arc<Entity>>> = FxHashMap::default();
        for entity in differing.filter_map(|difference| difference.after).chain(entities) {
            let known = others.entry(entity.id().clone()).or_default();
            if !known.iter().any(|known| Arc::ptr_eq(known, &entity)) {
                known.push(entity);
            }
        }
        Kept { first, others }
    }

    fn shows(&self, id: &EntityRef, attribute: AttributeIndex, fact: &Fact) -> bool {
        let first = self.first.said_of(id.kind, &id.key);
        let others = self.others.get(id).into_iter().flatten();
        first.into_iter().chain(others).any(|entity| entity.facts(attribute).contains(fact))
    }
}

/// Goes through commits in order.
pub(super) struct Thinning {
    kept: Kept,
    /// Where a value did not fit.
    unfit: FxHashSet<Place>,
    /// By database, of each entity that it was left with: the earliest that was heard of it.
    held: FxHashMap<Arc<str>, FxHashMap<EntityRef, Timestamp>>,
    /// Entities of which something was left out.
    thinned: FxHashSet<EntityRef>,
}

impl Thinning {
    pub(super) fn new(kept: Kept, unfit: FxHashSet<Place>) -> Thinning {
        Thinning { kept, unfit, held: FxHashMap::default(), thinned: FxHashSet::default() }
    }

    /// A database of this name begins.
    pub(super) fn forget(&mut self, database: &str) {
        self.held.remove(database);
    }

    /// Whether what is new in a commit may be told otherwise by what is left of the commits before it.
    pub(super) fn has_thinned_before(&self, commit: &Commit) -> bool {
        commit.changes.iter().any(|change| {
            matches!(change, Change::Assert { .. }) && self.thinned.contains(change.entity())
        })
    }

    /// Takes out what nobody can see any more, if that may be. How many changes that were.
    pub(super) fn thin(&mut self, database: &Arc<str>, commit: &mut Commit, may_thin: bool) -> u64 {
        let mut observed: BTreeMap<Source, Timestamp> =
            commit.left_out.observed.drain(..).collect();
        let mut held = self.held.remove(database).unwrap_or_default();
        let before = commit.changes.len();
        commit.changes.retain(|change| {
            let stays = self.stays(&mut held, change) || !may_thin;
            if !stays {
                self.thinned.insert(change.entity().clone());
            }
            if let Change::Assert { fact, .. } = change
                && !stays
            {
                let latest = observed.entry(Arc::clone(&fact.source)).or_insert(Timestamp::MIN);
                *latest = fact.observed_at.max(*latest);
            }
            stays
        });
        self.held.insert(Arc::clone(database), held);
        let left_out = (before - commit.changes.len()) as u64;
        commit.left_out.changes += left_out;
        commit.left_out.observed = observed.into_iter().collect();
        left_out
    }

    fn stays(&self, held: &mut FxHashMap<EntityRef, Timestamp>, change: &Change) -> bool {
        match change {
            Change::Exists { entity } => match held.entry(entity.clone()) {
                MapEntry::Occupied(_) => false,
                MapEntry::Vacant(place) => {
                    place.insert(Timestamp::MAX);
                    true
                }
            },
            Change::Assert { entity, attribute, fact } => {
                // Since when an entity is known is an answer too.
                let earliest = held.entry(entity.clone()).or_insert(Timestamp::MAX);
                let is_first = fact.heard_at < *earliest;
                *earliest = fact.heard_at.min(*earliest);
                is_first
                    || self.kept.shows(entity, *attribute, fact)
                    || self.is_unfit(entity, *attribute, fact)
            }
            Change::Remove { entity } => {
                held.remove(entity);
                true
            }
            _ => true,
        }
    }

    /// Whether it took the place of a value that did not fit, which would come back.
    fn is_unfit(&self, entity: &EntityRef, attribute: AttributeIndex, fact: &Fact) -> bool {
        if self.unfit.is_empty() {
            return false;
        }
        let source = Arc::clone(&fact.source);
        self.unfit.contains(&(entity.clone(), attribute, source, fact.valid.from))
    }
}
