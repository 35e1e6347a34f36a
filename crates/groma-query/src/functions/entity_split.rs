//! Declares that an id is an entity of its own.

use groma_model::{EntityRef, Timestamp};
use groma_store::{Change, Verdict};

use super::arguments::Function;
use super::declare;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "entity_split",
    usage: "entity_split(kind, id [, from])",
    doc: "declares that an id is an entity of its own and not one with the one it is merged into, or with `from`; no name they share joins them again.",
    arguments_min: 2,
    arguments_max: 3,
    columns: &[
        column("kind", Type::Text, "Kind of both."),
        column("id", Type::Text, "The id that is an entity of its own."),
        column("split_from", Type::Text, "What it is not one with."),
        column("version", Type::Integer, "The commit."),
    ],
    rows: |call, sheet| {
        let declaration = declare::Declaration::new(call)?;
        let id = declaration.known(1, "id")?;
        let snapshot = declaration.view.snapshot();
        let whole = match call.text(2) {
            Some(_) => declaration.known(2, "from")?,
            None => {
                let whole = snapshot.canonical(&id, Timestamp::MAX);
                if whole == id {
                    let parts = snapshot.keys_of(&id).join(", ");
                    let reason = format!(
                        "{} \"{}\" is not merged into another one",
                        declaration.kind, id.key
                    );
                    let hint = format!("Name the id to be split off; it is found under {parts}.");
                    return Err(declare::wrong(reason).with_hint(hint).into());
                }
                whole
            }
        };
        if whole == id {
            return Err(declare::wrong("an entity is one with itself").into());
        }
        let others: Vec<EntityRef> =
            (snapshot.keys_of(&whole).into_iter().chain([whole.key.clone()]))
                .map(|key| EntityRef { kind: id.kind, key })
                .filter(|other| *other != id)
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
        let changes = (others.iter())
            .map(|other| Change::Rule {
                entity: id.clone(),
                ruling: declaration.ruling(&other.key, Verdict::Apart),
            })
            .collect();
        let version = declaration.commit(changes)?;
        others.iter().try_for_each(|other| {
            sheet.push([
                Cell::Text(&declaration.kind.name),
                Cell::Text(&id.key),
                Cell::Text(&other.key),
                Cell::Integer(version.0 as i64),
            ])
        })
    },
};
