//! The files that hold the messages.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "segments",
    doc: "The Parquet files that hold the message records.",
    columns: &[
        column("file", Type::Text, "Name in the folder of segments."),
        column("source", Type::Text, "Who gave the messages."),
        column("records", Type::Integer, "How many records."),
        column("from_time", Type::Time, "Time of the first."),
        column("to_time", Type::Time, "Just after the last."),
        column("size_bytes", Type::Integer, "Size of the file."),
        column("heard_at", Type::Time, "When it was committed, by our clock."),
        column("version", Type::Integer, "In which commit."),
    ],
    rows: |view, sheet| {
        view.world_database().segments().try_for_each(|row| {
            sheet.push([
                Cell::Text(&row.segment.file),
                Cell::Text(&row.segment.source),
                Cell::Integer(row.segment.records as i64),
                Cell::Time(row.segment.from),
                Cell::Time(row.segment.to),
                Cell::Integer(row.segment.bytes as i64),
                Cell::Time(row.heard_at),
                Cell::Integer(row.version.0 as i64),
            ])
        })
    },
};
