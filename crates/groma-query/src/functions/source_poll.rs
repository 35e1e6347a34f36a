//! Asks a source of the schedule now.

use super::arguments::Function;
use super::import;
use crate::{QueryError, Role};

pub(super) static FUNCTION: Function = Function {
    name: "source_poll",
    usage: "source_poll(name)",
    doc: "asks a source of the server's schedule now, whenever its turn is, and waits for what it says; model.sources lists them.",
    arguments_min: 1,
    arguments_max: 1,
    columns: import::COLUMNS,
    rows: |call, sheet| {
        let reader = sheet.reader();
        let report = call.change(Role::Operator, |engine| {
            let schedule = engine.options().schedule.as_ref().ok_or_else(|| {
                QueryError::new(QueryError::NOT_SUPPORTED, "nobody asks on a schedule here")
                    .with_hint("groma serve --sources FILE does.")
            })?;
            Ok(schedule.poll(call.text(0).unwrap_or_default(), &|| !reader.is_closed())?)
        })?;
        import::write(&report, sheet)
    },
};
