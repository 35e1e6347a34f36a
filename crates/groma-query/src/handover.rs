//! Addresses that went from one machine to another: who had one when.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use groma_model::{AttributeIndex, EntityRef, Interval, KindId, Timestamp, Value};
use groma_store::{Entity, Snapshot};

/// Kinds whose addresses are looked at, those nearest to the program first.
const KINDS: [&str; 4] = ["service.instance", "compute.container", "compute.vm", "compute.host"];

/// Addresses that several things of a kind had one after the other.
#[derive(Debug, Default)]
pub(crate) struct HandedOver {
    holders: BTreeMap<String, Vec<Holder>>,
}

#[derive(Debug)]
struct Holder {
    /// Place in [`KINDS`]; ports of devices come last.
    nearness: usize,
    entity: EntityRef,
    valid: Interval,
}

impl HandedOver {
    /// Cost: O(addresses).
    pub(crate) fn find(snapshot: &Snapshot) -> HandedOver {
        let mut holders: BTreeMap<String, Vec<Holder>> = BTreeMap::new();
        for (nearness, kind) in KINDS.iter().enumerate() {
            let Some(kind) = snapshot.schema().find(kind) else { continue };
            let Some(address) = kind.attribute("address") else { continue };
            note(snapshot, kind.id, address, &mut |entity, text, valid| {
                let holder = Holder { nearness, entity: entity.id().clone(), valid };
                holders.entry(normal(text)).or_default().push(holder);
            });
        }
        let schema = snapshot.schema();
        if let (Some(address), Some(port)) =
            (schema.find("network.address"), schema.find("physical.port"))
            && let (Some(ip), Some(on), Some(device)) =
                (address.attribute("ip"), address.attribute("port"), port.attribute("device"))
        {
            note(snapshot, address.id, ip, &mut |entity, text, valid| {
                let owner = || {
                    let port = entity.lasting_value_at(on, valid.from)?.as_reference()?;
                    let port = snapshot.entity(port)?;
                    port.lasting_value_at(device, valid.from)?.as_reference().cloned()
                };
                if let Some(entity) = owner() {
                    let holder = Holder { nearness: KINDS.len(), entity, valid };
                    holders.entry(normal(text)).or_default().push(holder);
                }
            });
        }
        holders.retain(|_, holders| changes_hands(holders));
        HandedOver { holders }
    }

    /// The times at which an address came to or left a machine.
    pub(crate) fn times(&self) -> impl Iterator<Item = Timestamp> {
        let all = self.holders.values().flatten();
        all.flat_map(|holder| [holder.valid.from, holder.valid.to])
    }

    /// The address that a name of the log is, if that was handed over.
    pub(crate) fn address(&self, name: &str) -> Option<&str> {
        if self.holders.is_empty() {
            return None;
        }
        let known = |text: String| self.holders.get_key_value(&text).map(|(key, _)| key.as_str());
        known(normal(name)).or_else(|| {
            let socket = name.parse::<SocketAddr>().ok()?;
            known(socket.ip().to_canonical().to_string())
        })
    }

    /// Who had an address at a time; `None`: nobody.
    pub(crate) fn holder(&self, address: &str, at: Timestamp) -> Option<&EntityRef> {
        let holders = self.holders.get(address)?.iter();
        let holding = holders.filter(|holder| holder.valid.contains(at));
        holding.min_by_key(|holder| (holder.nearness, &holder.entity)).map(|holder| &holder.entity)
    }

    /// Whether an address came to or left a machine at `from` or after it.
    pub(crate) fn changes_from(&self, address: &str, from: Timestamp) -> bool {
        let bounds = self.holders.get(address).into_iter().flatten();
        bounds
            .flat_map(|holder| [holder.valid.from, holder.valid.to])
            .any(|time| from <= time && time != Timestamp::MAX)
    }
}

fn note<'a>(
    snapshot: &'a Snapshot,
    kind: KindId,
    attribute: AttributeIndex,
    each: &mut dyn FnMut(&'a Entity, &'a str, Interval),
) {
    for entity in snapshot.entities(kind) {
        for fact in entity.facts(attribute) {
            let valid = entity.valid(attribute, fact);
            if let Some(text) = fact.value.as_ref().and_then(Value::as_text)
                && valid.from < valid.to
            {
                each(entity, text, valid);
            }
        }
    }
}

/// Whether things of one kind had it that did not always have it at once.
fn changes_hands(holders: &[Holder]) -> bool {
    let kinds: BTreeSet<usize> = holders.iter().map(|holder| holder.nearness).collect();
    kinds.into_iter().any(|kind| {
        let of_kind: Vec<&Holder> = holders.iter().filter(|h| h.nearness == kind).collect();
        let several = of_kind.iter().any(|holder| holder.entity != of_kind[0].entity);
        several && of_kind.iter().any(|holder| holder.valid != Interval::ALWAYS)
    })
}

/// One spelling: without the length of the network.
fn normal(text: &str) -> String {
    let text = text.trim();
    let bare = text.split(['/', '%']).next().unwrap_or(text);
    bare.parse::<IpAddr>().map_or_else(|_| text.to_owned(), |ip| ip.to_canonical().to_string())
}
