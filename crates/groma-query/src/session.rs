//! A session: one connection inside one database, carrying out statements.

mod yielding;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider};
use datafusion::common::ParamValues;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement as PlannedStatement;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use groma_model::Source;
use groma_store::{Fork, World};

use crate::catalog::Databases;
use crate::dml::Write;
use crate::settings::Settings;
use crate::statement::{self, Statement};
use crate::{Engine, QueryError, functions, graph, pg};

/// What a statement came to.
pub enum Outcome {
    /// Rows, made while they are read.
    Rows {
        /// Their columns.
        schema: SchemaRef,
        /// The rows. Dropping it ends the work at its next pause.
        stream: SendableRecordBatchStream,
    },
    /// Done, with PostgreSQL's tag such as `INSERT 0 3`.
    Command {
        /// The tag.
        tag: String,
    },
}

/// A statement read once, to be run with parameters.
pub struct Prepared {
    statement: Statement,
    parameter_types: Vec<Option<DataType>>,
    schema: Option<SchemaRef>,
}

impl Prepared {
    /// Types of `$1`, `$2`, ...; `None`: not known from the statement.
    pub fn parameter_types(&self) -> &[Option<DataType>] {
        &self.parameter_types
    }

    /// Columns of its rows; `None`: a command without rows.
    pub fn schema(&self) -> Option<&SchemaRef> {
        self.schema.as_ref()
    }
}

/// Types of parameters by number; a parameter that the plan does not need is not there.
type ParameterTypes = BTreeMap<usize, Option<DataType>>;

/// One connection inside one database. Statements of a session run one after the other, each on
/// one version of every database that it names.
pub struct Session {
    engine: Engine,
    database: String,
    user: String,
    base: SessionState,
    settings: Mutex<Settings>,
}

impl Session {
    pub(crate) fn new(engine: Engine, database: &str, user: &str) -> Result<Session, QueryError> {
        let config = SessionConfig::new()
            .with_default_catalog_and_schema(database, "public")
            .with_information_schema(false)
            .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
            .set_bool("datafusion.execution.parquet.schema_force_view_types", false);
        let mut builder = SessionStateBuilder::new()
            .with_config(config)
            .with_default_features()
            .with_physical_optimizer_rule(Arc::new(yielding::YieldAfterJoins))
            .with_query_planner(Arc::new(graph::GraphPlanner));
        if let Some(bytes) = engine.options().memory_bytes_max {
            builder = builder.with_runtime_env(pg::runtime_with_memory(bytes)?);
        }
        let context = SessionContext::new_with_state(builder.build());
        let placeholder: Arc<dyn CatalogProvider> = Arc::new(MemoryCatalogProvider::new());
        context.register_catalog(database, placeholder);
        pg::install(&context, &engine, database)?;
        functions::register(&context);
        Ok(Session {
            engine,
            database: database.to_owned(),
            user: user.to_owned(),
            base: context.state(),
            settings: Mutex::default(),
        })
    }

    /// The database it is inside of.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// What `SET statement_timeout` last said; the door enforces it. `None`: no bound.
    pub fn statement_timeout(&self) -> Option<Duration> {
        self.settings().statement_timeout()
    }

    /// Carries out all statements of a request, in order, up to the first that fails.
    /// Rows of an earlier statement should be read before the next request.
    pub async fn execute(&self, sql: &str) -> Result<Vec<Outcome>, QueryError> {
        let mut outcomes = Vec::new();
        for statement in statement::parse(sql)? {
            outcomes.push(self.run_statement(statement, None).await?);
        }
        Ok(outcomes)
    }

    /// Reads one statement and tells its parameters and columns.
    pub async fn prepare(&self, sql: &str) -> Result<Prepared, QueryError> {
        let mut statements = statement::parse(sql)?;
        let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
            return Err(QueryError::new(
                QueryError::SYNTAX,
                "one statement can be prepared at a time",
            ));
        };
        let (types, schema) = match &statement {
            Statement::Sql(ast) => self.describe(ast).await?,
            _ => (BTreeMap::new(), None),
        };
        let count = statement::parameter_count(sql);
        let parameter_types =
            (1..=count).map(|number| types.get(&number).cloned().flatten()).collect();
        Ok(Prepared { statement, parameter_types, schema })
    }

    /// Runs a prepared statement on the databases as they are now.
    pub async fn run(
        &self,
        prepared: &Prepared,
        parameters: ParamValues,
    ) -> Result<Outcome, QueryError> {
        self.run_statement(prepared.statement.clone(), Some(parameters)).await
    }

    async fn describe(&self, ast: &Ast) -> Result<(ParameterTypes, Option<SchemaRef>), QueryError> {
        let scope = self.scope();
        let (plan, rows) = match ast {
            Ast::Insert(_) | Ast::Update(_) | Ast::Delete(_) => {
                (scope.plan(Write::read(ast)?.select()?).await?, false)
            }
            _ if self.settings().answers(ast) => {
                return Ok((BTreeMap::new(), Settings::shown_schema(ast)));
            }
            _ => (scope.plan(ast.clone()).await?, true),
        };
        let types = (plan.get_parameter_types()?.into_iter())
            .filter_map(|(name, of)| Some((name.strip_prefix('$')?.parse().ok()?, of)))
            .collect();
        let schema = rows.then(|| Arc::clone(plan.schema().inner()));
        Ok((types, schema))
    }

    async fn run_statement(
        &self,
        statement: Statement,
        parameters: Option<ParamValues>,
    ) -> Result<Outcome, QueryError> {
        match statement {
            Statement::Empty => Ok(command("")),
            Statement::CreateDatabase { name, template, mode } => {
                let created_by = self.source();
                let fork = move |created_at| Fork {
                    mode,
                    created_by,
                    ..Fork::new(name, template, created_at)
                };
                self.change_world(move |world, now| world.make_fork(fork(now))).await?;
                Ok(command("CREATE DATABASE"))
            }
            Statement::DropDatabase { name, if_exists } => {
                if name == self.database {
                    return Err(QueryError::new(
                        "55006",
                        format!("cannot drop \"{name}\", which this session is inside of"),
                    )
                    .with_hint("Connect to live and drop it from there."));
                }
                let known =
                    self.engine.databases().iter().any(|database| **database.name() == *name);
                if known || !if_exists {
                    self.change_world(move |world, _| world.drop_database(&name)).await?;
                }
                Ok(command("DROP DATABASE"))
            }
            Statement::CreateGraph(source) => {
                Box::pin(graph::create(source, self, &self.scope())).await?;
                Ok(command("CREATE PROPERTY GRAPH"))
            }
            Statement::DropGraph(source) => {
                graph::drop_graph(source, self, &self.scope()).await?;
                Ok(command("DROP PROPERTY GRAPH"))
            }
            // Planning holds much on the stack of whoever waits; a statement can afford the box.
            Statement::Sql(ast) => Box::pin(self.run_ast(*ast, parameters)).await,
        }
    }

    async fn run_ast(
        &self,
        ast: Ast,
        parameters: Option<ParamValues>,
    ) -> Result<Outcome, QueryError> {
        match &ast {
            Ast::Insert(_) | Ast::Update(_) | Ast::Delete(_) => {
                let tag = Write::read(&ast)?.carry_out(self, &self.scope(), parameters).await?;
                Ok(Outcome::Command { tag })
            }
            _ if self.settings().answers(&ast) => {
                let outcome = self.settings().answer(&ast)?;
                Ok(outcome)
            }
            Ast::Query(_)
            | Ast::Explain { .. }
            | Ast::ExplainTable { .. }
            | Ast::ShowTables { .. }
            | Ast::ShowColumns { .. } => {
                let scope = self.scope();
                let mut plan = scope.plan(ast).await?;
                if let Some(parameters) = parameters {
                    plan = plan.with_param_values(parameters)?;
                }
                let frame = DataFrame::new(scope.state, plan);
                let schema = Arc::clone(frame.schema().inner());
                Ok(Outcome::Rows { schema, stream: frame.execute_stream().await? })
            }
            other => Err(not_offered(other)),
        }
    }

    /// Runs a change of the world on a thread that may wait for the disk.
    pub(crate) async fn change_world<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut World, groma_model::Timestamp) -> Result<T, groma_store::StoreError>
        + Send
        + 'static,
    ) -> Result<T, QueryError> {
        let (engine, now) = (self.engine.clone(), crate::clock::now());
        let changed = tokio::task::spawn_blocking(move || change(&mut engine.world(), now)).await;
        match changed {
            Ok(result) => result.map_err(QueryError::from),
            Err(error) => Err(QueryError::new(QueryError::INTERNAL, error.to_string())),
        }
    }

    /// What a change by this session is said to come from.
    pub(crate) fn source(&self) -> Source {
        format!("sql:{}", self.user).into()
    }

    /// A scope for one statement: every database that it names is pinned at one version.
    fn scope(&self) -> Scope {
        let accounting = self.settings().accounting();
        let databases =
            Arc::new(Databases::new(self.engine.clone(), accounting, self.user.clone()));
        let config = self.base.config().clone().with_extension(Arc::clone(&databases));
        let matches = graph::Matches::default();
        let mut state = SessionStateBuilder::new_from_existing(self.base.clone())
            .with_config(config)
            .with_catalog_list(Arc::clone(&databases) as _)
            .with_relation_planners(vec![Arc::new(matches.clone())])
            .build();
        // It only replaces what it registered itself, which is never refused.
        let registered = functions::per_row::register(&mut state, &databases, &self.database);
        debug_assert!(registered.is_ok(), "functions are registered");
        Scope { state, databases, matches }
    }

    fn settings(&self) -> std::sync::MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one statement sees.
pub(crate) struct Scope {
    pub(crate) state: SessionState,
    pub(crate) databases: Arc<Databases>,
    matches: graph::Matches,
}

impl Scope {
    pub(crate) async fn plan(&self, ast: Ast) -> Result<LogicalPlan, QueryError> {
        let ast = graph::expand_calls(ast, self, &self.matches).await?;
        let planned = self.state.statement_to_plan(PlannedStatement::Statement(Box::new(ast)));
        // A database that cannot be seen is the reason, not that its tables are missing.
        planned.await.map_err(|error| self.databases.refusal().unwrap_or_else(|| error.into()))
    }
}

fn command(tag: &str) -> Outcome {
    Outcome::Command { tag: tag.to_owned() }
}

fn not_offered(ast: &Ast) -> QueryError {
    let text = ast.to_string();
    let verb: Vec<&str> = text.split_whitespace().take(2).collect();
    QueryError::new(QueryError::NOT_SUPPORTED, format!("{} is not offered", verb.join(" ")))
        .with_hint("Tables come from the schema of kinds: SELECT, INSERT, UPDATE and DELETE work on them, CREATE and DROP on databases.")
}
