//! The indexes behind keys: an entity is found by its `id` without a scan.

use super::PgTable;
use crate::table::Cell::{Boolean, Integer, Integers, Null};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_index",
    columns: &[
        ("indexrelid", Type::Integer, Null),
        ("indrelid", Type::Integer, Null),
        ("indnatts", Type::Integer, Integer(1)),
        ("indnkeyatts", Type::Integer, Integer(1)),
        ("indisunique", Type::Boolean, Boolean(true)),
        ("indnullsnotdistinct", Type::Boolean, Boolean(false)),
        ("indisprimary", Type::Boolean, Boolean(true)),
        ("indisexclusion", Type::Boolean, Boolean(false)),
        ("indimmediate", Type::Boolean, Boolean(true)),
        ("indisclustered", Type::Boolean, Boolean(false)),
        ("indisvalid", Type::Boolean, Boolean(true)),
        ("indcheckxmin", Type::Boolean, Boolean(false)),
        ("indisready", Type::Boolean, Boolean(true)),
        ("indislive", Type::Boolean, Boolean(true)),
        ("indisreplident", Type::Boolean, Boolean(false)),
        ("indkey", Type::Integers, Integers(&[1])),
        ("indcollation", Type::Integers, Integers(&[0])),
        ("indclass", Type::Integers, Integers(&[0])),
        ("indoption", Type::Integers, Integers(&[0])),
        ("indexprs", Type::Text, Null),
        ("indpred", Type::Text, Null),
    ],
    rows: |relations, rows| {
        relations.all.iter().filter(|relation| relation.keyed).try_for_each(|relation| {
            rows.push([
                ("indexrelid", Integer(relation.key_oid())),
                ("indrelid", Integer(relation.oid())),
            ])
        })
    },
};
