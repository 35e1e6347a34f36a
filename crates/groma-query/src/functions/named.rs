//! Arguments by name, as PostgreSQL writes them: `capacity_predict('web', cpus => 8)`. The engine takes
//! them by place alone, so they are put in their places before it plans.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Statement as Ast, TableFactor, Value, VisitMut, VisitorMut,
};

use super::{ALL, Function};
use crate::QueryError;

/// Puts the named arguments of all table functions in their places; those in between are NULL.
/// Errors: a name that the function does not have, or that is given twice or before one without a name.
pub(crate) fn place_arguments(ast: &mut Ast) -> Result<(), QueryError> {
    match VisitMut::visit(ast, &mut Places) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Places;

impl VisitorMut for Places {
    type Break = QueryError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<QueryError> {
        if let TableFactor::Table { name, args: Some(args), .. } = factor
            && args.args.iter().any(|argument| !matches!(argument, FunctionArg::Unnamed(_)))
            && let Some(function) = ALL.iter().find(|known| known.name == name.to_string())
        {
            match placed(function, std::mem::take(&mut args.args)) {
                Ok(placed) => args.args = placed,
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }
}

fn placed(
    function: &Function,
    arguments: Vec<FunctionArg>,
) -> Result<Vec<FunctionArg>, QueryError> {
    let wrong = |reason: String| {
        QueryError::new(QueryError::NO_FUNCTION, format!("{}: {reason}", function.name))
            .with_hint(format!("Call {}: {}", function.usage, function.doc))
    };
    let names = function.parameters();
    let mut places: Vec<Option<FunctionArgExpr>> = Vec::new();
    let mut seen_name = false;
    for argument in arguments {
        let (name, value) = match argument {
            FunctionArg::Unnamed(_) if seen_name => {
                return Err(wrong("an argument without a name comes after one with a name".into()));
            }
            FunctionArg::Unnamed(value) => {
                places.push(Some(value));
                continue;
            }
            FunctionArg::Named { name, arg, .. } => (name.value, arg),
            FunctionArg::ExprNamed { name, arg, .. } => (name.to_string(), arg),
        };
        seen_name = true;
        let name = name.to_lowercase();
        let Some(place) = names.iter().position(|known| *known == name) else {
            return Err(wrong(format!("it has no argument \"{name}\"")));
        };
        places.resize(places.len().max(place + 1), None);
        if places[place].replace(value).is_some() {
            return Err(wrong(format!("\"{name}\" is given twice")));
        }
    }
    let null = || FunctionArgExpr::Expr(Expr::Value(Value::Null.with_empty_span()));
    let places = places.into_iter().map(|value| value.unwrap_or_else(null));
    Ok(places.map(FunctionArg::Unnamed).collect())
}
