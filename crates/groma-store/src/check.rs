//! What is wrong in the model itself, whatever the sources say: derived, never stored.

mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;

use groma_model::{
    AliasKind, AttributeIndex, EntityRef, Fact, Kind, Problem, Schema, Timestamp, Value,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::names::identifying;
use crate::{Contradiction, Entity, Snapshot};

/// How many problems of one sort are listed one by one; the rest is one row with a count.
pub const CHECK_LISTED_MAX: usize = 100;

/// Finds references to nothing, containment that closes on itself, whatever breaks a rule of the
/// schema, addresses held twice, and keys under which sources may mean two. The place of a problem is the entity, its text the value.
/// Cost: O(facts).
pub fn check(snapshot: &Snapshot) -> Vec<Problem> {
    let mut found = Found::default();
    references_to_nothing(snapshot, &mut found);
    containment_cycles(snapshot, &mut found);
    for (number, rule) in snapshot.schema().rules().iter().enumerate() {
        rules::check(snapshot, number, rule, &mut found);
    }
    addresses_held_twice(snapshot, &mut found);
    two_under_one_key(snapshot, &mut found);
    for problem in snapshot.ambiguous_names() {
        found.add(Sort::Name, "names", || problem);
    }
    found.into_problems()
}

/// What is wrong, in the order of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Nothing,
    Containment,
    /// By its number in the schema.
    Rule(usize),
    Address,
    /// Several have it.
    Name,
    /// Several may be meant by it.
    Key,
}

/// Problems by sort, of each the first few and a count.
#[derive(Default)]
struct Found {
    by_sort: BTreeMap<(Sort, String), (Vec<Problem>, u64)>,
}

impl Found {
    /// `what` is what a count speaks of, such as `physical.port.device`.
    fn add(&mut self, sort: Sort, what: &str, problem: impl FnOnce() -> Problem) {
        // Most calls are for a sort that is there, and for some data there are many calls.
        let (listed, count) = self.by_sort.entry((sort, what.to_owned())).or_default();
        *count += 1;
        if listed.len() < CHECK_LISTED_MAX {
            listed.push(problem());
        }
    }

    fn into_problems(self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for ((_, what), (listed, count)) in self.by_sort {
            let more = count - listed.len() as u64;
            let reason = (listed.first()).map(|problem| problem.reason.clone()).unwrap_or_default();
            problems.extend(listed);
            if more > 0 {
                problems.push(Problem::new(what, "", format!("{more} more: {reason}")));
            }
        }
        problems
    }
}

fn references_to_nothing(snapshot: &Snapshot, found: &mut Found) {
    let schema = snapshot.schema();
    for kind in snapshot.kinds() {
        for (index, attribute) in kind.attributes.iter().enumerate() {
            if attribute.of.targets().is_empty() {
                continue;
            }
            let sort = format!("{kind}.{}", attribute.name);
            for entity in snapshot.entities(kind.id) {
                for target in targets(entity, index) {
                    if snapshot.entity(target).is_none() {
                        found.add(Sort::Nothing, &sort, || {
                            let reason =
                                format!("{} refers to something that is not there", attribute.name);
                            problem(schema, entity, &schema.print(target), reason)
                        });
                    }
                }
            }
        }
    }
}

/// Follows every chain of containers once: an entity that was seen in an earlier walk needs no second.
fn containment_cycles(snapshot: &Snapshot, found: &mut Found) {
    let schema = snapshot.schema();
    let mut done: FxHashSet<&EntityRef> = FxHashSet::default();
    for start in snapshot.all_entities() {
        // The path of this walk, with the place of each container that is still to be followed.
        let mut path: Vec<(&EntityRef, Vec<&EntityRef>)> = Vec::new();
        let mut on_path: FxHashMap<&EntityRef, usize> = FxHashMap::default();
        let mut next = Some(start.id());
        loop {
            if let Some(id) = next.take() {
                if let Some(place) = on_path.get(id) {
                    let members = path[*place..].iter().map(|(member, _)| schema.print(member));
                    let members: Vec<_> = members.chain([schema.print(id)]).collect();
                    let first = schema.print(id);
                    found.add(Sort::Containment, "containment", || {
                        let reason = "it contains itself, by way of others or at once";
                        Problem::new(first, &members.join(" in "), reason)
                    });
                } else if done.insert(id) {
                    on_path.insert(id, path.len());
                    path.push((id, containers(snapshot, id)));
                }
            }
            let Some((_, to_follow)) = path.last_mut() else { break };
            next = to_follow.pop();
            if next.is_none()
                && let Some((left, _)) = path.pop()
            {
                on_path.remove(left);
            }
        }
    }
}

fn containers<'a>(snapshot: &'a Snapshot, id: &EntityRef) -> Vec<&'a EntityRef> {
    let Some(entity) = snapshot.entity(id) else { return Vec::new() };
    let attributes = snapshot.schema().kind(id.kind).attributes.iter().enumerate();
    (attributes.filter(|(_, attribute)| attribute.containment))
        .flat_map(|(index, _)| targets(entity, index))
        .filter(|target| snapshot.entity(target).is_some())
        .collect()
}

/// An address that is not shared belongs to one device of a routing table.
fn addresses_held_twice(snapshot: &Snapshot, found: &mut Found) {
    let schema = snapshot.schema();
    let (Some(address), Some(port)) =
        (schema.find("network.address"), schema.find("physical.port"))
    else {
        return;
    };
    let attributes = ["ip", "port", "vrf", "shared"].map(|name| address.attribute(name));
    let [Some(ip), Some(on), Some(vrf), Some(shared)] = attributes else { return };
    let [Some(device), Some(port_vrf)] = ["device", "vrf"].map(|name| port.attribute(name)) else {
        return;
    };
    let mut holders: FxHashMap<(&str, &str), (&EntityRef, &Arc<Entity>)> = FxHashMap::default();
    for entity in snapshot.entities(address.id) {
        if entity.value(shared).and_then(Value::as_boolean) == Some(true) {
            continue;
        }
        let Some(text) = entity.value(ip).and_then(Value::as_text) else { continue };
        let holder =
            (entity.value(on).and_then(Value::as_reference)).and_then(|port| snapshot.entity(port));
        let Some(holder) = holder else { continue };
        let Some(owner) = holder.value(device).and_then(Value::as_reference) else { continue };
        let table = (entity.value(vrf).or_else(|| holder.value(port_vrf)))
            .and_then(Value::as_text)
            .unwrap_or("default");
        let (first_owner, first) = *holders.entry((table, text)).or_insert((owner, entity));
        if first_owner != owner {
            found.add(Sort::Address, "network.address", || {
                let both = format!("{} and {}", first.key(), entity.key());
                let reason = "it is held by several devices and is not marked as shared";
                Problem::new(format!("{text} in {table}"), &both, reason)
            });
        }
    }
}

/// Sources call a machine by its short name: under one key they may speak of two, in two domains.
fn two_under_one_key(snapshot: &Snapshot, found: &mut Found) {
    for conflict in snapshot.conflicts() {
        let id = conflict.entity.id();
        let kind = snapshot.schema().kind(id.kind);
        if kind.attributes[conflict.attribute].identifies != Some(AliasKind::Fqdn) {
            continue;
        }
        let Some(said) = snapshot.said_of(id.kind, &id.key) else { continue };
        for Contradiction { chosen, others } in said.contradictions(conflict.attribute) {
            for (other, _) in
                others.into_iter().filter(|(other, _)| !share_a_name(said, kind, chosen, other))
            {
                found.add(Sort::Key, &kind.name, || {
                    let show = |fact: &Fact| match &fact.value {
                        Some(Value::Text(name)) => format!("{name} ({})", fact.source),
                        _ => format!("none ({})", fact.source),
                    };
                    let both = format!("{} and {}", show(chosen), show(other));
                    let reason = "sources give it different full names, and nothing else that they both know it by; they may mean two";
                    problem(snapshot.schema(), said, &both, reason.into())
                });
            }
        }
    }
}

/// Whether the sources of two facts know an entity by the same name of any sort.
fn share_a_name(entity: &Entity, kind: &Kind, a: &Fact, b: &Fact) -> bool {
    identifying(kind).any(|(attribute, _)| {
        let said = |by: &Fact| {
            let facts = entity.facts(attribute).iter().filter(|fact| fact.source == by.source);
            facts.filter_map(|fact| fact.value.as_ref()).collect::<Vec<_>>()
        };
        let said_by_b = said(b);
        said(a).into_iter().any(|name| said_by_b.contains(&name))
    })
}

fn targets(entity: &Entity, attribute: AttributeIndex) -> &[EntityRef] {
    match entity.value_at(attribute, Timestamp::MAX) {
        Some(Value::Reference(target)) => std::slice::from_ref(target),
        Some(Value::References(targets)) => targets,
        _ => &[],
    }
}

fn problem(schema: &Schema, entity: &Entity, text: &str, reason: String) -> Problem {
    Problem::new(schema.print(entity.id()), text, reason)
}
