//! All entities, whatever their kind.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "entities",
    doc: "All entities of all kinds.",
    columns: &[
        column("kind", Type::Text, "Its kind."),
        column("id", Type::Text, "Its id, unique within the kind."),
        column("facts", Type::Integer, "How many facts are known of it."),
        column("sources", Type::Integer, "How many sources speak of it."),
    ],
    rows: |view, sheet| {
        let snapshot = view.snapshot();
        for kind in snapshot.kinds() {
            for entity in snapshot.entities(kind.id) {
                let facts: Vec<_> = entity.all_facts().map(|(_, fact)| &fact.source).collect();
                let sources: std::collections::BTreeSet<_> = facts.iter().collect();
                sheet.push([
                    Cell::Text(&kind.name),
                    Cell::Text(entity.key()),
                    Cell::Integer(facts.len() as i64),
                    Cell::Integer(sources.len() as i64),
                ])?;
            }
        }
        Ok(())
    },
};
