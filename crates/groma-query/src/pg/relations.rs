//! What a database holds, in PostgreSQL's words: relations with columns, keys and object ids.

use arrow::datatypes::DataType;
use groma_model::{Kind, ValueType};

use crate::functions::{self, Function};
use crate::kind_table::{ID, kind_columns};
use crate::table::Type;
use crate::users::User;
use crate::{Role, View, catalog, messages, tables};

/// Object id of the schema `pg_catalog`, as in every PostgreSQL.
pub(super) const PG_CATALOG_OID: i64 = 11;
/// Object id of the owner of everything; the first superuser of every PostgreSQL.
pub(super) const OWNER_OID: i64 = 10;
/// Object ids below this one are PostgreSQL's own.
const OWN_OIDS_FROM: i64 = 16_384;

/// The catalog tables that others refer to by id, as in every PostgreSQL.
pub(super) const CATALOG_OIDS: [(&str, i64); 8] = [
    ("pg_attribute", 1249),
    ("pg_class", 1259),
    ("pg_constraint", 2606),
    ("pg_database", 1262),
    ("pg_namespace", 2615),
    ("pg_proc", 1255),
    ("pg_trigger", 2620),
    ("pg_type", 1247),
];

/// The object id of a catalog table.
pub(super) fn catalog_oid(name: &str) -> Option<i64> {
    CATALOG_OIDS.iter().find(|(known, _)| *known == name).map(|(_, oid)| *oid)
}

/// What is in one database.
pub(super) struct Relations {
    pub(super) view: std::sync::Arc<View>,
    pub(super) all: Vec<Relation>,
}

/// A table of the database.
pub(super) struct Relation {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) columns: Vec<RelationColumn>,
    /// Rows, where they are counted anyway.
    pub(super) rows: Option<u64>,
    /// Whether its first column, `id`, is its key.
    pub(super) keyed: bool,
}

/// A column of a relation.
pub(super) struct RelationColumn {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) of: PgType,
    /// The one table whose `id` it holds, as (schema, name).
    pub(super) references: Option<(String, String)>,
}

/// A type as PostgreSQL knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PgType {
    pub(super) oid: i64,
    /// Name as `format_type` prints it.
    pub(super) name: &'static str,
    /// Name in `pg_type`.
    pub(super) short: &'static str,
    /// Bytes; -1: as many as the value needs.
    pub(super) length: i64,
}

const fn pg_type(oid: i64, name: &'static str, short: &'static str, length: i64) -> PgType {
    PgType { oid, name, short, length }
}

impl PgType {
    /// The type that the wire gives a column of this type.
    pub(super) fn of(arrow: &DataType) -> PgType {
        match arrow {
            DataType::Boolean => pg_type(16, "boolean", "bool", 1),
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => {
                pg_type(21, "smallint", "int2", 2)
            }
            DataType::Int32 | DataType::UInt16 => pg_type(23, "integer", "int4", 4),
            DataType::Int64 | DataType::UInt32 => pg_type(20, "bigint", "int8", 8),
            DataType::UInt64 => pg_type(1700, "numeric", "numeric", -1),
            DataType::Float32 => pg_type(700, "real", "float4", 4),
            DataType::Float64 => pg_type(701, "double precision", "float8", 8),
            DataType::Timestamp(_, Some(_)) => {
                pg_type(1184, "timestamp with time zone", "timestamptz", 8)
            }
            DataType::Timestamp(_, None) => {
                pg_type(1114, "timestamp without time zone", "timestamp", 8)
            }
            DataType::List(item) if item.data_type() == &DataType::Int64 => {
                pg_type(1016, "bigint[]", "_int8", -1)
            }
            DataType::List(_) => pg_type(1009, "text[]", "_text", -1),
            _ => pg_type(25, "text", "text", -1),
        }
    }
}

impl Relations {
    pub(super) fn of(view: &std::sync::Arc<View>) -> Relations {
        let schema = view.snapshot().schema();
        let kinds = schema.kinds().iter().map(|kind| kind_relation(view, kind));
        let derived = tables::ALL.iter().map(|table| {
            let columns =
                table.columns.iter().map(|column| plain(column.name, column.of, column.doc));
            Relation {
                schema: table.schema.to_owned(),
                name: table.name.to_owned(),
                doc: table.doc.to_owned(),
                columns: columns.collect(),
                rows: None,
                keyed: false,
            }
        });
        let mut all: Vec<Relation> = kinds.chain(derived).chain([messages_relation()]).collect();
        all.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        Relations { view: std::sync::Arc::clone(view), all }
    }

    /// Schemas with their object ids.
    pub(super) fn schemas(&self) -> impl Iterator<Item = (String, i64)> {
        catalog::schema_names(&self.view).into_iter().map(|name| {
            let oid = schema_oid(&name);
            (name, oid)
        })
    }

    /// The relation with this object id.
    pub(super) fn find(&self, oid: i64) -> Option<&Relation> {
        self.all.iter().find(|relation| relation.oid() == oid)
    }

    /// Users, by name; empty where nobody keeps any.
    pub(super) fn users(&self) -> Vec<User> {
        let users = self.view.engine().options().users.as_ref();
        users.map(|users| users.all()).unwrap_or_default()
    }

    /// The role or user with this object id.
    pub(super) fn role_name(&self, oid: i64) -> Option<String> {
        let roles = Role::ALL.into_iter().map(|role| role.name().to_owned());
        roles
            .chain(self.users().into_iter().map(|user| user.name))
            .find(|name| role_oid(name) == oid)
    }

    pub(super) fn functions(&self) -> impl Iterator<Item = (i64, &'static Function)> {
        functions::ALL.iter().map(|function| (oid("function", function.name), *function))
    }

    /// What the object with this id is for; `column` 0 is the object itself.
    pub(super) fn description(&self, object: i64, column: i64) -> Option<String> {
        if let Some(relation) = self.find(object) {
            return match column {
                0 => Some(relation.doc.clone()),
                number => relation.columns.get(number as usize - 1).map(|c| c.doc.clone()),
            };
        }
        let mut functions = self.functions().filter(|(oid, _)| *oid == object);
        functions.next().map(|(_, function)| format!("{}: {}", function.usage, function.doc))
    }
}

impl Relation {
    pub(super) fn oid(&self) -> i64 {
        oid("relation", &format!("{}.{}", self.schema, self.name))
    }

    /// Object id of the index behind its key.
    pub(super) fn key_oid(&self) -> i64 {
        oid("key", &format!("{}.{}", self.schema, self.name))
    }

    pub(super) fn key_name(&self) -> String {
        format!("{}_pkey", self.name)
    }

    /// Columns that refer to another table, with their number from 1 and the constraint's name.
    pub(super) fn foreign_keys(&self) -> impl Iterator<Item = ForeignKey<'_>> {
        (1_i64..).zip(&self.columns).filter_map(|(number, column)| {
            let (schema, table) = column.references.as_ref()?;
            Some(ForeignKey {
                number,
                column: &column.name,
                schema,
                table,
                name: format!("{}_{}_fkey", self.name, column.name),
                oid: oid("foreign key", &format!("{}.{}.{}", self.schema, self.name, column.name)),
            })
        })
    }
}

/// A column that holds ids of one other table.
pub(super) struct ForeignKey<'a> {
    pub(super) number: i64,
    pub(super) column: &'a str,
    pub(super) schema: &'a str,
    pub(super) table: &'a str,
    pub(super) name: String,
    pub(super) oid: i64,
}

impl ForeignKey<'_> {
    pub(super) fn target_oid(&self) -> i64 {
        oid("relation", &format!("{}.{}", self.schema, self.table))
    }

    /// Object id of the index behind the key that it refers to.
    pub(super) fn target_key_oid(&self) -> i64 {
        oid("key", &format!("{}.{}", self.schema, self.table))
    }

    /// As PostgreSQL writes it.
    pub(super) fn definition(&self) -> String {
        format!("FOREIGN KEY ({}) REFERENCES {}.{}({ID})", self.column, self.schema, self.table)
    }
}

pub(super) fn schema_oid(name: &str) -> i64 {
    if name == "pg_catalog" { PG_CATALOG_OID } else { oid("schema", name) }
}

/// Of a role or a user: they share their names.
pub(super) fn role_oid(name: &str) -> i64 {
    oid("role", name)
}

pub(super) fn database_oid(name: &str) -> i64 {
    oid("database", name)
}

/// The same name has the same object id in every session and after a restart (FNV-1a, folded to the
/// 30 bits above PostgreSQL's own; with some hundred names a collision is one in millions).
fn oid(class: &str, name: &str) -> i64 {
    let bytes = class.bytes().chain([0]).chain(name.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    OWN_OIDS_FROM + ((hash ^ (hash >> 30)) & 0x3fff_ffff) as i64
}

fn kind_relation(view: &View, kind: &Kind) -> Relation {
    let schema = view.snapshot().schema();
    let id = plain(ID, Type::Text, &format!("Its key: {}.", kind.key_doc));
    let attributes =
        kind_columns(kind).skip(1).zip(&kind.attributes).map(|((name, of), attribute)| {
            let references = match &attribute.of {
                ValueType::Reference(kinds) if kinds.len() == 1 => {
                    let target = schema.kind(kinds[0]);
                    Some((target.layer().to_owned(), target.noun().to_owned()))
                }
                _ => None,
            };
            RelationColumn { references, ..plain(name, of, &attribute.doc) }
        });
    Relation {
        schema: kind.layer().to_owned(),
        name: kind.noun().to_owned(),
        doc: kind.doc.clone(),
        columns: std::iter::once(id).chain(attributes).collect(),
        rows: Some(view.snapshot().count(kind.id) as u64),
        keyed: true,
    }
}

fn messages_relation() -> Relation {
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| RelationColumn {
        name: field.name().clone(),
        doc: String::new(),
        of: PgType::of(&messages::column_type(field)),
        references: None,
    };
    Relation {
        schema: messages::SCHEMA.to_owned(),
        name: messages::NAME.to_owned(),
        doc: messages::DOC.to_owned(),
        columns: groma_events::segment_schema().fields().iter().map(column).collect(),
        rows: None,
        keyed: false,
    }
}

fn plain(name: &str, of: Type, doc: &str) -> RelationColumn {
    RelationColumn {
        name: name.to_owned(),
        doc: doc.to_owned(),
        of: PgType::of(&of.arrow()),
        references: None,
    }
}
