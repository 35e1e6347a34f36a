//! Groma's message log as JSON lines: one object a line. `docs/message-log.md` is the manual.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use groma_model::{Problem, Timestamp};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::message_log::{Cell, Reader, Row, field_of, is_message_log};
use super::out::Out;
use super::stdx;
use crate::lines::{self, Line};
use crate::{Heard, Importer, Input, Takes};

pub(crate) static IMPORTER: Importer = Importer {
    name: "message-log-json",
    doc: "Groma's message log as JSON lines.",
    takes: Takes::File,
    recognises,
    decode,
};

/// How many unknown field names of one input are told of.
const UNKNOWN_FIELDS_MAX: usize = 16;

fn recognises(path: &Path, first: &[u8]) -> bool {
    let is_lines = path.extension().is_some_and(|it| it == "jsonl" || it == "ndjson");
    let is_spans = stdx::contains(first, "\"traceId\"") || stdx::contains(first, "esourceSpans\"");
    if is_lines && !is_spans {
        return true;
    }
    if stdx::first_visible(first) != Some(b'{') {
        return false;
    }
    // The first line may be broken, so that any of the first few will do.
    let text = String::from_utf8_lossy(first);
    text.lines().take(8).any(|line| {
        let mut parsed = serde_json::Deserializer::from_str(line.trim_start_matches('\u{feff}'));
        let names = parsed.deserialize_map(NamesVisitor);
        names.is_ok_and(|names| is_message_log(names.iter().map(String::as_str)))
    })
}

fn decode(input: &Input, _observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut out = Out::new(sink);
    let mut reader = Reader::new();
    for path in &input.paths {
        decode_file(path, &mut reader, &mut out);
    }
    out.finish(&input.source);
}

fn decode_file(path: &Path, reader: &mut Reader, out: &mut Out<'_>) {
    let mut lines = match lines::open(path) {
        Ok(lines) => lines,
        Err(problem) => return out.problem(problem),
    };
    let place = path.display();
    let mut unknown_fields = BTreeSet::new();
    let mut reasons = Vec::new();
    while let Some(Line { number, text }) = lines.next_line() {
        let text = match text {
            Ok(text) => text.trim_start_matches('\u{feff}').trim(),
            Err(problem) => {
                out.problem(problem);
                continue;
            }
        };
        if text.is_empty() {
            continue;
        }
        match serde_json::from_str::<Object<'_>>(text) {
            Err(error) => reasons.push(format!("is no JSON object: {error}")),
            Ok(object) => {
                if let Some(name) = object.unknown_field
                    && unknown_fields.len() < UNKNOWN_FIELDS_MAX
                    && unknown_fields.insert(name.clone())
                {
                    reasons.push(format!("no field of a message log is called \"{name}\""));
                }
                match reader.read(&object.row, out, &mut reasons) {
                    Ok(record) => out.message(record),
                    Err(reason) => reasons.push(reason),
                }
            }
        }
        for reason in reasons.drain(..) {
            out.problem(Problem::new(format!("{place}:{number}"), text, reason));
        }
    }
}

/// One line.
#[derive(Default)]
struct Object<'a> {
    row: Row<'a>,
    /// A field that is not ours; the last, if there are several.
    unknown_field: Option<String>,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'de>, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut object = Object::default();
        while let Some(Name(name)) = map.next_key()? {
            match field_of(&name) {
                Some(field) => object.row.set(field, map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                    object.unknown_field = Some(name.chars().take(64).collect());
                }
            }
        }
        Ok(object)
    }
}

/// A text that stays in the line unless it holds escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'de>, D::Error> {
        match Cell::deserialize(deserializer)? {
            Cell::Text(text) => Ok(Name(text)),
            _ => Err(serde::de::Error::custom("a name is a text")),
        }
    }
}

impl<'de> Deserialize<'de> for Cell<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cell<'de>, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Cell<'de>, E> {
        Ok(Cell::Integer(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Cell<'de>, E> {
        Ok(Cell::Integer(number.into()))
    }

    fn visit_f64<E>(self, _number: f64) -> Result<Cell<'de>, E> {
        Ok(Cell::Other("a number that is not whole"))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Cell<'de>, E> {
        Ok(Cell::Boolean(truth))
    }

    fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Cell<'de>, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| Cell::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cell<'de>, A::Error> {
        IgnoredAny.visit_map(map).map(|_| Cell::Other("an object"))
    }
}

/// The names of an object's fields.
struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
        let mut names = Vec::new();
        while let Some((name, IgnoredAny)) = map.next_entry()? {
            names.push(name);
        }
        Ok(names)
    }
}
