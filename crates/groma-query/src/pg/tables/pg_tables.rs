//! Tables by name.

use super::PgTable;
use crate::pg::OWNER;
use crate::table::Cell::{Boolean, Null, Text};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_tables",
    columns: &[
        ("schemaname", Type::Text, Null),
        ("tablename", Type::Text, Null),
        ("tableowner", Type::Text, Text(OWNER)),
        ("tablespace", Type::Text, Null),
        ("hasindexes", Type::Boolean, Boolean(false)),
        ("hasrules", Type::Boolean, Boolean(false)),
        ("hastriggers", Type::Boolean, Boolean(false)),
        ("rowsecurity", Type::Boolean, Boolean(false)),
    ],
    rows: |relations, rows| {
        relations.all.iter().try_for_each(|relation| {
            rows.push([
                ("schemaname", Text(&relation.schema)),
                ("tablename", Text(&relation.name)),
                ("hasindexes", Boolean(relation.keyed)),
            ])
        })
    },
};
