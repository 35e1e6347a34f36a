//! What a merge would do, row by row, without doing it; and what both functions have in common.

use datafusion::error::Result;
use groma_model::{EntityRef, Fact, Schema, Timestamp};
use groma_store::{Decisions, Entity, Merge, MergeRow, Side};

use super::arguments::{Call, Function};
use crate::QueryError;
use crate::table::{Cell, Column, Sheet, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "merge_preview",
    usage: "merge_preview(from, into [, strategy [, choices]])",
    doc: "what merge(...) would do, a row per attribute that differs; nothing is changed.",
    arguments_min: 2,
    arguments_max: 4,
    columns: COLUMNS,
    rows: |call, sheet| {
        let (from, into) = databases(call);
        let (from, into) = (call.view_of(from)?, call.view_of(into)?);
        let schema = into.snapshot().schema();
        let decisions = decisions(call, schema)?;
        let merge = Merge::plan(from.world_database(), into.world_database(), &decisions);
        rows(&merge, schema, sheet)
    },
};

pub(super) const COLUMNS: &[Column] = &[
    column("kind", Type::Text, "Kind of the entity."),
    column("id", Type::Text, "The entity."),
    column("attribute", Type::Text, "Which attribute; NULL: whether the entity is there at all."),
    column("base", Type::Text, "Its value when both databases last were the same; NULL: none."),
    column("ours", Type::Text, "Its value in the database that is merged into; NULL: none."),
    column("theirs", Type::Text, "Its value in the database that is merged; NULL: none."),
    column("our_source", Type::Text, "Who says so in the database that is merged into."),
    column("their_source", Type::Text, "Who says so in the database that is merged."),
    column(
        "resolution",
        Type::Text,
        "taken: only theirs changed; combined: both did, and agree on what is believed; conflict: nobody has decided; ours, theirs: decided.",
    ),
];

/// The two databases that are named first.
pub(super) fn databases(call: &Call) -> (&str, &str) {
    (call.text(0).unwrap_or_default(), call.text(1).unwrap_or_default())
}

/// Writes the rows of a merge.
pub(super) fn rows(merge: &Merge, schema: &Schema, sheet: &mut Sheet) -> Result<()> {
    merge.rows().iter().try_for_each(|row| {
        let kind = schema.kind(row.entity.kind);
        let [base, ours, theirs] =
            [&row.base, &row.ours, &row.theirs].map(|entity| shown(entity.as_deref(), row, schema));
        let sources = [&row.ours, &row.theirs].map(|entity| {
            let fact = believed(entity.as_deref(), row);
            fact.map_or(Cell::Null, |fact| Cell::Text(&fact.source))
        });
        let [our_source, their_source] = sources;
        sheet.push([
            Cell::Text(&kind.name),
            Cell::Text(&row.entity.key),
            row.attribute.map_or(Cell::Null, |index| Cell::Text(&kind.attributes[index].name)),
            base,
            ours,
            theirs,
            our_source,
            their_source,
            Cell::Text(row.resolution.name()),
        ])
    })
}

/// The value of the row's attribute; of an entity as a whole, that it is there.
fn shown<'a>(entity: Option<&Entity>, row: &MergeRow, schema: &Schema) -> Cell<'a> {
    let Some(entity) = entity else { return Cell::Null };
    let Some(index) = row.attribute else { return Cell::Text("there") };
    let of = &schema.kind(row.entity.kind).attributes[index].of;
    entity.value(index).map_or(Cell::Null, |value| Cell::Owned(value.print(of, schema)))
}

fn believed<'a>(entity: Option<&'a Entity>, row: &MergeRow) -> Option<&'a Fact> {
    entity?.fact_at(row.attribute?, Timestamp::MAX)
}

/// The third and fourth argument.
pub(super) fn decisions(call: &Call, schema: &Schema) -> Result<Decisions> {
    let otherwise = match call.text(2) {
        None | Some("refuse") => None,
        Some("ours") => Some(Side::Ours),
        Some("theirs") => Some(Side::Theirs),
        Some(other) => {
            let unknown = format!("there is no strategy \"{other}\" for conflicts");
            return Err(QueryError::new(QueryError::BAD_VALUE, unknown)
                .with_hint("Say 'ours', 'theirs' or 'refuse'.")
                .into());
        }
    };
    let mut decisions = Decisions { otherwise, ..Decisions::default() };
    let choices = serde_json::Deserializer::from_str(call.text(3).unwrap_or_default());
    for choice in choices.into_iter::<serde_json::Value>() {
        let choice = choice.map_err(|error| unreadable(&error.to_string()))?;
        let rows = match &choice {
            serde_json::Value::Array(rows) => rows.as_slice(),
            row => std::slice::from_ref(row),
        };
        rows.iter().try_for_each(|row| choose(row, schema, &mut decisions))?;
    }
    Ok(decisions)
}

/// A row as `merge_preview` gives it. Those whose resolution is neither side decide nothing.
fn choose(
    row: &serde_json::Value,
    schema: &Schema,
    decisions: &mut Decisions,
) -> std::result::Result<(), QueryError> {
    let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str);
    let (Some(kind), Some(key), Some(resolution)) = (text("kind"), text("id"), text("resolution"))
    else {
        return Err(unreadable(&format!("{row} lacks kind, id or resolution")));
    };
    let side = match resolution {
        "ours" => Side::Ours,
        "theirs" => Side::Theirs,
        "taken" | "combined" | "conflict" => return Ok(()),
        other => return Err(unreadable(&format!("\"{other}\" is no resolution"))),
    };
    let kind =
        schema.find(kind).ok_or_else(|| unreadable(&format!("there is no kind \"{kind}\"")))?;
    let attribute = text("attribute")
        .map(|name| {
            kind.attribute(name)
                .ok_or_else(|| unreadable(&format!("{kind} has no attribute \"{name}\"")))
        })
        .transpose()?;
    let entity = EntityRef { kind: kind.id, key: key.into() };
    decisions.chosen.insert((entity, attribute), side);
    Ok(())
}

fn unreadable(reason: &str) -> QueryError {
    QueryError::new(QueryError::BAD_VALUE, format!("the choices cannot be read: {reason}"))
        .with_hint("Give rows of merge_preview as JSON, with \"ours\" or \"theirs\" as resolution.")
}
