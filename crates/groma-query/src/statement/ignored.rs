//! Clauses that the parser reads and the engine passes over. An answer without them would be another
//! one than was asked for, so they are refused.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Query, Select, Statement as Ast, TableFactor, Visit as _, Visitor,
};

use crate::QueryError;

/// Errors: a statement has one.
pub(crate) fn refuse(ast: &Ast) -> Result<(), QueryError> {
    match ast.visit(&mut Ignored) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(what) => {
            let error =
                QueryError::new(QueryError::NOT_SUPPORTED, format!("{what} is not offered"));
            Err(match what {
                LOCK => error.with_hint(
                    "Leave it out: what an UPDATE computes from rows that change meanwhile is computed anew.",
                ),
                SAMPLE => error.with_hint("Write WHERE random() < 0.1, or LIMIT."),
                _ => error,
            })
        }
    }
}

const LOCK: &str = "FOR UPDATE or FOR SHARE";
const SAMPLE: &str = "TABLESAMPLE";

struct Ignored;

impl Visitor for Ignored {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
        first(&[
            (!query.locks.is_empty(), LOCK),
            (query.for_clause.is_some(), "FOR XML, JSON or BROWSE"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
        ])
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<&'static str> {
        first(&[
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (select.value_table_mode.is_some(), "SELECT AS STRUCT or VALUE"),
            (select.select_modifiers.is_some(), "a modifier of SELECT"),
        ])
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<&'static str> {
        match factor {
            TableFactor::Table {
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
                name: _,
                alias: _,
                args: _,
            } => first(&[
                (!with_hints.is_empty() || !index_hints.is_empty(), "a hint for a table"),
                (version.is_some(), "AS OF behind a table"),
                (*with_ordinality, "WITH ORDINALITY"),
                (!partitions.is_empty(), "PARTITION"),
                (json_path.is_some(), "a JSON path behind a table"),
                (sample.is_some(), SAMPLE),
            ]),
            TableFactor::Derived { sample, .. } => first(&[(sample.is_some(), SAMPLE)]),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn first(clauses: &[(bool, &'static str)]) -> ControlFlow<&'static str> {
    match clauses.iter().find(|(present, _)| *present) {
        Some((_, what)) => ControlFlow::Break(what),
        None => ControlFlow::Continue(()),
    }
}
