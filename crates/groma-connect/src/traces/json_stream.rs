//! JSON documents read element by element, so that a file of any size needs the memory of one element,
//! and a file that was cut gives all that was whole before the cut.
//!
//! A file may hold several documents one after the other (one a line, as the OpenTelemetry Collector
//! writes them). After a document that is broken, reading goes on at the next line that starts with
//! `{` or `[`: in a pretty-printed document that is the next document, since inner lines are indented.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use groma_model::Problem;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::whole;

/// Most bytes between the ends of two elements. More is no element but a mistake, and ends the document.
pub(super) const ELEMENT_SIZE_MAX: u64 = 16 << 20;
/// Deepest nesting of what is walked through; elements themselves may have serde_json's 128.
const DEPTH_MAX: usize = 16;
const READ_BUFFER_SIZE: usize = 256 << 10;

/// What to do with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Look into its objects and arrays.
    Walk,
    /// It is an element, or an array of elements (or of arrays of them).
    Elements(&'static str),
    /// It does not matter.
    Ignore,
}

/// Who is told of the elements.
pub(super) trait Handler {
    /// What to do with the value of `key` in an object that lies `depth` objects deep, from 0.
    fn key(&mut self, key: &str, depth: usize) -> Step;
    /// An element of the array that was named so. `byte` is where it ends.
    fn element(&mut self, name: &'static str, value: Value, byte: u64);
    /// An object that was walked through ends.
    fn leave(&mut self, depth: usize);
    /// Something is wrong with the file.
    fn problem(&mut self, problem: Problem);
}

/// Reads the file. `top` is what to do with each document.
pub(super) fn read_file(path: &Path, top: Step, handler: &mut dyn Handler) {
    let place = path.display().to_string();
    match whole::open(path) {
        Ok(file) => read(file, &place, top, handler),
        Err(error) => {
            handler.problem(Problem::new(place, "", format!("cannot be opened: {error}")));
        }
    }
}

/// Reads documents until the end.
pub(super) fn read(reader: impl Read, place: &str, top: Step, handler: &mut dyn Handler) {
    let position = Position::default();
    let mut source = Source::new(reader, &position);
    loop {
        match source.skip_space() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return handler.problem(failed(place, &position, &error)),
        }
        position.allow_element();
        let mut deserializer = serde_json::Deserializer::from_reader(&mut source);
        let walk = Walk { step: top, depth: 0, handler: &mut *handler, position: &position };
        let Err(error) = walk.deserialize(&mut deserializer) else { continue };
        handler.leave(0);
        let reason = if error.is_eof() {
            format!("the document is cut off here; what was whole before is kept ({error})")
        } else {
            format!("the document is broken here; what was whole before is kept ({error})")
        };
        let shown = source.recent();
        handler.problem(Problem::new(at_byte(place, position.byte.get()), &shown, reason));
        position.allow_element();
        if error.is_io() && !position.element_too_large.get() {
            break;
        }
        position.element_too_large.set(false);
        match source.skip_to_document() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return handler.problem(failed(place, &position, &error)),
        }
    }
    let replaced = source.replaced_bytes;
    if let Some(first) = source.first_replaced_byte {
        let reason =
            format!("{replaced} bytes are not UTF-8, the first of them here; read as \u{fffd}");
        handler.problem(Problem::new(at_byte(place, first), "", reason));
    }
}

/// How problems name a place in a document.
pub(super) fn at_byte(place: &str, byte: u64) -> String {
    format!("{place}:byte {byte}")
}

fn failed(place: &str, position: &Position, error: &io::Error) -> Problem {
    Problem::new(at_byte(place, position.byte.get()), "", format!("reading failed: {error}"))
}

/// Where reading is, shared by the source of bytes and the walk over them.
#[derive(Debug, Default)]
struct Position {
    byte: Cell<u64>,
    element_ends_before: Cell<u64>,
    element_too_large: Cell<bool>,
}

impl Position {
    fn allow_element(&self) {
        self.element_ends_before.set(self.byte.get() + ELEMENT_SIZE_MAX);
    }
}

/// Bytes that are UTF-8 for sure, counted and bounded.
struct Source<'a, R> {
    reader: BufReader<R>,
    position: &'a Position,
    /// Clean text not given yet.
    text: Vec<u8>,
    given: usize,
    /// The last byte given was a line end.
    at_line_start: bool,
    replaced_bytes: u64,
    first_replaced_byte: Option<u64>,
    /// Bytes read from the reader.
    read_bytes: u64,
    /// Start of a character whose rest has not been read yet.
    partial: Vec<u8>,
}

impl<'a, R: Read> Source<'a, R> {
    fn new(reader: R, position: &'a Position) -> Source<'a, R> {
        Source {
            reader: BufReader::with_capacity(READ_BUFFER_SIZE, reader),
            position,
            text: Vec::new(),
            given: 0,
            at_line_start: true,
            replaced_bytes: 0,
            first_replaced_byte: None,
            read_bytes: 0,
            partial: Vec::new(),
        }
    }

    /// The next byte, not taken.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        while self.given == self.text.len() {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.text[self.given]))
    }

    fn take(&mut self, byte: u8) {
        self.given += 1;
        self.position.byte.set(self.position.byte.get() + 1);
        self.at_line_start = byte == b'\n';
    }

    /// Skips white space and a byte order mark; whether something follows.
    fn skip_space(&mut self) -> io::Result<bool> {
        while let Some(byte) = self.peek()? {
            let is_mark = matches!(byte, 0xef | 0xbb | 0xbf) && self.position.byte.get() < 3;
            if !byte.is_ascii_whitespace() && !is_mark {
                return Ok(true);
            }
            self.take(byte);
        }
        Ok(false)
    }

    /// Skips to a line that starts with `{` or `[`; whether there is one.
    fn skip_to_document(&mut self) -> io::Result<bool> {
        while let Some(byte) = self.peek()? {
            if self.at_line_start && matches!(byte, b'{' | b'[') {
                return Ok(true);
            }
            self.take(byte);
        }
        Ok(false)
    }

    /// The text around here, for a problem.
    fn recent(&self) -> String {
        let from = self.given.saturating_sub(80);
        let to = self.text.len().min(self.given + 80);
        String::from_utf8_lossy(&self.text[from..to]).into_owned()
    }

    /// Reads some more text; whether there was more.
    fn fill(&mut self) -> io::Result<bool> {
        let available = self.reader.fill_buf()?;
        self.text.clear();
        self.given = 0;
        if available.is_empty() {
            let partial = std::mem::take(&mut self.partial);
            if !partial.is_empty() {
                self.replace(0);
            }
            return Ok(!self.text.is_empty());
        }
        let length = available.len();
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(available);
        self.reader.consume(length);
        let start = self.read_bytes - (bytes.len() - length) as u64;
        self.read_bytes += length as u64;
        self.clean(&bytes, start);
        Ok(true)
    }

    fn clean(&mut self, mut bytes: &[u8], mut start: u64) {
        while let Err(error) = std::str::from_utf8(bytes) {
            let valid = error.valid_up_to();
            self.text.extend_from_slice(&bytes[..valid]);
            let Some(bad) = error.error_len() else {
                self.partial = bytes[valid..].to_vec();
                return;
            };
            self.replace(start + valid as u64);
            bytes = &bytes[valid + bad..];
            start += (valid + bad) as u64;
        }
        self.text.extend_from_slice(bytes);
    }

    fn replace(&mut self, byte: u64) {
        self.replaced_bytes += 1;
        self.first_replaced_byte.get_or_insert(byte);
        self.text.extend_from_slice("\u{fffd}".as_bytes());
    }
}

impl<R: Read> Read for Source<'_, R> {
    /// One byte at a time, which is how serde_json asks, so that no byte after a document is taken
    /// but the one that ends it.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position.byte.get() >= self.position.element_ends_before.get() {
            self.position.element_too_large.set(true);
            let reason = format!("an element has more than {ELEMENT_SIZE_MAX} bytes");
            return Err(io::Error::other(reason));
        }
        match (self.peek()?, buffer.first_mut()) {
            (Some(byte), Some(slot)) => {
                *slot = byte;
                self.take(byte);
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

/// Walks through one value.
struct Walk<'a> {
    step: Step,
    depth: usize,
    handler: &'a mut dyn Handler,
    position: &'a Position,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.step {
            Step::Ignore => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ()),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl Walk<'_> {
    fn give<E: serde::de::Error>(
        self,
        name: &'static str,
        value: Result<Value, E>,
    ) -> Result<(), E> {
        self.handler.element(name, value?, self.position.byte.get());
        self.position.allow_element();
        Ok(())
    }

    /// Something that is neither object nor array where one of them was looked for.
    fn scalar<E: serde::de::Error>(self, value: Value) -> Result<(), E> {
        match self.step {
            Step::Elements(name) => self.give(name, Ok(value)),
            Step::Walk | Step::Ignore => Ok(()),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.depth >= DEPTH_MAX {
            return IgnoredAny.visit_seq(seq).map(|_| ());
        }
        let (step, depth) = (self.step, self.depth + 1);
        while let Some(()) = seq.next_element_seed(Walk {
            step,
            depth,
            handler: &mut *self.handler,
            position: self.position,
        })? {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let Step::Elements(name) = self.step {
            let value = Value::deserialize(MapAccessDeserializer::new(map));
            return self.give(name, value);
        }
        while let Some(key) = map.next_key::<String>()? {
            let step = match self.handler.key(&key, self.depth) {
                _ if self.depth >= DEPTH_MAX => Step::Ignore,
                step => step,
            };
            map.next_value_seed(Walk {
                step,
                depth: self.depth + 1,
                handler: &mut *self.handler,
                position: self.position,
            })?;
        }
        self.handler.leave(self.depth);
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.scalar(value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.scalar(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.scalar(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.scalar(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.scalar(value.into())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.scalar(Value::Null)
    }
}
