//! What a mapping file says, checked before any row is read.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::{Raw, Schema};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::map::{Attribute, Join, Map, Take, TimeForm};
use super::rows::Format;
use super::template::{Field, Template};
use super::units;
use super::wire::{Variable, Wire};

/// A whole mapping.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) inputs: Vec<InputFile>,
    pub(super) maps: Vec<Map>,
    pub(super) wires: Vec<Wire>,
}

/// A file, or several of one form.
#[derive(Debug)]
pub(super) struct InputFile {
    pub(super) name: String,
    /// Beside the mapping; a `*` in its last part stands for anything.
    pub(super) file: String,
    pub(super) format: Option<Format>,
    /// Where the rows stand in a document, as a JSON pointer.
    pub(super) rows: Option<String>,
    /// Where rows are the members of an object: the field that their names become.
    pub(super) key_as: Option<String>,
}

/// Something in the file is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConfigError {
    /// Line, from 1, where it is known.
    pub(super) line: Option<usize>,
    /// What stands there.
    pub(super) text: String,
    /// What is wrong, and what would be right.
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    input: Vec<InputText>,
    #[serde(default)]
    map: Vec<MapText>,
    #[serde(default)]
    wire: Vec<WireText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputText {
    name: String,
    file: String,
    format: Option<Format>,
    rows: Option<String>,
    key_as: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapText {
    from: String,
    kind: String,
    key: String,
    #[serde(default, rename = "where")]
    wanted: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    unless: BTreeMap<String, OneOrMany>,
    each: Option<String>,
    #[serde(default)]
    join: BTreeMap<String, JoinText>,
    observed: Option<String>,
    valid_from: Option<String>,
    valid_to: Option<String>,
    #[serde(default)]
    time: TimeForm,
    #[serde(default)]
    attributes: BTreeMap<String, AttributeText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinText {
    input: String,
    /// Template over the row that is joined.
    key: String,
    /// Template over this row.
    equals: String,
    #[serde(default, rename = "where")]
    wanted: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    take: Take,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Value>),
    One(Value),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AttributeText {
    Template(String),
    Long(LongText),
    Constant(Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongText {
    from: String,
    split: Option<String>,
    values: Option<BTreeMap<String, Value>>,
    otherwise: Option<Value>,
    #[serde(default)]
    absent: Vec<String>,
    unit: Option<String>,
    time: Option<TimeForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireText {
    #[serde(rename = "for")]
    variables: BTreeMap<String, VariableText>,
    #[serde(default, rename = "where")]
    equal: Vec<String>,
    a: String,
    b: String,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
    /// Whether ports that no map gave are made.
    #[serde(default)]
    make_ports: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum VariableText {
    Range(String),
    Entities(EntitiesText),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntitiesText {
    kind: String,
    key: Option<String>,
    #[serde(default, rename = "where")]
    wanted: BTreeMap<String, String>,
    by: Option<String>,
}

impl ConfigError {
    fn new(text: impl Into<String>, reason: impl Into<String>) -> ConfigError {
        ConfigError { line: None, text: text.into(), reason: reason.into() }
    }
}

impl Mapping {
    /// Reads and checks a mapping. `Err`: all that is wrong, one error for TOML that is none.
    pub(super) fn parse(text: &str) -> Result<Mapping, Vec<ConfigError>> {
        let file: FileText = toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            let shown = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
            let reason = error.message().trim().replace('\n', " ");
            vec![ConfigError { line, text: shown.trim().to_owned(), reason }]
        })?;
        let mut errors = Vec::new();
        let names: BTreeSet<String> = file.input.iter().map(|input| input.name.clone()).collect();
        if names.len() < file.input.len() {
            errors.push(ConfigError::new("[[input]]", "two inputs have the same name"));
        }
        if file.map.is_empty() {
            errors.push(ConfigError::new("", "there is no [[map]], so nothing would be read"));
        }
        let schema = Schema::builtin();
        let (mut maps, mut wires) = (Vec::new(), Vec::new());
        for (index, map) in file.map.into_iter().enumerate() {
            let place = format!("[[map]] {} to {}", index + 1, map.kind);
            match map.check(&names, &schema) {
                Ok(map) => maps.push(map),
                Err(reasons) => {
                    errors.extend(reasons.into_iter().map(|why| ConfigError::new(&*place, why)));
                }
            }
        }
        for (index, wire) in file.wire.into_iter().enumerate() {
            match wire.check(&maps) {
                Ok(wire) => wires.push(wire),
                Err(why) => errors.push(ConfigError::new(format!("[[wire]] {}", index + 1), why)),
            }
        }
        let inputs = file.input.into_iter().map(|input| InputFile {
            name: input.name,
            file: input.file,
            format: input.format,
            rows: input.rows,
            key_as: input.key_as,
        });
        if errors.is_empty() {
            Ok(Mapping { inputs: inputs.collect(), maps, wires })
        } else {
            Err(errors)
        }
    }
}

impl MapText {
    fn check(self, names: &BTreeSet<String>, schema: &Schema) -> Result<Map, Vec<String>> {
        let mut errors = Vec::new();
        for input in std::iter::once(&self.from).chain(self.join.values().map(|join| &join.input)) {
            if !names.contains(input) {
                let known = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                errors.push(format!("no [[input]] is named \"{input}\"; there are {known}"));
            }
        }
        if !self.kind.contains('.') {
            errors.push(format!("\"{}\" is no kind; one is named layer.noun", self.kind));
        }
        if let Some(kind) = schema.find(&self.kind) {
            for name in self.attributes.keys().filter(|name| kind.attribute(name).is_none()) {
                let known: Vec<&str> = kind.attributes.iter().map(|a| &*a.name).collect();
                errors.push(format!(
                    "{kind} has no attribute \"{name}\"; it has {}",
                    known.join(", ")
                ));
            }
        }
        let scopes: BTreeSet<String> = self.join.keys().cloned().collect();
        let mut template = |what: &str, text: &str, own: bool| {
            let parsed = Template::parse(text).and_then(|template| {
                let wrong = template.holes().find(|hole| match &hole.scope {
                    _ if hole.field == Field::Ordinal => true,
                    Some(scope) => own || !scopes.contains(scope),
                    None => false,
                });
                match wrong {
                    Some(hole) => Err(format!(
                        "\"{text}\" speaks of {}, which is no join of this map",
                        hole.scope.as_deref().unwrap_or_default()
                    )),
                    None => Ok(template),
                }
            });
            parsed.map_err(|why| errors.push(format!("{what}: {why}"))).ok()
        };
        let key = template("key", &self.key, false);
        let observed = self.observed.as_deref().and_then(|text| template("observed", text, false));
        let valid_from =
            self.valid_from.as_deref().and_then(|text| template("valid_from", text, false));
        let valid_to = self.valid_to.as_deref().and_then(|text| template("valid_to", text, false));
        let mut joins = Vec::new();
        for (name, join) in &self.join {
            let wanted = filters(&join.wanted);
            let (key, equals) =
                (template("join key", &join.key, true), template("equals", &join.equals, true));
            if let (Some(key), Some(equals)) = (key, equals) {
                joins.push(Join {
                    name: name.clone(),
                    input: join.input.clone(),
                    key,
                    equals,
                    wanted,
                    take: join.take,
                });
            }
        }
        let mut attributes = Vec::new();
        for (name, text) in &self.attributes {
            match text {
                AttributeText::Template(text) => {
                    let from = template(name, text, false);
                    attributes.extend(from.map(|from| (name.clone(), Attribute::of(from))));
                }
                AttributeText::Constant(value) => {
                    attributes.push((name.clone(), Attribute::Constant(constant(value))));
                }
                AttributeText::Long(long) => {
                    let Some(from) = template(name, &long.from, false) else { continue };
                    let unit = long.unit.as_deref().map(|unit| (unit, units::scale(unit)));
                    if let Some((unit, None)) = unit {
                        attributes.clear();
                        joins.clear();
                        return Err(vec![format!(
                            "{name}: \"{unit}\" is no unit such as Gbit/s, MiB or ms"
                        )]);
                    }
                    let values = long.values.as_ref().map(|values| {
                        values.iter().map(|(from, to)| (from.clone(), constant(to))).collect()
                    });
                    attributes.push((
                        name.clone(),
                        Attribute::From {
                            from,
                            split: long.split.clone(),
                            values,
                            otherwise: long.otherwise.as_ref().map(constant),
                            absent: long.absent.clone(),
                            scale: unit.and_then(|(_, scale)| scale),
                            time: long.time,
                        },
                    ));
                }
            }
        }
        match key {
            Some(key) if errors.is_empty() => Ok(Map {
                from: self.from,
                kind: self.kind,
                key,
                wanted: filters(&self.wanted),
                unless: filters(&self.unless),
                each: self.each,
                joins,
                observed,
                valid_from,
                valid_to,
                time: self.time,
                attributes,
            }),
            _ => Err(errors),
        }
    }
}

/// Fields with the values that they may have.
fn filters(texts: &BTreeMap<String, OneOrMany>) -> Vec<(String, Vec<Value>)> {
    let values = |wanted: &OneOrMany| match wanted {
        OneOrMany::Many(values) => values.clone(),
        OneOrMany::One(value) => vec![value.clone()],
    };
    texts.iter().map(|(field, wanted)| (field.clone(), values(wanted))).collect()
}

fn constant(value: &Value) -> Raw {
    match value {
        Value::Null => Raw::Absent,
        Value::Bool(truth) => Raw::Boolean(*truth),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Raw::Float(number.as_f64().unwrap_or(0.0)), Raw::Integer)
        }
        Value::String(text) => Raw::Text(text.clone()),
        Value::Array(items) => Raw::List(items.iter().map(constant).collect()),
        Value::Object(_) => Raw::Text(value.to_string()),
    }
}

impl WireText {
    fn check(self, maps: &[Map]) -> Result<Wire, String> {
        let mut variables = Vec::new();
        for (name, text) in self.variables {
            variables.push((name, text.check(maps)?));
        }
        let template = |text: &str| {
            let template = Template::parse(text)?;
            for hole in template.holes() {
                let (name, field) = hole.variable();
                let known = variables.iter().find(|(variable, _)| variable == name);
                match known {
                    None => return Err(format!("\"{text}\": nothing in for is named \"{name}\"")),
                    Some((_, Variable::Range(..))) if *field != Field::Whole => {
                        return Err(format!("\"{text}\": {name} is a number and has no fields"));
                    }
                    Some(_) => {}
                }
            }
            Ok(template)
        };
        let (a, b) = (template(&self.a)?, template(&self.b)?);
        let mut equal = Vec::new();
        for rule in &self.equal {
            let (left, right) = rule
                .split_once('=')
                .ok_or_else(|| format!("where \"{rule}\" is not left = right"))?;
            equal.push((template(left.trim())?, template(right.trim())?));
        }
        let attributes =
            self.attributes.iter().map(|(name, value)| (name.clone(), constant(value))).collect();
        Ok(Wire { variables, equal, a, b, attributes, make_ports: self.make_ports })
    }
}

impl VariableText {
    fn check(self, maps: &[Map]) -> Result<Variable, String> {
        match self {
            VariableText::Range(text) => {
                let ends = text.split_once("..").and_then(|(first, last)| {
                    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
                });
                match ends {
                    Some((first, last)) if first <= last => Ok(Variable::Range(first, last)),
                    _ => Err(format!("for \"{text}\" is no range such as 1..48")),
                }
            }
            VariableText::Entities(entities) => {
                if !maps.iter().any(|map| map.kind == entities.kind) {
                    return Err(format!(
                        "no [[map]] gives {}, so the rule finds none",
                        entities.kind
                    ));
                }
                let key = entities.key.as_deref().map(Regex::new).transpose();
                let key = key.map_err(|error| format!("key: {error}"))?;
                let (kind, wanted, by) =
                    (entities.kind, entities.wanted.into_iter().collect(), entities.by);
                Ok(Variable::Entities { kind, key, wanted, by })
            }
        }
    }
}
