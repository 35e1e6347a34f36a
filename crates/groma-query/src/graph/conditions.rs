//! Conditions and costs of a pattern: read once, to tell early what is wrong and of whom they speak.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};
use datafusion::sql::sqlparser::parser::Parser;

use super::text::{Expression, Source, Token};
use crate::QueryError;
use crate::dialect::Sql;

/// Deepest nesting of an expression.
const NESTING_MAX: usize = 64;

/// An expression, and the names before the dots in it.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) expression: Expression,
    /// First parts of dotted names, and what is alone in the parentheses of a function.
    pub(crate) variables: BTreeSet<String>,
    /// Whether it may ask what only the match knows: `element_id(a)`.
    pub(crate) calls_path_function: bool,
}

impl Condition {
    /// Checks that it is an expression of SQL.
    pub(crate) fn read(expression: &Expression) -> Result<Condition, QueryError> {
        parsed(expression)?;
        Ok(Condition::of(expression.clone()))
    }

    fn of(expression: Expression) -> Condition {
        let tokens = &expression.tokens;
        let is = |place: usize, sign| {
            tokens.get(place).is_some_and(|lexed| lexed.token == Token::Sign(sign))
        };
        let mut variables = BTreeSet::new();
        let mut calls_path_function = false;
        for (place, lexed) in tokens.iter().enumerate() {
            let Token::Word { text, .. } = &lexed.token else { continue };
            let after_dot = place > 0 && is(place - 1, '.');
            if is(place + 1, '.') && !after_dot {
                variables.insert(text.clone());
            } else if place > 1 && is(place - 1, '(') && is(place + 1, ')') {
                variables.insert(text.clone());
                calls_path_function |= matches!(
                    &tokens[place - 2].token,
                    Token::Word { text, .. } if text == "element_id" || text == "label"
                );
            }
        }
        Condition { expression, variables, calls_path_function }
    }

    /// The properties of a variable that it names, with their places.
    pub(crate) fn properties_of(&self, variable: &str) -> Vec<(String, usize)> {
        let tokens = &self.expression.tokens;
        let mut properties = Vec::new();
        for (place, window) in tokens.windows(3).enumerate() {
            if let [first, dot, second] = window
                && let Token::Word { text, .. } = &first.token
                && let Token::Word { text: property, .. } = &second.token
                && text == variable
                && dot.token == Token::Sign('.')
                && !(place > 0 && tokens[place - 1].token == Token::Sign('.'))
            {
                properties.push((property.clone(), self.expression.place(first)));
            }
        }
        properties
    }
}

impl Expression {
    /// Of a text that was made, not written; errors in it are at `at`.
    pub(crate) fn read(text: String, at: usize) -> Result<Expression, QueryError> {
        let tokens = Source { text: text.clone(), first: at }.tokens()?;
        Ok(Expression { text, at, tokens })
    }
}

/// The parts that must all hold.
pub(crate) fn conjuncts(condition: &Expression) -> Result<Vec<Condition>, QueryError> {
    let mut parts = Vec::new();
    let mut open = vec![parsed(condition)?];
    while let Some(expression) = open.pop() {
        match expression {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                open.push(*right);
                open.push(*left);
            }
            Expr::Nested(inner)
                if matches!(*inner, Expr::BinaryOp { op: BinaryOperator::And, .. }) =>
            {
                open.push(*inner);
            }
            other => parts.push(Condition::of(Expression::read(other.to_string(), condition.at)?)),
        }
    }
    Ok(parts)
}

pub(super) fn parsed(expression: &Expression) -> Result<Expr, QueryError> {
    let wrong = |message: String| {
        let message = message.split(" at Line: ").next().unwrap_or_default().to_owned();
        let message = message.strip_prefix("sql parser error: ").unwrap_or(&message).to_owned();
        QueryError::new(QueryError::SYNTAX, message).at(expression.at)
    };
    let mut parser = Parser::new(&Sql)
        .with_recursion_limit(NESTING_MAX)
        .try_with_sql(&expression.text)
        .map_err(|error| wrong(error.to_string()))?;
    let parsed = parser.parse_expr().map_err(|error| wrong(error.to_string()))?;
    let rest = parser.peek_token();
    if rest.token != datafusion::sql::sqlparser::tokenizer::Token::EOF {
        return Err(wrong(format!("unexpected \"{}\" in an expression", rest.token)));
    }
    Ok(parsed)
}
