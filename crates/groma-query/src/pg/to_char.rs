//! `to_char` with PostgreSQL's patterns: `YYYY-MM-DD HH24:MI`. The engine's own takes those of C, such as
//! `%Y`; a pattern that holds a `%` is still taken so.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::QueryError;

/// PostgreSQL's words that give digits, in either case; those first that begin with another.
const NUMBERS: [(&str, &str); 15] = [
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("MI", "%M"),
    ("MS", "%3f"),
    ("DDD", "%j"),
    ("DD", "%d"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("HH", "%I"),
    ("SS", "%S"),
    ("US", "%6f"),
    ("IYYY", "%G"),
    ("IW", "%V"),
    ("ID", "%u"),
];
/// Those that give names. PostgreSQL fills `Month` and `Day` up with blanks, so they are not here.
const NAMES: [(&str, &str); 8] = [
    ("FMMonth", "%B"),
    ("FMDay", "%A"),
    ("Mon", "%b"),
    ("Dy", "%a"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("am", "%P"),
    ("pm", "%P"),
];

/// Puts PostgreSQL's patterns before the engine's function.
pub(super) fn install(context: &SessionContext) {
    let known = context.state().scalar_functions().get("to_char").cloned();
    if let Some(inner) = known {
        context.register_udf(ScalarUDF::new_from_impl(ToChar { inner }));
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToChar {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, mut call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(pattern) = call.args.get_mut(1) {
            *pattern = match &*pattern {
                ColumnarValue::Scalar(ScalarValue::Utf8(Some(pattern))) => {
                    ColumnarValue::Scalar(ScalarValue::Utf8(Some(translate(pattern)?)))
                }
                ColumnarValue::Scalar(other) => ColumnarValue::Scalar(other.clone()),
                ColumnarValue::Array(patterns) => {
                    let patterns = cast(patterns, &DataType::Utf8)?;
                    let translated: StringArray = (patterns.as_string::<i32>().iter())
                        .map(|pattern| pattern.map(translate).transpose())
                        .collect::<Result<_, QueryError>>()?;
                    ColumnarValue::Array(Arc::new(translated) as ArrayRef)
                }
            };
        }
        self.inner.invoke_with_args(call)
    }
}

fn translate(pattern: &str) -> Result<String, QueryError> {
    if pattern.contains('%') {
        return Ok(pattern.to_owned());
    }
    let (mut translated, mut rest) = (String::new(), pattern);
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            translated.push_str(&quoted[..end]);
            rest = quoted.get(end + 1..).unwrap_or_default();
        } else if let Some((word, of)) = word_at(rest) {
            translated.push_str(of);
            rest = &rest[word.len()..];
        } else if first.is_alphanumeric() {
            let reason = format!("to_char: \"{rest}\" is not understood in a pattern");
            return Err(QueryError::new(QueryError::NOT_SUPPORTED, reason).with_hint(
                "Write YYYY-MM-DD HH24:MI:SS and the like, other words in double quotes; or C's patterns, such as %Y.",
            ));
        } else {
            translated.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    Ok(translated)
}

/// The word that a pattern begins with, and what it is called in C.
fn word_at(pattern: &str) -> Option<(&'static str, &'static str)> {
    let begins = |word: &str| {
        pattern.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
    };
    (NAMES.iter().find(|(word, _)| pattern.starts_with(word)))
        .or_else(|| NUMBERS.iter().find(|(word, _)| begins(word)))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_postgresql_becomes_one_of_c() {
        let cases = [
            ("YYYY-MM-DD HH24:MI:SS.US", "%Y-%m-%d %H:%M:%S.%6f"),
            ("yyyy-mm-dd", "%Y-%m-%d"),
            ("HH24\"h\"MI", "%Hh%M"),
            ("Dy, DD Mon", "%a, %d %b"),
            ("%H", "%H"),
        ];
        for (pattern, translated) in cases {
            assert_eq!(translate(pattern).as_deref(), Ok(translated), "{pattern}");
        }
        for refused in ["999D99", "Month", "MON"] {
            assert!(translate(refused).unwrap_err().hint().is_some(), "{refused}");
        }
    }
}
