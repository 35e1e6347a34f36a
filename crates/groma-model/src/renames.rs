//! How names of one schema lead to those of the next.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Schema;
use crate::schema::{successor_of_attribute, successor_of_kind};

/// The names that another schema gives to kinds and attributes of one, where they are not the same.
/// Names that neither has stay: they may come back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renames {
    kinds: HashMap<Arc<str>, Arc<str>>,
    /// By the old names of kind and attribute.
    attributes: HashMap<(Arc<str>, Arc<str>), Arc<str>>,
}

impl Renames {
    /// From `before` to `after`: what `renamed_from` of `after` says, and what that of `before` said
    /// if it is taken back. Cost: linear.
    pub fn between(before: &Schema, after: &Schema) -> Renames {
        let mut renames = Renames::default();
        for kind in before.kinds() {
            let Some(became) = successor_of_kind(kind, before, after) else { continue };
            if became.name != kind.name {
                renames.kinds.insert(Arc::clone(&kind.name), Arc::clone(&became.name));
            }
            for attribute in &kind.attributes {
                let Some(new) = successor_of_attribute(attribute, kind, became) else { continue };
                if new.name != attribute.name {
                    let old = (Arc::clone(&kind.name), Arc::clone(&attribute.name));
                    renames.attributes.insert(old, Arc::clone(&new.name));
                }
            }
        }
        // What an earlier schema had and neither of these has: the name may be a former one.
        for kind in after.kinds() {
            let gone = |old: &&Arc<str>| before.find(old).is_none() && after.find(old).is_none();
            for old in kind.renamed_from.iter().filter(gone) {
                renames.kinds.insert(Arc::clone(old), Arc::clone(&kind.name));
            }
        }
        renames
    }

    /// Whether all names stay.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.attributes.is_empty()
    }

    /// The new name of a kind.
    pub fn kind<'a>(&'a self, old: &'a Arc<str>) -> &'a Arc<str> {
        self.kinds.get(old).unwrap_or(old)
    }

    /// The new name of an attribute of a kind, both by their old names.
    pub fn attribute<'a>(&'a self, kind: &Arc<str>, old: &'a Arc<str>) -> &'a Arc<str> {
        if self.attributes.is_empty() {
            return old;
        }
        self.attributes.get(&(Arc::clone(kind), Arc::clone(old))).unwrap_or(old)
    }
}
