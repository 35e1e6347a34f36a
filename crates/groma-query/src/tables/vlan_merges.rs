//! What merging VLANs joins: one broadcast domain, and perhaps zones that a firewall keeps apart.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::{EntityRef, Value};
use groma_store::{Entity, Snapshot};

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "vlan_merges",
    doc: "VLANs that are merged into one: how large the broadcast domain becomes, and which zones and routing tables it joins.",
    columns: &[
        column("vlan", Type::Text, "The VLAN that the others are merged into."),
        column("members", Type::Texts, "All its VLANs, itself included."),
        column("zones", Type::Texts, "Firewall zones that it joins."),
        column("vrfs", Type::Texts, "Routing tables that it joins."),
        column(
            "joins_zones",
            Type::Boolean,
            "Whether it joins different zones or routing tables: a concern of security.",
        ),
        column("endpoints", Type::Integer, "End points in the merged broadcast domain."),
    ],
    rows: |view, sheet| {
        let snapshot = view.snapshot();
        let network = view.network();
        let kind = snapshot.schema().id("network.vlan");
        let mut endpoints: BTreeMap<(&str, u16), i64> = BTreeMap::new();
        for endpoint in network.endpoints() {
            if let Some(vlan) = endpoint.vlan {
                let vlan = &network.vlans()[vlan.index()];
                *endpoints.entry((&vlan.domain, vlan.vid)).or_default() += 1;
            }
        }
        let mut merges: BTreeMap<EntityRef, Vec<&Entity>> = BTreeMap::new();
        for vlan in snapshot.entities(kind) {
            merges.entry(root(snapshot, vlan)).or_default().push(vlan);
        }
        for (into, members) in merges.into_iter().filter(|(_, members)| members.len() > 1) {
            let texts = |attribute: &str| -> Vec<String> {
                let all: BTreeSet<_> = members
                    .iter()
                    .filter_map(|vlan| value(snapshot, vlan, attribute)?.as_text())
                    .collect();
                all.into_iter().map(str::to_owned).collect()
            };
            let (zones, vrfs) = (texts("zone"), texts("vrf"));
            let size = |vlan: &&Entity| {
                let vid = u16::try_from(value(snapshot, vlan, "vid")?.as_integer()?).ok()?;
                let domain = value(snapshot, vlan, "domain").and_then(Value::as_reference);
                endpoints.get(&(domain.map_or("", |domain| &domain.key), vid)).copied()
            };
            let size: i64 = members.iter().filter_map(size).sum();
            let joins = zones.len() > 1 || vrfs.len() > 1;
            sheet.push([
                Cell::Text(&into.key),
                Cell::Texts(members.iter().map(|vlan| vlan.key().to_owned()).collect()),
                Cell::Texts(zones),
                Cell::Texts(vrfs),
                Cell::Boolean(joins),
                Cell::Integer(size),
            ])?;
        }
        Ok(())
    },
};

fn value<'a>(snapshot: &Snapshot, entity: &'a Entity, attribute: &str) -> Option<&'a Value> {
    entity.value(snapshot.schema().kind(entity.id().kind).attribute(attribute)?)
}

/// Longest chain of merges that is followed; a circle ends there, too.
const MERGES_FOLLOWED_MAX: usize = 64;

fn root(snapshot: &Snapshot, vlan: &Entity) -> EntityRef {
    let mut root = vlan.id().clone();
    for _ in 0..MERGES_FOLLOWED_MAX {
        let next = snapshot
            .entity(&root)
            .and_then(|vlan| value(snapshot, vlan, "merged_into")?.as_reference());
        match next {
            Some(next) if *next != root => root = next.clone(),
            _ => break,
        }
    }
    root
}
