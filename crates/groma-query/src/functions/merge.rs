//! Merges what one database has said into another, as one commit.

use super::arguments::Function;
use super::merge_preview::{COLUMNS, databases, decisions, rows};
use crate::Role;

pub(super) static FUNCTION: Function = Function {
    name: "merge",
    usage: "merge(from, into [, strategy [, choices]])",
    doc: "takes what one database changed since both were the same into another, all of it or nothing; conflicts refuse it unless the strategy is 'ours' or 'theirs' or the choices decide them: rows of merge_preview as JSON with 'ours' or 'theirs' as resolution.",
    arguments_min: 2,
    arguments_max: 4,
    columns: COLUMNS,
    rows: |call, sheet| {
        let (from, into) = databases(call);
        let schema = std::sync::Arc::clone(call.engine().world().schema());
        let decisions = decisions(call, &schema)?;
        let source = format!("sql:{}", call.user()).into();
        let merge = call
            .change(Role::Operator, |engine| Ok(engine.merge(from, into, &decisions, source)?))?;
        rows(&merge, &schema, sheet)
    },
};
