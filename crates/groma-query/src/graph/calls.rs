//! Calls of `graph_table('text', place)` in a statement become the SELECTs that they stand for.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Query, Statement as Ast, TableFactor, Value, Visit,
    VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::fold::{CALL, unfold};
use super::query::{Expanded, expand};
use super::text::Source;
use super::written::find_graph;
use super::{Matches, syntax};
use crate::QueryError;
use crate::dialect::Sql;
use crate::session::Scope;

/// Most GRAPH_TABLEs of one statement.
const CALLS_MAX: usize = 64;

/// Finds the calls, plans what they look for, and puts SELECTs in their places.
pub(crate) async fn expand_calls(
    mut ast: Ast,
    scope: &Scope,
    matches: &Matches,
) -> Result<Ast, QueryError> {
    let mut calls = Calls::default();
    let _ = Visit::visit(&ast, &mut calls);
    if calls.found.len() > CALLS_MAX {
        let message = format!("a statement may hold {CALLS_MAX} GRAPH_TABLEs");
        return Err(QueryError::new("54001", message));
    }
    let mut selects = Selects::default();
    for source in calls.found {
        let written = syntax::parse(source)?;
        let (own, at) = (&scope.state.config().options().catalog.default_catalog, written.graph_at);
        let (view, graph) =
            find_graph(&written.graph, at, own, &scope.databases, Some(&scope.state)).await?;
        let number = matches.next_number();
        let Expanded { query, sql } = expand(&written, graph, view, number)?;
        matches.insert(number, query);
        selects.queries.push_back(parse_query(&sql)?);
    }
    if !selects.queries.is_empty() {
        let _ = VisitMut::visit(&mut ast, &mut selects);
    }
    Ok(ast)
}

fn parse_query(sql: &str) -> Result<Box<Query>, QueryError> {
    let wrong = |text: String| QueryError::new(QueryError::SYNTAX, text);
    let mut statements = Parser::parse_sql(&Sql, sql).map_err(|error| wrong(error.to_string()))?;
    match statements.pop() {
        Some(Ast::Query(query)) => Ok(query),
        _ => Err(wrong("a GRAPH_TABLE was not understood".into())),
    }
}

/// What is between the parentheses of each call, in the order of visiting.
#[derive(Default)]
struct Calls {
    found: Vec<Source>,
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        self.found.extend(call(factor));
        ControlFlow::Continue(())
    }
}

#[derive(Default)]
struct Selects {
    queries: VecDeque<Box<Query>>,
}

impl VisitorMut for Selects {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if call(factor).is_none() {
            return ControlFlow::Continue(());
        }
        if let (TableFactor::Table { alias, .. }, Some(subquery)) =
            (&mut *factor, self.queries.pop_front())
        {
            let alias = alias.take();
            *factor = TableFactor::Derived { lateral: false, subquery, alias, sample: None };
        }
        ControlFlow::Continue(())
    }
}

fn call(factor: &TableFactor) -> Option<Source> {
    let TableFactor::Table { name, args: Some(args), .. } = factor else { return None };
    if name.to_string() != CALL {
        return None;
    }
    let literal = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    let [text, place] = args.args.as_slice() else { return None };
    unfold(&literal(text)?, &literal(place)?)
}
