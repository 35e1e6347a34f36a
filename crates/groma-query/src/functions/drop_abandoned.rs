//! Drops forks that nobody has used for some time.

use super::abandoned::{COLUMNS, abandoned, row};
use super::arguments::Function;
use crate::Role;

pub(super) static FUNCTION: Function = Function {
    name: "drop_abandoned",
    usage: "drop_abandoned(idle)",
    doc: "drops the forks that abandoned(idle) lists, and lists them.",
    arguments_min: 1,
    arguments_max: 1,
    columns: COLUMNS,
    rows: |call, sheet| {
        let all = call.engine().databases();
        let dropped = call.change(Role::Admin, |engine| {
            let mut dropped = Vec::new();
            for database in abandoned(call, &all)? {
                // Somebody may have used it since: then it is not the same any more, and stays.
                if engine.drop_unused(&database)? {
                    dropped.push(database);
                }
            }
            Ok(dropped)
        })?;
        dropped.iter().try_for_each(|database| row(database, &all, sheet))
    },
};
