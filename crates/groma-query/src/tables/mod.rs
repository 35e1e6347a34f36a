//! All tables that are not kinds, in the order of the manual.

mod aliases;
mod attributes;
mod audit;
mod capacity_predictions;
mod capacity_warnings;
mod changes;
mod columns;
mod commits;
mod conflicts;
mod counts;
mod databases;
mod distributions;
mod drift;
mod entities;
mod facts;
mod graphs;
mod kinds;
mod problems;
mod rules;
mod schemas;
mod segments;
mod services;
mod sessions;
mod skew;
mod sources;
#[expect(clippy::module_inception, reason = "named for its table, model.tables, as all are")]
mod tables;
mod tokens;
mod traffic_balance;
mod traffic_crossing;
mod traffic_heatmap;
mod traffic_layers;
mod traffic_link_load;
mod traffic_matrix;
mod traffic_reasons;
mod trees;
mod users;
mod vlan_merges;

use crate::table::Table;

/// Names, columns and docs come from the entries themselves.
pub(crate) static ALL: &[&Table] = &[
    &kinds::TABLE,
    &attributes::TABLE,
    &rules::TABLE,
    &schemas::TABLE,
    &tables::TABLE,
    &columns::TABLE,
    &databases::TABLE,
    &graphs::TABLE,
    &entities::TABLE,
    &facts::TABLE,
    &aliases::TABLE,
    &conflicts::TABLE,
    &drift::TABLE,
    &sources::TABLE,
    &commits::TABLE,
    &changes::TABLE,
    &problems::TABLE,
    &audit::TABLE,
    &users::TABLE,
    &tokens::TABLE,
    &segments::TABLE,
    &vlan_merges::TABLE,
    &counts::TABLE,
    &trees::TABLE,
    &sessions::TABLE,
    &distributions::TABLE,
    &skew::TABLE,
    &services::TABLE,
    &traffic_matrix::TABLE,
    &traffic_crossing::TABLE,
    &traffic_reasons::TABLE,
    &traffic_layers::TABLE,
    &traffic_heatmap::TABLE,
    &traffic_link_load::TABLE,
    &traffic_balance::TABLE,
    &capacity_predictions::TABLE,
    &capacity_warnings::TABLE,
];
