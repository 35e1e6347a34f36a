//! What is wrong in the model itself, whatever the sources say: derived, never stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Kind, Problem, Schema, Timestamp, Value, ValueType};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{Entity, Snapshot};

/// How many problems of one sort are listed one by one; the rest is one row with a count.
pub const CHECK_LISTED_MAX: usize = 100;

/// Finds references to nothing, containment that closes on itself, ports used twice, and addresses
/// held twice. The place of a problem is the entity, its text the value. Rules about kinds that the
/// schema does not have are silent. Cost: O(facts).
pub fn check(snapshot: &Snapshot) -> Vec<Problem> {
    let mut found = Found::default();
    references_to_nothing(snapshot, &mut found);
    containment_cycles(snapshot, &mut found);
    ports_used_twice(snapshot, &mut found);
    addresses_held_twice(snapshot, &mut found);
    found.into_problems()
}

/// Problems by sort, of each the first few and a count.
#[derive(Default)]
struct Found {
    by_sort: BTreeMap<(u8, String), (Vec<Problem>, u64)>,
}

impl Found {
    /// `rule` orders the answer, `sort` is what a count speaks of, such as `physical.port.device`.
    fn add(&mut self, rule: u8, sort: &str, problem: impl FnOnce() -> Problem) {
        // Most calls are for a sort that is there, and for some data there are many calls.
        let (listed, count) = self.by_sort.entry((rule, sort.to_owned())).or_default();
        *count += 1;
        if listed.len() < CHECK_LISTED_MAX {
            listed.push(problem());
        }
    }

    fn into_problems(self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for ((_, sort), (listed, count)) in self.by_sort {
            let more = count - listed.len() as u64;
            let reason = (listed.first()).map(|problem| problem.reason.clone()).unwrap_or_default();
            problems.extend(listed);
            if more > 0 {
                problems.push(Problem::new(sort, "", format!("{more} more: {reason}")));
            }
        }
        problems
    }
}

fn references_to_nothing(snapshot: &Snapshot, found: &mut Found) {
    let schema = snapshot.schema();
    for kind in snapshot.kinds() {
        for (index, attribute) in kind.attributes.iter().enumerate() {
            if !matches!(attribute.of, ValueType::Reference(_) | ValueType::References(_)) {
                continue;
            }
            let sort = format!("{kind}.{}", attribute.name);
            for entity in snapshot.entities(kind.id) {
                for target in targets(entity, index) {
                    if snapshot.entity(target).is_none() {
                        found.add(1, &sort, || {
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
                    found.add(2, "containment", || {
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

/// A port has one cable and is in one LAG.
fn ports_used_twice(snapshot: &Snapshot, found: &mut Found) {
    let uses = [
        (3, "physical.link", ["a", "b"].as_slice(), "it has more than one link"),
        (4, "network.lag", ["members"].as_slice(), "it is a member of more than one LAG"),
    ];
    let schema = snapshot.schema();
    for (rule, kind, attributes, reason) in uses {
        let Some(kind) = schema.find(kind) else { continue };
        let ends: Vec<_> = attributes.iter().filter_map(|name| kind.attribute(name)).collect();
        let mut users: FxHashMap<&EntityRef, &Arc<Entity>> = FxHashMap::default();
        for user in snapshot.entities(kind.id) {
            if is_no_cable(kind, user) {
                continue;
            }
            for port in ends.iter().flat_map(|end| targets(user, *end)) {
                let first = *users.entry(port).or_insert(user);
                if first.id() != user.id() {
                    found.add(rule, reason, || {
                        let both = format!("{} and {}", first.key(), user.key());
                        Problem::new(schema.print(port), &both, reason)
                    });
                }
            }
        }
    }
}

/// A hidden shared segment, or the management network, is several links on one port.
fn is_no_cable(kind: &Kind, link: &Entity) -> bool {
    let value = |name| kind.attribute(name).and_then(|attribute| link.value(attribute));
    value("evidence").and_then(Value::as_text) == Some("segment")
        || value("out_of_band").and_then(Value::as_boolean) == Some(true)
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
            found.add(5, "network.address", || {
                let both = format!("{} and {}", first.key(), entity.key());
                let reason = "it is held by several devices and is not marked as shared";
                Problem::new(format!("{text} in {table}"), &both, reason)
            });
        }
    }
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
