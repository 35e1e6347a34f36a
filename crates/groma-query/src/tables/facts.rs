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
    ],
    rows: |view, sheet| {
        let snapshot = view.snapshot();
        let schema = snapshot.schema();
        for kind in snapshot.kinds() {
            for entity in snapshot.entities(kind.id) {
                for (index, fact) in entity.all_facts() {
                    let attribute = &kind.attributes[index];
                    let chosen =
                        entity.fact_at(index, Timestamp::MAX).is_some_and(|chosen| chosen == fact);
                    sheet.push([
                        Cell::Text(&kind.name),
                        Cell::Text(entity.key()),
                        Cell::Text(&attribute.name),
                        fact.value.as_ref().map_or(Cell::Null, |value| {
                            Cell::Owned(value.print(&attribute.of, schema))
                        }),
                        Cell::Text(&fact.source),
                        Cell::Time(fact.observed_at),
                        Cell::Time(fact.heard_at),
                        bound(fact.valid.from),
                        bound(fact.valid.to),
                        Cell::Boolean(chosen),
                    ])?;
                }
            }
        }
        Ok(())
    },
};

fn bound(time: Timestamp) -> Cell<'static> {
    if time == Timestamp::MIN || time == Timestamp::MAX { Cell::Null } else { Cell::Time(time) }
}
