//! Which keys of one kind are one entity, when, and under which key: a pure function of what they
//! are known by, so that it does not matter who was heard first.
//!
//! Two keys are one while they share a name that means one thing: for ever if it is a serial number
//! or asset tag, else while both have it. A host name or address counts only if one of the two *is*
//! that name, since differently named things may share it across domains and networks. A name that
//! one source gives to two keys at once means nothing. What people declared comes first, and nothing
//! joins two keys that they declared apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groma_model::{AliasKind, Interval, Source, Timestamp};

use crate::names::{Known, NAME_HOLDERS_MAX, Name, common};

/// That a key is another entity's for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The key under which all of it is found.
    pub into: Arc<str>,
    /// When.
    pub valid: Interval,
    /// Why.
    pub by: Grounds,
}

/// Why two keys are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// Someone said so.
    Declared(Source),
    /// They share this name.
    Shared(AliasKind, Arc<str>),
    /// It is a part of this entity, which has two names, and its key begins with one of them.
    PartOf(Arc<str>),
}

/// A key with all that decides what it is one with.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) key: Arc<str>,
    pub(crate) known: Vec<Known>,
    /// Whether someone declared that others are one with it under its key.
    pub(crate) is_chosen: bool,
    /// Whether its key is a bare address, by which nobody would call it who knew its name.
    pub(crate) is_address: bool,
    /// Of the best source that speaks of it.
    pub(crate) rank: u32,
    pub(crate) first_heard: Timestamp,
}

/// What people declared of members, by their places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared {
    pub(crate) same: Vec<(usize, usize, Interval, Source)>,
    pub(crate) apart: BTreeSet<(usize, usize)>,
}

/// That two members are one for a time.
struct Edge {
    /// What is declared comes first, then by sort of name.
    strength: u8,
    a: usize,
    b: usize,
    valid: Interval,
    by: Grounds,
}

/// For each member the keys that it is merged into, by time. Cost: members² of the names they share,
/// times the changes of their names.
pub(crate) fn group(members: &[Member], declared: &Declared) -> Vec<Vec<Merged>> {
    let mut edges = declared_edges(declared);
    let mut by_name: BTreeMap<&Name, Vec<(usize, &Known)>> = BTreeMap::new();
    for (place, member) in members.iter().enumerate() {
        member
            .known
            .iter()
            .for_each(|known| by_name.entry(&known.name).or_default().push((place, known)));
    }
    for (name, holders) in by_name {
        if ambiguity(&holders, |a, b| declared.are_one(a, b)).is_none() {
            shared_edges(name, &holders, &mut edges);
        }
    }
    edges.sort_by(|a, b| {
        let key = |edge: &Edge| (edge.strength, edge.a, edge.b, edge.valid);
        key(a).cmp(&key(b))
    });
    let mut merged = vec![Vec::new(); members.len()];
    for slice in slices(edges.iter().map(|edge| edge.valid)) {
        join(members, declared, &edges, slice, &mut merged);
    }
    merged
}

impl Declared {
    fn are_one(&self, a: usize, b: usize) -> bool {
        self.same.iter().any(|(x, y, ..)| (*x, *y) == (a, b) || (*x, *y) == (b, a))
    }
}

/// Why a name tells nothing of who is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ambiguity<K> {
    /// One source gives it to two keys at once.
    Twice { source: Source, a: K, b: K },
    /// More than [`NAME_HOLDERS_MAX`] keys have it.
    TooMany,
}

/// `are_one`: pairs that were declared to be one, and may both have the name.
pub(crate) fn ambiguity<K: Copy + PartialEq>(
    holders: &[(K, &Known)],
    are_one: impl Fn(K, K) -> bool,
) -> Option<Ambiguity<K>> {
    let mut keys = 0;
    let mut last = None;
    for (key, _) in holders {
        keys += usize::from(last != Some(*key));
        last = Some(*key);
    }
    if keys > NAME_HOLDERS_MAX {
        return Some(Ambiguity::TooMany);
    }
    for (place, (a, known)) in holders.iter().enumerate() {
        let twice = holders[place + 1..].iter().find(|(b, other)| {
            b != a
                && other.source == known.source
                && common(known.valid, other.valid).is_some()
                && !are_one(*a, *b)
        });
        if let Some((b, _)) = twice {
            return Some(Ambiguity::Twice { source: Arc::clone(&known.source), a: *a, b: *b });
        }
    }
    None
}

fn declared_edges(declared: &Declared) -> Vec<Edge> {
    let edge = |(a, b, valid, source): &(usize, usize, Interval, Source)| Edge {
        strength: 0,
        a: *a.min(b),
        b: *a.max(b),
        valid: *valid,
        by: Grounds::Declared(Arc::clone(source)),
    };
    declared.same.iter().map(edge).collect()
}

fn shared_edges(name: &Name, holders: &[(usize, &Known)], edges: &mut Vec<Edge>) {
    let needs_key = matches!(name.alias, AliasKind::HostName | AliasKind::Address);
    for (place, (a, one)) in holders.iter().enumerate() {
        for (b, other) in holders[place + 1..].iter().filter(|(b, _)| b != a) {
            if needs_key && one.attribute.is_some() && other.attribute.is_some() {
                continue;
            }
            let valid = match name.alias.is_lasting() {
                true => Some(Interval::ALWAYS),
                false => common(one.valid, other.valid),
            };
            edges.extend(valid.map(|valid| Edge {
                strength: 1 + name.alias as u8,
                a: *a,
                b: *b,
                valid,
                by: Grounds::Shared(name.alias, Arc::clone(&name.text)),
            }));
        }
    }
}

/// The stretches between the times at which anything begins or ends.
fn slices(valid: impl Iterator<Item = Interval>) -> Vec<Interval> {
    let mut bounds: Vec<Timestamp> = valid.flat_map(|valid| [valid.from, valid.to]).collect();
    bounds.extend([Timestamp::MIN, Timestamp::MAX]);
    bounds.sort_unstable();
    bounds.dedup();
    bounds.windows(2).map(|pair| Interval { from: pair[0], to: pair[1] }).collect()
}

/// Joins the members that are one in a slice of time, and notes under which key.
fn join(
    members: &[Member],
    declared: &Declared,
    edges: &[Edge],
    slice: Interval,
    merged: &mut [Vec<Merged>],
) {
    let mut group_of: Vec<usize> = (0..members.len()).collect();
    let mut by: Vec<Option<&Grounds>> = vec![None; members.len()];
    for edge in edges.iter().filter(|edge| common(edge.valid, slice).is_some()) {
        let (one, other) = (group_of[edge.a], group_of[edge.b]);
        let forbidden = declared.apart.iter().any(|(x, y)| {
            let pair = (group_of[*x], group_of[*y]);
            pair == (one, other) || pair == (other, one)
        });
        if one == other || forbidden {
            continue;
        }
        for place in [edge.a, edge.b] {
            by[place] = by[place].or(Some(&edge.by));
        }
        group_of.iter_mut().filter(|group| **group == other).for_each(|group| *group = one);
    }
    let preferred = |member: &usize| {
        let Member { key, is_chosen, is_address, rank, first_heard, .. } = &members[*member];
        (!is_chosen, *is_address, *rank, *first_heard, Arc::clone(key))
    };
    for (place, group) in group_of.iter().enumerate() {
        let Some(by) = by[place] else { continue };
        let best =
            (0..members.len()).filter(|other| group_of[*other] == *group).min_by_key(preferred);
        let Some(best) = best.filter(|best| *best != place) else { continue };
        let (into, by) = (&members[best].key, by.clone());
        match merged[place].last_mut() {
            Some(last) if last.into == *into && last.valid.to == slice.from => {
                last.valid.to = slice.to
            }
            _ => merged[place].push(Merged { into: Arc::clone(into), valid: slice, by }),
        }
    }
}
