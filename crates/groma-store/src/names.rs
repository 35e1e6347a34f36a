//! By which names each key is known, and who shares a name with whom.

use std::sync::Arc;

use groma_model::{
    AliasKind, AttributeIndex, EntityRef, Interval, Kind, KindId, Schema, Source, Value,
};
use imbl::{OrdMap, OrdSet};

use crate::{Alias, Change, Entity, Ruling, Verdict};

/// Most keys of one kind that a name may have and still tell which of them are one.
pub const NAME_HOLDERS_MAX: usize = 256;

/// A name in the spelling under which it is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) kind: KindId,
    pub(crate) alias: AliasKind,
    pub(crate) text: Arc<str>,
}

/// That a key is known by a name, as one source has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) name: Name,
    /// As it was written.
    pub(crate) written: Arc<str>,
    pub(crate) source: Source,
    pub(crate) valid: Interval,
    /// By which attribute; `None`: it is its key, or declared, so that it is meant as a name.
    pub(crate) attribute: Option<AttributeIndex>,
}

/// All names at one version. Cost: a few words per name of the kinds that have any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    holders: OrdSet<(Name, Arc<str>)>,
    aliases: OrdMap<EntityRef, Arc<Vec<Alias>>>,
    /// By both keys of the pair.
    rulings: OrdMap<(EntityRef, Arc<str>), Arc<Ruling>>,
}

impl Names {
    /// Takes in what was declared. Gives the keys that it concerns.
    pub(crate) fn declare(&mut self, change: &Change) -> Vec<EntityRef> {
        match change {
            Change::Alias { entity, alias } => {
                let mut aliases =
                    self.aliases.get(entity).map_or_else(Vec::new, |aliases| aliases.to_vec());
                let same = |held: &Alias| {
                    (held.kind, &held.text, &held.source, held.valid.from)
                        == (alias.kind, &alias.text, &alias.source, alias.valid.from)
                };
                match aliases.iter_mut().find(|held| same(held)) {
                    Some(held) if held.heard_at > alias.heard_at => return Vec::new(),
                    Some(held) => *held = alias.clone(),
                    None => aliases.push(alias.clone()),
                }
                self.aliases.insert(entity.clone(), Arc::new(aliases));
                vec![entity.clone()]
            }
            Change::Rule { entity, ruling } if *ruling.other != *entity.key => {
                let place = (entity.clone(), Arc::clone(&ruling.other));
                if self.rulings.get(&place).is_some_and(|held| held.heard_at > ruling.heard_at) {
                    return Vec::new();
                }
                let other = EntityRef { kind: entity.kind, key: Arc::clone(&ruling.other) };
                let ruling = Arc::new(ruling.clone());
                self.rulings.insert((other.clone(), Arc::clone(&entity.key)), Arc::clone(&ruling));
                self.rulings.insert(place, ruling);
                vec![entity.clone(), other]
            }
            _ => Vec::new(),
        }
    }

    /// Whether anything was declared of a key.
    pub(crate) fn speaks_of(&self, id: &EntityRef) -> bool {
        self.aliases.contains_key(id) || self.rulings(id).next().is_some()
    }

    pub(crate) fn aliases(&self) -> impl Iterator<Item = (&EntityRef, &Alias)> {
        self.aliases.iter().flat_map(|(id, aliases)| aliases.iter().map(move |alias| (id, alias)))
    }

    /// What was declared of a key and others: the other's key, and the ruling. The side on which it
    /// was declared is the one whose `other` is not the key itself.
    pub(crate) fn rulings(
        &self,
        id: &EntityRef,
    ) -> impl Iterator<Item = (&Arc<str>, &Arc<Ruling>)> {
        let start = (id.clone(), Arc::from(""));
        let id = id.clone();
        (self.rulings.range(start..))
            .take_while(move |((one, _), _)| *one == id)
            .map(|((_, other), ruling)| (other, ruling))
    }

    /// All rulings, each once: the entity that it was declared of, and the ruling.
    pub(crate) fn all_rulings(&self) -> impl Iterator<Item = (&EntityRef, &Arc<Ruling>)> {
        (self.rulings.iter())
            .filter(|((_, other), ruling)| ruling.other == *other)
            .map(|((id, _), ruling)| (id, ruling))
    }

    /// What was declared here and not there, as changes that declare it.
    pub(crate) fn declared_beyond(&self, other: &Names) -> Vec<Change> {
        let known = |id: &EntityRef, alias: &Alias| {
            other.aliases.get(id).is_some_and(|aliases| aliases.contains(alias))
        };
        let aliases =
            (self.aliases().filter(|(id, alias)| !known(id, alias))).map(|(id, alias)| {
                let (entity, alias) = (id.clone(), alias.clone());
                Change::Alias { entity, alias }
            });
        let ruled = |id: &EntityRef, ruling: &Arc<Ruling>| {
            other.rulings.get(&(id.clone(), Arc::clone(&ruling.other))) == Some(ruling)
        };
        let rulings =
            (self.all_rulings().filter(|(id, ruling)| !ruled(id, ruling))).map(|(id, ruling)| {
                let (entity, ruling) = (id.clone(), Ruling::clone(ruling));
                Change::Rule { entity, ruling }
            });
        aliases.chain(rulings).collect()
    }

    /// Whether someone declared that two keys are not one.
    pub(crate) fn are_apart(&self, id: &EntityRef, other: &Arc<str>) -> bool {
        let ruling = self.rulings.get(&(id.clone(), Arc::clone(other)));
        ruling.is_some_and(|ruling| ruling.verdict == Verdict::Apart)
    }

    /// The keys that have a name, in order.
    pub(crate) fn holders(&self, name: &Name) -> impl Iterator<Item = &Arc<str>> {
        let start = (name.clone(), Arc::from(""));
        let name = name.clone();
        self.holders.range(start..).take_while(move |(held, _)| *held == name).map(|(_, key)| key)
    }

    /// Names that more than one key has, with the keys.
    pub(crate) fn shared(&self) -> Vec<(&Name, Vec<&Arc<str>>)> {
        let mut shared: Vec<(&Name, Vec<&Arc<str>>)> = Vec::new();
        for (name, key) in &self.holders {
            match shared.last_mut() {
                Some((last, keys)) if *last == name => keys.push(key),
                Some((last, keys)) if keys.len() < 2 => (*last, *keys) = (name, vec![key]),
                _ => shared.push((name, vec![key])),
            }
        }
        shared.retain(|(_, keys)| keys.len() > 1);
        shared
    }

    /// Replaces what a key was known by.
    pub(crate) fn index(&mut self, id: &EntityRef, was: &[Known], is: &[Known]) {
        for gone in was.iter().filter(|known| is.iter().all(|now| now.name != known.name)) {
            self.holders.remove(&(gone.name.clone(), Arc::clone(&id.key)));
        }
        for new in is.iter().filter(|known| was.iter().all(|old| old.name != known.name)) {
            self.holders.insert((new.name.clone(), Arc::clone(&id.key)));
        }
    }

    /// All names of a key: its identifying attributes, itself, and what was declared.
    pub(crate) fn of(&self, schema: &Schema, id: &EntityRef, said: Option<&Entity>) -> Vec<Known> {
        let mut known = Vec::new();
        let mut add = |alias: AliasKind, text: &Arc<str>, source: &Source, valid, attribute| {
            if let Some(normal) = alias.normalize(text) {
                let normal = if *normal == **text { Arc::clone(text) } else { normal.into() };
                let name = Name { kind: id.kind, alias, text: normal };
                let (written, source) = (Arc::clone(text), Arc::clone(source));
                known.push(Known { name, written, source, valid, attribute });
            }
        };
        let kind = schema.kind(id.kind);
        if let Some(entity) = said {
            for (attribute, alias) in identifying(kind) {
                for fact in entity.facts(attribute) {
                    let texts = match &fact.value {
                        Some(Value::Text(text)) => std::slice::from_ref(text),
                        Some(value) => value.texts(),
                        None => &[],
                    };
                    let facts = entity.facts(attribute);
                    let valid =
                        Interval { from: fact.valid.from, to: crate::entity::end_of(fact, facts) };
                    texts.iter().for_each(|text| {
                        add(alias, text, &fact.source, valid, Some(attribute));
                    });
                }
            }
            for alias in key_aliases(kind).filter(|alias| alias.normalize(&id.key).is_some()) {
                for (source, valid) in spoken_of(entity) {
                    add(alias, &id.key, source, valid, None);
                }
            }
        }
        for alias in self.aliases.get(id).into_iter().flat_map(|aliases| aliases.iter()) {
            add(alias.kind, &alias.text, &alias.source, alias.valid, None);
        }
        known
    }
}

/// Attributes whose values are names.
pub(crate) fn identifying(kind: &Kind) -> impl Iterator<Item = (AttributeIndex, AliasKind)> {
    (kind.attributes.iter().enumerate())
        .filter_map(|(index, attribute)| attribute.identifies.map(|alias| (index, alias)))
}

/// The sorts of names that a key of the kind may be, since things of the kind are known by them.
fn key_aliases(kind: &Kind) -> impl Iterator<Item = AliasKind> {
    AliasKind::ALL
        .into_iter()
        .filter(|alias| !alias.is_lasting())
        .filter(|alias| identifying(kind).any(|(_, known)| known == *alias))
}

/// Each source that speaks of an entity, with the time from the first to the last of what it says.
fn spoken_of(entity: &Entity) -> Vec<(&Source, Interval)> {
    let mut spoken: Vec<(&Source, Interval)> = Vec::new();
    for (_, fact) in entity.all_facts() {
        match spoken.iter_mut().find(|(source, _)| **source == fact.source) {
            Some((_, valid)) => {
                valid.from = valid.from.min(fact.valid.from);
                valid.to = valid.to.max(fact.valid.to);
            }
            None => spoken.push((&fact.source, fact.valid)),
        }
    }
    spoken
}

/// The time that two stretches have in common.
pub(crate) fn common(a: Interval, b: Interval) -> Option<Interval> {
    let both = Interval { from: a.from.max(b.from), to: a.to.min(b.to) };
    (both.from < both.to).then_some(both)
}
