//! The orders of text that every PostgreSQL has; ours is that of the bytes.

use super::PgTable;
use crate::pg::relations::{OWNER_OID, PG_CATALOG_OID};
use crate::table::Cell::{Boolean, Integer, Null, Text};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_collation",
    columns: &[
        ("oid", Type::Integer, Null),
        ("collname", Type::Text, Null),
        ("collnamespace", Type::Integer, Integer(PG_CATALOG_OID)),
        ("collowner", Type::Integer, Integer(OWNER_OID)),
        ("collprovider", Type::Text, Text("c")),
        ("collisdeterministic", Type::Boolean, Boolean(true)),
        ("collencoding", Type::Integer, Integer(-1)),
        ("collcollate", Type::Text, Null),
        ("collctype", Type::Text, Null),
        ("colliculocale", Type::Text, Null),
        ("collicurules", Type::Text, Null),
        ("collversion", Type::Text, Null),
    ],
    rows: |_, rows| {
        rows.push([
            ("oid", Integer(100)),
            ("collname", Text("default")),
            ("collprovider", Text("d")),
        ])?;
        [(950, "C"), (951, "POSIX")].into_iter().try_for_each(|(oid, name)| {
            rows.push([
                ("oid", Integer(oid)),
                ("collname", Text(name)),
                ("collcollate", Text(name)),
                ("collctype", Text(name)),
            ])
        })
    },
};
