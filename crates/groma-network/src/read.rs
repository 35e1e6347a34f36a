//! Reads the attributes of a kind as they hold at one time.

use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Timestamp, Value};
use groma_store::{Difference, Entity, Snapshot};

/// A snapshot at a time.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) at: Timestamp,
}

/// An entity with some of its attributes, by the order in which they were asked for.
pub(crate) struct Row<'a, const N: usize> {
    entity: &'a Arc<Entity>,
    attributes: [Option<AttributeIndex>; N],
    reader: Reader<'a>,
    lasts: bool,
}

/// Kinds whose names outlive what they name: a message log goes on naming an instance that was replaced
/// by one of another name, and no network needs to be built for each of the two.
pub const LASTING_KINDS: [&str; 3] = ["service.instance", "compute.process", "compute.container"];

/// What is read of a port, in the order in which it is read.
pub(crate) const PORT: [&str; 14] = [
    "device",
    "name",
    "type",
    "mac",
    "admin_up",
    "up",
    "mode",
    "access_vlan",
    "native_vlan",
    "allowed_vlans",
    "vlan",
    "vrf",
    "parent",
    "routing_cost",
];

/// What is read of a route, in the order in which it is read.
pub(crate) const ROUTE: [&str; 9] = [
    "device",
    "vrf",
    "prefix",
    "protocol",
    "next_hop_ips",
    "next_hop_ports",
    "next_hop_vteps",
    "drop",
    "metric",
];

/// What a network reads of each kind.
const READ: &[(&str, &[&str])] = &[
    ("physical.device", &["role", "up"]),
    ("physical.port", &PORT),
    ("physical.link", &["a", "b", "up", "out_of_band"]),
    ("network.l2_domain", &["devices"]),
    ("network.vlan", &["domain", "device", "vid", "vni", "merged_into"]),
    ("network.subnet", &["prefix", "vlan", "vid"]),
    ("network.address", &["ip", "prefix_length", "port", "mac", "vrf"]),
    ("network.gateway", &["ip", "mac", "vid", "vrf", "protocol", "members", "active"]),
    ("network.route", &ROUTE),
    ("network.routing_domain", &["devices", "vrf", "protocol", "default_from"]),
    ("network.neighbor", &["ip", "mac", "state"]),
    ("network.mac_entry", &["device", "vlan", "mac", "port", "vtep", "type"]),
    ("network.lag", &["port", "members", "mlag_id"]),
    ("network.mlag_domain", &["devices", "peer_links", "up"]),
    ("network.stp_state", &["port", "vlan", "state"]),
    ("network.vtep", &["device", "ip"]),
    ("compute.host", &["device", "address"]),
    ("compute.vm", &["host", "address", "mac", "vlan"]),
    ("compute.process", &["runs_on"]),
    ("compute.container", &["runs_on", "address"]),
    ("service.instance", &["runs_on", "address"]),
];

/// Kinds of which it also matters when a value was observed.
const READ_WITH_TIMES: [&str; 2] = ["network.neighbor", "network.mac_entry"];

/// What a difference between two snapshots means to a network.
pub(crate) enum Effect<'a> {
    /// Nothing.
    None,
    /// The device of this key works, or does not.
    DeviceState { key: &'a str, up: bool },
    /// The port of this key works, or does not.
    PortState { key: &'a str, up: bool },
    /// The cable of this key works, or does not, as far as it is up to the cable.
    LinkState { key: &'a str, up: bool },
    /// Something else.
    Other,
}

/// What a difference means. `reader`: the snapshot after it.
pub(crate) fn effect<'a>(reader: Reader<'_>, difference: &'a Difference) -> Effect<'a> {
    let (Some(before), Some(after)) = (&difference.before, &difference.after) else {
        let either = difference.before.as_ref().or(difference.after.as_ref());
        let unread = either.is_none_or(|entity| reader.read_of(entity).is_none());
        return if unread { Effect::None } else { Effect::Other };
    };
    let Some(&(kind, attributes)) = reader.read_of(after) else { return Effect::None };
    let lasts = LASTING_KINDS.contains(&kind);
    if (!lasts && before.exists_at(reader.at) != after.exists_at(reader.at))
        || READ_WITH_TIMES.contains(&kind)
    {
        return Effect::Other;
    }
    let of_kind = reader.snapshot.schema().kind(after.id().kind);
    let index = |name: &str| of_kind.attribute(name);
    let value = |entity: &'a Arc<Entity>, name: &str| reader.value(entity, index(name)?, lasts);
    // Who had an address once leaves it to who has it.
    let has_now = |entity, name: &str| {
        lasts && name == "address" && index(name).is_some_and(|of| reader.has_now(entity, of))
    };
    let mut changed = attributes.iter().filter(|name| {
        value(before, name) != value(after, name) || has_now(before, name) != has_now(after, name)
    });
    let states: &[&str] = match kind {
        "physical.device" | "physical.link" => &["up"],
        "physical.port" => &["admin_up", "up"],
        _ => &[],
    };
    let Some(first) = changed.next() else { return Effect::None };
    if !states.contains(first) || !changed.all(|name| states.contains(name)) {
        return Effect::Other;
    }
    let says_up = |name: &&str| value(after, name).and_then(Value::as_boolean).unwrap_or(true);
    let (key, up) = (after.key(), states.iter().all(says_up));
    match kind {
        "physical.device" => Effect::DeviceState { key, up },
        "physical.port" => Effect::PortState { key, up },
        _ => Effect::LinkState { key, up },
    }
}

impl<'a> Reader<'a> {
    /// The name of an entity's kind with what is read of it. `None`: nothing.
    fn read_of(self, entity: &Entity) -> Option<&'static (&'static str, &'static [&'static str])> {
        let kind = &*self.snapshot.schema().kind(entity.id().kind).name;
        READ.iter().find(|(name, _)| *name == kind)
    }

    fn value(self, entity: &Entity, attribute: AttributeIndex, lasts: bool) -> Option<&Value> {
        match lasts {
            true => entity.lasting_value_at(attribute, self.at),
            false => entity.value_at(attribute, self.at),
        }
    }

    fn has_now(self, entity: &Entity, attribute: AttributeIndex) -> bool {
        entity.exists_at(self.at) && entity.value_at(attribute, self.at).is_some()
    }

    /// The entities of a kind that exist at the time. A kind or attribute that the schema lacks
    /// (a site may bring its own schema) is as if nothing were known.
    pub(crate) fn rows<const N: usize>(
        self,
        kind: &str,
        attributes: [&str; N],
    ) -> impl Iterator<Item = Row<'a, N>> {
        let read = READ.iter().find(|(name, _)| *name == kind);
        let listed = |name: &&str| read.is_some_and(|(_, read)| read.contains(name));
        debug_assert!(attributes.iter().all(listed), "{kind}: all that is read is in READ");
        let lasts = LASTING_KINDS.contains(&kind);
        let kind = self.snapshot.schema().find(kind);
        let attributes = attributes.map(|name| kind.and_then(|kind| kind.attribute(name)));
        (kind.into_iter())
            .flat_map(move |kind| self.snapshot.entities(kind.id))
            .filter(move |entity| lasts || entity.exists_at(self.at))
            .map(move |entity| Row { entity, attributes, reader: self, lasts })
    }
}

impl<'a, const N: usize> Row<'a, N> {
    pub(crate) fn id(&self) -> &'a EntityRef {
        self.entity.id()
    }

    pub(crate) fn key(&self) -> &'a Arc<str> {
        &self.entity.id().key
    }

    fn value(&self, place: usize) -> Option<&'a Value> {
        let attribute = self.attributes[place]?;
        self.reader.value(self.entity, attribute, self.lasts)
    }

    pub(crate) fn text(&self, place: usize) -> Option<&'a str> {
        self.value(place)?.as_text().filter(|text| !text.is_empty())
    }

    /// Whether the value held once, and what had it is gone or has none now.
    pub(crate) fn is_former(&self, place: usize) -> bool {
        let attribute = self.attributes[place];
        self.lasts && attribute.is_some_and(|of| !self.reader.has_now(self.entity, of))
    }

    pub(crate) fn integer(&self, place: usize) -> Option<i64> {
        self.value(place)?.as_integer()
    }

    /// A VLAN id from 1 to 4094.
    pub(crate) fn vid(&self, place: usize) -> Option<u16> {
        self.integer(place).and_then(valid_vid)
    }

    pub(crate) fn boolean(&self, place: usize) -> Option<bool> {
        self.value(place)?.as_boolean()
    }

    pub(crate) fn reference(&self, place: usize) -> Option<&'a EntityRef> {
        self.value(place)?.as_reference()
    }

    pub(crate) fn references(&self, place: usize) -> &'a [EntityRef] {
        self.value(place).map_or(&[], Value::references)
    }

    pub(crate) fn texts(&self, place: usize) -> &'a [Arc<str>] {
        self.value(place).map_or(&[], Value::texts)
    }

    pub(crate) fn integers(&self, place: usize) -> Option<&'a [i64]> {
        self.value(place).map(Value::integers)
    }

    /// When the value was observed.
    pub(crate) fn observed_at(&self, place: usize) -> Option<Timestamp> {
        self.entity.fact_at(self.attributes[place]?, self.reader.at).map(|fact| fact.observed_at)
    }
}

pub(crate) fn valid_vid(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|vid| (1..=4094).contains(vid))
}
