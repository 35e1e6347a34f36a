//! The attributes of all kinds: the columns of their tables.

use groma_model::{AttributeIndex, Kind, Rule, Schema};

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
        column(
            "identifies",
            Type::Text,
            "What its value names the entity by; NULL: it is no name.",
        ),
        column("rules", Type::Texts, "What must hold of it; see model.rules."),
        column("origin", Type::Text, "builtin, or the file of the site's schema."),
    ],
    rows: |view, sheet| {
        let schema = view.snapshot().schema();
        for kind in schema.kinds() {
            for (index, attribute) in kind.attributes.iter().enumerate() {
                sheet.push([
                    Cell::Text(&kind.name),
                    Cell::Text(&attribute.name),
                    Cell::Owned(attribute.of.describe(schema)),
                    attribute.unit.as_deref().map_or(Cell::Null, Cell::Text),
                    Cell::Text(&attribute.doc),
                    attribute.identifies.map_or(Cell::Null, |names| Cell::Text(names.name())),
                    Cell::Texts(rules(schema, kind, index)),
                    Cell::Owned(attribute.origin.to_string()),
                ])?;
            }
        }
        Ok(())
    },
};

/// The rules that look at an attribute, in a few words.
fn rules(schema: &Schema, kind: &Kind, attribute: AttributeIndex) -> Vec<String> {
    let about = |rule: &&Rule| rule.kind == kind.id && rule.attributes.contains(&attribute);
    let rules = schema.rules().iter().filter(about).map(|rule| rule.describe(schema));
    let containment = kind.attributes[attribute].containment.then(|| "containment".to_owned());
    rules.chain(containment).collect()
}
