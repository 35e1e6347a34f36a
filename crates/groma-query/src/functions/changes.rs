//! The changes from a version or time on.

use super::arguments::Function;
use crate::changes;

pub(super) static FUNCTION: Function = Function {
    name: "changes",
    usage: "changes(since)",
    doc: "the rows of model.changes from a version (v120) or a time of hearing on; its cost grows with what has changed since.",
    arguments_min: 1,
    arguments_max: 1,
    columns: changes::COLUMNS,
    rows: |call, sheet| {
        let view = call.view()?;
        let since = changes::since(&view, call.text(0).unwrap_or_default())?;
        changes::write(&view, since, &|_| true, sheet)
    },
};
