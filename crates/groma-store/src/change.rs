//! The smallest steps of a commit.

use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Fact, Source, Timestamp};

use crate::entity::when;
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
    /// What a source said of an attribute from this start on is taken back, as if it had never been
    /// said. No effect if it is not there.
    Retract {
        /// The entity.
        entity: EntityRef,
        /// Which attribute of its kind.
        attribute: AttributeIndex,
        /// Who said it.
        source: Source,
        /// The start of its validity.
        valid_from: Timestamp,
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
            | Change::Retract { entity, .. }
            | Change::Remove { entity }
            | Change::Alias { entity, .. }
            | Change::Rule { entity, .. } => entity,
        }
    }
}

/// Changes that make `from` into `to`, with the fewest facts. What `from` alone declares of names and
/// pairs stays. Cost: as [`Snapshot::diff`], and declarations.
pub fn changes_between(from: &Snapshot, to: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    for Difference { before, after } in from.diff_said(to) {
        match (before, after) {
            (Some(before), None) => changes.push(Change::Remove { entity: before.id().clone() }),
            (None, Some(after)) => add(&after, &mut changes),
            (Some(before), Some(after)) => {
                for attribute in 0..before.attributes_end().max(after.attributes_end()) {
                    let (held, wanted) = (before.facts(attribute), after.facts(attribute));
                    replace(after.id(), attribute, held, wanted, &mut changes);
                }
            }
            (None, None) => {}
        }
    }
    changes.extend(to.declared_beyond(from));
    changes
}

/// All of an entity that is not there yet.
pub(crate) fn add(entity: &Entity, changes: &mut Vec<Change>) {
    changes.push(Change::Exists { entity: entity.id().clone() });
    changes.extend(entity.all_facts().map(|(attribute, fact)| {
        let (entity, fact) = (entity.id().clone(), fact.clone());
        Change::Assert { entity, attribute, fact }
    }));
}

/// Makes the facts about an attribute those that are wanted. Both are ordered by source and start.
pub(crate) fn replace(
    entity: &EntityRef,
    attribute: AttributeIndex,
    held: &[Fact],
    wanted: &[Fact],
    changes: &mut Vec<Change>,
) {
    let same = |a: &Fact, b: &Fact| a.source == b.source && a.valid.from == b.valid.from;
    let retract = |fact: &Fact| Change::Retract {
        entity: entity.clone(),
        attribute,
        source: Arc::clone(&fact.source),
        valid_from: fact.valid.from,
    };
    for fact in held {
        if !wanted.iter().any(|other| same(fact, other)) {
            changes.push(retract(fact));
        }
    }
    for fact in wanted {
        match held.iter().find(|other| same(fact, other)) {
            Some(other) if other == fact => continue,
            // An assertion does not take the place of a later one.
            Some(later) if when(later) > when(fact) => changes.push(retract(later)),
            _ => {}
        }
        let (entity, fact) = (entity.clone(), fact.clone());
        changes.push(Change::Assert { entity, attribute, fact });
    }
}
