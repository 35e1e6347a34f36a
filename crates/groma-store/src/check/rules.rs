//! What breaks a rule of the schema. A rule looks at the values believed now.

use std::collections::BTreeMap;
use std::sync::Arc;

use groma_model::{Bounds, Demand, EntityRef, Kind, Problem, Rule, Value};
use rustc_hash::FxHashMap;

use super::{Found, Sort, problem, targets};
use crate::{Entity, Snapshot};

/// How many referrers a problem names.
const REFERRERS_NAMED_MAX: usize = 4;

/// Finds all that breaks one rule, the `number`th of the schema. Cost: O(entities of its kind), and of
/// the kinds referred to if there is a least number of referrers.
pub(super) fn check(snapshot: &Snapshot, number: usize, rule: &Rule, found: &mut Found) {
    let sort = Sort::Rule(number);
    match rule.demand {
        Demand::Required => required(snapshot, sort, rule, found),
        Demand::Unique => unique(snapshot, sort, rule, found),
        Demand::Targets(bounds) => target_count(snapshot, sort, rule, bounds, found),
        Demand::Referrers(bounds) => referrer_count(snapshot, sort, rule, bounds, found),
    }
}

/// The entities that the rule looks at.
fn entities<'a>(
    snapshot: &'a Snapshot,
    rule: &'a Rule,
) -> impl Iterator<Item = &'a Arc<Entity>> + 'a {
    let excepted = |entity: &Entity| {
        rule.unless.iter().any(|(attribute, value)| entity.value(*attribute) == Some(value))
    };
    snapshot.entities(rule.kind).filter(move |entity| !excepted(entity))
}

/// `power.feed.panel`: what is counted together.
fn what(kind: &Kind, rule: &Rule) -> String {
    let names = rule.attributes.iter().map(|index| &*kind.attributes[*index].name);
    format!("{kind}.{}", names.collect::<Vec<_>>().join(","))
}

fn reason(rule: &Rule, ours: impl FnOnce() -> String) -> String {
    rule.reason.as_ref().map_or_else(ours, |reason| reason.to_string())
}

fn required(snapshot: &Snapshot, sort: Sort, rule: &Rule, found: &mut Found) {
    let kind = snapshot.schema().kind(rule.kind);
    let what = what(kind, rule);
    for entity in entities(snapshot, rule) {
        for index in rule.attributes.iter().filter(|index| entity.value(**index).is_none()) {
            found.add(sort, &what, || {
                let name = &kind.attributes[*index].name;
                let reason = reason(rule, || format!("{name} is required and nobody says it"));
                problem(snapshot.schema(), entity, name, reason)
            });
        }
    }
}

fn unique(snapshot: &Snapshot, sort: Sort, rule: &Rule, found: &mut Found) {
    let schema = snapshot.schema();
    let kind = schema.kind(rule.kind);
    let what = what(kind, rule);
    let print = |index: usize, value: &Value| value.print(&kind.attributes[index].of, schema);
    // Values have no hash of their own; as text they are one value if they print the same.
    let mut holders: FxHashMap<Vec<String>, &Arc<Entity>> = FxHashMap::default();
    for entity in entities(snapshot, rule) {
        let values = rule.attributes.iter().map(|index| Some(print(*index, entity.value(*index)?)));
        let Some(values) = values.collect::<Option<Vec<String>>>() else { continue };
        let shown = values.join(", ");
        let first = *holders.entry(values).or_insert(entity);
        if first.id() != entity.id() {
            found.add(sort, &what, || {
                let names = rule.attribute_names(schema).collect::<Vec<_>>().join(" and ");
                let first = schema.print(first.id());
                let ours = || format!("{names} must be unique, and {first} has the same");
                problem(schema, entity, &shown, reason(rule, ours))
            });
        }
    }
}

fn target_count(snapshot: &Snapshot, sort: Sort, rule: &Rule, bounds: Bounds, found: &mut Found) {
    let kind = snapshot.schema().kind(rule.kind);
    let what = what(kind, rule);
    for entity in entities(snapshot, rule) {
        for index in &rule.attributes {
            let value = entity.value(*index);
            let count = value.map_or(0, |value| {
                value.references().len() + value.texts().len() + value.integers().len()
            });
            if bounds.contain(count as u64) {
                continue;
            }
            found.add(sort, &what, || {
                let attribute = &kind.attributes[*index];
                let shown = value.map(|value| value.print(&attribute.of, snapshot.schema()));
                let ours = || format!("{} has {count}, and {bounds} is wanted", attribute.name);
                problem(snapshot.schema(), entity, &shown.unwrap_or_default(), reason(rule, ours))
            });
        }
    }
}

fn referrer_count(snapshot: &Snapshot, sort: Sort, rule: &Rule, bounds: Bounds, found: &mut Found) {
    let schema = snapshot.schema();
    let kind = schema.kind(rule.kind);
    let what = what(kind, rule);
    let mut referrers: BTreeMap<&EntityRef, Vec<&Entity>> = BTreeMap::new();
    for entity in entities(snapshot, rule) {
        for target in rule.attributes.iter().flat_map(|index| targets(entity, *index)) {
            let known = referrers.entry(target).or_default();
            // Two attributes of one entity, or twice in a list, are one referrer.
            if known.last().is_none_or(|last| last.id() != entity.id()) {
                known.push(entity);
            }
        }
    }
    let mut add = |target: &EntityRef, by: &[&Entity]| {
        found.add(sort, &what, || {
            let named: Vec<_> = by.iter().take(REFERRERS_NAMED_MAX).map(|by| by.key()).collect();
            let more = if by.len() > named.len() { " and more" } else { "" };
            let ours = || {
                let names = rule.attribute_names(schema).collect::<Vec<_>>().join(" or ");
                format!("{} {kind} refer to it by {names}, and {bounds} is wanted", by.len())
            };
            let text = named.join(" and ") + more;
            Problem::new(schema.print(target), &text, reason(rule, ours))
        });
    };
    for (target, by) in &referrers {
        if !bounds.contain(by.len() as u64) {
            add(target, by);
        }
    }
    if 0 < bounds.at_least {
        let mut kinds: Vec<_> = (rule.attributes.iter())
            .flat_map(|index| kind.attributes[*index].of.targets())
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        for target in kinds.into_iter().flat_map(|kind| snapshot.entities(*kind)) {
            if !referrers.contains_key(target.id()) {
                add(target.id(), &[]);
            }
        }
    }
}
