//! The attributes of all kinds: the columns of their tables.

use groma_model::{Schema, ValueType};

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "attributes",
    doc: "The attributes of all kinds, with their manual.",
    columns: &[
        column("kind", Type::Text, "The kind."),
        column("name", Type::Text, "Name of the attribute and of its column."),
        column("type", Type::Text, "What it holds; of references: to which kinds."),
        column("unit", Type::Text, "Its unit; NULL: none, or the name says it."),
        column("doc", Type::Text, "What it means."),
    ],
    rows: |view, sheet| {
        let schema = view.snapshot().schema();
        for kind in schema.kinds() {
            for attribute in &kind.attributes {
                sheet.push([
                    Cell::Text(&kind.name),
                    Cell::Text(&attribute.name),
                    Cell::Owned(print_type(&attribute.of, schema)),
                    attribute.unit.as_deref().map_or(Cell::Null, Cell::Text),
                    Cell::Text(&attribute.doc),
                ])?;
            }
        }
        Ok(())
    },
};

fn print_type(of: &ValueType, schema: &Schema) -> String {
    let names = |kinds: &[groma_model::KindId]| {
        kinds
            .iter()
            .map(|kind| schema.kind(*kind).name.to_string())
            .collect::<Vec<_>>()
            .join(" or ")
    };
    match of {
        ValueType::Text => "text".into(),
        ValueType::Integer => "integer".into(),
        ValueType::Float => "float".into(),
        ValueType::Boolean => "boolean".into(),
        ValueType::Timestamp => "time".into(),
        ValueType::Enum(words) => words.join(" | "),
        ValueType::Texts => "list of texts".into(),
        ValueType::Integers => "list of integers".into(),
        ValueType::Reference(kinds) => format!("id of {}", names(kinds)),
        ValueType::References(kinds) => format!("list of ids of {}", names(kinds)),
    }
}
