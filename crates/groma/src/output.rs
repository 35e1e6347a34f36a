//! What a verb prints: a table for people, or with `--json` one object per row and line.

use std::io::{self, IsTerminal as _, Write};

use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Number, Value};

use crate::ask::{Ask, Column, Heard};

/// Rows that a table for people shows at most; `--json` gives all.
const TABLE_ROWS_MAX: usize = 10_000;

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A table for people.
    Table,
    /// One object per row and line, keys as the columns are named, in their order.
    Json,
}

/// Asks, prints what is answered, and returns how many rows there were.
pub(crate) fn print(ask: &mut dyn Ask, form: Form, database: &str, sql: &str) -> Result<u64> {
    let mut printer = Printer { form, columns: Vec::new(), table: None, rows: 0 };
    let stdout = io::stdout();
    let mut out = io::BufWriter::new(stdout.lock());
    ask.ask(database, sql, &mut |heard| printer.hear(&mut out, heard))?;
    out.flush().context("writing the answer")?;
    Ok(printer.rows)
}

struct Printer {
    form: Form,
    columns: Vec<Column>,
    table: Option<Table>,
    rows: u64,
}

impl Printer {
    fn hear(&mut self, out: &mut dyn Write, heard: Heard) -> Result<()> {
        match (heard, self.form) {
            (Heard::Columns(columns), form) => {
                if form == Form::Table {
                    self.table = Some(table_of(&columns));
                }
                self.columns = columns;
                self.rows = 0;
            }
            (Heard::Row(row), Form::Json) => {
                self.rows += 1;
                writeln!(out, "{}", json_row(&self.columns, row))?;
            }
            (Heard::Row(row), Form::Table) => {
                self.rows += 1;
                if self.rows <= TABLE_ROWS_MAX as u64
                    && let Some(table) = &mut self.table
                {
                    table.add_row(row.into_iter().map(|cell| cell.unwrap_or_default()));
                }
            }
            (Heard::Done(tag), form) => match self.table.take() {
                Some(table) => self.print_table(out, &table)?,
                None if form == Form::Json && self.columns.is_empty() => {
                    writeln!(out, "{}", serde_json::json!({ "done": tag }))?;
                }
                None if form == Form::Table && !tag.is_empty() => writeln!(out, "{tag}")?,
                None => {}
            },
        }
        Ok(())
    }

    fn print_table(&self, out: &mut dyn Write, table: &Table) -> Result<()> {
        writeln!(out, "{table}")?;
        let shown = self.rows.min(TABLE_ROWS_MAX as u64);
        match self.rows {
            1 => writeln!(out, "(1 row)")?,
            rows if rows == shown => writeln!(out, "({rows} rows)")?,
            rows => writeln!(out, "({shown} of {rows} rows; --json gives all)")?,
        }
        Ok(())
    }
}

/// An empty table with a head; numbers stand to the right.
pub(crate) fn table_of(columns: &[Column]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| &column.name));
    for (column, shown) in columns.iter().zip(table.column_iter_mut()) {
        if is_number(&column.of) {
            shown.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Whether someone looks at the progress.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

fn is_number(of: &str) -> bool {
    matches!(of, "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" | "oid")
}

/// A row as an object, keys in the order of the columns: numbers and truths as such, lists as
/// arrays, times and others as text.
pub(crate) fn json_row(columns: &[Column], row: Vec<Option<String>>) -> String {
    let pairs: Vec<String> = (columns.iter().zip(row))
        .map(|(column, cell)| {
            let value = cell.map_or(Value::Null, |text| json_value(&column.of, text));
            format!("{}:{value}", Value::from(column.name.as_str()))
        })
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn json_value(of: &str, text: String) -> Value {
    match of {
        "bool" => Value::Bool(text == "t" || text == "true"),
        _ if is_number(of) => match json_number(&text) {
            Some(number) => Value::Number(number),
            None => Value::String(text), // NaN and the infinities have no number in JSON
        },
        _ if of.starts_with('_') && of != "_record" => match read_array(&text) {
            Some(items) => (items.into_iter())
                .map(|item| item.map_or(Value::Null, |item| json_value(&of[1..], item)))
                .collect(),
            None => Value::String(text),
        },
        _ => Value::String(text),
    }
}

fn json_number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    match text.parse::<u64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => Number::from_f64(text.parse().ok()?),
    }
}

/// The items of a list as PostgreSQL writes it: `{a,"b,c",NULL}`. `None`: it is no plain list.
fn read_array(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    let mut characters = inner.chars().peekable();
    while characters.peek().is_some() {
        let mut item = String::new();
        let quoted = characters.next_if_eq(&'"').is_some();
        loop {
            match characters.next() {
                Some('\\') if quoted => item.push(characters.next()?),
                Some('"') if quoted => {
                    characters.next_if_eq(&',');
                    break;
                }
                Some('{') if !quoted => return None,
                Some(',') if !quoted => break,
                Some(other) => item.push(other),
                None if quoted => return None,
                None => break,
            }
        }
        items.push((quoted || item != "NULL").then_some(item));
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_types_and_order() {
        let column = |name: &str, of: &str| Column { name: name.into(), of: of.into() };
        let columns = [
            column("link", "text"),
            column("bytes", "int8"),
            column("share", "float8"),
            column("up", "bool"),
            column("vlans", "_int8"),
            column("names", "_text"),
            column("reason", "text"),
        ];
        let row = ["1", "18446744073709551615", "0.5", "t", "{1,NULL,3}", r#"{a,"b,\"c",NULL}"#];
        let mut row: Vec<_> = row.iter().map(|cell| Some((*cell).to_owned())).collect();
        row.push(None);
        let shown = json_row(&columns, row);
        for part in [
            r#""link":"1""#,
            r#""bytes":18446744073709551615"#,
            r#""share":0.5"#,
            r#""up":true"#,
            r#""vlans":[1,null,3]"#,
            r#""names":["a","b,\"c",null]"#,
            r#""reason":null"#,
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
