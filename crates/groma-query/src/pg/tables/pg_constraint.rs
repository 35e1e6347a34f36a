//! Keys: `id` of every kind, and references to one other kind. They describe; what a source says is
//! kept even if it refers to nothing, and `model.problems` tells of it.

use super::PgTable;
use crate::pg::relations::schema_oid;
use crate::table::Cell::{Boolean, Integer, Integers, Null, Text};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_constraint",
    columns: &[
        ("oid", Type::Integer, Null),
        ("tableoid", Type::Integer, Integer(2606)),
        ("conname", Type::Text, Null),
        ("connamespace", Type::Integer, Null),
        ("contype", Type::Text, Null),
        ("condeferrable", Type::Boolean, Boolean(false)),
        ("condeferred", Type::Boolean, Boolean(false)),
        ("convalidated", Type::Boolean, Boolean(true)),
        ("conrelid", Type::Integer, Null),
        ("contypid", Type::Integer, Integer(0)),
        ("conindid", Type::Integer, Integer(0)),
        ("conparentid", Type::Integer, Integer(0)),
        ("confrelid", Type::Integer, Integer(0)),
        ("confupdtype", Type::Text, Text(" ")),
        ("confdeltype", Type::Text, Text(" ")),
        ("confmatchtype", Type::Text, Text(" ")),
        ("conislocal", Type::Boolean, Boolean(true)),
        ("coninhcount", Type::Integer, Integer(0)),
        ("connoinherit", Type::Boolean, Boolean(true)),
        ("conkey", Type::Integers, Null),
        ("confkey", Type::Integers, Null),
        ("conpfeqop", Type::Integers, Null),
        ("conppeqop", Type::Integers, Null),
        ("conffeqop", Type::Integers, Null),
        ("confdelsetcols", Type::Integers, Null),
        ("conexclop", Type::Integers, Null),
        ("conbin", Type::Text, Null),
    ],
    rows: |relations, rows| {
        for relation in &relations.all {
            let namespace = schema_oid(&relation.schema);
            if relation.keyed {
                rows.push([
                    ("oid", Integer(relation.key_oid())),
                    ("conname", Text(&relation.key_name())),
                    ("connamespace", Integer(namespace)),
                    ("contype", Text("p")),
                    ("conrelid", Integer(relation.oid())),
                    ("conindid", Integer(relation.key_oid())),
                    ("conkey", Integers(&[1])),
                ])?;
            }
            for key in relation.foreign_keys() {
                rows.push([
                    ("oid", Integer(key.oid)),
                    ("conname", Text(&key.name)),
                    ("connamespace", Integer(namespace)),
                    ("contype", Text("f")),
                    ("conrelid", Integer(relation.oid())),
                    // The index that finds what is referred to.
                    ("conindid", Integer(key.target_key_oid())),
                    ("confrelid", Integer(key.target_oid())),
                    ("confupdtype", Text("a")),
                    ("confdeltype", Text("a")),
                    ("confmatchtype", Text("s")),
                    ("conkey", Integers(&[key.number])),
                    ("confkey", Integers(&[1])),
                ])?;
            }
        }
        Ok(())
    },
};
