//! Parameters of a prepared statement: from what a door was given to values of the statement's types.

use arrow::datatypes::DataType;
use datafusion::common::{ParamValues, ScalarValue};
use groma_model::Timestamp;

use super::Prepared;
use crate::QueryError;

/// A value for `$1`, `$2`, ...
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// NULL.
    Null,
    /// A truth.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text, which may stand for a value of any type.
    Text(String),
    /// An instant.
    Time(Timestamp),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
    /// Values of one type.
    List(Vec<Given>),
}

/// Why a value cannot be of a type.
type Unfit = String;

impl Prepared {
    /// Makes the values those of the statement's types. Errors: there are more or fewer of them than
    /// parameters, or one cannot be of its type.
    pub fn bind(&self, given: Vec<Given>) -> Result<ParamValues, QueryError> {
        let (wanted, count) = (self.parameter_types().len(), given.len());
        if wanted != count {
            return Err(QueryError::new(
                "08P01",
                format!("{count} parameters are given, but the statement has {wanted}"),
            ));
        }
        let values: Vec<ScalarValue> = (given.into_iter().zip(self.parameter_types()))
            .enumerate()
            .map(|(index, (given, of))| {
                given.fit(of.as_ref()).map_err(|reason| {
                    let reason = format!("parameter ${}: {reason}", index + 1);
                    QueryError::new(QueryError::BAD_VALUE, reason)
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(values.into())
    }
}

impl Given {
    /// A truth in one of PostgreSQL's words.
    ///
    /// # Errors
    /// It is another word.
    pub fn read_truth(text: &str) -> Result<Given, String> {
        truth(text).map(Given::Boolean)
    }

    /// A list as PostgreSQL writes it, its items as texts.
    ///
    /// # Errors
    /// It is none, or holds a list.
    pub fn read_list(text: &str) -> Result<Vec<Given>, String> {
        items(text)
    }

    /// The value, of a type if one is known.
    fn fit(self, of: Option<&DataType>) -> Result<ScalarValue, Unfit> {
        let wrong = |error: datafusion::error::DataFusionError| {
            QueryError::from(error).message().to_owned()
        };
        let Some(of) = of else { return self.scalar() };
        match (self, of) {
            (Given::Null, of) => ScalarValue::try_new_null(of).map_err(wrong),
            (Given::Text(text), DataType::List(_)) => Given::List(items(&text)?).fit(Some(of)),
            (Given::List(items), DataType::List(item)) => {
                let of = item.data_type();
                let items: Vec<_> =
                    items.into_iter().map(|item| item.fit(Some(of))).collect::<Result<_, _>>()?;
                Ok(ScalarValue::List(ScalarValue::new_list_nullable(&items, of)))
            }
            (Given::List(_), of) => Err(format!("a list is given for a value of type {of}")),
            (Given::Text(text), DataType::Timestamp(..)) => {
                let time = Timestamp::parse(text.trim()).map_err(|error| error.to_string())?;
                Given::Time(time).scalar()?.cast_to(of).map_err(wrong)
            }
            (Given::Text(text), DataType::Boolean) => truth(&text).map(ScalarValue::from),
            // As PostgreSQL, a number is compared as what it is, and never cut off.
            (Given::Float(number), of) if of.is_integer() && number.fract() != 0.0 => {
                Ok(number.into())
            }
            (given, of) => given.scalar()?.cast_to(of).map_err(wrong),
        }
    }

    /// The value, of the type that it has by itself.
    fn scalar(self) -> Result<ScalarValue, Unfit> {
        Ok(match self {
            Given::Null => ScalarValue::Null,
            Given::Boolean(truth) => truth.into(),
            Given::Integer(number) => number.into(),
            Given::Float(number) => number.into(),
            Given::Text(text) => ScalarValue::Utf8(Some(text)),
            Given::Time(time) => ScalarValue::TimestampNanosecond(Some(time.0), Some("UTC".into())),
            Given::Bytes(bytes) => ScalarValue::Binary(Some(bytes)),
            Given::List(items) => {
                let items: Vec<_> =
                    items.into_iter().map(Given::scalar).collect::<Result<_, _>>()?;
                let known = items.iter().find(|item| !item.is_null());
                let of = known.map_or(DataType::Utf8, ScalarValue::data_type);
                let items: Vec<_> = (items.into_iter())
                    .map(|item| item.cast_to(&of).map_err(|error| error.to_string()))
                    .collect::<Result<_, _>>()?;
                ScalarValue::List(ScalarValue::new_list_nullable(&items, &of))
            }
        })
    }
}

/// A truth in one of PostgreSQL's words.
fn truth(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "on" | "1" => Ok(true),
        "f" | "false" | "n" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("\"{text}\" is no truth")),
    }
}

/// The items of a list as PostgreSQL writes it: `{a,"b, c",NULL}`. One in another is not offered.
fn items(text: &str) -> Result<Vec<Given>, String> {
    let wrong = || format!("\"{text}\" is no list such as {{a,b}}");
    let inside = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inside = inside.ok_or_else(wrong)?;
    if inside.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut items = Vec::new();
    let mut rest = inside.chars().peekable();
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        let (mut item, is_quoted) = (String::new(), rest.next_if_eq(&'"').is_some());
        loop {
            match rest.peek() {
                Some('"') if is_quoted => {
                    rest.next();
                    break;
                }
                None | Some(',') if !is_quoted => break,
                None | Some('{' | '}' | '"') if !is_quoted => return Err(wrong()),
                None => return Err(wrong()),
                Some('\\') => {
                    rest.next();
                    item.push(rest.next().ok_or_else(wrong)?);
                }
                Some(_) => item.extend(rest.next()),
            }
        }
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        items.push(match is_quoted {
            true => Given::Text(item),
            false => match item.trim() {
                "" => return Err(wrong()),
                word if word.eq_ignore_ascii_case("null") => Given::Null,
                word => Given::Text(word.to_owned()),
            },
        });
        match rest.next() {
            Some(',') => {}
            None => return Ok(items),
            Some(_) => return Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Result<Vec<Option<String>>, String> {
        let text_of = |item| match item {
            Given::Text(text) => Some(text),
            _ => None,
        };
        items(text).map(|items| items.into_iter().map(text_of).collect())
    }

    #[test]
    fn a_list_is_read_as_postgresql_writes_it() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(texts("{}"), Ok(vec![]));
        assert_eq!(
            texts(r#"{a b, "c,d" ,NULL,"NULL","q\"\\"}"#),
            Ok(vec![some("a b"), some("c,d"), None, some("NULL"), some("q\"\\")])
        );
        for wrong in ["a", "{a", "{a,}", "{{a}}", "{\"a}", "{\"a\"b}"] {
            assert!(texts(wrong).is_err(), "{wrong}");
        }
    }
}
