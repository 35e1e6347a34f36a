//! Texts with holes: `{device}:{/interface/name|lower}`.
//!
//! A hole names a field of the row: a column or member (`{name}`), a place in it as a JSON pointer (`{/a/0/b}`), of a
//! joined row (`{parent:name}`), or, in wiring rules, which one of its list a variable is (`{leaf#}`). Behind `|` come
//! filters, from left to right. `{{` and `}}` are braces.

use std::borrow::Cow;

use groma_model::Raw;
use regex::Regex;
use serde_json::Value;

/// A template. Two are equal if their texts are.
#[derive(Debug, Clone)]
pub(super) struct Template {
    text: String,
    parts: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Hole(Hole),
}

/// What stands between braces.
#[derive(Debug, Clone)]
pub(super) struct Hole {
    /// Joined row or variable; `None`: the row itself.
    pub(super) scope: Option<String>,
    pub(super) field: Field,
    filters: Vec<Filter>,
}

/// Which part of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    /// The whole: the key of a variable.
    Whole,
    /// A column or member.
    Name(String),
    /// A place in it.
    Pointer(String),
    /// Which one of its list it is, from 0.
    Ordinal,
}

#[derive(Debug, Clone)]
enum Filter {
    Lower,
    Upper,
    Trim,
    Before(String),
    After(String),
    Replace(String, String),
    Match(Regex),
    Default(String),
    Add(i64),
    Multiply(i64),
    Divide(i64),
    Modulo(i64),
}

/// Where holes find their values.
pub(super) trait Fields {
    /// The value of a field; `None`: there is none.
    fn field(&self, hole: &Hole) -> Option<Cow<'_, Value>>;
}

impl Template {
    /// Reads a template. `Err`: what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..at + 1];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let end = rest.find('}').filter(|_| brace == "{");
            let end = end.ok_or_else(|| format!("a brace in \"{text}\" has no partner"))?;
            if !plain.is_empty() {
                parts.push(Piece::Text(std::mem::take(&mut plain)));
            }
            parts.push(Piece::Hole(Hole::parse(&rest[..end])?));
            rest = &rest[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Piece::Text(plain));
        }
        Ok(Template { text: text.to_owned(), parts })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.parts.iter().filter_map(|part| match part {
            Piece::Hole(hole) => Some(hole),
            Piece::Text(_) => None,
        })
    }

    /// The text with all holes filled. `Ok(None)`: a field has no value. `Err`: a filter cannot do what it should.
    pub(super) fn fill(&self, fields: &dyn Fields) -> Result<Option<String>, String> {
        let mut filled = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Piece::Text(text) => filled.push_str(text),
                Piece::Hole(hole) => match hole.text(fields)? {
                    Some(text) => filled.push_str(&text),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(filled).filter(|text| !text.is_empty()))
    }

    /// As [`fill`](Template::fill), but a single hole without filters keeps its type: a number, a truth, a list.
    pub(super) fn value(&self, fields: &dyn Fields) -> Result<Option<Raw>, String> {
        match &self.parts[..] {
            [Piece::Hole(hole)] if hole.filters.is_empty() => {
                fields.field(hole).map_or(Ok(None), |value| raw(&value))
            }
            _ => Ok(self.fill(fields)?.map(Raw::Text)),
        }
    }
}

/// What a JSON value says; `None`: nothing.
fn raw(value: &Value) -> Result<Option<Raw>, String> {
    Ok(match value {
        Value::Null => None,
        Value::Bool(truth) => Some(Raw::Boolean(*truth)),
        Value::Number(number) => Some(match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Raw::Integer(whole),
            (None, Some(real)) => Raw::Float(real),
            (None, None) => Raw::Text(number.to_string()),
        }),
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(Raw::Text(text.trim().to_owned())),
        Value::Array(items) => {
            let items: Result<Vec<Option<Raw>>, String> = items.iter().map(raw).collect();
            Some(Raw::List(items?.into_iter().flatten().collect()))
        }
        Value::Object(_) => return Err(format!("{} is an object, not a value", shown(value))),
    })
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

impl Hole {
    fn parse(text: &str) -> Result<Hole, String> {
        let mut pieces = text.split('|');
        let name = pieces.next().unwrap_or_default().trim();
        let filters = pieces.map(Filter::parse).collect::<Result<_, _>>()?;
        // A pointer may hold a colon; a scope comes before it.
        let (scope, field) = match name.split_once(':') {
            Some((scope, field)) if !scope.contains('/') => (Some(scope.to_owned()), field),
            _ => (None, name),
        };
        let (scope, field) = match field {
            "" => return Err(format!("\"{{{text}}}\" names no field")),
            pointer if pointer.starts_with('/') => (scope, Field::Pointer(pointer.to_owned())),
            variable if scope.is_none() && variable.ends_with('#') => {
                (Some(variable.trim_end_matches('#').to_owned()), Field::Ordinal)
            }
            name => (scope, Field::Name(name.to_owned())),
        };
        Ok(Hole { scope, field, filters })
    }

    /// The same for a wiring rule, where `{leaf}` is the variable leaf as a whole.
    pub(super) fn variable(&self) -> (&str, &Field) {
        match (&self.scope, &self.field) {
            (None, Field::Name(name)) => (name, &Field::Whole),
            (scope, field) => (scope.as_deref().unwrap_or_default(), field),
        }
    }

    fn text(&self, fields: &dyn Fields) -> Result<Option<String>, String> {
        let mut text = match fields.field(self).as_deref() {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => Some(value.to_string()),
            Some(other) => return Err(format!("{} is no text for a template", shown(other))),
        };
        text = text.filter(|text| !text.is_empty());
        for filter in &self.filters {
            text = filter.apply(text)?;
        }
        Ok(text)
    }
}

impl Filter {
    fn parse(text: &str) -> Result<Filter, String> {
        let text = text.trim();
        let (name, argument) = text.split_once(' ').unwrap_or((text, ""));
        let needed = || match argument {
            "" => Err(format!("filter \"{name}\" needs a text behind it")),
            given => Ok(given.to_owned()),
        };
        if let Some(sign) = text.chars().next().filter(|sign| "+-*/%".contains(*sign)) {
            let number: i64 = (text[1..].trim().parse())
                .map_err(|_| format!("\"{text}\" is no step of arithmetic such as +1 or *48"))?;
            return match (sign, number) {
                ('/' | '%', 0) => Err(format!("\"{text}\" divides by zero")),
                ('+', number) => Ok(Filter::Add(number)),
                ('-', number) => {
                    let by = number.checked_neg();
                    by.map(Filter::Add).ok_or_else(|| format!("\"{text}\" is too large a step"))
                }
                ('*', number) => Ok(Filter::Multiply(number)),
                ('/', number) => Ok(Filter::Divide(number)),
                (_, number) => Ok(Filter::Modulo(number)),
            };
        }
        Ok(match name {
            "lower" => Filter::Lower,
            "upper" => Filter::Upper,
            "trim" => Filter::Trim,
            "before" => Filter::Before(needed()?),
            "after" => Filter::After(needed()?),
            "default" => Filter::Default(needed()?),
            "match" => Filter::Match(
                Regex::new(&needed()?).map_err(|error| format!("filter \"{text}\": {error}"))?,
            ),
            "replace" => {
                let (from, to) = argument.split_once(' ').unwrap_or((argument, ""));
                if from.is_empty() {
                    return Err("filter \"replace\" needs what to replace, and by what".into());
                }
                Filter::Replace(from.into(), to.into())
            }
            other => {
                let known = "lower, upper, trim, before x, after x, replace x y, match regex, \
                             default x, +n, -n, *n, /n, %n";
                return Err(format!("there is no filter \"{other}\"; there are {known}"));
            }
        })
    }

    fn apply(&self, text: Option<String>) -> Result<Option<String>, String> {
        let Some(text) = text else {
            return Ok(match self {
                Filter::Default(other) => Some(other.clone()),
                _ => None,
            });
        };
        let step = |step: fn(i64, i64) -> Option<i64>, by: i64| {
            let number: i64 = text.parse().map_err(|_| format!("\"{text}\" is no whole number"))?;
            step(number, by).map(|n| n.to_string()).ok_or(format!("{number} becomes too large"))
        };
        Ok(Some(match self {
            Filter::Lower => text.to_lowercase(),
            Filter::Upper => text.to_uppercase(),
            Filter::Trim => text.trim().to_owned(),
            Filter::Before(mark) => {
                text.split_once(mark.as_str()).map_or(text.clone(), |(a, _)| a.to_owned())
            }
            Filter::After(mark) => {
                text.split_once(mark.as_str()).map_or(text.clone(), |(_, b)| b.to_owned())
            }
            Filter::Replace(from, to) => text.replace(from.as_str(), to),
            Filter::Match(regex) => {
                let captures = regex.captures(&text);
                let found = captures.and_then(|found| found.get(1).or(found.get(0)));
                return Ok(found.map(|found| found.as_str().to_owned()));
            }
            Filter::Default(_) => text,
            Filter::Add(by) => step(i64::checked_add, *by)?,
            Filter::Multiply(by) => step(i64::checked_mul, *by)?,
            Filter::Divide(by) => step(i64::checked_div_euclid, *by)?,
            Filter::Modulo(by) => step(i64::checked_rem_euclid, *by)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row(Value);

    impl Fields for Row {
        fn field(&self, hole: &Hole) -> Option<Cow<'_, Value>> {
            match &hole.field {
                Field::Name(name) => self.0.get(name).map(Cow::Borrowed),
                Field::Pointer(pointer) => self.0.pointer(pointer).map(Cow::Borrowed),
                Field::Whole | Field::Ordinal => None,
            }
        }
    }

    fn fill(template: &str) -> Result<Option<String>, String> {
        let row = serde_json::json!({"name": "Leaf01.example.org", "n": 7, "a": {"b": ["x"]}});
        Template::parse(template)?.fill(&Row(row))
    }

    #[test]
    fn holes_are_filled() {
        for (template, filled) in [
            ("{name|before .|lower}:Ethernet{n|+1}", "leaf01:Ethernet8"),
            ("{/a/b/0}", "x"),
            ("{{{n|*48|%5}}}", "{1}"),
            ("{name|match (\\d+)}", "01"),
            ("{gone|default none}", "none"),
            ("{n|/2|-1}", "2"),
        ] {
            assert_eq!(fill(template), Ok(Some(filled.to_owned())), "{template}");
        }
        assert_eq!(fill("{gone}:x"), Ok(None));
    }

    #[test]
    fn a_wrong_template_says_what_is_wrong() {
        for (template, reason) in [
            ("{name", "a brace in \"{name\" has no partner"),
            ("{name|shout}", "there is no filter \"shout\""),
            ("{n|/0}", "\"/0\" divides by zero"),
            ("{name|+1}", "\"Leaf01.example.org\" is no whole number"),
            ("{}", "\"{}\" names no field"),
        ] {
            let error = fill(template).unwrap_err();
            assert!(error.contains(reason), "{template}: {error}");
        }
    }
}
