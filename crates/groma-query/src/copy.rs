//! COPY: rows as lines of text or CSV, out of a query and into the table of a kind.
//!
//! What comes in becomes changes line by line, so that the first line that does not fit is named at
//! once; they are committed together when the client has sent all, or not at all.

mod lines;

use std::sync::Arc;

use datafusion::execution::memory_pool::MemoryReservation;
use futures::FutureExt as _;
use groma_model::{Kind, Raw, ValueType};
use groma_store::{Snapshot, Writer as _};

use crate::dml::{Verb, Writer, Written};
use crate::session::Work;
use crate::{QueryError, Session};

pub(crate) use lines::Layout;
use lines::LineReader;
pub use lines::{COPY_ROW_BYTES_MAX, CopyForm};

/// Rows on their way from the client into the table of a kind.
pub struct CopyIn {
    reader: LineReader,
    is_header: bool,
    rows: usize,
    memory: MemoryReservation,
    written: Written,
    target: Target,
    text: String,
}

/// Where the rows go.
struct Target {
    database: String,
    kind: Kind,
    snapshot: Snapshot,
    source: Arc<str>,
    /// The attribute of each column; `None`: the id.
    columns: Vec<Option<usize>>,
}

impl CopyIn {
    pub(crate) fn new(
        writer: &Writer<'_>,
        database: String,
        columns: Vec<Option<usize>>,
        form: CopyForm,
        text: String,
        memory: MemoryReservation,
    ) -> CopyIn {
        CopyIn {
            is_header: form.header,
            reader: LineReader::new(form),
            rows: 0,
            memory,
            written: Written::default(),
            target: Target {
                database,
                kind: writer.kind.clone(),
                snapshot: writer.snapshot.clone(),
                source: Arc::clone(&writer.source),
                columns,
            },
            text,
        }
    }

    /// How many columns a line has.
    pub fn columns(&self) -> usize {
        self.target.columns.len()
    }

    /// Takes the next bytes of what the client sends; lines may be cut anywhere.
    ///
    /// # Errors
    /// A line does not fit. Then nothing of this COPY is kept.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), QueryError> {
        self.reader.push(bytes);
        self.take_lines()
    }

    /// Commits all lines together and gives the tag. Errors: as [`CopyIn::push`], and of the commit.
    pub fn finish(self, session: &Session) -> Work<'_, String> {
        self.commit_all(session).boxed()
    }

    async fn commit_all(mut self, session: &Session) -> Result<String, QueryError> {
        self.reader.end();
        session.begin_line(&self.text);
        let result = match self.take_lines() {
            Ok(()) => self.commit(session).await,
            Err(error) => Err(error),
        };
        session.end_line(result.as_ref().err());
        result.map(|()| format!("COPY {}", self.rows))
    }

    async fn commit(&mut self, session: &Session) -> Result<(), QueryError> {
        let written = std::mem::take(&mut self.written);
        if written.is_empty() {
            return Ok(());
        }
        let Target { database, snapshot, source, kind, .. } = &self.target;
        let (database, seen, kind) = (database.clone(), snapshot.clone(), kind.clone());
        let source = Arc::clone(source);
        session
            .change_world(move |turn, now| {
                // The lines came before our turn: somebody may have given the same ids meanwhile.
                written.check_new(&kind, &turn.snapshot(&database)?)?;
                turn.commit_under(seen.schema(), &database, written.commit(source, now))?;
                Ok::<_, QueryError>(())
            })
            .await
    }

    fn take_lines(&mut self) -> Result<(), QueryError> {
        while let Some((line, cells)) = self.reader.next_line()? {
            if std::mem::take(&mut self.is_header) {
                continue;
            }
            self.rows += 1;
            self.target.write(&cells, &mut self.written).map_err(|error| {
                let kind = self.target.kind.to_string();
                error.with_detail(format!("COPY {kind}, line {line}"))
            })?;
        }
        Ok(self.memory.try_resize(self.written.bytes())?)
    }
}

impl Target {
    fn write(&self, cells: &[Option<String>], written: &mut Written) -> Result<(), QueryError> {
        if cells.len() != self.columns.len() {
            let (wanted, given) = (self.columns.len(), cells.len());
            let message = if given < wanted {
                format!("missing data: {given} cells for {wanted} columns")
            } else {
                format!("extra data: {given} cells for {wanted} columns")
            };
            return Err(QueryError::new("22P04", message));
        }
        let raws: Vec<Raw> = (cells.iter().zip(&self.columns))
            .map(|(cell, attribute)| {
                raw(cell.as_deref(), attribute.map(|attribute| &self.kind.attributes[attribute].of))
            })
            .collect();
        let writer = Writer {
            verb: Verb::Insert,
            kind: &self.kind,
            snapshot: &self.snapshot,
            source: Arc::clone(&self.source),
        };
        writer.write_row(&raws, &self.columns, written)
    }
}

/// A cell in the words of a source: what PostgreSQL writes for lists and truths is read too.
fn raw(cell: Option<&str>, of: Option<&ValueType>) -> Raw {
    let Some(text) = cell else { return Raw::Absent };
    match of {
        Some(ValueType::Boolean) if text == "t" || text == "f" => Raw::Boolean(text == "t"),
        Some(ValueType::Texts | ValueType::Integers | ValueType::References(_)) => {
            match array(text) {
                Some(items) => Raw::List(items.into_iter().map(Raw::Text).collect()),
                None => Raw::Text(text.to_owned()),
            }
        }
        _ => Raw::Text(text.to_owned()),
    }
}

/// `{a,"b,c"}`; `None`: it is not written like that.
fn array(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    let mut item = String::new();
    let (mut quoted, mut characters) = (false, inner.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' => item.push(characters.next()?),
            ',' if !quoted => items.push(std::mem::take(&mut item)),
            other => item.push(other),
        }
    }
    if !inner.is_empty() {
        items.push(item);
    }
    (!quoted).then_some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_read_as_postgresql_writes_it() {
        assert_eq!(array("{}"), Some(vec![]));
        assert_eq!(
            array(r#"{a,"b,c","d\"e"}"#),
            Some(vec!["a".into(), "b,c".into(), "d\"e".into()])
        );
        assert_eq!(array("1-3"), None);
        assert_eq!(array("{\"open}"), None);
    }
}
