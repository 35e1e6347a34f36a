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
        column(
            "content_at",
            Type::Time,
            "When what it says changed last, by our clock; NULL: it gave no facts.",
        ),
        column(
            "polled_at",
            Type::Time,
            "When it was asked last, by our clock, whatever became of that; NULL: it never was.",
        ),
        column(
            "state",
            Type::Text,
            "fresh, stale (not heard for longer than it stays fresh), or failing (its last poll failed).",
        ),
        column("failure", Type::Text, "Why its last poll failed; NULL: it did not."),
        column("says", Type::Text, "observed: it tells what is; desired: what should be."),
        column("fresh_for_seconds", Type::Float, "How long it stays fresh; NULL: always."),
    ],
    rows: |view, sheet| {
        let now = crate::clock::now();
        view.world_database().sources().into_iter().try_for_each(|row| {
            sheet.push([
                Cell::Text(&row.source),
                row.heard_at.map_or(Cell::Null, Cell::Time),
                row.observed_at.map_or(Cell::Null, Cell::Time),
                Cell::Integer(row.facts as i64),
                Cell::Integer(row.problems as i64),
                Cell::Integer(row.commits as i64),
                row.content_at.map_or(Cell::Null, Cell::Time),
                row.polled_at.map_or(Cell::Null, Cell::Time),
                Cell::Text(row.freshness(now).name()),
                row.failure.as_deref().map_or(Cell::Null, Cell::Text),
                Cell::Text(row.says.name()),
                row.fresh_for.map_or(Cell::Null, |limit| Cell::Float(limit.as_secs_f64())),
            ])
        })
    },
};
