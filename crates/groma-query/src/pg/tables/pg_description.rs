//! The manual of tables, columns and functions, where `\d+` and other tools look for it.

use super::PgTable;
use crate::table::Cell::{Integer, Null, Text};
use crate::table::Type;

/// Object ids of `pg_class` and `pg_proc`, which say what an object id is one of.
const OF_TABLES: i64 = 1259;
const OF_FUNCTIONS: i64 = 1255;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_description",
    columns: &[
        ("objoid", Type::Integer, Null),
        ("classoid", Type::Integer, Integer(OF_TABLES)),
        ("objsubid", Type::Integer, Integer(0)),
        ("description", Type::Text, Null),
    ],
    rows: |relations, rows| {
        for relation in &relations.all {
            let oid = ("objoid", Integer(relation.oid()));
            rows.push([oid.clone(), ("description", Text(&relation.doc))])?;
            let described =
                (1..).zip(&relation.columns).filter(|(_, column)| !column.doc.is_empty());
            for (number, column) in described {
                let number = ("objsubid", Integer(number));
                rows.push([oid.clone(), number, ("description", Text(&column.doc))])?;
            }
        }
        relations.functions().try_for_each(|(oid, function)| {
            rows.push([
                ("objoid", Integer(oid)),
                ("classoid", Integer(OF_FUNCTIONS)),
                ("description", Text(function.doc)),
            ])
        })
    },
};
