//! What was ever said of one entity.

use groma_model::{EntityRef, Version};
use groma_store::Change;

use super::arguments::Function;
use crate::{QueryError, changes};

pub(super) static FUNCTION: Function = Function {
    name: "history",
    usage: "history(kind, id [, attribute])",
    doc: "the rows of model.changes about one entity, under all keys that it is known by, or about one of its attributes.",
    arguments_min: 2,
    arguments_max: 3,
    columns: changes::COLUMNS,
    rows: |call, sheet| {
        let view = call.view()?;
        let snapshot = view.snapshot();
        let name = call.text(0).unwrap_or_default();
        let kind = snapshot.schema().find(name).ok_or_else(|| {
            QueryError::new(QueryError::NO_TABLE, format!("there is no kind \"{name}\""))
                .with_hint("SELECT name FROM model.kinds lists them.")
        })?;
        let attribute = call.text(2).map(|wanted| {
            kind.attribute(wanted).ok_or_else(|| {
                let names: Vec<_> = kind.attributes.iter().map(|known| &*known.name).collect();
                let message = format!("{kind} has no attribute \"{wanted}\"");
                QueryError::new(QueryError::NO_COLUMN, message)
                    .with_hint(format!("There are {}.", names.join(", ")))
            })
        });
        let attribute = attribute.transpose()?;
        let asked = EntityRef { kind: kind.id, key: call.text(1).unwrap_or_default().into() };
        // A removed entity has no keys any more, and its history all the same.
        let mut keys = snapshot.keys_of(&asked);
        keys.push(asked.key);
        let wanted = |change: &Change| {
            let entity = change.entity();
            let about = match change {
                Change::Assert { attribute, .. } | Change::Retract { attribute, .. } => {
                    Some(*attribute)
                }
                _ => None,
            };
            entity.kind == kind.id
                && keys.contains(&entity.key)
                && (attribute.is_none() || about == attribute)
        };
        changes::write(&view, Version(0), &wanted, sheet)
    },
};
