//! Columns of tables.

use super::PgTable;
use crate::table::Cell::{Boolean, Integer, Null, Text};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_attribute",
    columns: &[
        ("attrelid", Type::Integer, Null),
        ("attname", Type::Text, Null),
        ("atttypid", Type::Integer, Null),
        ("attstattarget", Type::Integer, Integer(-1)),
        ("attlen", Type::Integer, Integer(-1)),
        ("attnum", Type::Integer, Null),
        ("attndims", Type::Integer, Integer(0)),
        ("attcacheoff", Type::Integer, Integer(-1)),
        ("atttypmod", Type::Integer, Integer(-1)),
        ("attbyval", Type::Boolean, Boolean(false)),
        ("attalign", Type::Text, Text("i")),
        ("attstorage", Type::Text, Text("x")),
        ("attcompression", Type::Text, Text("")),
        ("attnotnull", Type::Boolean, Boolean(false)),
        ("atthasdef", Type::Boolean, Boolean(false)),
        ("atthasmissing", Type::Boolean, Boolean(false)),
        ("attidentity", Type::Text, Text("")),
        ("attgenerated", Type::Text, Text("")),
        ("attisdropped", Type::Boolean, Boolean(false)),
        ("attislocal", Type::Boolean, Boolean(true)),
        ("attinhcount", Type::Integer, Integer(0)),
        ("attcollation", Type::Integer, Integer(0)),
        ("attacl", Type::Texts, Null),
        ("attoptions", Type::Texts, Null),
        ("attfdwoptions", Type::Texts, Null),
        ("attmissingval", Type::Text, Null),
    ],
    rows: |relations, rows| {
        for relation in &relations.all {
            for (number, column) in (1..).zip(&relation.columns) {
                let key = relation.keyed && number == 1;
                rows.push([
                    ("attrelid", Integer(relation.oid())),
                    ("attname", Text(&column.name)),
                    ("atttypid", Integer(column.of.oid)),
                    ("attlen", Integer(column.of.length)),
                    ("attnum", Integer(number)),
                    ("attndims", Integer(i64::from(column.of.name.ends_with("[]")))),
                    ("attbyval", Boolean(column.of.length > 0)),
                    ("attstorage", Text(if column.of.length > 0 { "p" } else { "x" })),
                    ("attnotnull", Boolean(key)),
                ])?;
                if key {
                    rows.push([
                        ("attrelid", Integer(relation.key_oid())),
                        ("attname", Text(&column.name)),
                        ("atttypid", Integer(column.of.oid)),
                        ("attnum", Integer(1)),
                    ])?;
                }
            }
        }
        Ok(())
    },
};
