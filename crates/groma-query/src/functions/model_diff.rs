//! What differs between two databases, attribute by attribute.

use groma_store::Entity;

use super::arguments::Function;
use crate::QueryError;
use crate::table::{Cell, Sheet, Type, column};
use datafusion::error::Result;
use groma_model::{Kind, Schema};

pub(super) static FUNCTION: Function = Function {
    name: "model_diff",
    usage: "model_diff(first, second [, kind])",
    doc: "what differs from one database to another, a row per attribute, of one kind or of all; its cost grows with the difference.",
    arguments_min: 2,
    arguments_max: 3,
    columns: &[
        column("kind", Type::Text, "Kind of the entity."),
        column("id", Type::Text, "The entity."),
        column("change", Type::Text, "added, removed or changed."),
        column("attribute", Type::Text, "Which attribute; NULL: the entity has none."),
        column("before", Type::Text, "Its value in the first; NULL: none."),
        column("after", Type::Text, "Its value in the second; NULL: none."),
    ],
    rows: |call, sheet| {
        let first = call.view_of(call.text(0).unwrap_or_default())?;
        let second = call.view_of(call.text(1).unwrap_or_default())?;
        let schema = second.snapshot().schema();
        let differences = match call.text(2) {
            None => first.snapshot().diff(second.snapshot()),
            Some(name) => {
                let kind = schema.find(name).ok_or_else(|| {
                    QueryError::new(QueryError::BAD_VALUE, format!("there is no kind \"{name}\""))
                        .with_hint("SELECT name FROM model.kinds lists them.")
                })?;
                first.snapshot().diff_kind(second.snapshot(), kind.id)
            }
        };
        for difference in differences {
            let (before, after) = (difference.before.as_deref(), difference.after.as_deref());
            let Some(entity) = after.or(before) else { continue };
            rows_of(schema.kind(entity.id().kind), schema, before, after, sheet)?;
        }
        Ok(())
    },
};

fn rows_of(
    kind: &Kind,
    schema: &Schema,
    before: Option<&Entity>,
    after: Option<&Entity>,
    sheet: &mut Sheet,
) -> Result<()> {
    let change = match (before, after) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let id = after.or(before).map_or("", Entity::key);
    let print = |entity: Option<&Entity>, index: usize| {
        entity
            .and_then(|entity| entity.value(index))
            .map(|value| value.print(&kind.attributes[index].of, schema))
    };
    let mut shown = false;
    for (index, attribute) in kind.attributes.iter().enumerate() {
        let (before, after) = (print(before, index), print(after, index));
        if before != after {
            shown = true;
            let cell = |text: Option<String>| text.map_or(Cell::Null, Cell::Owned);
            sheet.push([
                Cell::Text(&kind.name),
                Cell::Text(id),
                Cell::Text(change),
                Cell::Text(&attribute.name),
                cell(before),
                cell(after),
            ])?;
        }
    }
    if !shown && change != "changed" {
        sheet.push([
            Cell::Text(&kind.name),
            Cell::Text(id),
            Cell::Text(change),
            Cell::Null,
            Cell::Null,
            Cell::Null,
        ])?;
    }
    Ok(())
}
