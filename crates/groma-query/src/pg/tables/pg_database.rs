//! All databases: `live` and its forks.

use super::PgTable;
use crate::pg::relations::{OWNER_OID, database_oid};
use crate::table::Cell::{Boolean, Integer, Null, Text};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_database",
    columns: &[
        ("oid", Type::Integer, Null),
        ("tableoid", Type::Integer, Integer(1262)),
        ("datname", Type::Text, Null),
        ("datdba", Type::Integer, Integer(OWNER_OID)),
        ("encoding", Type::Integer, Integer(6)),
        ("datlocprovider", Type::Text, Text("c")),
        ("datistemplate", Type::Boolean, Boolean(false)),
        ("datallowconn", Type::Boolean, Boolean(true)),
        ("datconnlimit", Type::Integer, Integer(-1)),
        ("datfrozenxid", Type::Integer, Integer(0)),
        ("datminmxid", Type::Integer, Integer(0)),
        ("dattablespace", Type::Integer, Integer(1663)),
        ("datcollate", Type::Text, Text("C")),
        ("datctype", Type::Text, Text("C")),
        ("daticulocale", Type::Text, Null),
        ("daticurules", Type::Text, Null),
        ("datcollversion", Type::Text, Null),
        ("datacl", Type::Texts, Null),
    ],
    rows: |relations, rows| {
        relations.view.databases().iter().try_for_each(|database| {
            let name = database.name();
            rows.push([("oid", Integer(database_oid(name))), ("datname", Text(name))])
        })
    },
};
