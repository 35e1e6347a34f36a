//! Types of the parameters that stand in the place of a value: those of the columns that they go to.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{Expr, SetExpr, Statement as Ast, Value};

use super::{Write, kind_of};
use crate::kind_table::kind_columns;
use crate::session::Scope;
use crate::{QueryError, Session};

impl Write {
    /// By the number of the parameter; what is known from elsewhere, or not at all, is not there.
    pub(crate) fn parameter_types(
        &self,
        ast: &Ast,
        session: &Session,
        scope: &Scope,
    ) -> Result<BTreeMap<usize, DataType>, QueryError> {
        let database = self.table.catalog().unwrap_or(session.database());
        let view = scope.databases.view(database)?;
        let kind = kind_of(&self.table, view.snapshot().schema())?;
        let all: Vec<_> = kind_columns(kind).collect();
        let names: Vec<&str> = match &self.columns {
            Some(columns) => columns.iter().map(String::as_str).collect(),
            None => all.iter().map(|(name, _)| *name).collect(),
        };
        let rows: Vec<Vec<&Expr>> = match ast {
            Ast::Insert(insert) => {
                match insert.source.as_ref().map(|source| source.body.as_ref()) {
                    Some(SetExpr::Values(values)) => {
                        values.rows.iter().map(|row| row.iter().collect()).collect()
                    }
                    _ => Vec::new(),
                }
            }
            Ast::Update(update) => {
                vec![update.assignments.iter().map(|assignment| &assignment.value).collect()]
            }
            _ => Vec::new(),
        };
        let mut types = BTreeMap::new();
        for (name, value) in rows.iter().flat_map(|row| names.iter().zip(row)) {
            if let Some(number) = parameter(value)
                && let Some((_, of)) = all.iter().find(|(known, _)| known == name)
            {
                types.insert(number, of.arrow());
            }
        }
        Ok(types)
    }
}

fn parameter(value: &Expr) -> Option<usize> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => name.strip_prefix('$')?.parse().ok(),
            _ => None,
        },
        Expr::Nested(inner) => parameter(inner),
        _ => None,
    }
}
