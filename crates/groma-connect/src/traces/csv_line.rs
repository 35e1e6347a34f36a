//! One line of CSV.
//!
//! Not the `csv` crate, since a record there may go on over lines without end: one lost quote would
//! take the rest of the file with it, into memory. Here a record is a line, and lines are bounded.

use std::borrow::Cow;

/// The fields of a line by RFC 4180 (quotes doubled inside quotes), or why it has none.
pub(super) fn split<'a>(line: &'a str, fields: &mut Vec<Cow<'a, str>>) -> Result<(), &'static str> {
    fields.clear();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => split_quoted(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(()),
            None => return Err("there is text between a quote and the next comma"),
        }
    }
}

/// A field after its opening quote, and what follows its closing one.
fn split_quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let mut from = 0;
    loop {
        let quote = from + text[from..].find('"').ok_or("a quote is not closed on its line")?;
        if text[quote + 1..].starts_with('"') {
            from = quote + 2;
            continue;
        }
        let field = &text[..quote];
        let field = if from == 0 { field.into() } else { field.replace("\"\"", "\"").into() };
        return Ok((field, &text[quote + 1..]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Result<Vec<String>, &'static str> {
        let mut fields = Vec::new();
        split(line, &mut fields)?;
        Ok(fields.into_iter().map(Cow::into_owned).collect())
    }

    #[test]
    fn fields_are_split_and_quotes_taken_off() {
        assert_eq!(fields("a,,c").unwrap(), ["a", "", "c"]);
        assert_eq!(fields("").unwrap(), [""]);
        assert_eq!(fields(r#""a,b","say ""hi""",c,"#).unwrap(), ["a,b", r#"say "hi""#, "c", ""]);
    }

    #[test]
    fn a_broken_quote_is_an_error() {
        assert!(fields(r#"a,"b"#).is_err());
        assert!(fields(r#""a"b,c"#).is_err());
    }
}
