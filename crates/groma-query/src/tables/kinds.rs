//! The kinds of the schema, each of which is a table.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "kinds",
    doc: "The kinds of the schema; each is a table of its layer's schema.",
    columns: &[
        column("name", Type::Text, "layer.noun, also the name of its table."),
        column("layer", Type::Text, "The layer."),
        column("entities", Type::Integer, "How many there are."),
        column("id_is", Type::Text, "What an id is made of."),
        column("doc", Type::Text, "What it is."),
        column("origin", Type::Text, "builtin, or the file of the site's schema."),
    ],
    rows: |view, sheet| {
        let snapshot = view.snapshot();
        snapshot.schema().kinds().iter().try_for_each(|kind| {
            sheet.push([
                Cell::Text(&kind.name),
                Cell::Text(kind.layer()),
                Cell::Integer(snapshot.count(kind.id) as i64),
                Cell::Text(&kind.key_doc),
                Cell::Text(&kind.doc),
                Cell::Owned(kind.origin.to_string()),
            ])
        })
    },
};
