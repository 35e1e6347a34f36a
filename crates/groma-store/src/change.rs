//! The smallest steps of a commit.

use groma_model::{AttributeIndex, EntityRef, Fact};

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
}

impl Change {
    /// The entity it is about.
    pub fn entity(&self) -> &EntityRef {
        match self {
            Change::Exists { entity }
            | Change::Assert { entity, .. }
            | Change::Remove { entity } => entity,
        }
    }
}
