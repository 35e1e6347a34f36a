//! INSERT, UPDATE and DELETE from their text: which SELECT finds the rows, and what is not offered.

use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, Insert, ObjectName, OrderByExpr, Query,
    SetExpr, Statement as Ast, TableFactor, TableObject, TableWithJoins, Update, Value,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::{Verb, Write, identifier};
use crate::QueryError;
use crate::dialect::Sql;
use crate::kind_table::ID;

impl Write {
    /// Reads INSERT, UPDATE or DELETE; says what of it is not offered.
    pub(crate) fn read(ast: &Ast) -> Result<Write, QueryError> {
        match ast {
            Ast::Insert(insert) => read_insert(insert),
            Ast::Update(update) => read_update(update),
            Ast::Delete(delete) => read_delete(delete),
            other => Err(not_offered(&other.to_string())),
        }
    }

    /// The SELECT that finds its rows.
    pub(crate) fn select(&self) -> Result<Ast, QueryError> {
        let wrong =
            |error: &dyn std::fmt::Display| QueryError::new(QueryError::SYNTAX, error.to_string());
        let mut statements =
            Parser::parse_sql(&Sql, &self.select).map_err(|error| wrong(&error))?;
        let Some(Ast::Query(mut query)) = statements.pop() else {
            return Err(not_offered("this statement"));
        };
        strip_defaults(&mut query);
        Ok(Ast::Query(query))
    }
}

// Every clause is named below, so that none is passed over, also not one that a new parser knows.

fn read_insert(insert: &Insert) -> Result<Write, QueryError> {
    let Insert {
        insert_token: _,
        optimizer_hints: _,
        or,
        ignore,
        into: _,
        table,
        table_alias: _, // nothing that could name it is offered
        columns,
        overwrite,
        source,
        assignments,
        partitioned,
        after_columns,
        has_table_keyword,
        on,
        returning,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    refuse(on.is_some(), "ON CONFLICT")?;
    refuse(returning.is_some() || output.is_some(), "RETURNING")?;
    refuse(or.is_some() || *ignore || *replace_into, "INSERT OR, IGNORE or REPLACE")?;
    refuse(*overwrite || partitioned.is_some(), "INSERT OVERWRITE or PARTITION")?;
    refuse(!assignments.is_empty() || insert_alias.is_some(), "INSERT ... SET")?;
    refuse(!after_columns.is_empty() || *has_table_keyword, "INSERT INTO TABLE")?;
    refuse(priority.is_some(), "a priority of INSERT")?;
    refuse(settings.is_some() || format_clause.is_some(), "SETTINGS or FORMAT")?;
    refuse(
        multi_table_insert_type.is_some()
            || !multi_table_into_clauses.is_empty()
            || !multi_table_when_clauses.is_empty()
            || multi_table_else_clause.is_some(),
        "INSERT into more than one table",
    )?;
    let TableObject::TableName(table) = table else {
        return Err(not_offered("INSERT into a function"));
    };
    let Some(source) = source else {
        return Err(not_offered("INSERT without rows"));
    };
    let columns = (!columns.is_empty()).then(|| columns.iter().map(column_name).collect());
    let (table, select) = (table_reference(table), source.to_string());
    Ok(Write { verb: Verb::Insert, table, select, columns })
}

fn read_update(update: &Update) -> Result<Write, QueryError> {
    let Update {
        update_token: _,
        optimizer_hints: _,
        table: from,
        assignments,
        from: other,
        selection,
        returning,
        output,
        or,
        order_by,
        limit,
    } = update;
    refuse(other.is_some(), "UPDATE ... FROM")?;
    refuse(returning.is_some() || output.is_some(), "RETURNING")?;
    refuse(or.is_some(), "UPDATE OR")?;
    refuse_some_rows("UPDATE", order_by, limit)?;
    let table = only_table(std::slice::from_ref(from))?;
    let columns = assignments.iter().map(assigned_column).collect::<Result<Vec<_>, _>>()?;
    let values: Vec<_> = (assignments.iter().zip(&columns))
        .map(|(assignment, column)| format!(", {} AS \"{column}\"", assignment.value))
        .collect();
    let condition = condition(selection.as_ref());
    let select = format!("SELECT {ID}{} FROM {from}{condition}", values.concat());
    Ok(Write { verb: Verb::Update, table, select, columns: Some(columns) })
}

fn read_delete(delete: &Delete) -> Result<Write, QueryError> {
    let Delete {
        delete_token: _,
        optimizer_hints: _,
        tables,
        from: FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from),
        using,
        selection,
        returning,
        output,
        order_by,
        limit,
    } = delete;
    refuse(!tables.is_empty(), "DELETE of some tables of several")?;
    refuse(using.is_some(), "DELETE ... USING")?;
    refuse(returning.is_some() || output.is_some(), "RETURNING")?;
    refuse_some_rows("DELETE", order_by, limit)?;
    let table = only_table(from)?;
    let select = format!("SELECT {ID} FROM {}{}", from[0], condition(selection.as_ref()));
    Ok(Write { verb: Verb::Delete, table, select, columns: Some(Vec::new()) })
}

/// As PostgreSQL, which has neither.
fn refuse_some_rows(
    verb: &str,
    order_by: &[OrderByExpr],
    limit: &Option<Expr>,
) -> Result<(), QueryError> {
    let what = match (order_by, limit) {
        ([], None) => return Ok(()),
        (_, Some(_)) => "LIMIT",
        _ => "ORDER BY",
    };
    Err(not_offered(&format!("{what} of {verb}")).with_hint(
        "Say which rows in WHERE: WHERE id IN (SELECT id FROM ... ORDER BY ... LIMIT ...).",
    ))
}

fn refuse(present: bool, what: &str) -> Result<(), QueryError> {
    if present { Err(not_offered(what)) } else { Ok(()) }
}

fn not_offered(what: &str) -> QueryError {
    QueryError::new(QueryError::NOT_SUPPORTED, format!("{what} is not offered"))
}

fn condition(selection: Option<&Expr>) -> String {
    selection.map(|condition| format!(" WHERE {condition}")).unwrap_or_default()
}

fn only_table(from: &[TableWithJoins]) -> Result<TableReference, QueryError> {
    match from {
        [TableWithJoins { relation: TableFactor::Table { name, .. }, joins }]
            if joins.is_empty() =>
        {
            Ok(table_reference(name))
        }
        _ => Err(not_offered("writing to more than one table at once")),
    }
}

fn table_reference(name: &ObjectName) -> TableReference {
    TableReference::parse_str(&name.to_string())
}

fn column_name(name: &ObjectName) -> String {
    identifier(&name.to_string())
}

fn assigned_column(assignment: &Assignment) -> Result<String, QueryError> {
    match &assignment.target {
        AssignmentTarget::ColumnName(name) => match column_name(name) {
            name if name == ID => Err(not_offered("changing an id")),
            name => Ok(name),
        },
        AssignmentTarget::Tuple(_) => Err(not_offered("SET (a, b) = ...")),
    }
}

/// `INSERT ... VALUES (DEFAULT)` parses as a column named DEFAULT; leave the rest as it is.
fn strip_defaults(query: &mut Query) {
    let SetExpr::Values(values) = query.body.as_mut() else { return };
    for value in values.rows.iter_mut().flat_map(|row| row.iter_mut()) {
        if value.to_string().eq_ignore_ascii_case("default") {
            *value = Expr::value(Value::Null);
        }
    }
}
