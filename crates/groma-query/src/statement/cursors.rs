//! DECLARE, FETCH and CLOSE.

use datafusion::sql::sqlparser::ast::{Declare, Query, Statement as Ast};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::name;
use crate::QueryError;

/// What is done with a cursor.
#[derive(Debug, Clone)]
pub(crate) enum CursorVerb {
    /// `DECLARE name CURSOR [WITH HOLD] FOR query`.
    Declare { name: String, hold: bool, query: Box<Ast> },
    /// `FETCH [count | ALL | NEXT | FORWARD ...] [FROM] name`; `None`: all that are left.
    Fetch { name: String, count: Option<usize> },
    /// `CLOSE name`; `None`: `CLOSE ALL`.
    Close { name: Option<String> },
}

/// Reads FETCH and CLOSE, of which the SQL parser knows less than clients say. `None`: it is neither.
pub(super) fn read(words: &[&Token]) -> Option<Result<CursorVerb, QueryError>> {
    let [Token::Word(first), rest @ ..] = words else { return None };
    match first.value.to_ascii_lowercase().as_str() {
        "fetch" => Some(fetch(rest)),
        "close" => Some(match name(rest) {
            Some((all, [])) if all == "all" => Ok(CursorVerb::Close { name: None }),
            Some((name, [])) => Ok(CursorVerb::Close { name: Some(name) }),
            _ => Err(usage("CLOSE", "Write CLOSE name, or CLOSE ALL.")),
        }),
        _ => None,
    }
}

fn fetch(rest: &[&Token]) -> Result<CursorVerb, QueryError> {
    let not_understood = || usage("FETCH", "Write FETCH 100 FROM name, or FETCH ALL FROM name.");
    let (last, before) = rest.split_last().ok_or_else(not_understood)?;
    let (name, _) = name(&[last]).ok_or_else(not_understood)?;
    let mut words: Vec<String> =
        before.iter().map(|word| word.to_string().to_ascii_lowercase()).collect();
    words.pop_if(|word| matches!(word.as_str(), "from" | "in"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let count = match words.as_slice() {
        [] | ["next"] | ["forward"] => Some(1),
        ["all"] | ["forward", "all"] => None,
        [count] | ["forward", count] if count.parse::<usize>().is_ok_and(|count| count > 0) => {
            count.parse().ok()
        }
        _ => {
            let reason = format!("a cursor reads forward only: {}", words.join(" "));
            return Err(QueryError::new(QueryError::NOT_SUPPORTED, reason)
                .with_hint("Write FETCH 100 FROM name, or FETCH ALL FROM name."));
        }
    };
    Ok(CursorVerb::Fetch { name, count })
}

/// A declaration as the SQL parser read it.
pub(super) fn declare(
    declared: Vec<Declare>,
    rewrite: impl Fn(Ast) -> Ast,
) -> Result<CursorVerb, QueryError> {
    let not_understood = || usage("DECLARE", "Write DECLARE name CURSOR FOR SELECT ...");
    let [Declare { names, for_query: Some(query), binary, scroll, hold, .. }] =
        <[Declare; 1]>::try_from(declared).map_err(|_| not_understood())?
    else {
        return Err(not_understood());
    };
    if binary == Some(true) || scroll == Some(true) {
        let what = if binary == Some(true) { "BINARY" } else { "SCROLL" };
        let reason = format!("a {what} cursor is not offered");
        return Err(QueryError::new(QueryError::NOT_SUPPORTED, reason)
            .with_hint("A cursor reads forward, as text or as the driver asks for each FETCH."));
    }
    let name = names.first().ok_or_else(not_understood)?;
    let name = match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    };
    let query: Box<Query> = query;
    let query = Box::new(rewrite(Ast::Query(query)));
    Ok(CursorVerb::Declare { name, hold: hold == Some(true), query })
}

fn usage(verb: &str, hint: &str) -> QueryError {
    QueryError::new(QueryError::SYNTAX, format!("{verb} was not understood")).with_hint(hint)
}
