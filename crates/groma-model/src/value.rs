//! Typed values of attributes.

use std::sync::Arc;

use crate::{Attribute, EntityRef, KindId, Raw, Schema, Timestamp, ValueType};

/// A value that fits the type of its attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of [`ValueType::Text`] and [`ValueType::Enum`].
    Text(Arc<str>),
    /// Of [`ValueType::Integer`].
    Integer(i64),
    /// Of [`ValueType::Float`].
    Float(f64),
    /// Of [`ValueType::Boolean`].
    Boolean(bool),
    /// Of [`ValueType::Timestamp`].
    Timestamp(Timestamp),
    /// Of [`ValueType::Texts`].
    Texts(Arc<[Arc<str>]>),
    /// Of [`ValueType::Integers`].
    Integers(Arc<[i64]>),
    /// Of [`ValueType::Reference`]. The target may not exist; `model.problems` lists such.
    Reference(EntityRef),
    /// Of [`ValueType::References`].
    References(Arc<[EntityRef]>),
}

/// A value does not fit its attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attribute}: {given} is not {wanted}")]
pub struct ValueError {
    /// Name of the attribute.
    pub attribute: String,
    /// What was given.
    pub given: String,
    /// What is wanted.
    pub wanted: String,
}

/// Longest range such as `1-4094` that is written out, so that a bad number cannot eat the memory.
const RANGE_LENGTH_MAX: i64 = 10_000;

impl Value {
    /// Reads what a source gave for `attribute`. `Ok(None)`: the source says that there is no value.
    pub fn read(
        raw: &Raw,
        attribute: &Attribute,
        schema: &Schema,
    ) -> Result<Option<Value>, ValueError> {
        if matches!(raw, Raw::Absent) {
            return Ok(None);
        }
        let value = match &attribute.of {
            ValueType::Text => raw.to_text().map(|text| Value::Text(text.into())),
            ValueType::Enum(words) => raw.to_text().and_then(|text| {
                words.iter().find(|word| ***word == *text).map(|word| Value::Text(Arc::clone(word)))
            }),
            ValueType::Integer => raw.to_integer().map(Value::Integer),
            ValueType::Float => raw.to_float().map(Value::Float),
            ValueType::Boolean => raw.to_boolean().map(Value::Boolean),
            ValueType::Timestamp => match raw {
                Raw::Integer(nanos) => Some(Value::Timestamp(Timestamp(*nanos))),
                _ => raw
                    .to_text()
                    .and_then(|text| Timestamp::parse(&text).ok())
                    .map(Value::Timestamp),
            },
            ValueType::Texts => {
                raw.to_texts().map(|texts| Value::Texts(texts.into_iter().map(Arc::from).collect()))
            }
            ValueType::Integers => {
                read_integers(raw).map(|numbers| Value::Integers(numbers.into()))
            }
            ValueType::Reference(kinds) => raw
                .to_text()
                .and_then(|text| read_reference(&text, kinds, schema))
                .map(Value::Reference),
            ValueType::References(kinds) => raw.to_texts().and_then(|texts| {
                let targets: Option<Vec<_>> =
                    texts.iter().map(|text| read_reference(text, kinds, schema)).collect();
                targets.map(|targets| Value::References(targets.into()))
            }),
        };
        value.map(Some).ok_or_else(|| ValueError {
            attribute: attribute.name.to_string(),
            given: raw.shown(),
            wanted: wanted(&attribute.of, schema),
        })
    }

    /// The value as `attribute` holds it, read again if it was made for another type.
    ///
    /// # Errors
    /// It does not fit.
    pub fn refit(self, attribute: &Attribute, schema: &Schema) -> Result<Value, ValueError> {
        let misfit = |given: String| ValueError {
            attribute: attribute.name.to_string(),
            given,
            wanted: wanted(&attribute.of, schema),
        };
        let key = |target: &EntityRef| Arc::clone(&target.key);
        Ok(match (&attribute.of, self) {
            (ValueType::Enum(words), Value::Text(text)) => {
                let word = words.iter().find(|word| **word == text);
                Value::Text(Arc::clone(word.ok_or_else(|| misfit(format!("\"{text}\"")))?))
            }
            (ValueType::Text, value @ Value::Text(_))
            | (ValueType::Integer, value @ Value::Integer(_))
            | (ValueType::Float, value @ Value::Float(_))
            | (ValueType::Boolean, value @ Value::Boolean(_))
            | (ValueType::Timestamp, value @ Value::Timestamp(_))
            | (ValueType::Texts, value @ Value::Texts(_))
            | (ValueType::Integers, value @ Value::Integers(_)) => value,
            (ValueType::Reference(kinds), Value::Reference(target))
                if kinds.contains(&target.kind) =>
            {
                Value::Reference(target)
            }
            (ValueType::References(kinds), Value::References(targets))
                if targets.iter().all(|target| kinds.contains(&target.kind)) =>
            {
                Value::References(targets)
            }
            (ValueType::References(kinds), Value::Reference(target))
                if kinds.contains(&target.kind) =>
            {
                Value::References(Arc::new([target]))
            }
            (ValueType::Text, Value::Reference(target)) => Value::Text(key(&target)),
            (ValueType::Texts, Value::References(targets)) => {
                Value::Texts(targets.iter().map(key).collect())
            }
            (_, value @ (Value::Reference(_) | Value::References(_))) => {
                return Err(misfit(value.print(&attribute.of, schema)));
            }
            (_, value) => {
                let raw = value.raw(matches!(attribute.of, ValueType::Text));
                let read = Value::read(&raw, attribute, schema)?;
                read.ok_or_else(|| misfit(raw.shown()))?
            }
        })
    }

    /// As a source would say it; a list as one text if that is wanted. Of no reference.
    fn raw(self, list_as_text: bool) -> Raw {
        match self {
            Value::Text(text) => Raw::Text(text.to_string()),
            Value::Integer(number) => Raw::Integer(number),
            Value::Float(number) => Raw::Float(number),
            Value::Boolean(truth) => Raw::Boolean(truth),
            Value::Timestamp(time) => Raw::Text(time.to_string()),
            Value::Texts(texts) if list_as_text => Raw::Text(texts.join(",")),
            Value::Texts(texts) => {
                Raw::List(texts.iter().map(|text| Raw::Text(text.to_string())).collect())
            }
            Value::Integers(numbers) => Raw::Text(print_ranges(&numbers)),
            Value::Reference(_) | Value::References(_) => Raw::Absent,
        }
    }

    /// The text of a [`Value::Text`].
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    /// The number of a [`Value::Integer`].
    pub fn as_integer(&self) -> Option<i64> {
        if let Value::Integer(number) = self { Some(*number) } else { None }
    }

    /// The number of a [`Value::Float`].
    pub fn as_float(&self) -> Option<f64> {
        if let Value::Float(number) = self { Some(*number) } else { None }
    }

    /// The truth of a [`Value::Boolean`].
    pub fn as_boolean(&self) -> Option<bool> {
        if let Value::Boolean(truth) = self { Some(*truth) } else { None }
    }

    /// The target of a [`Value::Reference`].
    pub fn as_reference(&self) -> Option<&EntityRef> {
        if let Value::Reference(target) = self { Some(target) } else { None }
    }

    /// The targets of a [`Value::References`]; none of any other value.
    pub fn references(&self) -> &[EntityRef] {
        if let Value::References(targets) = self { targets } else { &[] }
    }

    /// The texts of a [`Value::Texts`]; none of any other value.
    pub fn texts(&self) -> &[Arc<str>] {
        if let Value::Texts(texts) = self { texts } else { &[] }
    }

    /// The numbers of a [`Value::Integers`]; none of any other value.
    pub fn integers(&self) -> &[i64] {
        if let Value::Integers(numbers) = self { numbers } else { &[] }
    }

    /// As people write it; [`Value::read`] of the text gives the value back. `of` is its type.
    pub fn print(&self, of: &ValueType, schema: &Schema) -> String {
        match self {
            Value::Text(text) => text.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Boolean(truth) => truth.to_string(),
            Value::Timestamp(time) => time.to_string(),
            Value::Texts(texts) => texts.join(","),
            Value::Integers(numbers) => print_ranges(numbers),
            Value::Reference(target) => print_reference(target, of, schema),
            Value::References(targets) => {
                let printed: Vec<_> =
                    targets.iter().map(|target| print_reference(target, of, schema)).collect();
                printed.join(",")
            }
        }
    }
}

/// Where only one kind can be meant, the key alone; else `noun/key`.
pub(crate) fn print_reference(target: &EntityRef, of: &ValueType, schema: &Schema) -> String {
    match of {
        ValueType::Reference(kinds) | ValueType::References(kinds) if kinds.len() == 1 => {
            target.key.to_string()
        }
        _ => schema.print(target),
    }
}

fn read_reference(text: &str, kinds: &[KindId], schema: &Schema) -> Option<EntityRef> {
    let named = |kind: &&KindId| {
        let kind = schema.kind(**kind);
        text.strip_prefix(kind.short_name())
            .or_else(|| text.strip_prefix(&*kind.name))
            .and_then(|rest| rest.strip_prefix('/'))
    };
    let (kind, key) = match kinds.iter().find_map(|kind| named(&kind).map(|key| (*kind, key))) {
        Some(found) => found,
        None if kinds.len() == 1 => (kinds[0], text),
        None => return None,
    };
    (!key.is_empty()).then(|| EntityRef { kind, key: key.into() })
}

fn read_integers(raw: &Raw) -> Option<Vec<i64>> {
    let mut numbers = Vec::new();
    for part in raw.to_texts()? {
        match part.split_once('-').filter(|(first, _)| !first.is_empty()) {
            Some((first, last)) => {
                let (first, last): (i64, i64) =
                    (first.trim().parse().ok()?, last.trim().parse().ok()?);
                if !(0..RANGE_LENGTH_MAX).contains(&last.checked_sub(first)?) {
                    return None;
                }
                numbers.extend(first..=last);
            }
            None => numbers.push(part.parse().ok()?),
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers)
}

fn print_ranges(numbers: &[i64]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [only] => only.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    runs.collect::<Vec<_>>().join(",")
}

fn wanted(of: &ValueType, schema: &Schema) -> String {
    let names = |kinds: &[KindId]| {
        kinds.iter().map(|kind| schema.kind(*kind).short_name()).collect::<Vec<_>>().join("/… or ")
    };
    match of {
        ValueType::Text => "a text".into(),
        ValueType::Integer => "a whole number".into(),
        ValueType::Float => "a number".into(),
        ValueType::Boolean => "true or false".into(),
        ValueType::Timestamp => "a time such as 2026-11-20T10:00:00Z".into(),
        ValueType::Enum(words) => format!("one of {}", words.join(", ")),
        ValueType::Texts => "a list of texts".into(),
        ValueType::Integers => "a list of whole numbers such as 1,5,10-20".into(),
        ValueType::Reference(kinds) => format!("the id of one {}/…", names(kinds)),
        ValueType::References(kinds) => format!("a list of ids of {}/…", names(kinds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, attribute: &str, raw: Raw) -> Result<String, String> {
        let schema = Schema::builtin();
        let kind = schema.find(kind).unwrap();
        let attribute = &kind.attributes[kind.attribute(attribute).unwrap()];
        match Value::read(&raw, attribute, &schema) {
            Ok(Some(value)) => Ok(value.print(&attribute.of, &schema)),
            Ok(None) => Ok("NULL".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn what_is_read_prints_the_same() {
        assert_eq!(
            read("physical.port", "allowed_vlans", "20,1,2,3,20".into()),
            Ok("1-3,20".into())
        );
        assert_eq!(read("physical.port", "device", "leaf01".into()), Ok("leaf01".into()));
        assert_eq!(read("compute.process", "runs_on", "vm/web-1".into()), Ok("vm/web-1".into()));
        assert_eq!(read("service.farm", "load_cap", "1.25".into()), Ok("1.25".into()));
        assert_eq!(read("physical.port", "up", Raw::Absent), Ok("NULL".into()));
    }

    #[test]
    fn a_list_may_be_written_as_tables_print_it() {
        let ports = |text: &str| read("network.route", "next_hop_ports", text.into());
        assert_eq!(read("physical.port", "allowed_vlans", "{10,20}".into()), Ok("10,20".into()));
        assert_eq!(ports(r#"{blue,"",red}"#), Ok("blue,,red".into()));
        assert_eq!(ports(r#"{"a \"b\"", c}"#), Ok(r#"a "b",c"#.into()));
        assert_eq!(ports("{}"), Ok(String::new()));
        for bad in ["{blue,}", "{blue,NULL}", r#"{"blue}"#, r#"{"blue"x}"#] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_says_what_would() {
        assert_eq!(
            read("physical.port", "mode", "hybrid".into()),
            Err("mode: \"hybrid\" is not one of access, trunk, routed".into())
        );
        assert_eq!(
            read("physical.port", "mtu", "big".into()),
            Err("mtu: \"big\" is not a whole number".into())
        );
        assert_eq!(
            read("compute.process", "runs_on", "web-1".into()),
            Err("runs_on: \"web-1\" is not the id of one host/… or vm/… or container/…".into())
        );
        assert!(read("physical.port", "allowed_vlans", "1-99999999999".into()).is_err());
    }
}
