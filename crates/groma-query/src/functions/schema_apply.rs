//! Takes a schema for all databases.

use std::sync::Arc;

use groma_model::split_texts;
use groma_store::Writer as _;

use super::arguments::Function;
use crate::{QueryError, schema_changes};

pub(super) static FUNCTION: Function = Function {
    name: "schema_apply",
    usage: "schema_apply(text)",
    doc: "makes this text the site's schema, in place of the one before, and tells what changed; what is told is durable.",
    arguments_min: 1,
    arguments_max: 1,
    columns: schema_changes::COLUMNS,
    rows: |call, sheet| {
        let files = split_texts(call.text(0).unwrap_or_default());
        let view = call.view()?;
        let (before, after) = call.change(crate::Role::Admin, |engine| {
            let mut turn = engine.turn();
            let before = Arc::clone(turn.schema());
            let now = turn.not_before_last(crate::clock::now());
            turn.apply_schema(files, "sql".into(), now).map_err(QueryError::from)?;
            Ok((before, Arc::clone(turn.schema())))
        })?;
        schema_changes::push(&before, &after, view.world_database(), sheet)
    },
};
