//! The model as it was at a time, as it is known now.
//!
//! ```text
//! known then --differs from--> known now --what now says of then--> what holds then
//! ```
//!
//! Most sources do not say since when something holds. Such a fact is taken to hold since it was
//! observed, if somebody could have told us before: so what its source had said before it comes back.

use std::sync::Arc;

use groma_model::{AttributeIndex, Fact, Interval, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::present::is_to_come;
use crate::snapshot::EntityTree;
use crate::{Entity, Snapshot};

impl Snapshot {
    /// The model at a time, with all that is known in this snapshot. `then` is what was known at that
    /// time; `None`: nobody had said anything yet, so that what is known now is all there is.
    ///
    /// In it, the facts that held at that time hold now, and have no end yet: whoever reads it needs
    /// no time. What was removed since is there. Cost: O(facts); what is as it was is shared.
    #[must_use]
    pub fn as_it_was(&self, then: Option<&Snapshot>, at: Timestamp) -> Snapshot {
        let mut kinds = self.trees().to_vec();
        let mut facts = self.fact_count();
        let mut put = |tree: &mut EntityTree, key: &Arc<str>, entity: Option<Entity>| {
            let won = entity.as_ref().map_or(0, Entity::fact_count) as u64;
            let lost = match entity {
                Some(entity) => tree.insert(Arc::clone(key), Arc::new(entity)),
                None => tree.remove(key),
            };
            facts = facts + won - lost.map_or(0, |entity| entity.fact_count()) as u64;
        };
        let mut seen: FxHashSet<*const Entity> = FxHashSet::default();
        for difference in then.into_iter().flat_map(|then| then.diff_said(self)) {
            let Some(id) = difference.before.as_ref().or(difference.after.as_ref()) else {
                continue;
            };
            let id = id.id().clone();
            let known = hindsight(difference.before.as_deref(), difference.after.as_deref(), at);
            seen.extend(difference.after.as_ref().map(Arc::as_ptr));
            let entity = known.and_then(|known| holding(&known, at).unwrap_or(Some(known)));
            put(&mut kinds[usize::from(id.kind.0)], &id.key, entity);
        }
        for (now, tree) in self.trees().iter().zip(&mut kinds) {
            for entity in now.values().filter(|entity| !seen.contains(&Arc::as_ptr(entity))) {
                if let Some(changed) = holding(entity, at) {
                    put(tree, &entity.id().key, changed);
                }
            }
        }
        self.with_trees(kinds, facts, self.version(), self).merged_as_of(at)
    }

    /// The same, with the merges that hold at a time.
    fn merged_as_of(&self, at: Timestamp) -> Snapshot {
        let is_for_a_time = |valid: Interval| valid != Interval::ALWAYS;
        if !self.merged().any(|(_, merged)| is_for_a_time(merged.valid)) {
            return self.clone();
        }
        let later = self
            .all_entities()
            .filter(|entity| entity.all_facts().any(|(_, fact)| is_to_come(fact, at)));
        let merged = self.merged().filter(|(_, merged)| is_for_a_time(merged.valid));
        let ids = later.map(|entity| entity.id()).chain(merged.map(|(id, _)| id));
        self.looked_at_from(at, ids.cloned().collect())
    }
}

/// What is known now of an entity at a time. `None`: nothing says that it was there.
fn hindsight(then: Option<&Entity>, now: Option<&Entity>, at: Timestamp) -> Option<Entity> {
    let (Some(now), then) = (now, then) else { return then.cloned() };
    let mut known = now.emptied();
    let mut slots: FxHashMap<(AttributeIndex, &str, Timestamp), ()> = FxHashMap::default();
    for (attribute, fact) in now.all_facts().filter(|(_, fact)| speaks_of(fact, at)) {
        slots.insert((attribute, &fact.source, fact.valid.from), ());
        known.assert(attribute, fact);
    }
    for (attribute, fact) in then.into_iter().flat_map(Entity::all_facts) {
        if !slots.contains_key(&(attribute, &*fact.source, fact.valid.from)) {
            known.assert(attribute, fact);
        }
    }
    (then.is_some() || known.fact_count() > 0).then_some(known)
}

/// Whether a fact that was heard later says anything of a time.
fn speaks_of(fact: &Fact, at: Timestamp) -> bool {
    fact.valid.from > Timestamp::MIN || fact.observed_at <= at || fact.valid.to <= at
}

/// The entity with the facts that hold at a time, without their ends. `None`: it is like that already;
/// `Some(None)`: it has facts, and none of them holds.
fn holding(entity: &Entity, at: Timestamp) -> Option<Option<Entity>> {
    let always = |fact: &Fact| fact.valid.from == Timestamp::MIN && fact.valid.to == Timestamp::MAX;
    if entity.all_facts().all(|(_, fact)| always(fact)) {
        return None;
    }
    let mut then = entity.emptied();
    for (attribute, fact) in entity.all_facts() {
        if entity.holds_at(attribute, fact, at) {
            let mut fact = fact.clone();
            fact.valid.to = Timestamp::MAX;
            then.assert(attribute, &fact);
        }
    }
    then.shrink();
    Some((then.fact_count() > 0).then_some(then))
}
