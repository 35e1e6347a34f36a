//! All table functions, in the order of the manual. Each answers constants, given by place or by
//! name; see `arguments`.

mod abandoned;
mod arguments;
pub(crate) mod bound;
mod capacity_chain;
mod capacity_history;
mod capacity_needed;
mod capacity_predict;
mod capacity_record;
mod capacity_usl;
mod changes;
mod compact;
mod components;
mod create_token;
mod cut;
mod declare;
mod diff_summary;
mod drop_abandoned;
mod drop_token;
mod entity_alias;
mod entity_merge;
mod entity_split;
mod explain_crossing;
mod history;
mod import;
mod merge;
mod merge_preview;
mod model_diff;
pub(crate) mod named;
mod neighbors;
mod path;
pub(crate) mod per_row;
mod reach;
mod routes;
mod schema_apply;
mod schema_check;
mod schema_diff;
mod shortest_path;
mod source_poll;

use std::sync::Arc;

use datafusion::execution::context::SessionContext;

pub(crate) use arguments::Function;

/// Names, arguments, columns and docs come from the entries themselves.
pub(crate) static ALL: &[&Function] = &[
    &path::FUNCTION,
    &routes::FUNCTION,
    &explain_crossing::FUNCTION,
    &neighbors::FUNCTION,
    &reach::FUNCTION,
    &shortest_path::FUNCTION,
    &components::FUNCTION,
    &cut::FUNCTION,
    &model_diff::FUNCTION,
    &changes::FUNCTION,
    &history::FUNCTION,
    &diff_summary::FUNCTION,
    &merge_preview::FUNCTION,
    &merge::FUNCTION,
    &abandoned::FUNCTION,
    &drop_abandoned::FUNCTION,
    &entity_alias::FUNCTION,
    &entity_merge::FUNCTION,
    &entity_split::FUNCTION,
    &capacity_predict::FUNCTION,
    &capacity_needed::FUNCTION,
    &capacity_chain::FUNCTION,
    &capacity_history::FUNCTION,
    &capacity_usl::FUNCTION,
    &import::FUNCTION,
    &source_poll::FUNCTION,
    &capacity_record::FUNCTION,
    &compact::FUNCTION,
    &schema_check::FUNCTION,
    &schema_diff::FUNCTION,
    &schema_apply::FUNCTION,
    &create_token::FUNCTION,
    &drop_token::FUNCTION,
];

/// Makes all functions known to a session.
pub(crate) fn register(context: &SessionContext) {
    for function in ALL {
        context.register_udtf(function.name, Arc::new(*function));
    }
}
