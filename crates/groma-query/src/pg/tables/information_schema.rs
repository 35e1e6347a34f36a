//! The tables of the SQL standard that tell of tables (ISO 9075-11).

use super::PgTable;
use crate::kind_table::ID;
use crate::pg::OWNER;
use crate::pg::relations::{Relation, Relations};
use crate::table::Cell::{Integer, Null, Text};
use crate::table::{Cell, Type};

const SCHEMA: &str = "information_schema";

pub(super) static SCHEMATA: PgTable = PgTable {
    schema: SCHEMA,
    name: "schemata",
    columns: &[
        ("catalog_name", Type::Text, Null),
        ("schema_name", Type::Text, Null),
        ("schema_owner", Type::Text, Text(OWNER)),
        ("default_character_set_catalog", Type::Text, Null),
        ("default_character_set_schema", Type::Text, Null),
        ("default_character_set_name", Type::Text, Null),
        ("sql_path", Type::Text, Null),
    ],
    rows: |relations, rows| {
        let database = database(relations);
        relations.schemas().try_for_each(|(name, _)| {
            rows.push([("catalog_name", Text(&database)), ("schema_name", Text(&name))])
        })
    },
};

pub(super) static TABLES: PgTable = PgTable {
    schema: SCHEMA,
    name: "tables",
    columns: &[
        ("table_catalog", Type::Text, Null),
        ("table_schema", Type::Text, Null),
        ("table_name", Type::Text, Null),
        ("table_type", Type::Text, Text("BASE TABLE")),
        ("self_referencing_column_name", Type::Text, Null),
        ("reference_generation", Type::Text, Null),
        ("user_defined_type_catalog", Type::Text, Null),
        ("user_defined_type_schema", Type::Text, Null),
        ("user_defined_type_name", Type::Text, Null),
        ("is_insertable_into", Type::Text, Text("NO")),
        ("is_typed", Type::Text, Text("NO")),
        ("commit_action", Type::Text, Null),
    ],
    rows: |relations, rows| {
        let database = database(relations);
        relations.all.iter().try_for_each(|relation| {
            rows.push([
                ("table_catalog", Text(&database)),
                ("table_schema", Text(&relation.schema)),
                ("table_name", Text(&relation.name)),
                ("is_insertable_into", Text(yes(relation.keyed))),
            ])
        })
    },
};

pub(super) static VIEWS: PgTable = PgTable {
    schema: SCHEMA,
    name: "views",
    columns: &[
        ("table_catalog", Type::Text, Null),
        ("table_schema", Type::Text, Null),
        ("table_name", Type::Text, Null),
        ("view_definition", Type::Text, Null),
        ("check_option", Type::Text, Null),
        ("is_updatable", Type::Text, Null),
        ("is_insertable_into", Type::Text, Null),
    ],
    rows: |_, _| Ok(()),
};

pub(super) static COLUMNS: PgTable = PgTable {
    schema: SCHEMA,
    name: "columns",
    columns: &[
        ("table_catalog", Type::Text, Null),
        ("table_schema", Type::Text, Null),
        ("table_name", Type::Text, Null),
        ("column_name", Type::Text, Null),
        ("ordinal_position", Type::Integer, Null),
        ("column_default", Type::Text, Null),
        ("is_nullable", Type::Text, Null),
        ("data_type", Type::Text, Null),
        ("character_maximum_length", Type::Integer, Null),
        ("character_octet_length", Type::Integer, Null),
        ("numeric_precision", Type::Integer, Null),
        ("numeric_precision_radix", Type::Integer, Null),
        ("numeric_scale", Type::Integer, Null),
        ("datetime_precision", Type::Integer, Null),
        ("interval_type", Type::Text, Null),
        ("character_set_name", Type::Text, Null),
        ("collation_schema", Type::Text, Null),
        ("collation_name", Type::Text, Null),
        ("domain_schema", Type::Text, Null),
        ("domain_name", Type::Text, Null),
        ("udt_catalog", Type::Text, Null),
        ("udt_schema", Type::Text, Text("pg_catalog")),
        ("udt_name", Type::Text, Null),
        ("is_identity", Type::Text, Text("NO")),
        ("identity_generation", Type::Text, Null),
        ("is_generated", Type::Text, Text("NEVER")),
        ("generation_expression", Type::Text, Null),
        ("is_updatable", Type::Text, Null),
    ],
    rows: |relations, rows| {
        let database = database(relations);
        for relation in &relations.all {
            for (number, column) in (1..).zip(&relation.columns) {
                let key = relation.keyed && number == 1;
                let is_list = column.of.name.ends_with("[]");
                rows.push([
                    ("table_catalog", Text(&database)),
                    ("table_schema", Text(&relation.schema)),
                    ("table_name", Text(&relation.name)),
                    ("column_name", Text(&column.name)),
                    ("ordinal_position", Integer(number)),
                    ("is_nullable", Text(yes(!key))),
                    ("data_type", Text(if is_list { "ARRAY" } else { column.of.name })),
                    ("udt_catalog", Text(&database)),
                    ("udt_name", Text(column.of.short)),
                    ("is_updatable", Text(yes(relation.keyed && !key))),
                ])?;
            }
        }
        Ok(())
    },
};

/// Columns that name a constraint and its table, and then more; [`Key::names`] fills them.
macro_rules! of_constraint {
    ($($more:expr),* $(,)?) => {
        &[
            ("constraint_catalog", Type::Text, Null),
            ("constraint_schema", Type::Text, Null),
            ("constraint_name", Type::Text, Null),
            ("table_catalog", Type::Text, Null),
            ("table_schema", Type::Text, Null),
            ("table_name", Type::Text, Null),
            $($more),*
        ]
    };
}

pub(super) static TABLE_CONSTRAINTS: PgTable = PgTable {
    schema: SCHEMA,
    name: "table_constraints",
    columns: of_constraint![
        ("constraint_type", Type::Text, Null),
        ("is_deferrable", Type::Text, Text("NO")),
        ("initially_deferred", Type::Text, Text("NO")),
        ("enforced", Type::Text, Text("NO")),
    ],
    rows: |relations, rows| {
        for_each_key(relations, |relation, key| {
            let of = if key.foreign { "FOREIGN KEY" } else { "PRIMARY KEY" };
            rows.push_after(key.names(relation), [("constraint_type", Text(of))])
        })
    },
};

pub(super) static KEY_COLUMN_USAGE: PgTable = PgTable {
    schema: SCHEMA,
    name: "key_column_usage",
    columns: of_constraint![
        ("column_name", Type::Text, Null),
        ("ordinal_position", Type::Integer, Integer(1)),
        ("position_in_unique_constraint", Type::Integer, Null),
    ],
    rows: |relations, rows| {
        for_each_key(relations, |relation, key| {
            let position = if key.foreign { Integer(1) } else { Null };
            rows.push_after(
                key.names(relation),
                [("column_name", Text(key.column)), ("position_in_unique_constraint", position)],
            )
        })
    },
};

pub(super) static REFERENTIAL_CONSTRAINTS: PgTable = PgTable {
    schema: SCHEMA,
    name: "referential_constraints",
    columns: &[
        ("constraint_catalog", Type::Text, Null),
        ("constraint_schema", Type::Text, Null),
        ("constraint_name", Type::Text, Null),
        ("unique_constraint_catalog", Type::Text, Null),
        ("unique_constraint_schema", Type::Text, Null),
        ("unique_constraint_name", Type::Text, Null),
        ("match_option", Type::Text, Text("NONE")),
        ("update_rule", Type::Text, Text("NO ACTION")),
        ("delete_rule", Type::Text, Text("NO ACTION")),
    ],
    rows: |relations, rows| {
        let database = database(relations);
        for relation in &relations.all {
            for key in relation.foreign_keys() {
                rows.push([
                    ("constraint_catalog", Text(&database)),
                    ("constraint_schema", Text(&relation.schema)),
                    ("constraint_name", Text(&key.name)),
                    ("unique_constraint_catalog", Text(&database)),
                    ("unique_constraint_schema", Text(key.schema)),
                    ("unique_constraint_name", Text(&format!("{}_pkey", key.table))),
                ])?;
            }
        }
        Ok(())
    },
};

struct Key<'a> {
    database: &'a str,
    name: &'a str,
    column: &'a str,
    foreign: bool,
}

impl<'a> Key<'a> {
    /// What it is and where, as all tables of constraints name it.
    fn names(&self, relation: &'a Relation) -> [(&'static str, Cell<'a>); 6] {
        [
            ("constraint_catalog", Text(self.database)),
            ("constraint_schema", Text(&relation.schema)),
            ("constraint_name", Text(self.name)),
            ("table_catalog", Text(self.database)),
            ("table_schema", Text(&relation.schema)),
            ("table_name", Text(&relation.name)),
        ]
    }
}

fn for_each_key<E>(
    relations: &Relations,
    mut each: impl for<'a> FnMut(&'a Relation, Key<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let database = &*database(relations);
    for relation in relations.all.iter().filter(|relation| relation.keyed) {
        let name = &relation.key_name();
        each(relation, Key { database, name, column: ID, foreign: false })?;
        for key in relation.foreign_keys() {
            each(relation, Key { database, name: &key.name, column: key.column, foreign: true })?;
        }
    }
    Ok(())
}

fn database(relations: &Relations) -> String {
    relations.view.world_database().name().to_string()
}

fn yes(truth: bool) -> &'static str {
    if truth { "YES" } else { "NO" }
}
