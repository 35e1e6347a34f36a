//! Statements that are read once, to be run with parameters: what is known of them before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ParamValues;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable as _, LogicalPlan};
use datafusion::sql::sqlparser::ast::Statement as Ast;

use super::cursors::no_cursor;
use super::{Session, names};
use crate::catalog::Databases;
use crate::dml::Write;
use crate::settings::Settings;
use crate::statement::{self, CursorVerb, Parsed, Statement};
use crate::{QueryError, functions};

/// A statement read once, to be run with parameters.
pub struct Prepared {
    pub(super) statement: Parsed,
    parameter_types: Vec<Option<DataType>>,
    schema: Option<SchemaRef>,
    /// For the first run, which mostly follows at once; not kept longer, since it holds what it saw.
    pub(super) planned: Mutex<Option<Planned>>,
}

/// A question with the databases that it was planned on.
pub(super) struct Planned {
    pub(super) plan: LogicalPlan,
    pub(super) databases: Arc<Databases>,
}

/// What a statement is run with.
#[derive(Default)]
pub(super) struct Bound {
    pub(super) parameters: Option<ParamValues>,
    pub(super) planned: Option<Planned>,
}

impl Bound {
    /// Puts the values into calls of table functions, see [`functions::bound`].
    pub(super) fn put_into_calls(&mut self, ast: &mut Ast) -> Result<(), QueryError> {
        if let Some(parameters) = &self.parameters
            && functions::bound::put_parameters(ast, parameters)?
        {
            self.planned = None;
        }
        Ok(())
    }
}

impl Prepared {
    /// Types of `$1`, `$2`, ...; `None`: not known from the statement.
    pub fn parameter_types(&self) -> &[Option<DataType>] {
        &self.parameter_types
    }

    /// What PostgreSQL calls the answer, if it is rows: `SELECT` or `FETCH`.
    pub fn rows_tag(&self) -> &'static str {
        self.statement.statement.rows_tag()
    }

    /// Columns of its rows; `None`: a command without rows.
    pub fn schema(&self) -> Option<&SchemaRef> {
        self.schema.as_ref()
    }
}

/// What is known of a statement before it runs.
#[derive(Default)]
struct Described {
    /// Types of parameters by number; a parameter that the plan does not need is not there.
    types: BTreeMap<usize, Option<DataType>>,
    schema: Option<SchemaRef>,
    planned: Option<Planned>,
}

impl Session {
    pub(super) async fn read_and_plan(&self, sql: &str) -> Result<Prepared, QueryError> {
        let mut statements = statement::parse(sql)?;
        let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
            return Err(QueryError::new(
                QueryError::SYNTAX,
                "one statement can be prepared at a time",
            ));
        };
        let Described { types, schema, planned } = match &statement.statement {
            // Planning holds much on the stack of whoever waits.
            Statement::Sql(ast) => Box::pin(self.describe(ast)).await?,
            Statement::Cursor(CursorVerb::Declare { query, .. }) => {
                let types = Box::pin(self.describe(query)).await?.types;
                Described { types, ..Described::default() }
            }
            Statement::Cursor(CursorVerb::Fetch { name, .. }) => {
                let schema = self.cursor_schema(name).ok_or_else(|| no_cursor(name))?;
                Described { schema: Some(schema), ..Described::default() }
            }
            _ => Described::default(),
        };
        let count = statement::parameter_count(sql);
        let parameter_types =
            (1..=count).map(|number| types.get(&number).cloned().flatten()).collect();
        Ok(Prepared { statement, parameter_types, schema, planned: Mutex::new(planned) })
    }

    async fn describe(&self, ast: &Ast) -> Result<Described, QueryError> {
        let scope = self.scope(&self.who)?;
        let mut written = BTreeMap::new();
        let (plan, rows) = match ast {
            Ast::Insert(_) | Ast::Update(_) | Ast::Delete(_) => {
                let write = Write::read(ast)?;
                written = write.parameter_types(ast, self, &scope)?;
                (scope.plan(write.select()?).await?, false)
            }
            _ if self.settings().answers(ast) => {
                return Ok(Described {
                    schema: Settings::shown_schema(ast),
                    ..Described::default()
                });
            }
            _ => (scope.plan(ast.clone()).await?, true),
        };
        let mut named: BTreeMap<_, _> = plan.get_parameter_types()?.into_iter().collect();
        add_cast_types(&plan, &mut named)?;
        let mut types: BTreeMap<usize, _> = (named.into_iter())
            .filter_map(|(name, of)| Some((name.strip_prefix('$')?.parse().ok()?, of)))
            .collect();
        types.extend(written.into_iter().map(|(number, of)| (number, Some(of))));
        let schema = rows.then(|| names::told_schema(plan.schema().inner()));
        let planned = rows.then_some(Planned { plan, databases: scope.databases });
        Ok(Described { types, schema, planned })
    }
}

/// `$1::int` says of what type `$1` is, and `id = any($1)` that it is a list of such; the engine itself
/// looks only at what it is compared with.
fn add_cast_types(
    plan: &LogicalPlan,
    types: &mut BTreeMap<String, Option<DataType>>,
) -> Result<(), QueryError> {
    let mut add = |expression: &Expr, of: Option<DataType>| {
        if let Expr::Placeholder(placeholder) = expression
            && let Some(known) = types.get_mut(&placeholder.id)
            && known.is_none()
        {
            *known = of;
        }
    };
    plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        node.apply_expressions(|expression| {
            expression.apply(|inner| {
                match inner {
                    Expr::Cast(cast) => add(&cast.expr, Some(cast.field.data_type().clone())),
                    Expr::ScalarFunction(call) if call.name() == "array_has" => {
                        if let [list, item] = call.args.as_slice() {
                            let item = item.get_type(&schema).ok();
                            let list_of = |item| DataType::new_list(item, true);
                            add(list, item.filter(|of| !of.is_null()).map(list_of));
                        }
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}
