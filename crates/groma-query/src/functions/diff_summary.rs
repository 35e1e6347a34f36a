//! How much differs between two databases, kind by kind.

use groma_store::Difference;

use super::arguments::Function;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "diff_summary",
    usage: "diff_summary(first, second)",
    doc: "how much differs from one database to another, a row per kind; its cost grows with the difference.",
    arguments_min: 2,
    arguments_max: 2,
    columns: &[
        column("kind", Type::Text, "The kind."),
        column("added", Type::Integer, "Entities that only the second has."),
        column("removed", Type::Integer, "Entities that only the first has."),
        column("changed", Type::Integer, "Entities that both have, with other values."),
        column("attributes", Type::Integer, "Attributes of those that have other values."),
        column(
            "heard_again",
            Type::Integer,
            "Entities that both have, of which only other facts for the same values are known.",
        ),
    ],
    rows: |call, sheet| {
        let first = call.view_of(call.text(0).unwrap_or_default())?;
        let second = call.view_of(call.text(1).unwrap_or_default())?;
        for kind in second.snapshot().schema().kinds() {
            let differences = first.snapshot().diff_kind(second.snapshot(), kind.id);
            if differences.is_empty() {
                continue;
            }
            let [mut added, mut removed, mut changed, mut attributes, mut heard_again] = [0; 5];
            for Difference { before, after } in &differences {
                let (Some(before), Some(after)) = (before, after) else {
                    *(if before.is_none() { &mut added } else { &mut removed }) += 1;
                    continue;
                };
                let differing = (0..kind.attributes.len())
                    .filter(|index| before.value(*index) != after.value(*index))
                    .count() as i64;
                attributes += differing;
                *(if differing > 0 { &mut changed } else { &mut heard_again }) += 1;
            }
            sheet.push([
                Cell::Text(&kind.name),
                Cell::Integer(added),
                Cell::Integer(removed),
                Cell::Integer(changed),
                Cell::Integer(attributes),
                Cell::Integer(heard_again),
            ])?;
        }
        Ok(())
    },
};
