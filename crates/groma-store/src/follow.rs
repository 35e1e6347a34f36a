//! A tracking fork: what it has said itself lies over its template as that is now.
//!
//! What a fork owns is an entity that it removed or made, and of other entities the attributes whose
//! facts it changed. Those stay as the fork has them; all else is as in the template.

use std::collections::BTreeMap;
use std::sync::Arc;

use groma_model::{AttributeIndex, KindId};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::snapshot::EntityTree;
use crate::{Entity, Snapshot};

/// What a tracking fork has said itself, and how far it has followed its template.
#[derive(Debug, Clone)]
pub(crate) struct Overlay {
    /// The template as it was followed last.
    template: Snapshot,
    kinds: BTreeMap<KindId, OwnKind>,
}

#[derive(Debug, Clone, Default)]
struct OwnKind {
    own: OrdMap<Arc<str>, Own>,
    /// How many entities were followed one by one since the fork's tree was last built from the
    /// template's: a bound on what the two do not share for no reason.
    apart: usize,
    /// Facts more than in the template.
    facts_more: i64,
}

/// What of one entity is the fork's own.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    /// The template's entity when the fork first spoke of the whole of it.
    before: Option<Arc<Entity>>,
    /// All of it is: the fork removed it, and may have made it anew.
    whole: bool,
    /// Else these attributes, with the template's entity when the fork first spoke of each.
    cells: BTreeMap<AttributeIndex, Option<Arc<Entity>>>,
}

impl Overlay {
    pub(crate) fn new(template: &Snapshot) -> Overlay {
        Overlay { template: template.clone(), kinds: BTreeMap::new() }
    }

    /// The template as it was followed last.
    pub(crate) fn template(&self) -> &Snapshot {
        &self.template
    }

    /// Entities of the template as they were when the fork first spoke of them.
    pub(crate) fn entities_before(&self) -> impl Iterator<Item = &Arc<Entity>> {
        let own = self.kinds.values().flat_map(|kind| kind.own.values());
        own.flat_map(|own| own.before.iter().chain(own.cells.values().flatten()))
    }

    /// How many entities and attributes are the fork's own.
    pub(crate) fn own_count(&self) -> u64 {
        let counts = self.kinds.values().flat_map(|kind| kind.own.values());
        counts.map(|own| own.cells.len().max(1) as u64).sum()
    }

    /// Notes what a commit of the fork made its own. Cost: O(what the commit changed).
    pub(crate) fn note(&mut self, before: &Snapshot, after: &Snapshot) {
        for difference in before.diff_said(after) {
            let (before, after) = (difference.before.as_deref(), difference.after.as_deref());
            let Some(id) = before.or(after).map(Entity::id) else { continue };
            let theirs = self.template.said_of(id.kind, &id.key).cloned();
            let kind = self.kinds.entry(id.kind).or_default();
            let count = |entity: Option<&Entity>| entity.map_or(0, Entity::fact_count) as i64;
            kind.facts_more += count(after) - count(before);
            let fresh = || Own { before: theirs.clone(), whole: false, cells: BTreeMap::new() };
            let own = kind.own.entry(Arc::clone(&id.key)).or_insert_with(fresh);
            let Some(after) = after else {
                own.whole = true;
                own.cells.clear();
                continue;
            };
            if own.whole {
                continue;
            }
            for attribute in 0..attributes_end(before).max(after.attributes_end()) {
                if facts(before, attribute) != after.facts(attribute) {
                    own.cells.entry(attribute).or_insert_with(|| theirs.clone());
                }
            }
        }
    }

    /// The fork's model once its template is `template`.
    /// Cost: O(what changed in the template), at most O(what is the fork's own).
    pub(crate) fn follow(&mut self, fork: &Snapshot, template: &Snapshot) -> Snapshot {
        let then = std::mem::replace(&mut self.template, template.clone());
        let mut trees = template.trees().to_vec();
        for (id, own) in &mut self.kinds {
            let index = usize::from(id.0);
            let (Some(now), Some(fork)) = (trees.get_mut(index), fork.tree(*id)) else {
                continue;
            };
            let empty = EntityTree::default();
            let then = then.tree(*id).unwrap_or(&empty);
            *now = own.follow(fork, then, now);
        }
        let version = fork.version().max(template.version());
        template.with_trees(trees, self.fact_count(), version, fork)
    }

    /// Facts of the fork, when it has followed the template.
    fn fact_count(&self) -> u64 {
        let more = self.kinds.values().map(|kind| kind.facts_more).sum();
        self.template.fact_count().saturating_add_signed(more)
    }

    /// What the fork has changed, as a three-way merge into its template wants it: each entity as it
    /// was in the template when the fork spoke of it, and as it is in the fork.
    pub(crate) fn changes<'a>(
        &'a self,
        fork: &'a Snapshot,
    ) -> impl Iterator<Item = (Option<Arc<Entity>>, Option<Arc<Entity>>)> + 'a {
        self.kinds.iter().flat_map(move |(id, kind)| {
            kind.own.iter().map(move |(key, own)| {
                let ours = fork.said_of(*id, key).cloned();
                (own.base(ours.as_ref(), self.template.said_of(*id, key)), ours)
            })
        })
    }
}

impl OwnKind {
    fn follow(&mut self, fork: &EntityTree, then: &EntityTree, now: &EntityTree) -> EntityTree {
        if then.ptr_eq(now) {
            return fork.clone();
        }
        let one_by_one_max = self.own.len().saturating_sub(self.apart);
        let changed: Vec<_> = then.diff(now).take(one_by_one_max + 1).collect();
        if changed.len() > one_by_one_max {
            return self.rebuild(fork, now);
        }
        self.apart += changed.len();
        let mut next = fork.clone();
        for item in changed {
            let (key, theirs) = match item {
                DiffItem::Add(key, entity) => (key, Some(entity)),
                DiffItem::Update { new: (key, entity), .. } => (key, Some(entity)),
                DiffItem::Remove(key, _) => (key, None),
            };
            let merged = match self.own.get(key) {
                None => theirs.cloned(),
                Some(own) => {
                    self.facts_more += facts_more(fork.get(key), then.get(key), -1);
                    let merged = own.over(theirs, fork.get(key));
                    self.facts_more += facts_more(merged.as_ref(), theirs, 1);
                    merged
                }
            };
            put(&mut next, key, merged);
        }
        next
    }

    /// From the template's tree, which the next then shares but for what is the fork's own.
    fn rebuild(&mut self, fork: &EntityTree, now: &EntityTree) -> EntityTree {
        let mut next = now.clone();
        self.apart = 0;
        self.facts_more = 0;
        for (key, own) in &self.own {
            let merged = own.over(now.get(key), fork.get(key));
            self.facts_more += facts_more(merged.as_ref(), now.get(key), 1);
            put(&mut next, key, merged);
        }
        next
    }
}

impl Own {
    /// The fork's entity over the template's.
    fn over(
        &self,
        theirs: Option<&Arc<Entity>>,
        ours: Option<&Arc<Entity>>,
    ) -> Option<Arc<Entity>> {
        let (false, Some(ours)) = (self.whole, ours) else { return ours.cloned() };
        let mut merged = theirs.cloned().unwrap_or_else(|| Arc::new(ours.emptied()));
        for attribute in self.cells.keys() {
            if merged.facts(*attribute) != ours.facts(*attribute) {
                Arc::make_mut(&mut merged).set_facts(*attribute, ours.facts(*attribute));
            }
        }
        Some(merged)
    }

    /// The template's entity as it was where the fork has spoken, and as it is now elsewhere.
    fn base(
        &self,
        ours: Option<&Arc<Entity>>,
        theirs: Option<&Arc<Entity>>,
    ) -> Option<Arc<Entity>> {
        let (false, Some(ours)) = (self.whole, ours) else { return self.before.clone() };
        let mut base = match (theirs, &self.before) {
            (Some(theirs), _) => Arc::clone(theirs),
            // It is gone from the template, or never was there.
            (None, before) => return before.clone(),
        };
        if self.before.is_none() && self.cells.is_empty() {
            return None;
        }
        for (attribute, before) in &self.cells {
            let before = facts(before.as_deref(), *attribute);
            if base.facts(*attribute) != before {
                Arc::make_mut(&mut base).set_facts(*attribute, before);
            }
        }
        debug_assert_eq!(base.id(), ours.id());
        Some(base)
    }
}

fn put(entities: &mut EntityTree, key: &Arc<str>, entity: Option<Arc<Entity>>) {
    match entity {
        Some(entity) => drop(entities.insert(Arc::clone(key), entity)),
        None => drop(entities.remove(key)),
    }
}

fn facts_more(ours: Option<&Arc<Entity>>, theirs: Option<&Arc<Entity>>, sign: i64) -> i64 {
    let count =
        |entity: Option<&Arc<Entity>>| entity.map_or(0, |entity| entity.fact_count()) as i64;
    sign * (count(ours) - count(theirs))
}

fn facts(entity: Option<&Entity>, attribute: AttributeIndex) -> &[groma_model::Fact] {
    entity.map_or(&[], |entity| entity.facts(attribute))
}

fn attributes_end(entity: Option<&Entity>) -> AttributeIndex {
    entity.map_or(0, Entity::attributes_end)
}
