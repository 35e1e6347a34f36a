//! All tables and table functions, with their manual.

use crate::kind_table::kind_columns;
use crate::table::{Cell, Table, Type, column};
use crate::{functions, messages};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "tables",
    doc: "All tables and table functions, with their manual.",
    columns: &[
        column("name", Type::Text, "schema.name of a table, or how a function is called."),
        column("type", Type::Text, "kind: can be written; table: derived; function: is called."),
        column("columns", Type::Texts, "Its columns; model.columns explains them."),
        column("doc", Type::Text, "What it holds."),
    ],
    rows: |view, sheet| {
        for kind in view.snapshot().schema().kinds() {
            let columns = kind_columns(kind).map(|(name, _)| name.to_owned()).collect();
            sheet.push([
                Cell::Text(&kind.name),
                Cell::Text("kind"),
                Cell::Texts(columns),
                Cell::Text(&kind.doc),
            ])?;
        }
        for table in super::ALL {
            let columns = table.columns.iter().map(|column| column.name.to_owned()).collect();
            let name = format!("{}.{}", table.schema, table.name);
            sheet.push([
                Cell::Owned(name),
                Cell::Text("table"),
                Cell::Texts(columns),
                Cell::Text(table.doc),
            ])?;
        }
        let name = format!("{}.{}", messages::SCHEMA, messages::NAME);
        let columns = groma_events::segment_schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        sheet.push([
            Cell::Owned(name),
            Cell::Text("table"),
            Cell::Texts(columns),
            Cell::Text(messages::DOC),
        ])?;
        for function in functions::ALL {
            let columns = function.columns.iter().map(|column| column.name.to_owned()).collect();
            sheet.push([
                Cell::Text(function.usage),
                Cell::Text("function"),
                Cell::Texts(columns),
                Cell::Text(function.doc),
            ])?;
        }
        Ok(())
    },
};
