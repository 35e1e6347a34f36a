//! What must hold of the entities of a kind. A rule refuses nothing that a source says; what breaks
//! it is a row of `model.problems`.

use std::fmt;
use std::sync::Arc;

use crate::{AttributeIndex, KindId, Origin, Schema, Value};

/// What must hold of the entities of a kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Whose attributes are looked at.
    pub kind: KindId,
    /// Which of its attributes, at least one.
    pub attributes: Vec<AttributeIndex>,
    /// What is demanded of them.
    pub demand: Demand,
    /// An entity with any of these values is not looked at.
    pub unless: Vec<(AttributeIndex, Value)>,
    /// What is said of an entity that breaks it; `None`: a sentence of ours.
    pub reason: Option<Arc<str>>,
    /// Who made the rule.
    pub origin: Origin,
}

/// What a rule demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Each attribute has a value.
    Required,
    /// No two entities of the kind have the same values of all the attributes; one without a value
    /// of any of them is left out.
    Unique,
    /// Each attribute, a list, has so many targets or items.
    Targets(Bounds),
    /// So many entities of the kind refer, by any of the attributes, to one of what they may refer to.
    Referrers(Bounds),
}

/// How many there may be, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The fewest.
    pub at_least: u64,
    /// The most; `u64::MAX`: any number.
    pub at_most: u64,
}

impl Bounds {
    /// Whether this many may be.
    pub fn contain(self, count: u64) -> bool {
        (self.at_least..=self.at_most).contains(&count)
    }
}

/// `at least 1`, `at most 2`, `1 to 2`, `exactly 1`.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (0, most) => write!(f, "at most {most}"),
            (least, u64::MAX) => write!(f, "at least {least}"),
            (least, most) if least == most => write!(f, "exactly {least}"),
            (least, most) => write!(f, "{least} to {most}"),
        }
    }
}

impl Demand {
    /// Its name in tables: `required`, `unique`, `targets`, `referrers`.
    pub fn name(self) -> &'static str {
        match self {
            Demand::Required => "required",
            Demand::Unique => "unique",
            Demand::Targets(_) => "targets",
            Demand::Referrers(_) => "referrers",
        }
    }

    /// How many there may be, of those that count.
    pub fn bounds(self) -> Option<Bounds> {
        match self {
            Demand::Required | Demand::Unique => None,
            Demand::Targets(bounds) | Demand::Referrers(bounds) => Some(bounds),
        }
    }
}

impl Rule {
    /// The names of its attributes.
    pub fn attribute_names<'a>(&'a self, schema: &'a Schema) -> impl Iterator<Item = &'a str> {
        let kind = schema.kind(self.kind);
        self.attributes.iter().map(|attribute| &*kind.attributes[*attribute].name)
    }

    /// In a few words, for people: `required`, `unique with panel`, `targets: at most 2`.
    pub fn describe(&self, schema: &Schema) -> String {
        let names: Vec<_> = self.attribute_names(schema).collect();
        let mut text = self.demand.name().to_owned();
        match self.demand.bounds() {
            Some(bounds) => text.push_str(&format!(": {bounds}")),
            None if 1 < names.len() => text.push_str(&format!(" together: {}", names.join(", "))),
            None => {}
        }
        let kind = schema.kind(self.kind);
        for (attribute, value) in &self.unless {
            let attribute = &kind.attributes[*attribute];
            let value = value.print(&attribute.of, schema);
            text.push_str(&format!(", unless {} is {value}", attribute.name));
        }
        text
    }
}
