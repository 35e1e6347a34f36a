//! The shape of a schema file, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::SchemaError;
use crate::nearest;
use crate::trust::SourceText;

/// A schema file: its name and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaText {
    /// Its name, for people.
    pub name: String,
    /// What it says, TOML.
    pub text: String,
}

impl SchemaText {
    /// A file of this name.
    pub fn new(name: &str, text: &str) -> SchemaText {
        SchemaText { name: name.to_owned(), text: text.to_owned() }
    }
}

/// Begins the line that names the file which follows, where several are in one text.
const FILE_MARK: &str = "#:file ";

/// Name of a text that has no such line.
const UNNAMED: &str = "site.toml";

/// Several files as one text: `#:file NAME` before each. [`split_texts`] takes it apart.
pub fn join_texts(files: &[SchemaText]) -> String {
    let whole = |file: &SchemaText| {
        let end = if file.text.ends_with('\n') { "" } else { "\n" };
        format!("{FILE_MARK}{}\n{}{end}", file.name, file.text)
    };
    files.iter().map(whole).collect()
}

/// The files of a text: one, or several with a line `#:file NAME` before each. An empty text is none.
pub fn split_texts(text: &str) -> Vec<SchemaText> {
    let mut files: Vec<SchemaText> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix(FILE_MARK) {
            Some(name) => files.push(SchemaText::new(name.trim(), "")),
            None if files.is_empty() && line.trim().is_empty() => {}
            None => {
                if files.is_empty() {
                    files.push(SchemaText::new(UNNAMED, ""));
                }
                if let Some(file) = files.last_mut() {
                    file.text.push_str(line);
                }
            }
        }
    }
    files
}

/// A schema file. Each `[[...]]` is one field.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct SchemaFile {
    #[serde(default)]
    pub(super) kind: Vec<KindText>,
    #[serde(default)]
    pub(super) extend: Vec<ExtendText>,
    #[serde(default, rename = "enum")]
    pub(super) enums: Vec<EnumText>,
    #[serde(default)]
    pub(super) unit: Vec<UnitText>,
    #[serde(default)]
    pub(super) rule: Vec<RuleText>,
    #[serde(default)]
    pub(super) source: Vec<Spanned<SourceText>>,
}

/// `[[kind]]`: a class of things.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KindText {
    pub(super) name: Spanned<String>,
    pub(super) doc: String,
    pub(super) key: String,
    #[serde(default)]
    pub(super) attributes: Vec<AttributeText>,
    #[serde(default)]
    pub(super) renamed_from: Names,
}

/// `[[extend]]`: more attributes of a kind, more words of its enums.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtendText {
    pub(super) kind: Spanned<String>,
    #[serde(default)]
    pub(super) attributes: Vec<AttributeText>,
    #[serde(default)]
    pub(super) values: BTreeMap<String, Vec<String>>,
}

/// `[[enum]]`: words that several attributes share.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnumText {
    pub(super) name: Spanned<String>,
    pub(super) values: Vec<String>,
}

/// `[[unit]]`: a unit that is not among the known ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitText {
    pub(super) name: Spanned<String>,
    pub(super) doc: String,
}

/// `[[rule]]`: what must hold of some attributes of a kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleText {
    pub(super) kind: Spanned<String>,
    pub(super) attributes: Vec<String>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) unique: bool,
    pub(super) at_least: Option<u64>,
    pub(super) at_most: Option<u64>,
    pub(super) referrers_at_least: Option<u64>,
    pub(super) referrers_at_most: Option<u64>,
    #[serde(default)]
    pub(super) unless: BTreeMap<String, toml::Value>,
    pub(super) reason: Option<String>,
}

/// One attribute of a kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttributeText {
    pub(super) name: Spanned<String>,
    #[serde(rename = "type")]
    pub(super) of: String,
    pub(super) doc: String,
    pub(super) unit: Option<String>,
    #[serde(default)]
    pub(super) values: Vec<String>,
    #[serde(rename = "enum")]
    pub(super) values_of: Option<String>,
    #[serde(default)]
    pub(super) to: Vec<String>,
    #[serde(default)]
    pub(super) containment: bool,
    pub(super) identifies: Option<String>,
    #[serde(default)]
    pub(super) renamed_from: Names,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) unique: bool,
    pub(super) at_least: Option<u64>,
    pub(super) at_most: Option<u64>,
    pub(super) referrers_at_least: Option<u64>,
    pub(super) referrers_at_most: Option<u64>,
}

/// One name or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a name or a list of names")]
pub(super) enum Names {
    One(String),
    Several(Vec<String>),
}

impl Default for Names {
    fn default() -> Names {
        Names::Several(Vec::new())
    }
}

impl Names {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Names::One(name) => std::slice::from_ref(name),
            Names::Several(names) => names,
        }
    }
}

/// Reads one file.
///
/// # Errors
/// It is not TOML, or not of this shape.
#[expect(clippy::result_large_err, reason = "made once per file, and taken apart at once")]
pub(super) fn parse(file: &SchemaText) -> Result<SchemaFile, SchemaError> {
    toml::from_str(&file.text).map_err(|error| {
        let reason = error.message().replace('\n', " ");
        SchemaError {
            file: file.name.clone(),
            line: error.span().map(|span| line_of(&file.text, span.start)),
            hint: meant(&reason),
            reason,
            ..SchemaError::default()
        }
    })
}

/// The line of a byte of a text, from 1.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    let before = &text.as_bytes()[..byte.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// Of "unknown field `nam`, expected one of `name`, `doc`": what may have been meant.
fn meant(reason: &str) -> Option<String> {
    let rest = reason.strip_prefix("unknown field `")?;
    let mut names = rest.split('`').step_by(2);
    let nearest = nearest(names.next()?, names)?;
    Some(format!("Did you mean {nearest}?"))
}
