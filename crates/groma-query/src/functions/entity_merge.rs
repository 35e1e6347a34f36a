//! Declares that two entities are one.

use groma_store::{Change, Verdict};

use super::arguments::Function;
use super::declare;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "entity_merge",
    usage: "entity_merge(kind, into, other [, valid_from [, valid_to]])",
    doc: "declares that two entities of a kind are one, found under the id `into`, for ever or for a time; entity_split takes it back.",
    arguments_min: 3,
    arguments_max: 5,
    columns: &[
        column("kind", Type::Text, "Kind of both."),
        column("id", Type::Text, "The entity under which both are found."),
        column("merged", Type::Text, "The id that is merged into it."),
        column("version", Type::Integer, "The commit."),
    ],
    rows: |call, sheet| {
        let declaration = declare::Declaration::new(call)?;
        let into = declaration.known(1, "into")?;
        let other = declaration.known(2, "other")?;
        if into == other {
            return Err(declare::wrong("an entity is one with itself").into());
        }
        let valid = declaration.valid(3)?;
        let ruling = declaration.ruling(&into.key, Verdict::Same(valid));
        let change = Change::Rule { entity: other.clone(), ruling };
        let version = declaration.commit(vec![change])?;
        sheet.push([
            Cell::Text(&declaration.kind.name),
            Cell::Text(&into.key),
            Cell::Text(&other.key),
            Cell::Integer(version.0 as i64),
        ])
    },
};
