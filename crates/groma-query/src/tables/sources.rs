//! Who spoke, and how fresh that is.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "sources",
    doc: "Who spoke of the model, and when last.",
    columns: &[
        column("name", Type::Text, "The source."),
        column(
            "heard_at",
            Type::Time,
            "Its last commit, by our clock; NULL: others committed its facts.",
        ),
        column("observed_at", Type::Time, "Its latest fact, by its own clock; NULL: it gave none."),
        column("facts", Type::Integer, "Facts of it that the database holds now."),
        column("problems", Type::Integer, "Problems so far."),
        column("commits", Type::Integer, "Commits so far."),
    ],
    rows: |view, sheet| {
        view.world_database().sources().into_iter().try_for_each(|row| {
            sheet.push([
                Cell::Text(&row.source),
                row.heard_at.map_or(Cell::Null, Cell::Time),
                row.observed_at.map_or(Cell::Null, Cell::Time),
                Cell::Integer(row.facts as i64),
                Cell::Integer(row.problems as i64),
                Cell::Integer(row.commits as i64),
            ])
        })
    },
};
