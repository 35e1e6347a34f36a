//! INSERT, UPDATE and DELETE on the tables of kinds: the rows are found by a SELECT over the same
//! snapshot, become facts of the source `sql:<user>`, and are committed at once, all or nothing.

mod parameters;
mod read;

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{ParamValues, TableReference};
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use futures::StreamExt as _;
use groma_model::{EntityRef, Fact, Interval, Kind, Raw, Schema, Source, Timestamp, Value};
use groma_store::{Change, Commit, Snapshot, Writer as _};

use crate::kind_table::{ID, kind_columns};
use crate::scans::Scans;
use crate::{QueryError, Session, Who, graph};

/// A statement that writes, read from its text.
pub(crate) struct Write {
    verb: Verb,
    table: TableReference,
    /// The SELECT whose rows are written: the id first, then the columns of `columns`.
    select: String,
    /// Columns that the rows have; `None`: those of the table, in its order (INSERT without a list).
    columns: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Insert,
    Update,
    Delete,
}

/// Rows that one statement may write, so that a slip does not fill the memory.
const ROWS_WRITTEN_MAX: usize = 5_000_000;

/// How often a statement computes what it writes, if others change the same entities all the time.
const WRITES_TRIED_MAX: usize = 10;

impl Write {
    /// Finds the rows, commits, and gives PostgreSQL's tag. What it computed of rows that others have
    /// changed before it came to commit, it computes anew.
    pub(crate) async fn carry_out(
        &self,
        session: &Session,
        who: &Who,
        parameters: Option<ParamValues>,
    ) -> Result<String, QueryError> {
        let anew = session.engine().writing_anew();
        let attempt = || Box::pin(self.try_once(session, who, parameters.clone()));
        let is_moved =
            |done: &Result<_, QueryError>| done.as_ref().is_err_and(QueryError::is_moved);
        // Whoever computes anew goes first.
        drop(anew.lock().await);
        let mut done = attempt().await;
        if is_moved(&done) {
            let _turn = anew.lock().await;
            for _ in 1..WRITES_TRIED_MAX {
                done = attempt().await;
                if !is_moved(&done) {
                    break;
                }
            }
        }
        done
    }

    async fn try_once(
        &self,
        session: &Session,
        who: &Who,
        parameters: Option<ParamValues>,
    ) -> Result<String, QueryError> {
        let mut scope = session.scope(who)?;
        let scans = Scans::of_writer(session.engine().scans());
        scope.state.config_mut().set_extension(Arc::new(scans));
        let database = self.table.catalog().unwrap_or(session.database()).to_owned();
        crate::past::refuse_write(&database)?;
        let seen = scope.databases.view(&database)?.snapshot().clone();
        let kind = kind_of(&self.table, seen.schema())?.clone();
        let mut plan = scope.plan(self.select()?).await?;
        if let Some(parameters) = parameters {
            plan = plan.with_param_values(parameters)?;
        }
        let source = session.source();
        let writer =
            Writer { verb: self.verb, kind: &kind, snapshot: &seen, source: Arc::clone(&source) };
        let columns =
            writer.columns(self.columns.as_deref(), Some(plan.schema().fields().len()))?;
        let mut written = Written::default();
        // Given back when it is committed.
        let memory = memory_of_changes(&scope.state);
        let (_, mut batches) = scope.execute(plan).await?;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                let raws = (batch.columns().iter())
                    .map(|column| raw(column, row))
                    .collect::<Result<Vec<_>, _>>()?;
                writer.write_row(&raws, &columns, &mut written)?;
            }
            memory.try_resize(written.bytes())?;
        }
        let rows = written.rows;
        if !written.is_empty() {
            session
                .change_world(move |turn, now| {
                    turn.commit_if(&seen, &database, written.commit(source, now))
                })
                .await?;
        }
        Ok(match self.verb {
            Verb::Insert => format!("INSERT 0 {rows}"),
            Verb::Update => format!("UPDATE {rows}"),
            Verb::Delete => format!("DELETE {rows}"),
        })
    }
}

/// The kind that a table shows.
pub(crate) fn kind_of<'a>(
    table: &TableReference,
    schema: &'a Schema,
) -> Result<&'a Kind, QueryError> {
    let layer = table.schema().unwrap_or("public");
    let name = format!("{layer}.{}", table.table());
    if name == graph::KIND {
        return Err(QueryError::new(
            QueryError::READ_ONLY,
            format!("{name} is not written by rows"),
        )
        .with_hint("CREATE PROPERTY GRAPH and DROP PROPERTY GRAPH change it, for an admin."));
    }
    schema.find(&name).ok_or_else(|| {
        let derived = crate::tables::ALL
            .iter()
            .any(|known| known.schema == layer && known.name == table.table());
        if derived {
            QueryError::new(
                QueryError::READ_ONLY,
                format!("{name} is derived and cannot be written"),
            )
            .with_hint("Change the kinds that it is derived from.")
        } else {
            QueryError::new(QueryError::NO_TABLE, format!("there is no table {name}"))
                .with_hint("SELECT * FROM model.kinds lists the tables that can be written.")
        }
    })
}

/// Turns rows into changes.
pub(crate) struct Writer<'a> {
    pub(crate) verb: Verb,
    pub(crate) kind: &'a Kind,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) source: Arc<str>,
}

/// Changes that one statement makes.
#[derive(Default)]
pub(crate) struct Written {
    changes: Vec<Change>,
    /// Keys that it inserted.
    keys: HashSet<Arc<str>>,
    rows: usize,
    /// Of the texts in its rows.
    text_bytes: usize,
}

impl Written {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What it takes of the memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let keys = self.keys.len() * size_of::<Arc<str>>();
        self.changes.len() * size_of::<Change>() + keys + self.text_bytes
    }

    /// Errors: something that it inserts is in this snapshot.
    pub(crate) fn check_new(&self, kind: &Kind, now: &Snapshot) -> Result<(), QueryError> {
        let is_held = |key: &&Arc<str>| is_held(now, kind, key);
        match self.keys.iter().find(is_held) {
            None => Ok(()),
            Some(key) => Err(is_there(kind, key).with_hint("Change it with UPDATE.")),
        }
    }

    /// To be committed at a time: only then are its facts said, so that the order of times is that of
    /// the commits.
    pub(crate) fn commit(mut self, source: Source, at: Timestamp) -> Commit {
        for change in &mut self.changes {
            if let Change::Assert { fact, .. } = change {
                (fact.observed_at, fact.heard_at) = (at, at);
            }
        }
        Commit::new(source, at, self.changes)
    }
}

/// Whether somebody says that it exists.
fn is_held(snapshot: &Snapshot, kind: &Kind, key: &str) -> bool {
    snapshot.get(kind.id, key).is_some_and(|held| held.exists_at(Timestamp::MAX))
}

fn is_there(kind: &Kind, key: &str) -> QueryError {
    QueryError::new(QueryError::DUPLICATE_KEY, format!("{kind} \"{key}\" is there already"))
}

impl Writer<'_> {
    /// For each column of the rows its attribute; `None` is the id. `width`: how many columns the
    /// rows have; `None`: there are no rows, or they are still to come.
    pub(crate) fn columns(
        &self,
        named: Option<&[String]>,
        width: Option<usize>,
    ) -> Result<Vec<Option<usize>>, QueryError> {
        let names: Vec<&str> = match (self.verb, named) {
            (Verb::Insert, Some(named)) => named.iter().map(String::as_str).collect(),
            (Verb::Insert, None) => {
                let all = kind_columns(self.kind).map(|(name, _)| name);
                all.take(width.unwrap_or(usize::MAX)).collect()
            }
            (_, named) => {
                std::iter::once(ID).chain(named.into_iter().flatten().map(String::as_str)).collect()
            }
        };
        if self.verb == Verb::Insert && !names.contains(&ID) {
            return Err(QueryError::new("23502", format!("a row of {} needs an id", self.kind))
                .with_hint(format!("An id is {}.", self.kind.key_doc)));
        }
        if let Some(width) = width.filter(|width| *width != names.len()) {
            return Err(QueryError::new(
                QueryError::SYNTAX,
                format!("{} columns are named, but the rows have {width}", names.len()),
            ));
        }
        if let Some(twice) = (names.iter().enumerate())
            .find_map(|(at, name)| names[..at].contains(name).then_some(name))
        {
            return Err(QueryError::new("42701", format!("column \"{twice}\" is named twice")));
        }
        names.iter().map(|name| self.attribute(name)).collect()
    }

    fn attribute(&self, name: &str) -> Result<Option<usize>, QueryError> {
        if name == ID {
            return Ok(None);
        }
        self.kind.attribute(name).map(Some).ok_or_else(|| {
            let names: Vec<_> =
                self.kind.attributes.iter().map(|attribute| &*attribute.name).collect();
            QueryError::new(
                QueryError::NO_COLUMN,
                format!("{} has no column \"{name}\"", self.kind),
            )
            .with_hint(format!("There are {}.", names.join(", ")))
        })
    }

    /// Adds what one row changes; `raws` are its cells, one per column.
    pub(crate) fn write_row(
        &self,
        raws: &[Raw],
        columns: &[Option<usize>],
        written: &mut Written,
    ) -> Result<(), QueryError> {
        written.rows += 1;
        if written.rows > ROWS_WRITTEN_MAX {
            return Err(QueryError::new(
                "54000",
                format!("these are more rows than one statement may write, {ROWS_WRITTEN_MAX}"),
            )
            .with_hint("Write them in several statements, or import a file."));
        }
        written.text_bytes += raws.iter().map(text_bytes).sum::<usize>();
        let id_column = columns.iter().position(Option::is_none).unwrap_or(0);
        let Some(Raw::Text(key)) = raws.get(id_column) else {
            return Err(QueryError::new(
                "23502",
                format!("an id of {} is a text and not NULL", self.kind),
            ));
        };
        let entity = EntityRef { kind: self.kind.id, key: key.as_str().into() };
        match self.verb {
            // Under whatever keys it was spoken of.
            Verb::Delete => {
                let keys = self.snapshot.keys_of(&entity).into_iter();
                let gone = |key| Change::Remove { entity: EntityRef { kind: entity.kind, key } };
                written.changes.extend(keys.map(gone));
            }
            Verb::Update => self.assert_row(raws, columns, &entity, &mut written.changes)?,
            Verb::Insert => {
                if key.trim().is_empty() {
                    return Err(QueryError::new(
                        "23502",
                        format!("an id of {} cannot be empty", self.kind),
                    ));
                }
                let is_new = written.keys.insert(Arc::from(key.as_str()));
                if !is_new || is_held(self.snapshot, self.kind, key) {
                    let hint = if is_new { "Change it with UPDATE." } else { "Give it once." };
                    return Err(is_there(self.kind, key).with_hint(hint));
                }
                written.changes.push(Change::Exists { entity: entity.clone() });
                self.assert_row(raws, columns, &entity, &mut written.changes)?;
            }
        }
        Ok(())
    }

    fn assert_row(
        &self,
        raws: &[Raw],
        columns: &[Option<usize>],
        entity: &EntityRef,
        changes: &mut Vec<Change>,
    ) -> Result<(), QueryError> {
        for (raw, attribute) in raws.iter().zip(columns) {
            let Some(attribute) = *attribute else { continue };
            // An INSERT says nothing of what it leaves NULL; an UPDATE says that there is no value.
            if self.verb == Verb::Insert && *raw == Raw::Absent {
                continue;
            }
            let value = Value::read(raw, &self.kind.attributes[attribute], self.snapshot.schema())
                .map_err(|error| {
                    QueryError::new(
                        QueryError::BAD_VALUE,
                        format!("{} \"{}\": {error}", self.kind, entity.key),
                    )
                })?;
            let fact = Fact {
                value,
                source: Arc::clone(&self.source),
                // Until it is committed.
                observed_at: Timestamp::MIN,
                heard_at: Timestamp::MIN,
                valid: Interval::ALWAYS,
            };
            changes.push(Change::Assert { entity: entity.clone(), attribute, fact });
        }
        Ok(())
    }
}

/// Where it is counted what the changes of a statement take.
pub(crate) fn memory_of_changes(state: &SessionState) -> MemoryReservation {
    MemoryConsumer::new("changes").register(&state.runtime_env().memory_pool)
}

fn text_bytes(raw: &Raw) -> usize {
    match raw {
        Raw::Text(text) => text.len(),
        Raw::List(items) => items.iter().map(|item| size_of::<Raw>() + text_bytes(item)).sum(),
        _ => 0,
    }
}

/// A cell in the words of a source.
fn raw(column: &dyn Array, row: usize) -> Result<Raw, QueryError> {
    // A column of the literal NULL alone has no mark per row.
    if column.is_null(row) || column.data_type() == &DataType::Null {
        return Ok(Raw::Absent);
    }
    Ok(match column.data_type() {
        DataType::Int64 => Raw::Integer(column.as_primitive::<Int64Type>().value(row)),
        DataType::Boolean => Raw::Boolean(column.as_boolean().value(row)),
        DataType::Utf8 => Raw::Text(column.as_string::<i32>().value(row).to_owned()),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            Raw::List((0..items.len()).map(|item| raw(&items, item)).collect::<Result<_, _>>()?)
        }
        _ => {
            let wrong = |error: arrow::error::ArrowError| {
                QueryError::new(QueryError::BAD_VALUE, error.to_string())
            };
            let options = FormatOptions::default();
            Raw::Text(
                ArrayFormatter::try_new(column, &options).map_err(wrong)?.value(row).to_string(),
            )
        }
    })
}

/// The last part of a name: lower case unless quoted.
pub(crate) fn identifier(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    match last.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => last.to_lowercase(),
    }
}
