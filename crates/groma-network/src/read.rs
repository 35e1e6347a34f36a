//! Reads the attributes of a kind as they hold at one time.

use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Timestamp, Value};
use groma_store::{Entity, Snapshot};

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
    at: Timestamp,
    lasts: bool,
}

/// Kinds whose names outlive what they name: a message log goes on naming an instance that was replaced
/// by one of another name, and no network needs to be built for each of the two.
pub const LASTING_KINDS: [&str; 3] = ["service.instance", "compute.process", "compute.container"];

impl<'a> Reader<'a> {
    /// The entities of a kind that exist at the time. A kind or attribute that the schema lacks
    /// (a site may bring its own schema) is as if nothing were known.
    pub(crate) fn rows<const N: usize>(
        self,
        kind: &str,
        attributes: [&str; N],
    ) -> impl Iterator<Item = Row<'a, N>> {
        let lasts = LASTING_KINDS.contains(&kind);
        let kind = self.snapshot.schema().find(kind);
        let attributes = attributes.map(|name| kind.and_then(|kind| kind.attribute(name)));
        (kind.into_iter())
            .flat_map(move |kind| self.snapshot.entities(kind.id))
            .filter(move |entity| lasts || self.exists(entity))
            .map(move |entity| Row { entity, attributes, at: self.at, lasts })
    }

    /// An entity exists while anything that is said of it holds; one that nothing is said of always.
    fn exists(self, entity: &Entity) -> bool {
        if self.at == Timestamp::MAX {
            return true;
        }
        let mut facts = entity.all_facts().peekable();
        facts.peek().is_none() || facts.any(|(_, fact)| fact.valid.contains(self.at))
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
        match self.lasts {
            true => self.entity.lasting_value_at(attribute, self.at),
            false => self.entity.value_at(attribute, self.at),
        }
    }

    pub(crate) fn text(&self, place: usize) -> Option<&'a str> {
        self.value(place)?.as_text().filter(|text| !text.is_empty())
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
        self.entity.fact_at(self.attributes[place]?, self.at).map(|fact| fact.observed_at)
    }
}

pub(crate) fn valid_vid(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|vid| (1..=4094).contains(vid))
}
