//! How names of one schema lead to those of the next.

use std::collections::HashMap;
use std::sync::Arc;

use crate::schema::{successor_of_attribute, successor_of_kind};
use crate::{Attribute, Kind, Schema};

/// The names that another schema gives to kinds and attributes of one, where they are not the same.
/// Names that neither has stay: they may come back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renames {
    kinds: HashMap<Arc<str>, Arc<str>>,
    /// By the old names of kind and attribute.
    attributes: HashMap<(Arc<str>, Arc<str>), Arc<str>>,
}

/// What schemas of a store had and the newest does not have, as it was last: it may come back, also
/// under a name that it had before or under a new one.
#[derive(Debug, Clone, Default)]
pub struct Gone {
    kinds: Vec<Kind>,
    /// By the name that their kind has now or had last.
    attributes: HashMap<Arc<str>, Vec<Attribute>>,
}

impl Gone {
    /// From `before` to `after`, which is the newest from now on: what `renamed_from` of `after` says,
    /// and what that of `before`, or of what is gone, said if it is taken back. Cost: linear.
    pub fn step(&mut self, before: &Schema, after: &Schema) -> Renames {
        let mut renames = Renames::default();
        let mut was = std::mem::take(self);
        for kind in before.kinds().iter().chain(&was.kinds) {
            let gone = was.attributes.remove(&kind.name).unwrap_or_default();
            let Some(became) = successor_of_kind(kind, before, after) else {
                self.kinds.push(kind.clone());
                self.attributes.insert(Arc::clone(&kind.name), gone);
                continue;
            };
            if became.name != kind.name {
                renames.kinds.insert(Arc::clone(&kind.name), Arc::clone(&became.name));
            }
            for attribute in kind.attributes.iter().chain(&gone) {
                match successor_of_attribute(attribute, kind, became) {
                    Some(new) if new.name == attribute.name => {}
                    Some(new) => {
                        let old = (Arc::clone(&kind.name), Arc::clone(&attribute.name));
                        renames.attributes.insert(old, Arc::clone(&new.name));
                    }
                    None => {
                        let gone = self.attributes.entry(Arc::clone(&became.name)).or_default();
                        gone.push(attribute.clone());
                    }
                }
            }
        }
        // What no schema of this store had: what ships may have had it under another name.
        for kind in after.kinds() {
            let gone = |old: &&Arc<str>| before.find(old).is_none() && after.find(old).is_none();
            for old in kind.renamed_from.iter().filter(gone) {
                renames.kinds.insert(Arc::clone(old), Arc::clone(&kind.name));
            }
        }
        renames
    }
}

impl Renames {
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
