//! The schemas that the site has given.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "schemas",
    doc: "The schemas that the site has given, file by file, the one in force and those before it.",
    columns: &[
        column("version", Type::Integer, "In which commit."),
        column("heard_at", Type::Time, "When it was applied, by our clock."),
        column("source", Type::Text, "Who applied it."),
        column("file", Type::Text, "The file; NULL: the schema that ships was gone back to."),
        column("text", Type::Text, "What the file says; schema_apply takes it back."),
        column("in_force", Type::Boolean, "Whether it is the one in force."),
    ],
    rows: |view, sheet| {
        let schemas = view.schemas();
        for (number, row) in schemas.iter().enumerate() {
            let in_force = number + 1 == schemas.len();
            let mut push = |name: Cell<'_>, text: Cell<'_>| {
                sheet.push([
                    Cell::Integer(row.version.0 as i64),
                    Cell::Time(row.heard_at),
                    Cell::Text(&row.source),
                    name,
                    text,
                    Cell::Boolean(in_force),
                ])
            };
            if row.files.is_empty() {
                push(Cell::Null, Cell::Null)?;
            }
            row.files
                .iter()
                .try_for_each(|file| push(Cell::Text(&file.name), Cell::Text(&file.text)))?;
        }
        Ok(())
    },
};
