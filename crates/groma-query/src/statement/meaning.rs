//! Where the engine reads PostgreSQL's words otherwise than PostgreSQL: put so that both mean the same, or
//! refused. What depends on types is put right when the plan is there, see `session::types`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DateTimeField, Expr, Statement as Ast, UnaryOperator, Value, VisitMut,
    VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;

use crate::QueryError;
use crate::dialect::Sql;

/// Puts a statement so that the engine answers as PostgreSQL would.
///
/// # Errors
/// It cannot be put so.
pub(super) fn keep(mut ast: Ast) -> Result<Ast, QueryError> {
    match VisitMut::visit(&mut ast, &mut Meaning) {
        ControlFlow::Continue(()) => Ok(ast),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Meaning;

impl VisitorMut for Meaning {
    type Break = QueryError;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        let better = match expr {
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => minus_of_power(inner),
            Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                match similar(*negated, expr, pattern, escape_char.is_some()) {
                    Ok(better) => Some(better),
                    Err(error) => return ControlFlow::Break(error),
                }
            }
            Expr::Extract {
                field: DateTimeField::Second | DateTimeField::Seconds, expr, ..
            } => parsed(&format!("CAST(date_part('nanosecond', {expr}) AS DOUBLE) / 1e9")),
            _ => None,
        };
        if let Some(better) = better {
            *expr = Expr::Nested(Box::new(better));
        }
        ControlFlow::Continue(())
    }
}

/// The sign binds tighter: `-2 ^ 2` is `(-2) ^ 2`.
fn minus_of_power(inner: &Expr) -> Option<Expr> {
    let Expr::BinaryOp { left, op: BinaryOperator::PGExp, right } = inner else { return None };
    let left = minus_of_power(left)
        .unwrap_or_else(|| Expr::UnaryOp { op: UnaryOperator::Minus, expr: left.clone() });
    let (left, right) = (Box::new(left), right.clone());
    Some(Expr::BinaryOp { left, op: BinaryOperator::PGExp, right })
}

/// SIMILAR TO is a regular expression of the whole text, in which `%` and `_` are what they are in LIKE.
fn similar(
    negated: bool,
    expr: &Expr,
    pattern: &Expr,
    has_escape: bool,
) -> Result<Expr, QueryError> {
    let refuse = |what: &str| {
        QueryError::new(QueryError::NOT_SUPPORTED, format!("SIMILAR TO with {what} is not offered"))
            .with_hint("Write text ~ '^(regular expression)$'.")
    };
    if has_escape {
        return Err(refuse("ESCAPE"));
    }
    let text = match pattern {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text,
            _ => return Err(refuse("a pattern that is no text")),
        },
        _ => return Err(refuse("a pattern that is no constant")),
    };
    let regex = whole_regex(text).ok_or_else(|| refuse("this pattern"))?.replace('\'', "''");
    let not = if negated { "NOT " } else { "" };
    parsed(&format!("{not}({expr} ~ '{regex}')")).ok_or_else(|| refuse("this pattern"))
}

/// `None`: it ends in an escape.
fn whole_regex(pattern: &str) -> Option<String> {
    let mut regex = String::from("^(?s:");
    let mut in_class = false;
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                let escaped = characters.next()?;
                if !escaped.is_alphanumeric() {
                    regex.push('\\');
                }
                regex.push(escaped);
                continue;
            }
            '%' if !in_class => regex.push_str(".*"),
            '_' if !in_class => regex.push('.'),
            '.' | '^' | '$' if !in_class => regex.extend(['\\', c]),
            _ => regex.push(c),
        }
        in_class = (in_class || c == '[') && c != ']';
    }
    regex.push_str(")$");
    Some(regex)
}

fn parsed(text: &str) -> Option<Expr> {
    Parser::new(&Sql).try_with_sql(text).ok()?.parse_expr().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_regular_expression_of_the_whole_text() {
        let cases = [
            ("a%", Some("^(?s:a.*)$")),
            ("(a|b)_.[%_.]", Some("^(?s:(a|b).\\.[%_.])$")),
            (r"50\%", Some(r"^(?s:50\%)$")),
            ("a\\", None),
        ];
        for (pattern, regex) in cases {
            assert_eq!(whole_regex(pattern).as_deref(), regex, "{pattern}");
        }
    }
}
