//! Declares a name of an entity.

use groma_model::AliasKind;
use groma_store::{Alias, Change};

use super::arguments::Function;
use super::declare;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "entity_alias",
    usage: "entity_alias(kind, id, alias_kind, alias [, valid_from [, valid_to]])",
    doc: "declares a name by which an entity is known, for ever or for a time: serial, asset-tag, mac, fqdn, host-name or address.",
    arguments_min: 4,
    arguments_max: 6,
    columns: &[
        column("kind", Type::Text, "Kind of the entity."),
        column("id", Type::Text, "The entity."),
        column("alias_kind", Type::Text, "Which sort of name."),
        column("alias", Type::Text, "The name."),
        column("version", Type::Integer, "The commit."),
    ],
    rows: |call, sheet| {
        let declaration = declare::Declaration::new(call)?;
        let entity = declaration.known(1, "id")?;
        let name = call.text(2).unwrap_or_default();
        let kind = AliasKind::named(name).ok_or_else(|| {
            let known = AliasKind::ALL.map(AliasKind::name).join(", ");
            declare::wrong(format!("\"{name}\" is no sort of name"))
                .with_hint(format!("There are {known}."))
        })?;
        let text = call.text(3).unwrap_or_default();
        if kind.normalize(text).is_none() {
            let hint =
                "Names that many things have, such as localhost or 127.0.0.1, are none of one.";
            return Err(declare::wrong(format!("\"{text}\" is no {kind}")).with_hint(hint).into());
        }
        let valid = declaration.valid(4)?;
        let (source, heard_at) = (declaration.source.clone(), declaration.now);
        let alias = Alias { kind, text: text.into(), source, heard_at, valid };
        let version = declaration.commit(vec![Change::Alias { entity: entity.clone(), alias }])?;
        sheet.push([
            Cell::Text(&declaration.kind.name),
            Cell::Text(&entity.key),
            Cell::Text(kind.name()),
            Cell::Text(text),
            Cell::Integer(version.0 as i64),
        ])
    },
};
