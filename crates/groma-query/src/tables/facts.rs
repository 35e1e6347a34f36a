//! What each source said of each attribute.

use groma_model::Timestamp;

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "facts",
    doc: "What each source said of each attribute of each entity, contradictions included.",
    columns: &[
        column("kind", Type::Text, "Kind of the entity."),
        column("id", Type::Text, "The entity."),
        column("attribute", Type::Text, "Which attribute."),
        column(
            "value",
            Type::Text,
            "The value as people write it; NULL: the source says that there is none.",
        ),
        column("source", Type::Text, "Who said it."),
        column("observed_at", Type::Time, "When, by the source's clock."),
        column("heard_at", Type::Time, "When it was heard, by our clock."),
        column("valid_from", Type::Time, "From when on it holds; NULL: always did."),
        column("valid_to", Type::Time, "Until when it holds, exclusive; NULL: still does."),
        column("chosen", Type::Boolean, "Whether it is the one believed now."),
        column(
            "said_of",
            Type::Text,
            "The id under which the source spoke of it, where that is merged into the entity; else NULL.",
        ),
    ],
    rows: |view, sheet| {
        let snapshot = view.snapshot();
        let schema = snapshot.schema();
        for row in snapshot.facts() {
            let (kind, fact) = (schema.kind(row.entity.kind), row.fact);
            let attribute = &kind.attributes[row.attribute];
            let meant = snapshot.canonical(row.entity, Timestamp::MAX);
            let is_merged = meant != *row.entity;
            sheet.push([
                Cell::Text(&kind.name),
                Cell::Text(&meant.key),
                Cell::Text(&attribute.name),
                Cell::printed(fact.value.as_ref(), &attribute.of, schema),
                Cell::Text(&fact.source),
                Cell::Time(fact.observed_at),
                Cell::Time(fact.heard_at),
                Cell::bound(fact.valid.from),
                Cell::bound(fact.valid.to),
                Cell::Boolean(row.chosen),
                if is_merged { Cell::Text(&row.entity.key) } else { Cell::Null },
            ])?;
        }
        Ok(())
    },
};
