//! Where sources contradict each other, what is believed, and why.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "conflicts",
    doc: "Attributes of which sources believe different things now: what was chosen, and why the other was not.",
    columns: &[
        column("kind", Type::Text, "Kind of the entity."),
        column("id", Type::Text, "The entity."),
        column("attribute", Type::Text, "Which attribute."),
        column(
            "chosen_value",
            Type::Text,
            "What is believed, as people write it; NULL: that there is none.",
        ),
        column("chosen_source", Type::Text, "Who says so."),
        column(
            "reason",
            Type::Text,
            "Why: fresher (the other source is stale), rank, observed-later, heard-later, or the last source by name.",
        ),
        column("other_value", Type::Text, "What the other one says; NULL: that there is none."),
        column("other_source", Type::Text, "Who says so."),
        column("says", Type::Text, "observed: both tell what is; desired: what should be."),
        column("chosen_observed_at", Type::Time, "When the chosen one was observed, its clock."),
        column("other_observed_at", Type::Time, "When the other one was observed, its clock."),
    ],
    rows: |view, sheet| {
        let snapshot = view.snapshot();
        let schema = snapshot.schema();
        for conflict in snapshot.conflicts() {
            let kind = schema.kind(conflict.entity.id().kind);
            let attribute = &kind.attributes[conflict.attribute];
            let chosen = conflict.contradiction.chosen;
            for (other, reason) in &conflict.contradiction.others {
                sheet.push([
                    Cell::Text(&kind.name),
                    Cell::Text(conflict.entity.key()),
                    Cell::Text(&attribute.name),
                    Cell::printed(chosen.value.as_ref(), &attribute.of, schema),
                    Cell::Text(&chosen.source),
                    Cell::Text(reason.name()),
                    Cell::printed(other.value.as_ref(), &attribute.of, schema),
                    Cell::Text(&other.source),
                    Cell::Text(conflict.entity.says(chosen).name()),
                    Cell::Time(chosen.observed_at),
                    Cell::Time(other.observed_at),
                ])?;
            }
        }
        Ok(())
    },
};
