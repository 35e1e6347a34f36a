//! Schemas: the layers of the model, and what is derived from it.

use super::PgTable;
use crate::pg::relations::OWNER_OID;
use crate::table::Cell::{Integer, Null, Text};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_namespace",
    columns: &[
        ("oid", Type::Integer, Null),
        ("tableoid", Type::Integer, Integer(2615)),
        ("nspname", Type::Text, Null),
        ("nspowner", Type::Integer, Integer(OWNER_OID)),
        ("nspacl", Type::Texts, Null),
    ],
    rows: |relations, rows| {
        relations.schemas().try_for_each(|(name, oid)| {
            rows.push([("oid", Integer(oid)), ("nspname", Text(&name))])
        })
    },
};
