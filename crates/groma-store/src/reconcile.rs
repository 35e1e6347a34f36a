//! From all that was said to what is shown: who is one with whom, and who is believed.
//!
//! ```text
//! facts, declarations --names--> keys that share names --grouping--> merged keys
//!     merged keys --overlay--> parts that follow them, references led on --> entities
//! ```
//!
//! **Invariant:** all of it is a function of what was said and declared, so that the order of hearing
//! does not matter; a commit computes anew only what it concerns.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use groma_model::{AliasKind, EntityRef, Problem, Schema, Source, Timestamp};
use imbl::OrdSet;
use rustc_hash::FxHashSet;

use crate::belief::Beliefs;
use crate::grouping::{Ambiguity, Declared, Grounds, Member, Merged, ambiguity, group};
use crate::names::{Known, NAME_HOLDERS_MAX, Name, Names, identifying};
use crate::overlay::{Overlay, referrers};
use crate::present::{Bounds, as_of};
use crate::snapshot::EntityTree;
use crate::{Change, Entity, Verdict};

/// What is made of all that was said.
#[derive(Debug, Clone)]
pub(crate) struct Reconciled {
    schema: Arc<Schema>,
    beliefs: Arc<Beliefs>,
    names: Names,
    overlay: Overlay,
    /// `None`: no key is merged, and the entities are as they were said.
    shown: Option<Arc<Vec<EntityTree>>>,
    /// By kind number: entities of which sources differ.
    contested: Arc<Vec<OrdSet<Arc<str>>>>,
    /// Of what is shown at the end of time.
    bounds: Bounds,
    /// The time from which the last facts of an entity are those that hold: the end of time, or that
    /// of whoever looks.
    now: Timestamp,
}

/// How deep things are parts of each other: device, port, address, with room to spare.
const PARTS_DEPTH_MAX: usize = 8;

impl Reconciled {
    pub(crate) fn new(schema: Arc<Schema>) -> Reconciled {
        let contested = Arc::new(vec![OrdSet::new(); schema.kinds().len()]);
        let beliefs = Arc::new(Beliefs::new(Arc::clone(&schema), BTreeSet::new()));
        let (names, overlay, bounds) = Default::default();
        let now = Timestamp::MAX;
        Reconciled { schema, beliefs, names, overlay, shown: None, contested, bounds, now }
    }

    pub(crate) fn beliefs(&self) -> &Arc<Beliefs> {
        &self.beliefs
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// Whether all is shown as it was said.
    pub(crate) fn is_as_said(&self) -> bool {
        self.shown.is_none()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The key under which an entity is found at a time, or now if that is later.
    pub(crate) fn canonical<'a>(&'a self, id: &'a EntityRef, at: Timestamp) -> &'a Arc<str> {
        self.overlay.canonical(id, at.min(self.now))
    }

    /// The trees of entities, given those that were said.
    pub(crate) fn trees<'a>(&'a self, said: &'a Arc<Vec<EntityTree>>) -> &'a Arc<Vec<EntityTree>> {
        self.shown.as_ref().unwrap_or(said)
    }

    /// Entities of which sources differ at some time, in the order of kinds and keys.
    pub(crate) fn contested<'a>(
        &'a self,
        said: &'a Arc<Vec<EntityTree>>,
    ) -> impl Iterator<Item = &'a Arc<Entity>> {
        let trees = self.trees(said);
        (self.contested.iter().zip(trees.iter()))
            .flat_map(|(keys, tree)| keys.iter().filter_map(|key| tree.get(key)))
    }

    /// Takes in a commit. `before` is what was said until then, `said` what is said now, `touched` the
    /// keys about which they differ. Cost: O(touched keys and those they share names with), and where
    /// a key is merged or split O(facts of the kinds that can refer to it).
    pub(crate) fn update(
        &mut self,
        before: &[EntityTree],
        said: &[EntityTree],
        touched: &[EntityRef],
        changes: &[Change],
    ) {
        let shown_before = self.shown.clone();
        let mut concerned = BTreeSet::new();
        let changed = self.regroup(before, said, touched, changes, &mut concerned);
        if !(self.overlay.is_empty() && changed.is_empty()) {
            self.follow(said, touched, changed, &mut concerned);
        }
        if self.overlay.is_empty() && self.now == Timestamp::MAX {
            self.shown = None;
        } else {
            let wholes: Vec<EntityRef> =
                touched.iter().chain(&concerned).flat_map(|id| self.wholes(id)).collect();
            concerned.extend(wholes);
            self.show(said, touched.iter().chain(&concerned));
        }
        let before = shown_before.as_ref().map_or(before, |shown| shown);
        self.note_bounds(before, said, touched.iter().chain(&concerned));
        self.note_contested(said, touched.iter().chain(&concerned));
    }

    /// From now on the last facts of these entities, and of what is merged with them, are those of
    /// `now`; of all others they are already.
    pub(crate) fn look_from(
        &mut self,
        now: Timestamp,
        said: &[EntityTree],
        mut ids: BTreeSet<EntityRef>,
    ) {
        let wholes: Vec<EntityRef> = ids.iter().flat_map(|id| self.wholes(id)).collect();
        ids.extend(wholes);
        self.now = now;
        self.show(said, ids.iter());
    }

    /// Shows entities anew.
    fn show<'a>(&mut self, said: &[EntityTree], ids: impl Iterator<Item = &'a EntityRef>) {
        let mut shown = self.shown.take().unwrap_or_else(|| Arc::new(said.to_vec()));
        let trees = Arc::make_mut(&mut shown);
        trees.resize(said.len(), EntityTree::new());
        for id in ids {
            let kind = usize::from(id.kind.0);
            let entity = self.overlay.show(id, &said[kind], &self.beliefs, self.now);
            match entity.and_then(|entity| as_of(entity, self.now)) {
                Some(entity) => drop(trees[kind].insert(Arc::clone(&id.key), entity)),
                None => drop(trees[kind].remove(&id.key)),
            }
        }
        self.shown = Some(shown);
    }

    /// Sources that are not believed any more, or again. Cost: O(entities of which sources differ).
    pub(crate) fn believe(&mut self, said: &mut Arc<Vec<EntityTree>>, stale: BTreeSet<Source>) {
        if *self.beliefs.stale() != stale {
            self.believe_anew(said, stale);
        }
    }

    /// Takes a schema that has kinds and attributes more, and may trust sources otherwise.
    pub(crate) fn take_schema(&mut self, said: &mut Arc<Vec<EntityTree>>, schema: Arc<Schema>) {
        let kinds = schema.kinds().len();
        Arc::make_mut(&mut self.contested).resize(kinds, OrdSet::new());
        if let Some(shown) = &mut self.shown {
            Arc::make_mut(shown).resize(kinds, EntityTree::new());
        }
        self.schema = schema;
        self.believe_anew(said, self.beliefs.stale().clone());
    }

    fn believe_anew(&mut self, said: &mut Arc<Vec<EntityTree>>, stale: BTreeSet<Source>) {
        self.beliefs = Arc::new(Beliefs::new(Arc::clone(&self.schema), stale));
        let trees = self.shown.as_mut().unwrap_or(said);
        let trees = Arc::make_mut(trees);
        for (keys, tree) in self.contested.iter().zip(trees) {
            for key in keys {
                if let Some(entity) = tree.get_mut(key) {
                    Arc::make_mut(entity).believe(&self.beliefs);
                }
            }
        }
    }

    /// Names that tell nothing since one source gives them to two keys, or too many have them.
    /// Cost: O(names).
    pub(crate) fn ambiguous_names(&self, said: &[EntityTree]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, keys) in self.names.shared() {
            let known: Vec<(&Arc<str>, Known)> = (keys.iter().take(NAME_HOLDERS_MAX + 1))
                .flat_map(|key| {
                    let id = EntityRef { kind: name.kind, key: Arc::clone(key) };
                    let known = self.known(said, &id).into_iter();
                    known.filter(|known| known.name == *name).map(move |known| (*key, known))
                })
                .collect();
            let holders: Vec<(&Arc<str>, &Known)> =
                known.iter().map(|(key, known)| (*key, known)).collect();
            let are_one = |a: &Arc<str>, b: &Arc<str>| {
                let id = EntityRef { kind: name.kind, key: Arc::clone(a) };
                self.are_declared_one(&id, b)
            };
            let kind = self.schema.kind(name.kind);
            let text = format!("{} {}", name.alias, name.text);
            problems.extend(ambiguity(&holders, are_one).map(|found| match found {
                Ambiguity::Twice { source, a, b } => Problem::new(
                    format!("{}/{a} and {}/{b}", kind.noun(), kind.noun()),
                    &text,
                    format!("{source} gives both this name, so that it tells nothing of who is one"),
                ),
                Ambiguity::TooMany => Problem::new(
                    kind.name.to_string(),
                    &text,
                    format!("more than {NAME_HOLDERS_MAX} have this name, so that it tells nothing of who is one"),
                ),
            }));
        }
        problems
    }

    fn known(&self, said: &[EntityTree], id: &EntityRef) -> Vec<Known> {
        let entity = said.get(usize::from(id.kind.0)).and_then(|tree| tree.get(&id.key));
        self.names.of(&self.schema, id, entity.map(|entity| &**entity))
    }

    fn are_declared_one(&self, id: &EntityRef, other: &Arc<str>) -> bool {
        let mut rulings = self.names.rulings(id);
        rulings.any(|(key, ruling)| key == other && matches!(ruling.verdict, Verdict::Same(_)))
    }

    /// Finds anew who is one among the keys that a commit concerns. Gives the keys for which that
    /// changed, and adds to `concerned` whatever must be shown anew.
    fn regroup(
        &mut self,
        before: &[EntityTree],
        said: &[EntityTree],
        touched: &[EntityRef],
        changes: &[Change],
        concerned: &mut BTreeSet<EntityRef>,
    ) -> FxHashSet<EntityRef> {
        let was = self.clone();
        let declared: Vec<EntityRef> =
            changes.iter().flat_map(|change| self.names.declare(change)).collect();
        let named: Vec<bool> =
            self.schema.kinds().iter().map(|kind| identifying(kind).next().is_some()).collect();
        let mut seeds: BTreeSet<EntityRef> = declared.iter().cloned().collect();
        for id in touched.iter().chain(&declared) {
            if !named[usize::from(id.kind.0)] && !self.names.speaks_of(id) {
                continue;
            }
            let (old, new) = (was.known(before, id), self.known(said, id));
            self.names.index(id, &old, &new);
            let names: BTreeSet<&Name> = old.iter().chain(&new).map(|known| &known.name).collect();
            // What was said of a key may tell under which one the others are found.
            if !self.overlay.of(id).is_empty() || self.overlay.parts(id).next().is_some() {
                seeds.insert(id.clone());
            }
            for name in names {
                let (old, new) = (was.sharers(name), self.sharers(name));
                if old.len().min(new.len()) <= NAME_HOLDERS_MAX && old.len().max(new.len()) > 1 {
                    let of = |key: &Arc<str>| EntityRef { kind: id.kind, key: Arc::clone(key) };
                    seeds.extend(old.iter().chain(&new).map(of));
                }
            }
        }
        self.group_from(said, seeds, concerned)
    }

    /// The keys of a name, up to one more than may tell anything.
    fn sharers(&self, name: &Name) -> Vec<Arc<str>> {
        self.names.holders(name).take(NAME_HOLDERS_MAX + 1).cloned().collect()
    }

    fn group_from(
        &mut self,
        said: &[EntityTree],
        mut seeds: BTreeSet<EntityRef>,
        concerned: &mut BTreeSet<EntityRef>,
    ) -> FxHashSet<EntityRef> {
        let mut changed = FxHashSet::default();
        while let Some(seed) = seeds.pop_first() {
            let members = self.component(said, seed);
            let ids: Vec<EntityRef> = members.keys().cloned().collect();
            seeds.retain(|seed| !members.contains_key(seed));
            let declared = self.declared(&ids);
            let members: Vec<Member> =
                members.into_iter().map(|(id, known)| self.member(said, &id, known)).collect();
            for (id, merged) in ids.iter().zip(group(&members, &declared)) {
                // A part follows its whole unless something of its own says otherwise.
                let follows = merged.is_empty() && self.is_follower(id);
                if follows || self.set(id, merged, concerned) {
                    changed.insert(id.clone());
                }
            }
        }
        changed
    }

    /// All keys that are joined to one by names or declarations, with what they are known by.
    fn component(&self, said: &[EntityTree], seed: EntityRef) -> BTreeMap<EntityRef, Vec<Known>> {
        let mut found = BTreeMap::new();
        let mut open = VecDeque::from([seed]);
        while let Some(id) = open.pop_front() {
            if found.contains_key(&id) {
                continue;
            }
            let known = self.known(said, &id);
            let mut reach = |key: &Arc<str>| {
                let other = EntityRef { kind: id.kind, key: Arc::clone(key) };
                if !found.contains_key(&other) {
                    open.push_back(other);
                }
            };
            let names: BTreeSet<&Name> = known.iter().map(|known| &known.name).collect();
            for name in names {
                let sharers = self.sharers(name);
                if sharers.len() <= NAME_HOLDERS_MAX {
                    sharers.iter().for_each(&mut reach);
                }
            }
            self.names.rulings(&id).for_each(|(other, _)| reach(other));
            found.insert(id, known);
        }
        found
    }

    fn declared(&self, ids: &[EntityRef]) -> Declared {
        let mut declared = Declared::default();
        for (a, id) in ids.iter().enumerate() {
            for (other, ruling) in self.names.rulings(id) {
                let b = ids.iter().position(|id| id.key == *other);
                let Some(b) = b.filter(|b| a < *b) else { continue };
                match ruling.verdict {
                    Verdict::Same(valid) => {
                        declared.same.push((a, b, valid, Arc::clone(&ruling.source)));
                    }
                    Verdict::Apart => drop(declared.apart.insert((a, b))),
                }
            }
        }
        declared
    }

    fn member(&self, said: &[EntityTree], id: &EntityRef, known: Vec<Known>) -> Member {
        let entity = said.get(usize::from(id.kind.0)).and_then(|tree| tree.get(&id.key));
        let kind = self.schema.kind(id.kind);
        let sources: BTreeSet<&Source> = entity
            .iter()
            .flat_map(|entity| entity.all_facts())
            .map(|(_, fact)| &fact.source)
            .collect();
        let rank = |source: &&Source| self.schema.trust().rank(source, &kind.name, "");
        let is_chosen = (self.names.rulings(id)).any(|(_, ruling)| {
            ruling.other == id.key && matches!(ruling.verdict, Verdict::Same(_))
        });
        Member {
            key: Arc::clone(&id.key),
            known,
            is_chosen,
            is_address: [AliasKind::Address, AliasKind::Mac]
                .iter()
                .any(|alias| alias.normalize(&id.key).is_some()),
            rank: sources.iter().map(rank).min().unwrap_or(u32::MAX),
            first_heard: entity.map_or(Timestamp::MAX, |entity| entity.first_heard()),
        }
    }

    fn is_follower(&self, id: &EntityRef) -> bool {
        matches!(self.overlay.of(id), [Merged { by: Grounds::PartOf(_), .. }, ..])
    }

    /// Leads parts on to where their wholes are, given the keys that are merged otherwise than before.
    fn follow(
        &mut self,
        said: &[EntityTree],
        touched: &[EntityRef],
        mut changed: FxHashSet<EntityRef>,
        concerned: &mut BTreeSet<EntityRef>,
    ) {
        let mut candidates: BTreeSet<EntityRef> = touched.iter().cloned().collect();
        for _ in 0..PARTS_DEPTH_MAX {
            if !changed.is_empty() {
                let referring = referrers(&self.schema, said, &changed).map(|entity| entity.id());
                candidates.extend(referring.chain(&changed).cloned());
            }
            changed = FxHashSet::default();
            for id in std::mem::take(&mut candidates) {
                if self.lead(said, &id, concerned) {
                    changed.insert(id.clone());
                }
                concerned.insert(id);
            }
            if changed.is_empty() {
                return;
            }
        }
    }

    /// Merges a key as its whole is, unless it is merged for a reason of its own. Whether that changed
    /// anything.
    fn lead(
        &mut self,
        said: &[EntityTree],
        id: &EntityRef,
        concerned: &mut BTreeSet<EntityRef>,
    ) -> bool {
        let own_reason = !self.overlay.of(id).is_empty() && !self.is_follower(id);
        let kind = self.schema.kind(id.kind);
        if own_reason || identifying(kind).next().is_some() {
            return false;
        }
        let entity = said.get(usize::from(id.kind.0)).and_then(|tree| tree.get(&id.key));
        let mut followed = entity.map_or_else(Vec::new, |entity| self.overlay.follow(id, entity));
        followed.retain(|merged| !self.names.are_apart(id, &merged.into));
        self.set(id, followed, concerned)
    }

    /// Whether that changed anything; then whatever it was merged into must be shown anew.
    fn set(
        &mut self,
        id: &EntityRef,
        merged: Vec<Merged>,
        concerned: &mut BTreeSet<EntityRef>,
    ) -> bool {
        concerned.extend(self.wholes(id));
        self.bounds.exchange_merges(id, self.overlay.of(id), &merged);
        self.overlay.set(id, merged)
    }

    /// The entities that a key is merged into.
    fn wholes(&self, id: &EntityRef) -> Vec<EntityRef> {
        let merged = self.overlay.of(id).iter();
        merged.map(|one| EntityRef { kind: id.kind, key: Arc::clone(&one.into) }).collect()
    }

    fn note_bounds<'a>(
        &mut self,
        before: &[EntityTree],
        said: &[EntityTree],
        ids: impl Iterator<Item = &'a EntityRef>,
    ) {
        let after = self.shown.as_ref().map_or(said, |shown| shown);
        for id in ids {
            let [before, after] = [before, after]
                .map(|trees| trees.get(usize::from(id.kind.0)).and_then(|tree| tree.get(&id.key)));
            let [before, after] = [before, after].map(|entity| entity.map(|entity| &**entity));
            self.bounds.exchange_facts(id, before, after);
        }
    }

    fn note_contested<'a>(
        &mut self,
        said: &[EntityTree],
        ids: impl Iterator<Item = &'a EntityRef>,
    ) {
        let trees = self.shown.as_ref().map_or(said, |shown| shown);
        let mut flips: Vec<(&EntityRef, bool)> = Vec::new();
        for id in ids {
            let kind = usize::from(id.kind.0);
            let entity = trees.get(kind).and_then(|tree| tree.get(&id.key));
            let is_contested = entity.is_some_and(|entity| entity.is_contested());
            let was = self.contested.get(kind).is_some_and(|keys| keys.contains(&id.key));
            if was != is_contested {
                flips.push((id, is_contested));
            }
        }
        if flips.is_empty() {
            return;
        }
        let contested = Arc::make_mut(&mut self.contested);
        contested.resize(said.len(), OrdSet::new());
        for (id, is_contested) in flips {
            let keys = &mut contested[usize::from(id.kind.0)];
            match is_contested {
                true => drop(keys.insert(Arc::clone(&id.key))),
                false => drop(keys.remove(&id.key)),
            }
        }
    }
}
