//! Groma's message log as CSV with a header. `docs/message-log.md` is the manual.
//!
//! A record is a line: line breaks inside quotes are not read.

use std::path::Path;

use groma_model::{Problem, Timestamp};

use super::message_log::{Cell, Reader, Row, field_of, is_message_log};
use super::out::Out;
use super::{csv_line, stdx};
use crate::lines::{self, Line};
use crate::{Heard, Importer, Input, Takes};

pub(crate) static IMPORTER: Importer = Importer {
    name: "message-log-csv",
    doc: "Groma's message log as CSV with a header.",
    takes: Takes::File,
    recognises: |_: &Path, first| {
        let mut names = Vec::new();
        csv_line::split(stdx::first_line(first), &mut names).is_ok()
            && is_message_log(names.iter().map(|name| name.trim()))
    },
    decode,
};

fn decode(input: &Input, _observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut out = Out::new(sink);
    let mut reader = Reader::new();
    for path in &input.paths {
        decode_file(path, &mut reader, &mut out);
    }
    out.finish(&input.source);
}

fn decode_file(path: &Path, reader: &mut Reader, out: &mut Out<'_>) {
    let mut lines = match lines::open(path) {
        Ok(lines) => lines,
        Err(problem) => return out.problem(problem),
    };
    let place = path.display();
    let columns = match lines.next_line().map(|line| line.text) {
        Some(Ok(header)) => read_header(header, &format!("{place}:1"), out),
        Some(Err(problem)) => return out.problem(problem),
        None => return,
    };
    let mut reasons = Vec::new();
    while let Some(Line { number, text }) = lines.next_line() {
        let text = match text {
            Ok("") => continue,
            Ok(text) => text,
            Err(problem) => {
                out.problem(problem);
                continue;
            }
        };
        match read_row(text, &columns) {
            Ok(row) => match reader.read(&row, out, &mut reasons) {
                Ok(record) => out.message(record),
                Err(reason) => reasons.push(reason),
            },
            Err(reason) => reasons.push(reason),
        }
        for reason in reasons.drain(..) {
            out.problem(Problem::new(format!("{place}:{number}"), text, reason));
        }
    }
}

/// The field of each column; `None` for one that is not ours.
fn read_header(header: &str, place: &str, out: &mut Out<'_>) -> Vec<Option<usize>> {
    let mut names = Vec::new();
    let header = header.trim_start_matches('\u{feff}');
    if let Err(reason) = csv_line::split(header, &mut names) {
        out.problem(Problem::new(place, header, reason));
    }
    let mut columns = Vec::new();
    for name in names {
        let field = field_of(name.trim());
        let reason = match field {
            None => Some("no field of a message log is called so"),
            Some(_) if columns.contains(&field) => {
                Some("the field has two columns; the last counts")
            }
            Some(_) => None,
        };
        if let Some(reason) = reason {
            out.problem(Problem::new(place, &name, reason));
        }
        columns.push(field);
    }
    columns
}

fn read_row<'a>(line: &'a str, columns: &[Option<usize>]) -> Result<Row<'a>, String> {
    let mut cells = Vec::with_capacity(columns.len());
    csv_line::split(line, &mut cells)?;
    if cells.len() != columns.len() {
        return Err(format!("there are {} fields, not {}", cells.len(), columns.len()));
    }
    let mut row = Row::default();
    for (cell, field) in cells.into_iter().zip(columns) {
        if let Some(field) = field
            && !cell.is_empty()
        {
            row.set(*field, Cell::Text(cell));
        }
    }
    Ok(row)
}
