//! What differs between two schemas, as rows with how many facts each difference touches.

use datafusion::error::Result;
use groma_model::{DifferenceKind, Schema, SchemaDifference, differences};
use groma_store::Database;

use crate::table::{Cell, Column, Sheet, Type, column};

/// The columns of `schema_diff` and `schema_apply`.
pub(crate) const COLUMNS: &[Column] = &[
    column("what", Type::Text, "kind, attribute, rule or unit."),
    column("kind", Type::Text, "The kind, as it was named before; of a unit: its name."),
    column("attribute", Type::Text, "The attribute; of a rule its attributes."),
    column("change", Type::Text, "added, changed or removed."),
    column("before", Type::Text, "As it was; NULL: not there."),
    column("after", Type::Text, "As it is then; NULL: not there."),
    column(
        "facts",
        Type::Integer,
        "Facts of the database about it, those that are set aside included; NULL: facts do not change with it.",
    ),
];

/// A row per difference. Cost: linear in the schemas, and in the facts of kinds that differ.
pub(crate) fn push(
    before: &Schema,
    after: &Schema,
    database: &Database,
    sheet: &mut Sheet,
) -> Result<()> {
    for difference in differences(before, after) {
        let change = match (&difference.before, &difference.after) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let facts = facts(&difference, database);
        let cell = |text: Option<String>| text.map_or(Cell::Null, Cell::Owned);
        sheet.push([
            Cell::Text(difference.what.name()),
            Cell::Owned(difference.kind),
            cell(difference.attribute),
            Cell::Text(change),
            cell(difference.before),
            cell(difference.after),
            facts.map_or(Cell::Null, |facts| Cell::Integer(facts as i64)),
        ])?;
    }
    Ok(())
}

fn facts(difference: &SchemaDifference, database: &Database) -> Option<u64> {
    let snapshot = database.snapshot();
    let kind = snapshot.schema().find(&difference.kind);
    let of_kind = || kind.into_iter().flat_map(|kind| snapshot.entities(kind.id));
    match (difference.what, &difference.attribute) {
        (DifferenceKind::Kind, _) => {
            let facts: usize = of_kind().map(|entity| entity.fact_count()).sum();
            Some(facts as u64 + database.set_aside(&difference.kind))
        }
        (DifferenceKind::Attribute, Some(name)) => {
            let index = kind.and_then(|kind| kind.attribute(name));
            let facts = index.map_or(0, |index| {
                of_kind().map(|entity| entity.facts(index).len()).sum::<usize>()
            });
            Some(facts as u64 + database.set_aside(&format!("{}.{name}", difference.kind)))
        }
        _ => None,
    }
}
