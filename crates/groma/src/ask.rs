//! How a verb asks: one SQL statement, answered by the store itself or by the server that holds it.

mod embedded;
mod wire;

use std::path::Path;

use anyhow::Result;
use groma_server::{OpenError, Running, StoreOptions};

pub(crate) use embedded::Embedded;
pub(crate) use wire::Wire;

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// PostgreSQL's name of its type, such as `int8`; `text` where it is not known.
    pub(crate) of: String,
}

/// What is heard of an answer, in this order, once per statement.
#[derive(Debug)]
pub(crate) enum Heard {
    Columns(Vec<Column>),
    /// As PostgreSQL writes values in text; `None` is NULL.
    Row(Vec<Option<String>>),
    /// The tag of a command such as `CREATE DATABASE`.
    Done(String),
}

/// Someone who answers SQL.
pub(crate) trait Ask {
    /// Asks inside a database, and gives what comes to `hear`.
    ///
    /// # Errors
    /// A [`Refusal`] if it was not answered; what `hear` returned if it failed.
    fn ask(
        &mut self,
        database: &str,
        sql: &str,
        hear: &mut dyn FnMut(Heard) -> Result<()>,
    ) -> Result<()>;
}

/// All rows of one statement.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    /// The cell of a row in the column of this name; `None`: NULL, or there is no such column.
    pub(crate) fn cell(&self, row: usize, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|known| known.name == column)?;
        self.rows.get(row)?.get(index)?.as_deref()
    }

    /// The same as a number; `None` also for what is no number.
    pub(crate) fn number(&self, row: usize, column: &str) -> Option<f64> {
        self.cell(row, column)?.parse().ok()
    }
}

/// Asks for rows that are few.
pub(crate) fn rows(ask: &mut dyn Ask, database: &str, sql: &str) -> Result<Rows> {
    let mut answer = Rows::default();
    ask.ask(database, sql, &mut |heard| {
        match heard {
            Heard::Columns(columns) => answer = Rows { columns, rows: Vec::new() },
            Heard::Row(row) => answer.rows.push(row),
            Heard::Done(_) => {}
        }
        Ok(())
    })?;
    Ok(answer)
}

/// A statement or the store was refused.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// What is wrong, one line.
    pub(crate) message: String,
    /// More about it.
    pub(crate) detail: Option<String>,
    /// What to try.
    pub(crate) hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub(crate) position: Option<usize>,
}

impl Refusal {
    pub(crate) fn new(message: impl Into<String>, hint: Option<String>) -> Refusal {
        Refusal { message: message.into(), detail: None, hint, position: None }
    }

    /// The store could not be opened; the reasons behind are part of the line.
    pub(crate) fn of_store(error: &OpenError) -> Refusal {
        Refusal::new(in_one_line(error), error.hint())
    }
}

/// An error and what is behind it, in one line.
pub(crate) fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(behind) = source {
        let text = behind.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = behind.source();
    }
    line.replace('\n', " ")
}

/// Opens the store, or finds the server that holds it.
pub(crate) fn open(folder: &Path, options: StoreOptions) -> Result<Box<dyn Ask>> {
    if let Some(running) = Running::find(folder)
        && let Some(wire) = Wire::to(&running)
    {
        return Ok(Box::new(wire));
    }
    Ok(Box::new(Embedded::open(folder, options)?))
}

/// A text as an SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name as an SQL identifier, in quotes.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_broken_out_of() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(identifier("a\"; DROP"), "\"a\"\"; DROP\"");
    }
}
