//! All tables that are not kinds, in the order of the manual.

mod attributes;
mod commits;
mod counts;
mod distributions;
mod entities;
mod facts;
mod kinds;
mod problems;
mod segments;
mod sessions;
mod skew;
mod sources;
mod trees;

use crate::table::Table;

/// Names, columns and docs come from the entries themselves.
pub(crate) static ALL: &[&Table] = &[
    &kinds::TABLE,
    &attributes::TABLE,
    &entities::TABLE,
    &facts::TABLE,
    &sources::TABLE,
    &commits::TABLE,
    &problems::TABLE,
    &segments::TABLE,
    &counts::TABLE,
    &trees::TABLE,
    &sessions::TABLE,
    &distributions::TABLE,
    &skew::TABLE,
];
