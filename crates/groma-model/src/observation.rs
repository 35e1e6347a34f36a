//! What a source said, in its own words, before it is read against the schema.

use std::borrow::Cow;

use crate::{Interval, Timestamp};

/// A value as a source gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// The source says that there is no value; it is not the same as saying nothing.
    Absent,
    /// A text, which may hold a number, a truth, a time, a list with commas or an id.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A real number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A list.
    List(Vec<Raw>),
}

/// What one source asserted about one entity at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Full name of the kind, such as `physical.port`.
    pub kind: Cow<'static, str>,
    /// Key of the entity, made as the schema says.
    pub key: String,
    /// Attributes that the source speaks of; it says nothing about the others.
    pub attributes: Vec<(Cow<'static, str>, Raw)>,
    /// Their clock.
    pub observed_at: Timestamp,
    /// When it holds in the world.
    pub valid: Interval,
}

impl Observation {
    /// Of an entity that exists at `observed_at`, with no attributes yet.
    pub fn new(
        kind: impl Into<Cow<'static, str>>,
        key: impl Into<String>,
        observed_at: Timestamp,
    ) -> Observation {
        Observation {
            kind: kind.into(),
            key: key.into(),
            attributes: Vec::new(),
            observed_at,
            valid: Interval::ALWAYS,
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(
        mut self,
        attribute: impl Into<Cow<'static, str>>,
        value: impl Into<Raw>,
    ) -> Observation {
        self.attributes.push((attribute.into(), value.into()));
        self
    }

    /// Adds an attribute if there is a value; says nothing about it otherwise.
    #[must_use]
    pub fn with_some(
        self,
        attribute: impl Into<Cow<'static, str>>,
        value: Option<impl Into<Raw>>,
    ) -> Observation {
        match value {
            Some(value) => self.with(attribute, value),
            None => self,
        }
    }
}

/// Input that could not be understood, kept with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: a file and line, a device and command, an entity.
    pub place: String,
    /// What was there, cut to [`Problem::TEXT_LENGTH_MAX`] bytes.
    pub text: String,
    /// Why it could not be understood: lower case, no full stop.
    pub reason: String,
}

impl Problem {
    /// Longest text kept, in bytes.
    pub const TEXT_LENGTH_MAX: usize = 400;

    /// With the text cut at a character's border.
    pub fn new(place: impl Into<String>, text: &str, reason: impl Into<String>) -> Problem {
        let mut end = text.len().min(Problem::TEXT_LENGTH_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Problem { place: place.into(), text: text[..end].to_owned(), reason: reason.into() }
    }
}

/// What a decoder made of some bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// What was understood.
    pub observations: Vec<Observation>,
    /// What was not.
    pub problems: Vec<Problem>,
}

impl Decoded {
    /// Adds what another decoder found.
    pub fn extend(&mut self, other: Decoded) {
        self.observations.extend(other.observations);
        self.problems.extend(other.problems);
    }
}

impl Raw {
    pub(crate) fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Raw::Text(text) => Some(Cow::Borrowed(text)),
            Raw::Integer(number) => Some(Cow::Owned(number.to_string())),
            Raw::Float(number) => Some(Cow::Owned(number.to_string())),
            Raw::Boolean(truth) => Some(Cow::Owned(truth.to_string())),
            Raw::Absent | Raw::List(_) => None,
        }
    }

    pub(crate) fn to_texts(&self) -> Option<Vec<String>> {
        match self {
            Raw::List(items) => {
                items.iter().map(|item| item.to_text().map(Cow::into_owned)).collect()
            }
            Raw::Text(text) if text.is_empty() => Some(Vec::new()),
            Raw::Text(text) if text.starts_with('{') && text.ends_with('}') => braced_list(text),
            Raw::Text(text) => Some(text.split(',').map(|part| part.trim().to_owned()).collect()),
            other => other.to_text().map(|text| vec![text.into_owned()]),
        }
    }

    pub(crate) fn to_integer(&self) -> Option<i64> {
        match self {
            Raw::Integer(number) => Some(*number),
            Raw::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Some(*number as i64)
            }
            Raw::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn to_float(&self) -> Option<f64> {
        match self {
            Raw::Integer(number) => Some(*number as f64),
            // Not a number would differ from itself in every diff.
            Raw::Float(number) => Some(*number).filter(|number| number.is_finite()),
            Raw::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    pub(crate) fn to_boolean(&self) -> Option<bool> {
        match self {
            Raw::Boolean(truth) => Some(*truth),
            Raw::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "1" | "up" => Some(true),
                "false" | "f" | "no" | "0" | "down" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// As people read it in an error or a problem; cut, since it may be long.
    pub fn shown(&self) -> String {
        let shown = match self {
            Raw::Text(text) => format!("\"{text}\""),
            Raw::List(items) => {
                format!("[{}]", items.iter().map(Raw::shown).collect::<Vec<_>>().join(", "))
            }
            Raw::Absent => "NULL".into(),
            other => other.to_text().unwrap_or_default().into_owned(),
        };
        if shown.chars().count() > 80 {
            shown.chars().take(79).chain(['…']).collect()
        } else {
            shown
        }
    }
}

/// A list as PostgreSQL and our own tables print it, `{a,"b, c"}`, so that what was read from a table
/// can be given back. `None`: it is not well formed, or an item is NULL.
fn braced_list(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    if inner.is_empty() {
        return Some(items);
    }
    let mut characters = inner.chars().peekable();
    loop {
        while characters.next_if_eq(&' ').is_some() {}
        let mut item = String::new();
        let quoted = characters.next_if_eq(&'"').is_some();
        let ended_by_comma = loop {
            match characters.next() {
                Some('\\') if quoted => item.push(characters.next()?),
                Some('"') if quoted => match characters.next() {
                    None => break false,
                    Some(',') => break true,
                    Some(_) => return None,
                },
                None if quoted => return None,
                None => break false,
                Some(',') if !quoted => break true,
                Some(character) => item.push(character),
            }
        };
        let item = if quoted { item } else { item.trim().to_owned() };
        if !quoted && (item.is_empty() || item.eq_ignore_ascii_case("null")) {
            return None;
        }
        items.push(item);
        if !ended_by_comma {
            return Some(items);
        }
    }
}

impl From<&str> for Raw {
    fn from(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }
}

impl From<String> for Raw {
    fn from(text: String) -> Raw {
        Raw::Text(text)
    }
}

impl From<i64> for Raw {
    fn from(number: i64) -> Raw {
        Raw::Integer(number)
    }
}

impl From<f64> for Raw {
    fn from(number: f64) -> Raw {
        Raw::Float(number)
    }
}

impl From<bool> for Raw {
    fn from(truth: bool) -> Raw {
        Raw::Boolean(truth)
    }
}

impl<T: Into<Raw>> From<Vec<T>> for Raw {
    fn from(items: Vec<T>) -> Raw {
        Raw::List(items.into_iter().map(Into::into).collect())
    }
}
