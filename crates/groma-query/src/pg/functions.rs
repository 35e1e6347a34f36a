//! Functions that clients call to learn about tables. A value that nobody measures, such as the size
//! of a table on disk, is NULL.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use datafusion_pg_catalog::pg_catalog::ArrowTable;

use super::relations::{
    CATALOG_OIDS, OWNER_OID, PgType, Relation, Relations, catalog_oid, database_oid, role_oid,
    schema_oid,
};
use super::{OWNER, static_tables};
use crate::Engine;
use crate::catalog::Asker;
use crate::functions::Function;
use crate::kind_table::ID;
use crate::settings::fixed_setting;

/// One function: its arguments arrive as texts, its answer leaves as one.
struct PgFunction {
    name: &'static str,
    of: DataType,
    answer: Answer,
}

type Answer = fn(&Relations, &[Option<&str>]) -> Option<String>;

const fn of(of: DataType, name: &'static str, answer: Answer) -> PgFunction {
    PgFunction { name, of, answer }
}

const fn text(name: &'static str, answer: Answer) -> PgFunction {
    of(DataType::Utf8, name, answer)
}

const fn yes(name: &'static str) -> PgFunction {
    of(DataType::Boolean, name, |_, _| Some("true".to_owned()))
}

const fn no(name: &'static str) -> PgFunction {
    of(DataType::Boolean, name, |_, _| Some("false".to_owned()))
}

const fn unmeasured(name: &'static str) -> PgFunction {
    of(DataType::Int64, name, |_, _| None)
}

static ALL: &[PgFunction] = &[
    text("obj_description", |relations, given| relations.description(number(given, 0)?, 0)),
    text("col_description", |relations, given| {
        relations.description(number(given, 0)?, number(given, 1)?)
    }),
    text("shobj_description", |_, _| None),
    text("pg_get_userbyid", |_, _| Some(OWNER.to_owned())),
    text("pg_get_constraintdef", |relations, given| constraint(relations, number(given, 0)?)),
    text("pg_get_indexdef", |relations, given| {
        index(relations, number(given, 0)?, number(given, 1))
    }),
    text("pg_get_function_arguments", |relations, given| {
        Some(arguments(function(relations, given)?).to_owned())
    }),
    text("pg_get_function_identity_arguments", |relations, given| {
        Some(arguments(function(relations, given)?).to_owned())
    }),
    text("pg_get_function_result", |relations, given| Some(result(function(relations, given)?))),
    text("pg_get_functiondef", |relations, given| {
        let function = function(relations, given)?;
        Some(format!(
            "-- {}\n-- built in: {}\n-- {}",
            function.usage,
            function.doc,
            result(function)
        ))
    }),
    text("pg_get_function_sqlbody", |_, _| None),
    text("pg_get_expr", |_, _| None),
    text("pg_get_partkeydef", |_, _| None),
    text("pg_get_statisticsobjdef_columns", |_, _| None),
    text("pg_get_viewdef", |_, _| None),
    text("pg_get_triggerdef", |_, _| None),
    text("pg_get_ruledef", |_, _| None),
    text("pg_get_serial_sequence", |_, _| None),
    text("pg_tablespace_location", |_, _| Some(String::new())),
    text("pg_encoding_to_char", |_, _| Some("UTF8".to_owned())),
    text("getdatabaseencoding", |_, _| Some("UTF8".to_owned())),
    text("pg_client_encoding", |_, _| Some("UTF8".to_owned())),
    text("pg_size_pretty", |_, given| given.first()?.map(|bytes| format!("{bytes} bytes"))),
    text("current_setting", |_, given| {
        Some(fixed_setting((*given.first()?)?).unwrap_or_default().to_owned())
    }),
    // Of these alone nothing depends on what they are set to.
    text("set_config", |_, given| match (*given.first()?)? {
        "jit" | "bytea_output" | "extra_float_digits" => given.get(1)?.map(str::to_owned),
        _ => None,
    }),
    text("pg_advisory_unlock_all", |_, _| Some(String::new())),
    text("groma_name_of", |relations, given| {
        name_of(relations, (*given.first()?)?, number(given, 1)?)
    }),
    of(DataType::Int64, "groma_oid_of", |relations, given| {
        oid_of(relations, (*given.first()?)?, (*given.get(1)?)?).map(|oid| oid.to_string())
    }),
    of(DataType::Int64, "to_regclass", |relations, given| {
        oid_of(relations, "regclass", (*given.first()?)?).map(|oid| oid.to_string())
    }),
    of(DataType::Int64, "to_regtype", |_, given| {
        static_oid(&static_tables().ok()?.pg_type, "typname", (*given.first()?)?)
            .map(|oid| oid.to_string())
    }),
    of(DataType::Int64, "pg_char_to_encoding", |_, _| Some("6".to_owned())),
    of(DataType::Int64, "pg_my_temp_schema", |_, _| Some("0".to_owned())),
    no("pg_is_in_recovery"),
    no("pg_is_other_temp_schema"),
    no("pg_relation_is_publishable"),
    unmeasured("pg_stat_get_numscans"),
    unmeasured("pg_table_size"),
    unmeasured("pg_indexes_size"),
    unmeasured("pg_relation_size"),
    unmeasured("pg_total_relation_size"),
    unmeasured("pg_database_size"),
    unmeasured("pg_tablespace_size"),
    yes("has_any_column_privilege"),
    yes("has_column_privilege"),
    yes("has_database_privilege"),
    yes("has_function_privilege"),
    yes("has_schema_privilege"),
    yes("has_table_privilege"),
    yes("has_type_privilege"),
    yes("pg_has_role"),
    yes("pg_table_is_visible"),
    yes("pg_function_is_visible"),
    yes("pg_type_is_visible"),
    yes("pg_operator_is_visible"),
    yes("pg_opclass_is_visible"),
    yes("pg_opfamily_is_visible"),
    yes("pg_collation_is_visible"),
    yes("pg_conversion_is_visible"),
    yes("pg_statistics_obj_is_visible"),
    yes("pg_ts_config_is_visible"),
    yes("pg_ts_dict_is_visible"),
    yes("pg_ts_parser_is_visible"),
    yes("pg_ts_template_is_visible"),
];

/// Makes them known to a session, over the tables of its database.
pub(super) fn register(context: &SessionContext, engine: &Engine, database: &str) {
    for function in ALL {
        context.register_udf(ScalarUDF::new_from_impl(Bound {
            function,
            engine: engine.clone(),
            database: database.to_owned(),
            signature: Signature::one_of(
                vec![TypeSignature::Nullary, TypeSignature::VariadicAny],
                Volatility::Stable,
            ),
        }));
    }
}

/// A function inside one database.
struct Bound {
    function: &'static PgFunction,
    engine: Engine,
    database: String,
    signature: Signature,
}

impl ScalarUDFImpl for Bound {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.function.of.clone())
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let view = self.engine.view(&self.database, Asker::nobody())?;
        let relations = Relations::of(&view);
        let columns: Vec<ArrayRef> = (call.args.iter())
            .map(|argument| {
                Ok(cast(&argument.clone().into_array(call.number_rows)?, &DataType::Utf8)?)
            })
            .collect::<Result<_>>()?;
        let answers: StringArray = (0..call.number_rows)
            .map(|row| {
                let given: Vec<Option<&str>> = columns
                    .iter()
                    .map(|column| {
                        column.is_valid(row).then(|| column.as_string::<i32>().value(row))
                    })
                    .collect();
                (self.function.answer)(&relations, &given)
            })
            .collect();
        Ok(ColumnarValue::Array(match self.function.of {
            DataType::Int64 => {
                Arc::new(answers.iter().map(|text| text?.parse().ok()).collect::<Int64Array>())
            }
            DataType::Boolean => {
                Arc::new(answers.iter().map(|text| Some(text? == "true")).collect::<BooleanArray>())
            }
            _ => Arc::new(answers),
        }))
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.function.name, self.database)
    }
}

impl PartialEq for Bound {
    fn eq(&self, other: &Bound) -> bool {
        (self.function.name, &self.database) == (other.function.name, &other.database)
    }
}

impl Eq for Bound {}

impl Hash for Bound {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.function.name, &self.database).hash(state);
    }
}

fn number(given: &[Option<&str>], place: usize) -> Option<i64> {
    given.get(place)?.as_ref()?.parse().ok()
}

fn constraint(relations: &Relations, oid: i64) -> Option<String> {
    relations.all.iter().find_map(|relation| {
        if relation.keyed && relation.key_oid() == oid {
            return Some(format!("PRIMARY KEY ({ID})"));
        }
        relation.foreign_keys().find(|key| key.oid == oid).map(|key| key.definition())
    })
}

fn index(relations: &Relations, oid: i64, column: Option<i64>) -> Option<String> {
    let mut keyed = relations.all.iter().filter(|relation| relation.keyed);
    let relation = keyed.find(|relation| relation.key_oid() == oid)?;
    Some(match column {
        Some(number) if number > 0 => ID.to_owned(),
        _ => format!(
            "CREATE UNIQUE INDEX {} ON {}.{} USING btree ({ID})",
            relation.key_name(),
            relation.schema,
            relation.name
        ),
    })
}

fn function(relations: &Relations, given: &[Option<&str>]) -> Option<&'static Function> {
    let wanted = number(given, 0)?;
    relations.functions().find(|(oid, _)| *oid == wanted).map(|(_, function)| function)
}

/// `from, to [, at]` of `path(from, to [, at])`.
fn arguments(function: &Function) -> &'static str {
    let inner = function.usage.split_once('(').map_or("", |(_, rest)| rest);
    inner.strip_suffix(')').unwrap_or(inner)
}

fn result(function: &Function) -> String {
    let columns = function.columns.iter().map(|column| {
        let of = PgType::of(&column.of.arrow());
        format!("{} {}", column.name, of.name)
    });
    format!("TABLE({})", columns.collect::<Vec<_>>().join(", "))
}

fn name_of(relations: &Relations, class: &str, oid: i64) -> Option<String> {
    let name = match class {
        "regclass" => {
            let catalog = CATALOG_OIDS.iter().find(|(_, known)| *known == oid);
            let catalog = catalog.map(|(name, _)| (*name).to_owned());
            catalog.or_else(|| {
                relations.find(oid).map(|found| format!("{}.{}", found.schema, found.name))
            })
        }
        "regnamespace" => {
            relations.schemas().find(|(_, known)| *known == oid).map(|(name, _)| name)
        }
        "regrole" if oid == OWNER_OID => Some(OWNER.to_owned()),
        "regrole" => relations.role_name(oid),
        _ => relations.functions().find(|(known, _)| *known == oid).map(|(_, f)| f.name.to_owned()),
    };
    // As PostgreSQL does with an id of nothing.
    Some(name.unwrap_or_else(|| if oid == 0 { "-".to_owned() } else { oid.to_string() }))
}

fn oid_of(relations: &Relations, class: &str, name: &str) -> Option<i64> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let plain = name.replace('"', "");
    match class {
        "regnamespace" => Some(schema_oid(&plain)),
        "regrole" if plain == OWNER => Some(OWNER_OID),
        "regrole" => Some(role_oid(&plain)).filter(|oid| relations.role_name(*oid).is_some()),
        "regproc" | "regprocedure" => proc_oid(relations, &plain),
        _ => {
            let bare = plain.strip_prefix("pg_catalog.").unwrap_or(&plain);
            if let Some(oid) = catalog_oid(bare) {
                return Some(oid);
            }
            let named = |schema: &str, name: &str| plain == format!("{schema}.{name}");
            let mut found = (relations.all.iter())
                .filter(|relation| named(&relation.schema, &relation.name))
                .map(Relation::oid);
            found
                .next()
                .or_else(|| (plain == database_name(relations)).then(|| database_oid(&plain)))
        }
    }
}

/// Groma's own function of a name, or else the first of PostgreSQL's.
fn proc_oid(relations: &Relations, name: &str) -> Option<i64> {
    let bare = name.split('(').next()?.rsplit('.').next()?;
    let mut own = relations.functions().filter(|(_, function)| function.name == bare);
    if let Some((oid, _)) = own.next() {
        return Some(oid);
    }
    static_oid(&static_tables().ok()?.pg_proc, "proname", bare)
}

/// The object id of the first row of a table of the library that has this name.
fn static_oid(table: &ArrowTable, column: &str, name: &str) -> Option<i64> {
    table.data().iter().find_map(|batch| {
        let names = cast(batch.column_by_name(column)?, &DataType::Utf8).ok()?;
        let oids = cast(batch.column_by_name("oid")?, &DataType::Int64).ok()?;
        let row = names.as_string::<i32>().iter().position(|known| known == Some(name))?;
        Some(oids.as_primitive::<Int64Type>().value(row))
    })
}

fn database_name(relations: &Relations) -> String {
    relations.view.world_database().name().to_string()
}
