//! The columns of all derived tables and table functions, with their manual.

use crate::functions;
use crate::table::{Cell, Column, Sheet, Table, Type, column};
use datafusion::error::Result;

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "columns",
    doc: "The columns of derived tables and of table functions; those of kinds are in model.attributes.",
    columns: &[
        column("of", Type::Text, "schema.name of a table, or how a function is called."),
        column("name", Type::Text, "The column."),
        column("type", Type::Text, "What it holds."),
        column("doc", Type::Text, "What it means."),
    ],
    rows: |_, sheet| {
        for table in super::ALL {
            add(&format!("{}.{}", table.schema, table.name), table.columns, sheet)?;
        }
        functions::ALL.iter().try_for_each(|function| add(function.usage, function.columns, sheet))
    },
};

fn add(of: &str, columns: &[Column], sheet: &mut Sheet) -> Result<()> {
    columns.iter().try_for_each(|column| {
        let type_name = format!("{:?}", column.of).to_lowercase();
        sheet.push([
            Cell::Text(of),
            Cell::Text(column.name),
            Cell::Owned(type_name),
            Cell::Text(column.doc),
        ])
    })
}
