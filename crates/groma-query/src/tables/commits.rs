//! The history of a database.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "commits",
    doc: "The history of the database, that of its template included, the oldest first.",
    columns: &[
        column("version", Type::Integer, "Order of commits over all databases."),
        column("heard_at", Type::Time, "When, by our clock."),
        column("source", Type::Text, "By whom."),
        column("changes", Type::Integer, "Number of changes."),
        column("problems", Type::Integer, "Number of problems."),
        column("segments", Type::Integer, "Number of files of messages."),
    ],
    rows: |view, sheet| {
        view.world_database().commits().try_for_each(|row| {
            sheet.push([
                Cell::Integer(row.version.0 as i64),
                Cell::Time(row.heard_at),
                Cell::Text(&row.source),
                Cell::Integer(row.changes as i64),
                Cell::Integer(row.problems as i64),
                Cell::Integer(row.segments as i64),
            ])
        })
    },
};
