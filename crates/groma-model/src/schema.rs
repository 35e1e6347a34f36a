//! All kinds of a model: those that ship, and those that a site adds in files of its own.
//!
//! ```text
//! schema/*.toml, the site's files --file--> texts with places --read--> Schema, and what is wrong
//! ```
//!
//! What a site adds comes behind what ships, so that numbers of kinds and places of attributes that
//! were there stay. What is wrong in a file is left out and told; the rest is a schema all the same.

mod difference;
mod error;
mod file;
mod read;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::{EntityRef, Kind, KindId, Rule, Trust, ValueType};

pub use difference::{DifferenceKind, SchemaDifference, differences};
pub(crate) use difference::{successor_of_attribute, successor_of_kind};
pub use error::SchemaError;
pub use file::{SchemaText, join_texts, split_texts};
pub use read::{ATTRIBUTES_MAX, KINDS_MAX, RESERVED_LAYERS, SCHEMA_BYTES_MAX};

/// All kinds of a model, with the rules about them.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) rules: Vec<Rule>,
    /// Units that a site has named, with their meaning.
    pub(crate) units: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) trust: Trust,
    pub(crate) by_name: HashMap<Arc<str>, KindId>,
}

const BUILTIN: [(&str, &str); 7] = [
    ("facility.toml", include_str!("../../../schema/facility.toml")),
    ("physical.toml", include_str!("../../../schema/physical.toml")),
    ("network.toml", include_str!("../../../schema/network.toml")),
    ("compute.toml", include_str!("../../../schema/compute.toml")),
    ("service.toml", include_str!("../../../schema/service.toml")),
    ("capacity.toml", include_str!("../../../schema/capacity.toml")),
    ("graph.toml", include_str!("../../../schema/graph.toml")),
];

impl Schema {
    /// The schema that ships.
    ///
    /// # Panics
    /// If a file of `schema/` is wrong, which a test rules out.
    pub fn builtin() -> Arc<Schema> {
        Arc::new(Schema::parse(&BUILTIN).expect("schema/ is checked by a test"))
    }

    /// Reads schema files given as (name, text) that build on nothing else. Kinds may refer to kinds
    /// of any of the files.
    ///
    /// # Errors
    /// The first thing that is wrong.
    #[expect(clippy::result_large_err, reason = "made once per store, and taken apart at once")]
    pub fn parse(files: &[(&str, &str)]) -> Result<Schema, SchemaError> {
        let texts: Vec<_> = files.iter().map(|(name, text)| SchemaText::new(name, text)).collect();
        let (schema, errors) = read::read(&Schema::default(), &texts, read::As::BuiltIn);
        errors.into_iter().next().map_or(Ok(schema), Err)
    }

    /// This schema with what a site's files add to it, and all that is wrong in them. Cost: linear.
    pub fn extended(&self, files: &[SchemaText]) -> (Schema, Vec<SchemaError>) {
        read::read(self, files, read::As::Site)
    }

    /// All kinds, in the order of the files.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The rules, in the order of the files.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whom to believe.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The units that the site has named, with their meaning.
    pub fn units(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.units.iter().map(|(name, doc)| (&**name, &**doc))
    }

    /// The kind with this number.
    pub fn kind(&self, id: KindId) -> &Kind {
        &self.kinds[usize::from(id.0)]
    }

    /// The kind of this full name, such as `physical.port`.
    pub fn find(&self, name: &str) -> Option<&Kind> {
        self.by_name.get(name).map(|id| self.kind(*id))
    }

    /// The kind that has or, failing that, had this name.
    pub fn find_once_named(&self, name: &str) -> Option<&Kind> {
        let had = |kind: &&Kind| kind.renamed_from.iter().any(|old| **old == *name);
        self.find(name).or_else(|| self.kinds.iter().find(had))
    }

    /// The id of a kind of the built-in schema.
    ///
    /// # Panics
    /// If the schema lacks it: callers name kinds that ship.
    pub fn id(&self, name: &str) -> KindId {
        self.by_name.get(name).copied().unwrap_or_else(|| panic!("the schema has no kind {name}"))
    }

    /// `port/leaf01:Ethernet1`, as people see an entity whose kind is not plain from the place.
    pub fn print(&self, entity: &EntityRef) -> String {
        format!("{}/{}", self.kind(entity.kind).short_name(), entity.key)
    }

    /// Whether whatever was read against `before` reads the same against this one: every kind and
    /// attribute keeps its number, its name and what it can hold, and the same sources are believed.
    pub fn continues(&self, before: &Schema) -> bool {
        let holds = |of: &ValueType, before: &ValueType| match (of, before) {
            (ValueType::Enum(words), ValueType::Enum(before)) => {
                before.iter().all(|word| words.contains(word))
            }
            (ValueType::Reference(kinds), ValueType::Reference(before))
            | (ValueType::References(kinds), ValueType::References(before)) => {
                before.iter().all(|kind| kinds.contains(kind))
            }
            (of, before) => of == before,
        };
        before.trust == self.trust
            && before.kinds.len() <= self.kinds.len()
            && self.kinds.iter().zip(&before.kinds).all(|(kind, before)| {
                let mut attributes = kind.attributes.iter().zip(&before.attributes);
                kind.name == before.name
                    && before.attributes.len() <= kind.attributes.len()
                    && attributes.all(|(attribute, before)| {
                        attribute.name == before.name
                            && attribute.identifies == before.identifies
                            && holds(&attribute.of, &before.of)
                    })
            })
    }
}
