//! Questions about PostgreSQL's own tables, put in words that the SQL engine can plan.
//!
//! The catalog library knows most of PostgreSQL's spelling; the rules here add what clients ask beyond
//! that. Each keeps the answer: none of them may touch a statement about the model (see
//! [`asks_catalog`]), and none guesses.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, Expr, Function, FunctionArguments, Ident, JoinOperator,
    ObjectName, Query, Select, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, Value,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion_pg_catalog::sql::rules::{
    AliasDuplicatedProjectionRewrite, CurrentUserVariableToSessionUserFunctionCall,
    FixArrayLiteral, FixVersionColumnName, PrependUnqualifiedPgTableName,
    ResolveUnqualifiedIdentifier, RewriteArrayAnyAllOperation, RewritePgCatalogOperator,
    RewriteRegCastToSubquery, SqlStatementRewriteRule, StripCallableQualifier, StripCollate,
};

use super::relations::catalog_oid;
use crate::dialect::Sql;

/// Tables that have no rows on any server of ours. A join with one of them is empty.
const ALWAYS_EMPTY: [&str; 28] = [
    "pg_attrdef",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_depend",
    "pg_enum",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_inherits",
    "pg_init_privs",
    "pg_largeobject_metadata",
    "pg_matviews",
    "pg_partitioned_table",
    "pg_policy",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_rewrite",
    "pg_seclabel",
    "pg_sequence",
    "pg_shseclabel",
    "pg_statistic_ext",
    "pg_subscription",
    "pg_subscription_rel",
    "pg_trigger",
    "pg_user_mapping",
    "pg_views",
];

/// Whether a statement is about PostgreSQL's own tables and functions.
pub(crate) fn asks_catalog(sql: &str) -> bool {
    const SIGNS: [&str; 9] = [
        "pg_",
        "information_schema",
        "::reg",
        "current_schema",
        "current_catalog",
        "session_user",
        "current_user",
        "version()",
        "format_type",
    ];
    let lower = sql.to_ascii_lowercase();
    SIGNS.iter().any(|sign| lower.contains(sign))
}

/// The same question, as the engine can plan it.
pub(crate) fn rewrite(mut statement: Statement) -> Statement {
    let _ = statement.visit(&mut EmptyTables);
    let mut table_oids = TableOids { aliases: Vec::new() };
    // The aliases first: the columns that use them are written before them.
    for _ in 0..2 {
        let _ = statement.visit(&mut table_oids);
    }
    let _ = statement.visit(&mut Spelling);
    library_rules().iter().fold(statement, |statement, rule| rule.rewrite(statement))
}

/// The library's rules without the one that turns correlated subqueries into NULL.
fn library_rules() -> &'static [Box<dyn SqlStatementRewriteRule>] {
    static RULES: OnceLock<Vec<Box<dyn SqlStatementRewriteRule>>> = OnceLock::new();
    RULES.get_or_init(|| {
        vec![
            Box::new(AliasDuplicatedProjectionRewrite),
            Box::new(ResolveUnqualifiedIdentifier),
            Box::new(RewriteArrayAnyAllOperation),
            Box::new(PrependUnqualifiedPgTableName),
            Box::new(StripCallableQualifier),
            Box::new(FixArrayLiteral),
            Box::new(CurrentUserVariableToSessionUserFunctionCall),
            Box::new(StripCollate),
            Box::new(RewritePgCatalogOperator),
            Box::new(RewriteRegCastToSubquery::new()),
            Box::new(FixVersionColumnName),
        ]
    })
}

/// A SELECT that joins a table without rows has none: then the rest of it need not be planned.
struct EmptyTables;

impl VisitorMut for EmptyTables {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_ref()
            && is_empty(select)
        {
            query.order_by = None;
        }
        empty_parts(&mut query.body);
        ControlFlow::Continue(())
    }
}

fn empty_parts(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) if is_empty(select) => empty(select),
        SetExpr::SetOperation { left, right, .. } => {
            empty_parts(left);
            empty_parts(right);
        }
        _ => {}
    }
}

fn is_empty(select: &Select) -> bool {
    let joins_an_empty_one = select.from.iter().any(|from| {
        let inner = from.joins.iter().filter(|join| {
            matches!(
                join.join_operator,
                JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_)
            )
        });
        let outer_right = from.joins.iter().any(|join| {
            matches!(
                join.join_operator,
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_)
            )
        });
        let mut tables = std::iter::once(&from.relation).chain(inner.map(|join| &join.relation));
        !outer_right && tables.any(is_empty_table)
    });
    joins_an_empty_one && select.projection.iter().all(can_be_null)
}

fn is_empty_table(table: &TableFactor) -> bool {
    let TableFactor::Table { name, args: None, .. } = table else { return false };
    let name = name.0.last().and_then(|part| part.as_ident());
    name.is_some_and(|name| ALWAYS_EMPTY.contains(&name.value.as_str()))
}

/// Not for `*`, whose columns are not known here, nor for aggregates, which have a row of nothing.
fn can_be_null(item: &SelectItem) -> bool {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => !aggregates(expr),
        _ => false,
    }
}

fn empty(select: &mut Select) {
    for (number, item) in select.projection.iter_mut().enumerate() {
        let alias = match item {
            SelectItem::ExprWithAlias { alias, .. } => alias.clone(),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => name.clone(),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) if !names.is_empty() => {
                names[names.len() - 1].clone()
            }
            _ => Ident::new(format!("column{}", number + 1)),
        };
        *item = SelectItem::ExprWithAlias { expr: null(), alias };
    }
    select.from.clear();
    select.selection = Some(Expr::Value(Value::Boolean(false).with_empty_span()));
}

/// `c.tableoid` says which catalog table a row is of; those of the library do not have it.
struct TableOids {
    /// Aliases with the name of their table, of the whole statement.
    aliases: Vec<(String, String)>,
}

impl VisitorMut for TableOids {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias: Some(alias), args: None, .. } = table
            && let Some(name) = name.0.last().and_then(|part| part.as_ident())
        {
            self.aliases.push((alias.name.value.clone(), name.value.clone()));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(names) = expr
            && let [.., alias, column] = names.as_slice()
            && column.value == "tableoid"
            && let Some((_, table)) = self.aliases.iter().find(|(known, _)| *known == alias.value)
        {
            let oid = catalog_oid(table).unwrap_or(0).to_string();
            *expr = Expr::Value(Value::Number(oid, false).with_empty_span());
        }
        ControlFlow::Continue(())
    }
}

/// What PostgreSQL spells in ways that the engine does not read.
struct Spelling;

impl VisitorMut for Spelling {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        name_repeated(&mut select.projection);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        compare_by_name(expr);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(better) = array_of_rows(expr)
            .or_else(|| one_row(expr))
            .or_else(|| name_of_object(expr))
            .or_else(|| concatenated(expr))
            .or_else(|| subscripts(expr))
            .or_else(|| numbered(expr))
            .or_else(|| field(expr))
            .or_else(|| backslash_escape(expr))
        {
            *expr = better;
        }
        ControlFlow::Continue(())
    }
}

/// `SELECT NULL, NULL`: the engine wants columns of different names, and an unnamed one has its text.
/// `current_user` and `session_user` become one function, and keep their names.
fn name_repeated(projection: &mut [SelectItem]) {
    let mut seen = HashSet::new();
    for (number, item) in projection.iter_mut().enumerate() {
        if let SelectItem::UnnamedExpr(expr) = item {
            let text = expr.to_string();
            let is_user = ["current_user", "session_user"].contains(&&*text.to_ascii_lowercase());
            let is_new = seen.insert(text.clone());
            let alias = match (is_user, is_new) {
                (true, true) => Ident::new(text.to_ascii_lowercase()),
                (false, true) => continue,
                (_, false) => Ident::new(format!("column{}", number + 1)),
            };
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

/// `typinput = 'array_in'::regproc`: the columns of the library that refer to a function hold its name,
/// not its number. Beside a number (`p.oid = t.typreceive`) they are the number of that function.
fn compare_by_name(expr: &mut Expr) {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::NotEq, right } = expr
    else {
        return;
    };
    let (column, other) = match (names_a_function(left), names_a_function(right)) {
        (true, false) => (left, right),
        (false, true) => (right, left),
        _ => return,
    };
    if let Some(name) = function_name(other) {
        **other = Expr::Value(Value::SingleQuotedString(name).with_empty_span());
    } else if column_name(other).is_some_and(|name| name == "oid")
        && let Some(number) = parse_expr(&format!("groma_oid_of('regproc', {column})"))
    {
        **column = number;
    }
}

/// `array_in` of `'pg_catalog.array_in'::regproc`.
fn function_name(expr: &Expr) -> Option<String> {
    let Expr::Cast { expr, data_type, .. } = expr else { return None };
    let Expr::Value(value) = expr.as_ref() else { return None };
    let Value::SingleQuotedString(name) = &value.value else { return None };
    let class = data_type.to_string().to_ascii_lowercase();
    matches!(class.as_str(), "regproc" | "pg_catalog.regproc")
        .then(|| name.strip_prefix("pg_catalog.").unwrap_or(name).to_owned())
}

fn column_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Identifier(name) => Some(&name.value),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.as_str()),
        _ => None,
    }
}

fn names_a_function(expr: &Expr) -> bool {
    const COLUMNS: [&str; 13] = [
        "amhandler",
        "oprcode",
        "oprjoin",
        "oprrest",
        "prosupport",
        "typanalyze",
        "typinput",
        "typmodin",
        "typmodout",
        "typoutput",
        "typreceive",
        "typsend",
        "typsubscript",
    ];
    column_name(expr).is_some_and(|name| COLUMNS.contains(&name))
}

/// `ARRAY(SELECT x ...)` is `(SELECT array_agg(x) ...)`.
fn array_of_rows(expr: &Expr) -> Option<Expr> {
    let Expr::Function(Function { name, args: FunctionArguments::Subquery(query), .. }) = expr
    else {
        return None;
    };
    if !name.to_string().eq_ignore_ascii_case("array") {
        return None;
    }
    // Options and their like are NULL for everything that we have, so that a list made of one is it.
    if let Some(list) = unnested(query) {
        return Some(list);
    }
    aggregated(query, "array_agg")
}

fn unnested(query: &Query) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [from] = select.from.as_slice() else { return None };
    // An alias may follow, and another argument cannot.
    let text = from.relation.to_string();
    let text = text.strip_prefix("pg_catalog.").unwrap_or(&text);
    let inner = text.strip_prefix("unnest(")?;
    parse_expr(&inner[..inner.find(')')?])
}

/// A subquery that stands for a value has one row at most, which the engine wants to be told.
fn one_row(expr: &Expr) -> Option<Expr> {
    let Expr::Subquery(query) = expr else { return None };
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    if select.from.is_empty() {
        return matches!(select.selection, Some(Expr::Value(_))).then(null);
    }
    // No column of ours has a collation of its own.
    let collation = |from: &TableWithJoins| from.relation.to_string().contains("pg_collation");
    if select.from.iter().any(collation) {
        return Some(null());
    }
    aggregated(query, "first_value")
}

fn aggregated(query: &Query, function: &str) -> Option<Expr> {
    let mut query = query.clone();
    query.order_by = None;
    query.limit_clause = None;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        select.projection.as_slice()
    else {
        return None;
    };
    if aggregates(value) {
        return None;
    }
    let call = parse_expr(&format!("{function}({value})"))?;
    select.projection = vec![SelectItem::UnnamedExpr(call)];
    Some(Expr::Subquery(Box::new(query)))
}

/// `'physical.device'::regclass` is a number, `c.oid::regclass` a name.
fn name_of_object(expr: &Expr) -> Option<Expr> {
    let Expr::Cast { kind: CastKind::DoubleColon | CastKind::Cast, expr: inner, data_type, .. } =
        expr
    else {
        return None;
    };
    let name = data_type.to_string().to_ascii_lowercase();
    let class = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    let is_name = match inner.as_ref() {
        Expr::Value(value) => matches!(
            value.value,
            Value::SingleQuotedString(_) | Value::Placeholder(_) | Value::EscapedStringLiteral(_)
        ),
        _ => false,
    };
    match (class, is_name) {
        ("regclass" | "regnamespace" | "regrole" | "regproc" | "regprocedure", true) => {
            parse_expr(&format!("groma_oid_of('{class}', {inner})"))
        }
        ("regclass" | "regnamespace" | "regrole" | "regproc" | "regprocedure", false) => {
            parse_expr(&format!("groma_name_of('{class}', {inner})"))
        }
        ("regtype", false) => parse_expr(&format!("format_type({inner}, NULL)")),
        _ => None,
    }
}

/// `a || b` of lists is `array_concat(a, b)`.
fn concatenated(expr: &Expr) -> Option<Expr> {
    let Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } = expr else {
        return None;
    };
    let is_options = |side: &Expr| side.to_string().ends_with("reloptions");
    (is_options(left) && is_options(right))
        .then(|| parse_expr(&format!("array_concat({left}, {right})")))
        .flatten()
}

/// `generate_subscripts(list, 1)` numbers the items of a list, a row each.
fn subscripts(expr: &Expr) -> Option<Expr> {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr else {
        return None;
    };
    if name.0.last()?.as_ident()?.value != "generate_subscripts" {
        return None;
    }
    let list = list.args.first()?;
    parse_expr(&format!("unnest(range(1, CAST(array_length({list}) AS BIGINT) + 1))"))
}

/// `_pg_expandarray(keys)` is a row `(x, n)` for each column of a key, with its number; keys of ours
/// have one column.
fn numbered(expr: &Expr) -> Option<Expr> {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr else {
        return None;
    };
    if name.0.last()?.as_ident()?.value != "_pg_expandarray" {
        return None;
    }
    let list = list.args.first()?;
    parse_expr(&format!("named_struct('x', list_element({list}, 1), 'n', 1)"))
}

/// `(row).n` is `get_field(row, 'n')`.
fn field(expr: &Expr) -> Option<Expr> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let [AccessExpr::Dot(Expr::Identifier(name))] = access_chain.as_slice() else { return None };
    parse_expr(&format!("get_field({root}, '{}')", name.value.replace('\'', "''")))
}

/// The engine escapes by backslash alone: `LIKE 'pg/_%' ESCAPE '/'`.
fn backslash_escape(expr: &Expr) -> Option<Expr> {
    let mut better = expr.clone();
    let (Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. }) =
        &mut better
    else {
        return None;
    };
    let escape = escape_char.take()?.to_string();
    if escape != "'\\'" {
        **pattern = parse_expr(&format!("replace({pattern}, {escape}, '\\')"))?;
    }
    Some(better)
}

fn aggregates(expr: &Expr) -> bool {
    const AGGREGATES: [&str; 10] = [
        "array_agg",
        "avg",
        "bool_and",
        "bool_or",
        "count",
        "first_value",
        "max",
        "min",
        "string_agg",
        "sum",
    ];
    let Expr::Function(function) = expr else { return false };
    let ObjectName(parts) = &function.name;
    let name = parts.last().and_then(|part| part.as_ident());
    name.is_some_and(|name| AGGREGATES.contains(&name.value.to_ascii_lowercase().as_str()))
}

fn null() -> Expr {
    Expr::Value(Value::Null.with_empty_span())
}

fn parse_expr(text: &str) -> Option<Expr> {
    Parser::new(&Sql).try_with_sql(text).ok()?.parse_expr().ok()
}
