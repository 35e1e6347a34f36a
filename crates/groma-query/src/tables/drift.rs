//! Where what is differs from what should be.

use datafusion::error::Result;
use groma_model::{Fact, Kind, Says, Timestamp};
use groma_store::{Entity, Snapshot};

use crate::table::{Cell, Sheet, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "drift",
    doc: "Where what is observed differs from what is desired, among entities of kinds of which some source tells what should be.",
    columns: &[
        column("kind", Type::Text, "Kind of the entity."),
        column("id", Type::Text, "The entity."),
        column(
            "attribute",
            Type::Text,
            "Which attribute; NULL: the entity as such, which only one side knows.",
        ),
        column("desired", Type::Text, "What should be; present or absent for the entity as such."),
        column("desired_source", Type::Text, "Who says so; NULL: nobody."),
        column("observed", Type::Text, "What is; present or absent for the entity as such."),
        column("observed_source", Type::Text, "Who says so; NULL: nobody."),
        column("since", Type::Time, "Since when both have held, as far as one knows."),
    ],
    rows: |view, sheet| {
        let snapshot = view.snapshot();
        if snapshot.schema().trust().rules().iter().all(|rule| rule.says == Says::Observed) {
            return Ok(());
        }
        values(snapshot, sheet)?;
        snapshot.kinds().try_for_each(|kind| entities(snapshot, kind, sheet))
    },
};

fn values(snapshot: &Snapshot, sheet: &mut Sheet) -> Result<()> {
    let schema = snapshot.schema();
    for entity in snapshot.contested() {
        let kind = schema.kind(entity.id().kind);
        for (index, attribute) in kind.attributes.iter().enumerate() {
            let Some(drift) = entity.drift(index) else { continue };
            let since = |fact: &Fact| match fact.valid.from {
                Timestamp::MIN => fact.observed_at,
                from => from,
            };
            sheet.push([
                Cell::Text(&kind.name),
                Cell::Text(entity.key()),
                Cell::Text(&attribute.name),
                Cell::printed(drift.desired.value.as_ref(), &attribute.of, schema),
                Cell::Text(&drift.desired.source),
                Cell::printed(drift.observed.value.as_ref(), &attribute.of, schema),
                Cell::Text(&drift.observed.source),
                Cell::Time(since(drift.desired).max(since(drift.observed))),
            ])?;
        }
    }
    Ok(())
}

/// Entities that only one side knows, if both sides speak of the kind at all.
fn entities(snapshot: &Snapshot, kind: &Kind, sheet: &mut Sheet) -> Result<()> {
    let spoken: Vec<(&Entity, [Option<&Fact>; 2])> = (snapshot.entities(kind.id))
        .map(|entity| {
            (&**entity, [Says::Desired, Says::Observed].map(|says| fact_of(entity, says)))
        })
        .collect();
    let speaks = |side: usize| spoken.iter().any(|(_, facts)| facts[side].is_some());
    if !(speaks(0) && speaks(1)) {
        return Ok(());
    }
    for (entity, [desired, observed]) in spoken {
        let (desired_text, observed_text, fact) = match (desired, observed) {
            (Some(fact), None) => ("present", "absent", fact),
            (None, Some(fact)) => ("absent", "present", fact),
            _ => continue,
        };
        let source = |fact: Option<&'_ Fact>| match fact {
            Some(fact) => Cell::Owned(fact.source.to_string()),
            None => Cell::Null,
        };
        sheet.push([
            Cell::Text(&kind.name),
            Cell::Text(entity.key()),
            Cell::Null,
            Cell::Text(desired_text),
            source(desired),
            Cell::Text(observed_text),
            source(observed),
            Cell::Time(fact.observed_at),
        ])?;
    }
    Ok(())
}

/// A fact by which one side knows the entity now: the last observed.
fn fact_of(entity: &Entity, says: Says) -> Option<&Fact> {
    let facts = entity.all_facts().map(|(_, fact)| fact);
    facts
        .filter(|fact| fact.valid.contains(Timestamp::MAX) && entity.says(fact) == says)
        .max_by_key(|fact| fact.observed_at)
}
