//! Parameters as arguments of table functions: `path($1, $2)`. The engine takes constants alone, so the
//! values are put in their places before it plans; until then such a call can be described and not run.

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::sql::sqlparser::ast::{
    Expr, Statement as Ast, TableFactor, Value, VisitMut, VisitorMut,
};

use super::ALL;
use crate::QueryError;

/// Puts values in the places of the parameters that are arguments of table functions. True if there
/// are any: then what was planned without the values is of no use.
pub(crate) fn put_parameters(ast: &mut Ast, values: &ParamValues) -> Result<bool, QueryError> {
    let mut calls = Calls { values, found: false };
    match VisitMut::visit(ast, &mut calls) {
        ControlFlow::Continue(()) => Ok(calls.found),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Calls<'a> {
    values: &'a ParamValues,
    found: bool,
}

impl VisitorMut for Calls<'_> {
    type Break = QueryError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<QueryError> {
        let TableFactor::Table { name, args: Some(args), .. } = factor else {
            return ControlFlow::Continue(());
        };
        if !ALL.iter().any(|known| known.name == name.to_string()) {
            return ControlFlow::Continue(());
        }
        let mut arguments = Arguments { values: self.values, found: false };
        for argument in &mut args.args {
            VisitMut::visit(argument, &mut arguments)?;
        }
        self.found |= arguments.found;
        ControlFlow::Continue(())
    }
}

struct Arguments<'a> {
    values: &'a ParamValues,
    found: bool,
}

impl VisitorMut for Arguments<'_> {
    type Break = QueryError;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
        {
            match literal(name, self.values) {
                Ok(literal) => value.value = literal,
                Err(error) => return ControlFlow::Break(error),
            }
            self.found = true;
        }
        ControlFlow::Continue(())
    }
}

fn literal(name: &str, values: &ParamValues) -> Result<Value, QueryError> {
    let value = values.get_placeholders_with_values(name)?.value;
    if value.is_null() {
        return Ok(Value::Null);
    }
    match value.cast_to(&DataType::Utf8)? {
        ScalarValue::Utf8(Some(text)) => Ok(Value::SingleQuotedString(text)),
        _ => Ok(Value::Null),
    }
}
