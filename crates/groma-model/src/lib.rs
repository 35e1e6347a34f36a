//! What exists: kinds, entities, facts, units and time. Pure; everything else stands on it.
//!
//! Sources give [`Observation`]s in their own words (`kind`, `key`, named [`Raw`] attributes).
//! The store reads them against the [`Schema`] and turns them into [`Fact`]s about typed attributes.
//! What cannot be read becomes a [`Problem`], and the rest goes on.

mod alias;
mod fact;
mod kind;
mod nearest;
mod observation;
mod renames;
mod rule;
mod schema;
mod time;
mod trust;
mod units;
mod value;

pub use alias::AliasKind;
pub use fact::{Fact, Source, Version};
pub use kind::{Attribute, AttributeIndex, EntityRef, Kind, KindId, Origin, ValueType};
pub use nearest::nearest;
pub use observation::{Decoded, Observation, Problem, Raw};
pub use renames::{Gone, Renames};
pub use rule::{Bounds, Demand, Rule};
pub use schema::{
    ATTRIBUTES_MAX, DifferenceKind, KINDS_MAX, RESERVED_LAYERS, SCHEMA_BYTES_MAX, Schema,
    SchemaDifference, SchemaError, SchemaText, differences, join_texts, split_texts,
};
pub use time::{Interval, Timestamp, TimestampError};
pub use trust::{RANK_DEFAULT, SOURCE_RULES_MAX, Says, SourceRule, Trust, duration};
pub use units::{UNITS, format_bytes, format_count};
pub use value::{Value, ValueError};
