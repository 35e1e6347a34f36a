//! What must hold of the entities of each kind.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "rules",
    doc: "What must hold of the entities of each kind; what breaks a rule is a row of model.problems.",
    columns: &[
        column("kind", Type::Text, "The kind whose attributes are looked at."),
        column(
            "rule",
            Type::Text,
            "required, unique (all attributes together), targets (so many in a list), referrers (so many refer to one), containment (does not close).",
        ),
        column("attributes", Type::Texts, "Which attributes."),
        column("at_least", Type::Integer, "The fewest; NULL: any number."),
        column("at_most", Type::Integer, "The most; NULL: any number."),
        column("rule_text", Type::Text, "In a few words, with its exceptions."),
        column("reason", Type::Text, "What the rule says of itself; NULL: nothing."),
        column("origin", Type::Text, "builtin, or the file of the site's schema."),
    ],
    rows: |view, sheet| {
        let schema = view.snapshot().schema();
        for rule in schema.rules() {
            let names = rule.attribute_names(schema).map(str::to_owned).collect();
            let bounds = rule.demand.bounds();
            let count =
                |count: Option<u64>| count.map_or(Cell::Null, |count| Cell::Integer(count as i64));
            sheet.push([
                Cell::Text(&schema.kind(rule.kind).name),
                Cell::Text(rule.demand.name()),
                Cell::Texts(names),
                count(bounds.map(|bounds| bounds.at_least).filter(|least| *least > 0)),
                count(bounds.map(|bounds| bounds.at_most).filter(|most| *most < u64::MAX)),
                Cell::Owned(rule.describe(schema)),
                rule.reason.as_deref().map_or(Cell::Null, Cell::Text),
                Cell::Owned(rule.origin.to_string()),
            ])?;
        }
        for kind in schema.kinds() {
            for attribute in kind.attributes.iter().filter(|attribute| attribute.containment) {
                sheet.push([
                    Cell::Text(&kind.name),
                    Cell::Text("containment"),
                    Cell::Texts(vec![attribute.name.to_string()]),
                    Cell::Null,
                    Cell::Null,
                    Cell::Text("containment"),
                    Cell::Null,
                    Cell::Owned(attribute.origin.to_string()),
                ])?;
            }
        }
        Ok(())
    },
};
