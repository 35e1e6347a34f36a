//! Settings that clients ask for.

use super::PgTable;
use crate::settings::FIXED;
use crate::table::Cell::{Boolean, Null, Text};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_settings",
    columns: &[
        ("name", Type::Text, Null),
        ("setting", Type::Text, Null),
        ("unit", Type::Text, Null),
        ("category", Type::Text, Text("Groma")),
        ("short_desc", Type::Text, Null),
        ("extra_desc", Type::Text, Null),
        ("context", Type::Text, Text("internal")),
        ("vartype", Type::Text, Text("string")),
        ("source", Type::Text, Text("default")),
        ("min_val", Type::Text, Null),
        ("max_val", Type::Text, Null),
        ("enumvals", Type::Texts, Null),
        ("boot_val", Type::Text, Null),
        ("reset_val", Type::Text, Null),
        ("sourcefile", Type::Text, Null),
        ("sourceline", Type::Integer, Null),
        ("pending_restart", Type::Boolean, Boolean(false)),
    ],
    rows: |_, rows| {
        FIXED.iter().try_for_each(|(name, value)| {
            let value = Text(value);
            rows.push([
                ("name", Text(name)),
                ("setting", value.clone()),
                ("boot_val", value.clone()),
                ("reset_val", value),
            ])
        })
    },
};
