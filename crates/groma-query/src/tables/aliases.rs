//! Under which names each entity is known, and when.

use datafusion::error::Result;
use groma_model::{AliasKind, Fact, Interval, Kind, Source, Timestamp, Value};
use groma_store::Grounds;

use crate::View;
use crate::table::{Cell, Sheet, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "aliases",
    doc: "Names by which entities are known, and when: serial numbers, addresses, MACs, host names, and ids that were merged into them.",
    columns: &[
        column("kind", Type::Text, "Kind of the entity."),
        column("id", Type::Text, "The entity."),
        column(
            "alias_kind",
            Type::Text,
            "serial, asset-tag, mac, fqdn, host-name, address; id: another id, which is merged into it.",
        ),
        column("alias", Type::Text, "The name as it was written."),
        column("source", Type::Text, "Who says so; groma: it follows from what others say."),
        column("valid_from", Type::Time, "From when on it is its name; NULL: always was."),
        column("valid_to", Type::Time, "Until when, exclusive; NULL: still is."),
        column(
            "origin",
            Type::Text,
            "The attribute that says it, declared, or for an id why it is merged.",
        ),
    ],
    rows: |view, sheet| {
        identifying_attributes(view, sheet)?;
        port_addresses(view, sheet)?;
        declared(view, sheet)?;
        merged_ids(view, sheet)
    },
};

/// Attributes that are names without telling who is one: several ports of a device share a MAC.
const NAMES_ONLY: [(&str, &str, AliasKind); 2] = [
    ("physical.port", "mac", AliasKind::Mac),
    ("compute.container", "address", AliasKind::Address),
];

fn identifying_attributes(view: &View, sheet: &mut Sheet) -> Result<()> {
    let snapshot = view.snapshot();
    for kind in snapshot.kinds() {
        let named: Vec<_> = (kind.attributes.iter().enumerate())
            .filter_map(|(index, attribute)| {
                let is_same = |(of, name, _): &&(&str, &str, AliasKind)| {
                    **of == *kind.name && **name == *attribute.name
                };
                let only = NAMES_ONLY.iter().find(is_same).map(|(_, _, alias)| *alias);
                Some((index, attribute.identifies.or(only)?))
            })
            .collect();
        if named.is_empty() {
            continue;
        }
        for entity in snapshot.entities(kind.id) {
            for (index, alias) in &named {
                for fact in entity.facts(*index) {
                    for text in texts(fact) {
                        let valid = entity.valid(*index, fact);
                        let origin = &kind.attributes[*index].name;
                        row(
                            sheet,
                            (kind, entity.key()),
                            alias.name(),
                            text,
                            &fact.source,
                            valid,
                            origin,
                        )?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn texts(fact: &Fact) -> Vec<&str> {
    match &fact.value {
        Some(Value::Text(text)) => vec![text],
        Some(value) => value.texts().iter().map(|text| &**text).collect(),
        None => Vec::new(),
    }
}

/// An address on a port is a name of the port's device.
fn port_addresses(view: &View, sheet: &mut Sheet) -> Result<()> {
    let snapshot = view.snapshot();
    let schema = snapshot.schema();
    let (Some(address), Some(port)) =
        (schema.find("network.address"), schema.find("physical.port"))
    else {
        return Ok(());
    };
    let attributes = (address.attribute("ip"), address.attribute("port"), port.attribute("device"));
    let (Some(ip), Some(on), Some(device)) = attributes else { return Ok(()) };
    for entity in snapshot.entities(address.id) {
        for fact in entity.facts(ip) {
            let valid = entity.valid(ip, fact);
            let owner = || {
                let port = entity.lasting_value_at(on, valid.from)?.as_reference()?;
                snapshot.entity(port)?.lasting_value_at(device, valid.from)?.as_reference()
            };
            if let (Some(text), Some(owner)) =
                (fact.value.as_ref().and_then(Value::as_text), owner())
            {
                let (kind, alias) = (schema.kind(owner.kind), AliasKind::Address.name());
                row(
                    sheet,
                    (kind, &owner.key),
                    alias,
                    text,
                    &fact.source,
                    valid,
                    "network.address",
                )?;
            }
        }
    }
    Ok(())
}

fn declared(view: &View, sheet: &mut Sheet) -> Result<()> {
    let snapshot = view.snapshot();
    for (id, alias) in snapshot.declared_aliases() {
        let kind = snapshot.schema().kind(id.kind);
        let meant = snapshot.canonical(id, Timestamp::MAX);
        let (name, source) = (alias.kind.name(), &alias.source);
        row(sheet, (kind, &meant.key), name, &alias.text, source, alias.valid, "declared")?;
    }
    Ok(())
}

fn merged_ids(view: &View, sheet: &mut Sheet) -> Result<()> {
    let snapshot = view.snapshot();
    for (id, merged) in snapshot.merged() {
        let kind = snapshot.schema().kind(id.kind);
        let (source, why): (&str, String) = match &merged.by {
            Grounds::Declared(source) => (source, "declared".into()),
            Grounds::Shared(alias, text) => ("groma", format!("same {alias} {text}")),
            Grounds::PartOf(whole) => ("groma", format!("part of {whole}")),
        };
        let source: Source = source.into();
        row(sheet, (kind, &merged.into), "id", &id.key, &source, merged.valid, &why)?;
    }
    Ok(())
}

fn row(
    sheet: &mut Sheet,
    (kind, id): (&Kind, &str),
    alias_kind: &str,
    alias: &str,
    source: &Source,
    valid: Interval,
    origin: &str,
) -> Result<()> {
    sheet.push([
        Cell::Text(&kind.name),
        Cell::Text(id),
        Cell::Text(alias_kind),
        Cell::Text(alias),
        Cell::Text(source),
        Cell::bound(valid.from),
        Cell::bound(valid.to),
        Cell::Text(origin),
    ])
}
