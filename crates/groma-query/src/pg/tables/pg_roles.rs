//! The owner of everything, for clients that ask who owns a table.

use super::PgTable;
use crate::pg::OWNER;
use crate::pg::relations::OWNER_OID;
use crate::table::Cell::{Boolean, Integer, Null, Text};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_roles",
    columns: &[
        ("oid", Type::Integer, Integer(OWNER_OID)),
        ("rolname", Type::Text, Text(OWNER)),
        ("rolsuper", Type::Boolean, Boolean(true)),
        ("rolinherit", Type::Boolean, Boolean(true)),
        ("rolcreaterole", Type::Boolean, Boolean(true)),
        ("rolcreatedb", Type::Boolean, Boolean(true)),
        ("rolcanlogin", Type::Boolean, Boolean(true)),
        ("rolreplication", Type::Boolean, Boolean(false)),
        ("rolconnlimit", Type::Integer, Integer(-1)),
        ("rolpassword", Type::Text, Null),
        ("rolvaliduntil", Type::Time, Null),
        ("rolbypassrls", Type::Boolean, Boolean(true)),
        ("rolconfig", Type::Texts, Null),
    ],
    rows: |_, rows| rows.push([]),
};
