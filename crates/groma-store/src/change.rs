//! The smallest steps of a commit.

use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Fact};

use crate::{Alias, Difference, Entity, Ruling, Snapshot};

/// One step of a commit. Steps about different (entity, attribute, source) may come in any order.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The entity exists, whatever is known of its attributes.
    Exists {
        /// The entity.
        entity: EntityRef,
    },
    /// A source says something about one attribute; creates the entity if need be.
    Assert {
        /// The entity.
        entity: EntityRef,
        /// Which attribute of its kind.
        attribute: AttributeIndex,
        /// What was said.
        fact: Fact,
    },
    /// The entity and all its facts are gone. No effect if it is not there.
    Remove {
        /// The entity.
        entity: EntityRef,
    },
    /// The entity is known by a name, whether or not anything else is known of it.
    Alias {
        /// The entity.
        entity: EntityRef,
        /// The name.
        alias: Alias,
    },
    /// Someone declares that the entity is one with another, or is not.
    Rule {
        /// The entity.
        entity: EntityRef,
        /// The other, and what was declared.
        ruling: Ruling,
    },
}

impl Change {
    /// The entity it is about.
    pub fn entity(&self) -> &EntityRef {
        match self {
            Change::Exists { entity }
            | Change::Assert { entity, .. }
            | Change::Remove { entity }
            | Change::Alias { entity, .. }
            | Change::Rule { entity, .. } => entity,
        }
    }
}

/// Changes that make `from` into `to`, with the fewest facts. Cost: as [`Snapshot::diff`].
pub fn changes_between(from: &Snapshot, to: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    for Difference { before, after } in from.diff(to) {
        match (before, after) {
            (Some(before), None) => changes.push(Change::Remove { entity: before.id().clone() }),
            (None, Some(after)) => add(&after, &mut changes),
            (Some(before), Some(after)) => update(&before, &after, &mut changes),
            (None, None) => {}
        }
    }
    changes
}

fn add(entity: &Entity, changes: &mut Vec<Change>) {
    changes.push(Change::Exists { entity: entity.id().clone() });
    changes.extend(entity.all_facts().map(|(attribute, fact)| assert(entity, attribute, fact)));
}

/// Facts can be added and replaced by later ones, but not taken back one by one.
fn update(before: &Arc<Entity>, after: &Arc<Entity>, changes: &mut Vec<Change>) {
    let mut reached = Entity::clone(before);
    let differing: Vec<_> = (after.all_facts())
        .filter(|(attribute, fact)| !before.facts(*attribute).contains(fact))
        .collect();
    differing.iter().for_each(|(attribute, fact)| reached.assert(*attribute, fact));
    if reached == **after {
        changes.extend(differing.iter().map(|(attribute, fact)| assert(after, *attribute, fact)));
    } else {
        changes.push(Change::Remove { entity: before.id().clone() });
        add(after, changes);
    }
}

fn assert(entity: &Entity, attribute: AttributeIndex, fact: &Fact) -> Change {
    Change::Assert { entity: entity.id().clone(), attribute, fact: fact.clone() }
}
