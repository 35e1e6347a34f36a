//! Kinds are data: classes of things, with typed attributes and references to other kinds.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use crate::trust::SourceText;
use crate::{AliasKind, Trust};

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

/// An attribute of a kind.
#[derive(Debug, Clone)]
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
    by_name: HashMap<Arc<str>, AttributeIndex>,
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

    /// Place of the attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<AttributeIndex> {
        self.by_name.get(name).copied()
    }
}

/// All kinds of a model.
#[derive(Debug, Clone)]
pub struct Schema {
    kinds: Vec<Kind>,
    by_name: HashMap<Arc<str>, KindId>,
    trust: Trust,
}

/// A schema file is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not TOML of the right shape.
    #[error("schema {file}: {reason}")]
    Syntax {
        /// File name.
        file: String,
        /// What the parser said.
        reason: String,
    },
    /// An entry about sources is wrong.
    #[error("schema {file}, source {name}: {reason}")]
    Source {
        /// File name.
        file: String,
        /// Name of the source, as it is written.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Two kinds or two attributes of one name, a bad name, an unknown type or target.
    #[error("schema {file}, kind {kind}: {reason}")]
    Kind {
        /// File name.
        file: String,
        /// Name of the kind.
        kind: String,
        /// What is wrong.
        reason: String,
    },
}

const BUILTIN: [(&str, &str); 5] = [
    ("facility.toml", include_str!("../../../schema/facility.toml")),
    ("physical.toml", include_str!("../../../schema/physical.toml")),
    ("network.toml", include_str!("../../../schema/network.toml")),
    ("compute.toml", include_str!("../../../schema/compute.toml")),
    ("service.toml", include_str!("../../../schema/service.toml")),
];

impl Schema {
    /// The schema that ships.
    ///
    /// # Panics
    /// If a file of `schema/` is wrong, which a test rules out.
    pub fn builtin() -> Arc<Schema> {
        Arc::new(Schema::parse(&BUILTIN).expect("schema/ is checked by a test"))
    }

    /// Reads schema files given as (name, text). Kinds may refer to kinds of any of the files.
    pub fn parse(files: &[(&str, &str)]) -> Result<Schema, SchemaError> {
        let (mut written, mut sources) = (Vec::new(), Vec::new());
        for (file, text) in files {
            let parsed: SchemaFile = toml::from_str(text).map_err(|error| SchemaError::Syntax {
                file: (*file).into(),
                reason: error.message().into(),
            })?;
            written.extend(parsed.kind.into_iter().map(|kind| (*file, kind)));
            sources.push((*file, parsed.source));
        }
        let mut by_name = HashMap::new();
        for (index, (file, kind)) in written.iter().enumerate() {
            if !is_kind_name(&kind.name) {
                return Err(kind.error(file, "a kind is named layer.noun in lower case".into()));
            }
            if by_name.insert(Arc::from(kind.name.as_str()), KindId(index as u16)).is_some() {
                return Err(kind.error(file, "it is defined twice".into()));
            }
        }
        let kinds = (written.iter().enumerate())
            .map(|(index, (file, kind))| kind.resolve(KindId(index as u16), file, &by_name))
            .collect::<Result<_, _>>()?;
        let mut schema = Schema { kinds, by_name, trust: Trust::default() };
        for (file, entries) in sources {
            let mut trust = std::mem::take(&mut schema.trust);
            let read = trust.read(&entries, || Box::new(schema.attribute_names()));
            schema.trust = trust;
            read.map_err(|(name, reason)| SchemaError::Source { file: file.into(), name, reason })?;
        }
        Ok(schema)
    }

    /// Whom to believe.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// `layer.noun.attribute` of every attribute.
    fn attribute_names(&self) -> impl Iterator<Item = String> {
        self.kinds.iter().flat_map(|kind| {
            kind.attributes.iter().map(move |attribute| format!("{kind}.{}", attribute.name))
        })
    }

    /// All kinds, in the order of the files.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The kind with this number.
    pub fn kind(&self, id: KindId) -> &Kind {
        &self.kinds[usize::from(id.0)]
    }

    /// The kind of this full name, such as `physical.port`.
    pub fn find(&self, name: &str) -> Option<&Kind> {
        self.by_name.get(name).map(|id| self.kind(*id))
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
        format!("{}/{}", self.kind(entity.kind).noun(), entity.key)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaFile {
    #[serde(default)]
    kind: Vec<KindText>,
    #[serde(default)]
    source: Vec<SourceText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindText {
    name: String,
    doc: String,
    key: String,
    attributes: Vec<AttributeText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeText {
    name: String,
    #[serde(rename = "type")]
    of: String,
    doc: String,
    unit: Option<String>,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    containment: bool,
    identifies: Option<String>,
}

impl KindText {
    fn error(&self, file: &str, reason: String) -> SchemaError {
        SchemaError::Kind { file: file.into(), kind: self.name.clone(), reason }
    }

    fn resolve(
        &self,
        id: KindId,
        file: &str,
        kinds: &HashMap<Arc<str>, KindId>,
    ) -> Result<Kind, SchemaError> {
        let mut by_name = HashMap::new();
        let mut attributes = Vec::with_capacity(self.attributes.len());
        for (index, attribute) in self.attributes.iter().enumerate() {
            let name: Arc<str> = attribute.name.as_str().into();
            if !is_word(&name) || name.as_ref() == "id" {
                return Err(self.error(file, format!("\"{name}\" is no name for an attribute")));
            }
            if by_name.insert(Arc::clone(&name), index).is_some() {
                return Err(self.error(file, format!("attribute \"{name}\" is defined twice")));
            }
            attributes.push(Attribute {
                name,
                of: attribute.value_type(kinds).map_err(|reason| self.error(file, reason))?,
                unit: attribute.unit.clone(),
                containment: attribute.containment,
                identifies: attribute.alias_kind().map_err(|reason| self.error(file, reason))?,
                doc: attribute.doc.clone(),
            });
        }
        let (name, doc, key_doc) = (self.name.as_str().into(), self.doc.clone(), self.key.clone());
        Ok(Kind { id, name, doc, key_doc, attributes, by_name })
    }
}

impl AttributeText {
    fn alias_kind(&self) -> Result<Option<AliasKind>, String> {
        let Some(name) = &self.identifies else { return Ok(None) };
        let kind = AliasKind::named(name).ok_or_else(|| {
            let known = AliasKind::ALL.map(AliasKind::name).join(", ");
            format!("\"{}\" identifies = \"{name}\" is none of {known}", self.name)
        })?;
        match self.of.as_str() {
            "text" | "texts" => Ok(Some(kind)),
            _ => Err(format!("\"{}\" identifies, so it must be of type text or texts", self.name)),
        }
    }

    fn value_type(&self, kinds: &HashMap<Arc<str>, KindId>) -> Result<ValueType, String> {
        let targets = || {
            if self.to.is_empty() {
                return Err(format!("reference \"{}\" needs to = [kinds]", self.name));
            }
            (self.to.iter())
                .map(|to| {
                    kinds
                        .get(to.as_str())
                        .copied()
                        .ok_or_else(|| format!("\"{}\" refers to unknown kind {to}", self.name))
                })
                .collect()
        };
        Ok(match self.of.as_str() {
            "text" => ValueType::Text,
            "integer" => ValueType::Integer,
            "float" => ValueType::Float,
            "boolean" => ValueType::Boolean,
            "timestamp" => ValueType::Timestamp,
            "texts" => ValueType::Texts,
            "integers" => ValueType::Integers,
            "enum" if self.values.is_empty() => {
                return Err(format!("enum \"{}\" needs values", self.name));
            }
            "enum" => {
                ValueType::Enum(self.values.iter().map(|word| word.as_str().into()).collect())
            }
            "reference" => ValueType::Reference(targets()?),
            "references" => ValueType::References(targets()?),
            other => return Err(format!("\"{}\" has unknown type {other}", self.name)),
        })
    }
}

fn is_kind_name(name: &str) -> bool {
    name.split_once('.').is_some_and(|(layer, noun)| is_word(layer) && is_word(noun))
}

fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_that_ships_is_right() {
        let schema = Schema::parse(&BUILTIN).unwrap();
        let port = schema.find("physical.port").unwrap();
        assert_eq!((port.layer(), port.noun()), ("physical", "port"));
        assert!(port.attributes.iter().all(|attribute| attribute.doc.ends_with('.')));
    }

    #[test]
    fn a_wrong_schema_says_what_is_wrong() {
        let kind = |attributes: &str| {
            format!(
                "[[kind]]\nname = \"a.b\"\ndoc = \"d\"\nkey = \"k\"\nattributes = [{attributes}]"
            )
        };
        let error = |text: &str| Schema::parse(&[("mine.toml", text)]).unwrap_err().to_string();
        assert_eq!(
            error(&kind(r#"{ name = "x", type = "int", doc = "d" }"#)),
            "schema mine.toml, kind a.b: \"x\" has unknown type int"
        );
        assert_eq!(
            error(&kind(r#"{ name = "x", type = "reference", to = ["c.d"], doc = "d" }"#)),
            "schema mine.toml, kind a.b: \"x\" refers to unknown kind c.d"
        );
        assert_eq!(
            error(&format!("{0}\n{0}", kind(""))),
            "schema mine.toml, kind a.b: it is defined twice"
        );
    }
}
