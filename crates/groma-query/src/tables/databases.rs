//! The databases of the store.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "databases",
    doc: "The databases of the store: live and its forks.",
    columns: &[
        column("name", Type::Text, "Its name."),
        column("template", Type::Text, "The database it was forked from; NULL: it is live."),
        column("template_version", Type::Integer, "Version of the template at that time."),
        column("created_at", Type::Time, "When it was forked, by our clock."),
        column("version", Type::Integer, "Its last commit."),
        column("entities", Type::Integer, "Entities in it."),
    ],
    rows: |view, sheet| {
        view.databases().iter().try_for_each(|database| {
            let template = database.template();
            let snapshot = database.snapshot();
            let entities: usize = snapshot.kinds().map(|kind| snapshot.count(kind.id)).sum();
            sheet.push([
                Cell::Text(database.name()),
                template.map_or(Cell::Null, |template| Cell::Text(&template.name)),
                template.map_or(Cell::Null, |template| Cell::Integer(template.version.0 as i64)),
                template.map_or(Cell::Null, |template| Cell::Time(template.created_at)),
                Cell::Integer(database.version().0 as i64),
                Cell::Integer(entities as i64),
            ])
        })
    },
};
