//! From what schema files say to a schema.
//!
//! What is wrong is left out and told, each thing once: a kind with a wrong attribute is there
//! without it. Names are declared before anything refers to them, so that their order does not matter.

use std::collections::HashMap;
use std::sync::Arc;

use toml::Spanned;

use super::file::{self, KindText, SchemaFile, line_of};
use super::{Schema, SchemaError, SchemaText};
use crate::units::UNITS;
use crate::{Kind, KindId, Origin, ValueType, nearest};

mod attributes;
mod rules;

/// How many kinds a schema may have.
pub const KINDS_MAX: usize = 1024;

/// How many attributes a kind may have.
pub const ATTRIBUTES_MAX: usize = 1024;

/// How large all files of a site may be together, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 1 << 20;

/// Layers that no kind of a site can be in, since the tables of Groma itself stand in schemas of these names.
pub const RESERVED_LAYERS: [&str; 13] = [
    "capacity",
    "graph",
    "health",
    "information_schema",
    "ledger",
    "log",
    "metric",
    "model",
    "pg_catalog",
    "public",
    "standing",
    "trace",
    "traffic",
];

fn is_reserved(layer: &str) -> bool {
    RESERVED_LAYERS.contains(&layer) || layer.starts_with("pg_")
}

/// Names that mean something else in a table or a file of a kind.
const RESERVED_ATTRIBUTES: [&str; 4] = ["id", "observed_at", "valid_from", "valid_to"];

const TYPES: [&str; 10] = [
    "text",
    "integer",
    "float",
    "boolean",
    "timestamp",
    "enum",
    "texts",
    "integers",
    "reference",
    "references",
];

/// Whose files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    BuiltIn,
    Site,
}

/// Adds what `files` say to `base`. What is wrong with them is left out.
pub(super) fn read(base: &Schema, files: &[SchemaText], whose: As) -> (Schema, Vec<SchemaError>) {
    let mut reader =
        Reader { schema: base.clone(), enums: HashMap::new(), errors: Vec::new(), whose };
    let in_order =
        |error: &SchemaError| (files.iter().position(|file| file.name == error.file), error.line);
    let files = reader.parse(files);
    for file in &files {
        reader.declare_words(file);
    }
    let declared: Vec<_> = (files.iter())
        .flat_map(|file| file.said.kind.iter().map(move |kind| (file, kind)))
        .filter_map(|(file, kind)| Some((file, reader.declare(file, kind)?, kind)))
        .collect();
    for (file, id, kind) in &declared {
        kind.attributes.iter().for_each(|attribute| reader.attribute(file, *id, attribute));
    }
    for file in &files {
        reader.extend(file);
    }
    for (file, id, kind) in &declared {
        reader.rename_kind(file, *id, kind);
    }
    for file in &files {
        file.said.rule.iter().for_each(|rule| reader.rule(file, rule));
        reader.sources(file);
    }
    reader.errors.sort_by_key(in_order);
    (reader.schema, reader.errors)
}

/// A file that could be parsed.
struct File<'a> {
    name: &'a str,
    text: &'a str,
    origin: Origin,
    said: SchemaFile,
}

impl File<'_> {
    fn error(&self, at: &Spanned<String>, reason: String) -> SchemaError {
        SchemaError {
            file: self.name.to_owned(),
            line: Some(line_of(self.text, at.span().start)),
            reason,
            ..SchemaError::default()
        }
    }
}

struct Reader {
    schema: Schema,
    enums: HashMap<String, Vec<String>>,
    errors: Vec<SchemaError>,
    whose: As,
}

/// What is wrong, and what to try.
struct Wrong {
    reason: String,
    hint: Option<String>,
}

impl From<String> for Wrong {
    fn from(reason: String) -> Wrong {
        Wrong { reason, hint: None }
    }
}

/// There is nothing of this name; the nearest one is the hint, or else `list` says what there is.
fn unknown<'a>(
    what: &str,
    name: &str,
    names: impl IntoIterator<Item = &'a str> + Clone,
    list: bool,
) -> Wrong {
    let hint = nearest(name, names.clone()).map(|meant| format!("Did you mean {meant}?"));
    let all = || format!("There are {}.", names.into_iter().collect::<Vec<_>>().join(", "));
    let hint = hint.or_else(|| list.then(all));
    Wrong { reason: format!("there is no {what} \"{name}\""), hint }
}

impl Reader {
    fn parse<'a>(&mut self, files: &'a [SchemaText]) -> Vec<File<'a>> {
        let bytes: usize = files.iter().map(|file| file.text.len()).sum();
        if SCHEMA_BYTES_MAX < bytes {
            self.errors.push(SchemaError {
                file: files.first().map_or(String::new(), |file| file.name.clone()),
                reason: format!("the schema has {bytes} bytes, at most {SCHEMA_BYTES_MAX} may be"),
                ..SchemaError::default()
            });
            return Vec::new();
        }
        let mut parsed = Vec::new();
        for file in files {
            let origin = match self.whose {
                As::BuiltIn => Origin::BuiltIn,
                As::Site => Origin::Site(file.name.as_str().into()),
            };
            match file::parse(file) {
                Ok(said) => {
                    parsed.push(File { name: &file.name, text: &file.text, origin, said });
                }
                Err(error) => self.errors.push(error),
            }
        }
        parsed
    }

    fn wrong(
        &mut self,
        file: &File<'_>,
        at: &Spanned<String>,
        kind: &str,
        attribute: Option<&str>,
        wrong: impl Into<Wrong>,
    ) {
        let Wrong { reason, hint } = wrong.into();
        let mut error = file.error(at, reason);
        error.kind = Some(kind.to_owned()).filter(|kind| !kind.is_empty());
        error.attribute = attribute.map(str::to_owned);
        error.hint = hint;
        self.errors.push(error);
    }

    /// Units and named enums.
    fn declare_words(&mut self, file: &File<'_>) {
        for unit in &file.said.unit {
            let name = unit.name.get_ref();
            if self.knows_unit(name) {
                let reason = format!("there is already a unit \"{name}\"");
                self.wrong(file, &unit.name, "", None, reason);
            } else {
                self.schema.units.push((name.as_str().into(), unit.doc.as_str().into()));
            }
        }
        for words in &file.said.enums {
            let name = words.name.get_ref();
            let reason = if words.values.is_empty() {
                format!("enum \"{name}\" needs values")
            } else if self.enums.contains_key(name) {
                format!("enum \"{name}\" is defined twice")
            } else {
                self.enums.insert(name.clone(), words.values.clone());
                continue;
            };
            self.wrong(file, &words.name, "", None, reason);
        }
    }

    fn knows_unit(&self, unit: &str) -> bool {
        UNITS.iter().any(|(known, _)| *known == unit)
            || self.schema.units().any(|(known, _)| known == unit)
    }

    /// Makes room for a kind, still without attributes. `None`: it cannot be.
    fn declare(&mut self, file: &File<'_>, kind: &KindText) -> Option<KindId> {
        let name = kind.name.get_ref();
        let wrong = match name.split_once('.') {
            Some((layer, noun)) if is_word(layer) && is_word(noun) => {
                if let Some(known) = self.schema.find(name) {
                    let hint = format!("Add to it: [[extend]] kind = \"{name}\".");
                    let reason = match &known.origin {
                        Origin::BuiltIn if self.whose == As::Site => "it ships with Groma".into(),
                        origin => format!("it is defined twice, first in {origin}"),
                    };
                    Wrong { reason, hint: Some(hint) }
                } else if self.whose == As::Site && is_reserved(layer) {
                    let hint = "Choose another layer: any word will do, it becomes a schema.";
                    let reason = format!("the layer \"{layer}\" belongs to Groma");
                    Wrong { reason, hint: Some(hint.into()) }
                } else if KINDS_MAX <= self.schema.kinds.len() {
                    format!("there are more than {KINDS_MAX} kinds").into()
                } else {
                    return Some(self.add_kind(file, kind));
                }
            }
            _ => Wrong {
                reason: "a kind is named layer.noun in lower case".into(),
                hint: Some("Take letters, digits and _, such as power.feed.".into()),
            },
        };
        self.wrong(file, &kind.name, name, None, wrong);
        None
    }

    fn add_kind(&mut self, file: &File<'_>, kind: &KindText) -> KindId {
        let name: Arc<str> = kind.name.get_ref().as_str().into();
        let id = KindId(self.schema.kinds.len() as u16);
        let mut kind = Kind {
            id,
            name: Arc::clone(&name),
            doc: kind.doc.clone(),
            key_doc: kind.key.clone(),
            attributes: Vec::new(),
            renamed_from: Vec::new(),
            origin: file.origin.clone(),
            owns_noun: true,
            by_name: HashMap::new(),
        };
        kind.owns_noun = !self.schema.kinds.iter().any(|known| known.noun() == kind.noun());
        self.schema.by_name.insert(name, id);
        self.schema.kinds.push(kind);
        id
    }

    fn extend(&mut self, file: &File<'_>) {
        for more in &file.said.extend {
            let name = more.kind.get_ref();
            let Some(id) = self.schema.find(name).map(|kind| kind.id) else {
                let wrong = unknown("kind", name, self.kind_names(), false);
                self.wrong(file, &more.kind, name, None, wrong);
                continue;
            };
            more.attributes.iter().for_each(|attribute| self.attribute(file, id, attribute));
            for (attribute, words) in &more.values {
                if let Err(wrong) = self.extend_enum(id, attribute, words) {
                    self.wrong(file, &more.kind, name, Some(attribute), wrong);
                }
            }
        }
    }

    fn extend_enum(&mut self, id: KindId, attribute: &str, words: &[String]) -> Result<(), Wrong> {
        let kind = &mut self.schema.kinds[usize::from(id.0)];
        let Some(place) = kind.attribute(attribute) else {
            return Err(unknown("attribute", attribute, attribute_names(kind), true));
        };
        let ValueType::Enum(known) = &mut kind.attributes[place].of else {
            return Err(format!("{attribute} is no enum").into());
        };
        for word in words {
            if !is_enum_word(word) {
                return Err(format!("\"{word}\" is no word for an enum").into());
            }
            if !known.iter().any(|known| **known == **word) {
                known.push(word.as_str().into());
            }
        }
        Ok(())
    }

    fn kind_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.schema.kinds.iter().map(|kind| &*kind.name)
    }

    /// Whom to believe.
    fn sources(&mut self, file: &File<'_>) {
        for source in &file.said.source {
            let kinds = &self.schema.kinds;
            let names = || -> Box<dyn Iterator<Item = String>> {
                Box::new(kinds.iter().flat_map(|kind| {
                    attribute_names(kind).map(move |attribute| format!("{kind}.{attribute}"))
                }))
            };
            let entry = std::slice::from_ref(source.get_ref());
            if let Err((name, reason)) = self.schema.trust.read(entry, names) {
                self.errors.push(SchemaError {
                    file: file.name.to_owned(),
                    line: Some(line_of(file.text, source.span().start)),
                    reason: format!("source {name}: {reason}"),
                    ..SchemaError::default()
                });
            }
        }
    }

    /// Last of all, when it is known which kinds there are.
    fn rename_kind(&mut self, file: &File<'_>, id: KindId, kind: &KindText) {
        let name = kind.name.get_ref();
        let free = |old: &str| self.schema.find(old).is_none();
        match former_names(kind.renamed_from.as_slice(), free) {
            Ok(names) => self.schema.kinds[usize::from(id.0)].renamed_from = names,
            Err(wrong) => self.wrong(file, &kind.name, name, None, wrong),
        }
    }
}

fn former_names(names: &[String], is_free: impl Fn(&str) -> bool) -> Result<Vec<Arc<str>>, Wrong> {
    match names.iter().find(|old| !is_free(old)) {
        None => Ok(names.iter().map(|old| old.as_str().into()).collect()),
        Some(taken) => Err(Wrong {
            reason: format!("renamed_from \"{taken}\": something else has this name today"),
            hint: Some("Take renamed_from away once the new name is in use everywhere.".into()),
        }),
    }
}

fn attribute_names(kind: &Kind) -> impl Iterator<Item = &str> + Clone {
    kind.attributes.iter().map(|attribute| &*attribute.name)
}

/// Lower case, digits, `_` and `-`.
fn is_enum_word(word: &str) -> bool {
    !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_lowercase() || c.is_ascii_digit() || c == '_' || c == '-' || c == '.')
}

fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
