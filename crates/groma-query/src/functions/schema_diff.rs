//! What a schema would change.

use std::sync::Arc;

use groma_model::split_texts;

use super::arguments::Function;
use crate::{QueryError, schema_changes};

pub(super) static FUNCTION: Function = Function {
    name: "schema_diff",
    usage: "schema_diff(text)",
    doc: "what would change if the site's schema were this text, and how many facts each change touches.",
    arguments_min: 1,
    arguments_max: 1,
    columns: schema_changes::COLUMNS,
    rows: |call, sheet| {
        let files = split_texts(call.text(0).unwrap_or_default());
        let view = call.view()?;
        let before = Arc::clone(view.snapshot().schema());
        let after = call.engine().world().schema_with(&files).map_err(QueryError::from)?;
        schema_changes::push(&before, &after, view.world_database(), sheet)
    },
};
