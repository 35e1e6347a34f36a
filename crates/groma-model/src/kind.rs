//! Kinds are data: classes of things, with typed attributes and references to other kinds.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::AliasKind;

/// Number of a kind in its schema, in the order of the schema files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindId(pub u16);

/// Place of an attribute in its kind.
pub type AttributeIndex = usize;

/// One entity: its kind and the key that its source gave. Stable over replays and restarts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityRef {
    /// Its kind.
    pub kind: KindId,
    /// Its key, unique within the kind.
    pub key: Arc<str>,
}

/// What an attribute can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueType {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A real number.
    Float,
    /// True or false.
    Boolean,
    /// A point in time.
    Timestamp,
    /// One of a list of words, in kebab-case or snake_case.
    Enum(Vec<Arc<str>>),
    /// A list of texts.
    Texts,
    /// A list of whole numbers; read from `1,5,10-20`.
    Integers,
    /// Another entity, of one of these kinds.
    Reference(Vec<KindId>),
    /// A list of other entities, of one of these kinds.
    References(Vec<KindId>),
}

impl ValueType {
    /// The kinds that it may refer to; none if it does not refer.
    pub fn targets(&self) -> &[KindId] {
        match self {
            ValueType::Reference(kinds) | ValueType::References(kinds) => kinds,
            _ => &[],
        }
    }
}

/// Who defined a kind, an attribute or a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// It ships with Groma.
    BuiltIn,
    /// A file of the site's schema.
    Site(Arc<str>),
}

/// `builtin`, or the file.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::BuiltIn => f.write_str("builtin"),
            Origin::Site(file) => f.write_str(file),
        }
    }
}

/// An attribute of a kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Name, unit last.
    pub name: Arc<str>,
    /// What it holds.
    pub of: ValueType,
    /// Unit, where the name does not say it.
    pub unit: Option<String>,
    /// Whether it names the thing that contains this one; such chains must not close.
    pub containment: bool,
    /// Whether its value is a name of the entity, by which sources that call it otherwise mean the same.
    pub identifies: Option<AliasKind>,
    /// One sentence for the manual.
    pub doc: String,
    /// Names that it had before; facts under these names are its own.
    pub renamed_from: Vec<Arc<str>>,
    /// Who defined it.
    pub origin: Origin,
}

/// A class of things.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Number in the schema.
    pub id: KindId,
    /// `layer.noun`.
    pub name: Arc<str>,
    /// One sentence for the manual.
    pub doc: String,
    /// How an importer makes a key.
    pub key_doc: String,
    /// Attributes in the order of the manual.
    pub attributes: Vec<Attribute>,
    /// Names that it had before; entities under these names are its own.
    pub renamed_from: Vec<Arc<str>>,
    /// Who defined it.
    pub origin: Origin,
    /// Whether its noun alone means it: no kind before it has the same.
    pub(crate) owns_noun: bool,
    pub(crate) by_name: HashMap<Arc<str>, AttributeIndex>,
}

impl Kind {
    /// The layer: `physical` of `physical.port`.
    pub fn layer(&self) -> &str {
        self.name.split_once('.').map_or("", |(layer, _)| layer)
    }

    /// The noun: `port` of `physical.port`.
    pub fn noun(&self) -> &str {
        self.name.split_once('.').map_or(&self.name, |(_, noun)| noun)
    }

    /// The shortest name that means this kind alone: the noun, or the full name where a kind before
    /// it has the same noun.
    pub fn short_name(&self) -> &str {
        if self.owns_noun { self.noun() } else { &self.name }
    }

    /// Place of the attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<AttributeIndex> {
        self.by_name.get(name).copied()
    }

    /// Place of the attribute that has or, failing that, had this name.
    pub fn attribute_once_named(&self, name: &str) -> Option<AttributeIndex> {
        let had = |attribute: &Attribute| attribute.renamed_from.iter().any(|old| **old == *name);
        self.attribute(name).or_else(|| self.attributes.iter().position(had))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
