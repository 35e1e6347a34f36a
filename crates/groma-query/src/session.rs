//! A session: one connection inside one database, carrying out statements.

mod bind;
mod bounded;
mod cursors;
mod export;
mod ledger;
pub(crate) mod names;
mod prepared;
mod scope;
mod transaction;
mod types;
mod yielding;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider};
use datafusion::common::ParamValues;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use groma_model::{Source, Timestamp, Version};
use groma_store::{Fork, LIVE, Turn, Writer as _};

use crate::copy::{CopyForm, CopyIn};
use crate::dml::{Verb, Write, Writer, kind_of, memory_of_changes};
use crate::scans::Scans;
use crate::settings::Settings;
use crate::statement::copy::Copy;
use crate::statement::{self, CursorVerb, Parsed, Statement};
use crate::users::UserChange;
use crate::{Engine, QueryError, Role, Standing, Who, functions, graph, memory, pg};

pub use bind::Given;
pub use cursors::CURSORS_MAX;
use cursors::Cursors;
pub(crate) use ledger::Ledger;
use ledger::Line;
pub use prepared::Prepared;
use prepared::{Bound, Planned};
pub(crate) use scope::Scope;
pub use transaction::SAVEPOINTS_MAX;
use transaction::Transaction;
pub(crate) use transaction::read_only;

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
    /// Rows that go to the client as lines of text.
    CopyOut {
        /// Their columns.
        schema: SchemaRef,
        /// The rows. Dropping it ends the work at its next pause.
        stream: SendableRecordBatchStream,
        /// How they are written.
        form: CopyForm,
    },
    /// Rows that the client is to send.
    CopyIn(Box<CopyIn>),
}

/// Something worth telling that is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `NOTICE` or `WARNING`.
    pub severity: &'static str,
    /// PostgreSQL's code.
    pub sqlstate: &'static str,
    /// What there is to tell.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}

/// One statement of a request, not carried out yet.
pub struct Request(Parsed);

impl Request {
    /// What it may change, so that a door can count it.
    pub fn role(&self) -> Role {
        self.0.statement.needs()
    }

    /// What PostgreSQL calls the answer, if it is rows: `SELECT` or `FETCH`.
    pub fn rows_tag(&self) -> &'static str {
        self.0.statement.rows_tag()
    }
}

/// Work of a session. Boxed at the door, so that the engine behind it is compiled once, here, and not again
/// by each crate that waits for it.
pub type Work<'a, T> = BoxFuture<'a, Result<T, QueryError>>;

/// One connection inside one database. Statements of a session run one after the other, each on
/// one version of every database that it names.
pub struct Session {
    engine: Engine,
    database: String,
    who: Who,
    base: SessionState,
    settings: Mutex<Settings>,
    cursors: Mutex<Cursors>,
    ledger: Arc<Ledger>,
    /// The statement that runs, if it changes something.
    line: Mutex<Option<Arc<Line>>>,
    notices: Mutex<Vec<Notice>>,
    /// It was not asked who it is, and then changed the users itself.
    has_made_users: AtomicBool,
}

impl Session {
    pub(crate) fn new(engine: Engine, database: &str, who: Who) -> Result<Session, QueryError> {
        let config = SessionConfig::new()
            .with_default_catalog_and_schema(database, "public")
            .with_information_schema(false)
            .set_str("datafusion.execution.time_zone", "UTC")
            .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
            .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
            .with_extension(Arc::new(Scans::of_session(engine.scans())));
        let memory = engine.options().query_memory_bytes_max;
        let builder = SessionStateBuilder::new()
            .with_config(config)
            .with_default_features()
            .with_analyzer_rules(types::rules())
            .with_runtime_env(memory::runtime_of_session(engine.runtime(), memory)?)
            .with_physical_optimizer_rule(Arc::new(yielding::YieldAfterJoins))
            .with_query_planner(Arc::new(graph::GraphPlanner));
        let context = SessionContext::new_with_state(builder.build());
        let placeholder: Arc<dyn CatalogProvider> = Arc::new(MemoryCatalogProvider::new());
        context.register_catalog(database, placeholder);
        pg::install(&context, &engine, database, &who.name)?;
        functions::register(&context);
        bounded::install(&context);
        let own_timeout = (engine.options().users.as_ref())
            .filter(|_| who.standing == Standing::Listed)
            .and_then(|users| users.all().into_iter().find(|user| user.name == who.name))
            .and_then(|user| user.statement_timeout);
        let timeout = own_timeout.or(engine.options().statement_timeout);
        Ok(Session {
            ledger: Arc::new(Ledger::new(engine.clone(), database)),
            line: Mutex::default(),
            engine,
            database: database.to_owned(),
            who,
            base: context.state(),
            settings: Mutex::new(Settings::with_timeout(timeout)),
            cursors: Mutex::default(),
            notices: Mutex::default(),
            has_made_users: AtomicBool::new(false),
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The database it is inside of.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Who it works for.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// What there is to tell since it was last asked.
    pub fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds something to tell.
    pub fn notice(&self, notice: Notice) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    }

    /// What `SET statement_timeout` last said, or the user's or the server's; the door enforces it.
    /// `None`: no bound.
    pub fn statement_timeout(&self) -> Option<Duration> {
        self.settings().statement_timeout()
    }

    /// Whether it is inside a transaction: `BEGIN` came, and its end did not.
    pub fn is_in_transaction(&self) -> bool {
        self.transaction().depth() > 0
    }

    /// The columns of an open cursor; `None`: there is none of this name.
    pub fn cursor_schema(&self, name: &str) -> Option<SchemaRef> {
        self.cursors().schema(name)
    }

    /// Reads all statements of a request. Errors: one of them is not SQL.
    pub fn read(&self, sql: &str) -> Result<Vec<Request>, QueryError> {
        Ok(statement::parse(sql)?.into_iter().map(Request).collect())
    }

    /// Carries out one statement. Rows of an earlier one should be read before.
    pub fn carry_out(&self, request: Request) -> Work<'_, Outcome> {
        self.run_parsed(request.0, Bound::default()).boxed()
    }

    /// Carries out all statements of a request, in order, up to the first that fails.
    /// Rows of an earlier statement should be read before the next request.
    pub fn execute<'a>(&'a self, sql: &'a str) -> Work<'a, Vec<Outcome>> {
        let carried_out = async move {
            let mut outcomes = Vec::new();
            for request in self.read(sql)? {
                outcomes.push(self.carry_out(request).await?);
            }
            Ok(outcomes)
        };
        carried_out.boxed()
    }

    /// Reads one statement and tells its parameters and columns.
    pub fn prepare<'a>(&'a self, sql: &'a str) -> Work<'a, Prepared> {
        self.read_and_plan(sql).boxed()
    }

    /// Runs a prepared statement on the databases as they are now.
    pub fn run(&self, prepared: &Prepared, parameters: ParamValues) -> Work<'_, Outcome> {
        let planned = prepared.planned.lock().unwrap_or_else(PoisonError::into_inner).take();
        let bound = Bound { parameters: Some(parameters), planned };
        self.run_parsed(prepared.statement.clone(), bound).boxed()
    }

    /// Checks what the user may do, carries out, and audits what changes something.
    async fn run_parsed(&self, parsed: Parsed, bound: Bound) -> Result<Outcome, QueryError> {
        let Parsed { statement, text } = parsed;
        let needs = statement.needs();
        if needs > Role::Reader {
            self.begin_line(&text);
        }
        let result = match self.who_now() {
            Ok(who) => match self.may(&who, needs, first_words(&text)) {
                Ok(()) => self.run_statement(statement, &text, who, bound).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        // Lines of COPY are still to come, and audited with its end.
        if needs > Role::Reader && !matches!(result, Ok(Outcome::CopyIn(_))) {
            self.end_line(result.as_ref().err());
        }
        result
    }

    /// Refuses what needs a larger role, or would write where it was said that nothing is written.
    fn may(&self, who: &Who, needs: Role, what: &str) -> Result<(), QueryError> {
        who.may(needs, what)?;
        match needs > Role::Reader && self.is_read_only() {
            true => Err(crate::catalog::read_only(what)),
            false => Ok(()),
        }
    }

    /// Whether it may only read: its transaction, or else its setting, says so.
    fn is_read_only(&self) -> bool {
        let said = self.transaction().read_only();
        said.unwrap_or_else(|| self.settings().read_only())
    }

    /// After an error inside a transaction: its end cannot be called a success.
    pub fn note_failure(&self) {
        self.transaction().note_failure();
    }

    /// Who it is, with what it may do at this moment.
    fn who_now(&self) -> Result<Who, QueryError> {
        let Some(users) = &self.engine.options().users else { return Ok(self.who.clone()) };
        match self.who.standing {
            Standing::Owner => return Ok(self.who.clone()),
            Standing::Unasked if users.is_empty() || self.has_made_users.load(Relaxed) => {
                return Ok(self.who.clone());
            }
            Standing::Unasked => {
                let text = "there are users now, and this session was not asked who it is";
                return Err(QueryError::new(QueryError::NOT_LET_IN, text)
                    .with_hint("Connect again, with a name and its password."));
            }
            Standing::Listed => {}
        }
        match users.role(&self.who.name) {
            Some(role) => Ok(Who { role: role.min(self.who.role), ..self.who.clone() }),
            None => Err(QueryError::new(
                QueryError::NOT_LET_IN,
                format!("\"{}\" may no longer work here", self.who.name),
            )
            .with_hint("Ask an admin whether the user was dropped or has lost its role.")),
        }
    }

    /// Begins a statement that changes something.
    pub(crate) fn begin_line(&self, text: &str) {
        *self.line() = Some(Arc::new(Line::new(&self.ledger, &self.who, text)));
    }

    /// Notes what became of it, if that was not noted when it was committed.
    pub(crate) fn end_line(&self, refused: Option<&QueryError>) {
        if let Some(line) = self.line().take() {
            line.note(refused);
        }
    }

    async fn run_statement(
        &self,
        statement: Statement,
        text: &str,
        who: Who,
        bound: Bound,
    ) -> Result<Outcome, QueryError> {
        match statement {
            Statement::Empty => Ok(command("")),
            Statement::CreateDatabase { name, template, mode } => {
                let created_by = self.source();
                let (template, at) = version_of(&template)?;
                let fork = move |created_at| Fork {
                    mode,
                    created_by,
                    at,
                    ..Fork::new(name, template, created_at)
                };
                self.change_world(move |turn, now| turn.make_fork(fork(now))).await?;
                Ok(command("CREATE DATABASE"))
            }
            Statement::DropDatabase { name, if_exists } => {
                if name == self.database {
                    return Err(QueryError::new(
                        "55006",
                        format!("cannot drop \"{name}\", which this session is inside of"),
                    )
                    .with_hint(match name.as_str() {
                        LIVE => "live is the store itself and stays; a fork can be dropped.",
                        _ => "Connect to live and drop it from there.",
                    }));
                }
                let known =
                    self.engine.databases().iter().any(|database| **database.name() == *name);
                if known || !if_exists {
                    self.change_world(move |turn, _| turn.drop_database(&name)).await?;
                } else {
                    self.notice(Notice {
                        severity: "NOTICE",
                        sqlstate: "00000",
                        message: format!("database \"{name}\" does not exist, skipping"),
                        hint: None,
                    });
                }
                Ok(command("DROP DATABASE"))
            }
            Statement::CreateGraph(source) => {
                Box::pin(graph::create(source, self, &self.scope(&who)?)).await?;
                Ok(command("CREATE PROPERTY GRAPH"))
            }
            Statement::DropGraph(source) => {
                graph::drop_graph(source, self, &self.scope(&who)?).await?;
                Ok(command("DROP PROPERTY GRAPH"))
            }
            Statement::Users(change) => self.change_users(change).await,
            Statement::Copy(copy) => Box::pin(self.copy(*copy, text, &who)).await,
            Statement::Cursor(verb) => Box::pin(self.run_cursor(verb, &who, bound)).await,
            // Planning holds much on the stack of whoever waits; a statement can afford the box.
            Statement::Sql(ast) => Box::pin(self.run_ast(*ast, &who, bound)).await,
        }
    }

    async fn change_users(&self, change: UserChange) -> Result<Outcome, QueryError> {
        let Some(users) = self.engine.options().users.clone() else {
            return Err(QueryError::new(QueryError::NOT_SUPPORTED, "this engine keeps no users"));
        };
        let tag = match &change {
            UserChange::Create { .. } => "CREATE ROLE",
            UserChange::Alter { .. } => "ALTER ROLE",
            UserChange::Drop { .. } => "DROP ROLE",
            UserChange::Grant { .. } => "GRANT ROLE",
            UserChange::Revoke { .. } => "REVOKE ROLE",
        };
        // Making a verifier takes milliseconds of computing, and a file is written.
        self.change(move || users.change(&change)).await?;
        self.has_made_users.store(true, Relaxed);
        Ok(command(tag))
    }

    async fn copy(&self, copy: Copy, text: &str, who: &Who) -> Result<Outcome, QueryError> {
        let scope = self.scope(who)?;
        match copy {
            Copy::Out { query, form } => {
                let plan = scope.plan(*query).await?;
                let (schema, stream) = scope.execute(plan).await?;
                Ok(Outcome::CopyOut { schema, stream, form })
            }
            Copy::File { query, file } => {
                let path = export::path(self.engine.options().exports_folder.as_deref(), &file)?;
                let plan = scope.plan(*query).await?;
                let rows = export::write(self, DataFrame::new(scope.state, plan), path).await?;
                Ok(command(&format!("COPY {rows}")))
            }
            Copy::In { table, columns, form } => {
                let database = table.catalog().unwrap_or(&self.database).to_owned();
                crate::past::refuse_write(&database)?;
                let snapshot = scope.databases.view(&database)?.snapshot().clone();
                let kind = kind_of(&table, snapshot.schema())?.clone();
                let writer = Writer {
                    verb: Verb::Insert,
                    kind: &kind,
                    snapshot: &snapshot,
                    source: self.source(),
                };
                let columns = writer.columns(columns.as_deref(), None)?;
                let memory = memory_of_changes(&self.base);
                let text = text.to_owned();
                let copy = CopyIn::new(&writer, database, columns, form, text, memory);
                Ok(Outcome::CopyIn(Box::new(copy)))
            }
        }
    }

    async fn run_ast(
        &self,
        mut ast: Ast,
        who: &Who,
        mut bound: Bound,
    ) -> Result<Outcome, QueryError> {
        bound.put_into_calls(&mut ast)?;
        match &ast {
            Ast::Insert(_) | Ast::Update(_) | Ast::Delete(_) => {
                let write = Write::read(&ast)?;
                let tag = Box::pin(write.carry_out(self, who, bound.parameters)).await?;
                Ok(Outcome::Command { tag })
            }
            _ if self.settings().answers(&ast) => {
                let failed = self.transaction().has_failed();
                self.follow(&ast)?;
                let read_only = self.is_read_only();
                self.settings().note_read_only(read_only);
                match ast {
                    // As PostgreSQL, so that a client does not take it for done.
                    Ast::Commit { .. } if failed => Ok(command("ROLLBACK")),
                    _ => self.settings().answer(&ast),
                }
            }
            Ast::Query(_)
            | Ast::Explain { .. }
            | Ast::ExplainTable { .. }
            | Ast::ShowTables { .. }
            | Ast::ShowColumns { .. } => {
                let (schema, stream) = Box::pin(self.rows(ast, who, bound)).await?;
                Ok(Outcome::Rows { schema, stream })
            }
            other => Err(not_offered(other)),
        }
    }

    /// Follows a transaction to where a statement about it leads.
    fn follow(&self, ast: &Ast) -> Result<(), QueryError> {
        let (notice, depth) = {
            let mut transaction = self.transaction();
            (transaction.follow(ast)?, transaction.depth())
        };
        self.cursors().follow(ast, depth);
        notice.into_iter().for_each(|notice| self.notice(notice));
        Ok(())
    }

    /// The rows of a question, made while they are read.
    async fn rows(
        &self,
        ast: Ast,
        who: &Who,
        bound: Bound,
    ) -> Result<(SchemaRef, SendableRecordBatchStream), QueryError> {
        let asker = self.asker(who);
        let still = bound.planned.filter(|planned| planned.databases.are_still(&asker));
        let (scope, mut plan) = match still {
            Some(Planned { plan, databases }) => (self.scope_over(databases)?, plan),
            None => {
                let scope = self.scope(who)?;
                let plan = scope.plan(ast).await?;
                (scope, plan)
            }
        };
        if let Some(parameters) = bound.parameters {
            plan = plan.with_param_values(parameters)?;
        }
        let (schema, stream) = scope.execute(plan).await?;
        Ok(names::told(schema, stream))
    }

    async fn run_cursor(
        &self,
        verb: CursorVerb,
        who: &Who,
        mut bound: Bound,
    ) -> Result<Outcome, QueryError> {
        match verb {
            CursorVerb::Declare { name, hold, mut query } => {
                bound.put_into_calls(&mut query)?;
                let depth = self.transaction().depth();
                self.cursors().check(&name, hold, depth)?;
                let (schema, stream) = Box::pin(self.rows(*query, who, bound)).await?;
                self.cursors().declare(name, hold, depth, schema, stream);
                Ok(command("DECLARE CURSOR"))
            }
            CursorVerb::Fetch { name, count } => self.cursors().fetch(&name, count),
            CursorVerb::Close { name } => {
                self.cursors().close(name.as_deref())?;
                Ok(command(if name.is_some() { "CLOSE CURSOR" } else { "CLOSE CURSOR ALL" }))
            }
        }
    }

    /// Runs a change of the world on a thread that may wait for the disk; the time is that of its turn.
    pub(crate) async fn change_world<T: Send + 'static, E: Into<QueryError>>(
        &self,
        change: impl FnOnce(&mut Turn<'_>, Timestamp) -> Result<T, E> + Send + 'static,
    ) -> Result<T, QueryError> {
        let engine = self.engine.clone();
        self.change(move || {
            let mut turn = engine.turn();
            let now = turn.not_before_last(crate::clock::now());
            change(&mut turn, now).map_err(E::into)
        })
        .await
    }

    /// Runs a change on a thread that may wait for the disk. That it was done is noted there: whoever
    /// waits may be gone.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce() -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let line = self.line().clone();
        let changed = tokio::task::spawn_blocking(move || {
            let changed = change()?;
            if let Some(line) = line {
                line.note(None);
            }
            Ok(changed)
        });
        changed
            .await
            .unwrap_or_else(|error| Err(QueryError::new(QueryError::INTERNAL, error.to_string())))
    }

    /// What a change by this session is said to come from.
    pub(crate) fn source(&self) -> Source {
        format!("sql:{}", self.who.name).into()
    }

    fn cursors(&self) -> std::sync::MutexGuard<'_, Cursors> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transaction(&self) -> std::sync::MutexGuard<'_, Transaction> {
        self.ledger.transaction()
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Option<Arc<Line>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> std::sync::MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A template and, as in `live@v12`, its version.
fn version_of(template: &str) -> Result<(String, Option<Version>), QueryError> {
    let Some((name, when)) = template.split_once('@') else {
        return Ok((template.to_owned(), None));
    };
    let version = when.strip_prefix('v').and_then(|number| number.parse().ok()).map(Version);
    if version.is_none() {
        return Err(QueryError::new(
            QueryError::NO_DATABASE,
            format!("\"{template}\" names no version that can be forked"),
        )
        .with_hint(
            "Name a version, such as \"live@v12\": model.commits lists them with their times.",
        ));
    }
    Ok((name.to_owned(), version))
}

/// The verb of a statement, for errors.
fn first_words(text: &str) -> &str {
    let end = text.match_indices(char::is_whitespace).nth(1).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

fn command(tag: &str) -> Outcome {
    Outcome::Command { tag: tag.to_owned() }
}

fn not_offered(ast: &Ast) -> QueryError {
    let text = ast.to_string();
    let verb: Vec<&str> = text.split_whitespace().take(2).collect();
    let reason = format!("{} is not offered", verb.join(" "));
    let error = QueryError::new(QueryError::NOT_SUPPORTED, reason);
    match verb.first() {
        Some(&("CREATE" | "DROP" | "ALTER" | "TRUNCATE" | "COMMENT")) => error.with_hint("Tables come from the schema of kinds: SELECT, INSERT, UPDATE and DELETE work on them, CREATE and DROP on databases."),
        _ => error,
    }
}
