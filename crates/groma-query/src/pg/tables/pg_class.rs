//! Tables, and the index behind the key of each table that has one.

use super::PgTable;
use crate::pg::relations::{OWNER_OID, schema_oid};
use crate::table::Cell::{Boolean, Float, Integer, Null, Text};
use crate::table::Type;

const NO: crate::table::Cell<'static> = Boolean(false);

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_class",
    columns: &[
        ("oid", Type::Integer, Null),
        ("tableoid", Type::Integer, Integer(1259)),
        ("relname", Type::Text, Null),
        ("relnamespace", Type::Integer, Null),
        ("reltype", Type::Integer, Integer(0)),
        ("reloftype", Type::Integer, Integer(0)),
        ("relowner", Type::Integer, Integer(OWNER_OID)),
        ("relam", Type::Integer, Integer(0)),
        ("relfilenode", Type::Integer, Integer(0)),
        ("reltablespace", Type::Integer, Integer(0)),
        ("relpages", Type::Integer, Integer(1)),
        ("reltuples", Type::Float, Float(-1.0)),
        ("relallvisible", Type::Integer, Integer(0)),
        ("reltoastrelid", Type::Integer, Integer(0)),
        ("relhasindex", Type::Boolean, NO),
        ("relisshared", Type::Boolean, NO),
        ("relpersistence", Type::Text, Text("p")),
        ("relkind", Type::Text, Text("r")),
        ("relnatts", Type::Integer, Integer(0)),
        ("relchecks", Type::Integer, Integer(0)),
        ("relhasoids", Type::Boolean, NO),
        ("relhasrules", Type::Boolean, NO),
        ("relhastriggers", Type::Boolean, NO),
        ("relhassubclass", Type::Boolean, NO),
        ("relrowsecurity", Type::Boolean, NO),
        ("relforcerowsecurity", Type::Boolean, NO),
        ("relispopulated", Type::Boolean, Boolean(true)),
        ("relreplident", Type::Text, Text("d")),
        ("relispartition", Type::Boolean, NO),
        ("relrewrite", Type::Integer, Integer(0)),
        ("relfrozenxid", Type::Integer, Integer(0)),
        ("relminmxid", Type::Integer, Integer(0)),
        ("relacl", Type::Texts, Null),
        ("reloptions", Type::Texts, Null),
        ("relpartbound", Type::Text, Null),
    ],
    rows: |relations, rows| {
        for relation in &relations.all {
            let referred = relations.all.iter().any(|other| {
                other
                    .foreign_keys()
                    .any(|key| (key.schema, key.table) == (&relation.schema, &relation.name))
            });
            rows.push([
                ("oid", Integer(relation.oid())),
                ("relname", Text(&relation.name)),
                ("relnamespace", Integer(schema_oid(&relation.schema))),
                ("relnatts", Integer(relation.columns.len() as i64)),
                ("reltuples", Float(relation.rows.map_or(-1.0, |rows| rows as f64))),
                ("relhasindex", Boolean(relation.keyed)),
                // PostgreSQL checks foreign keys by triggers, and clients look there first.
                ("relhastriggers", Boolean(referred || relation.foreign_keys().next().is_some())),
            ])?;
            if relation.keyed {
                rows.push([
                    ("oid", Integer(relation.key_oid())),
                    ("relname", Text(&relation.key_name())),
                    ("relnamespace", Integer(schema_oid(&relation.schema))),
                    ("relnatts", Integer(1)),
                    ("relkind", Text("i")),
                    ("relam", Integer(403)),
                ])?;
            }
        }
        Ok(())
    },
};
