//! Functions: PostgreSQL's own, which types and operators refer to, and Groma's table functions.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::error::Result;

use crate::functions::Function;
use crate::pg::relations::{OWNER_OID, PgType, Relations, schema_oid};
use crate::pg::static_tables;
use crate::table::Type;

/// Pseudo-type of a row whose columns the function lists itself.
const RECORD: i64 = 2249;
const TEXT: i64 = 25;

/// All of them. Cost: a copy of some thousand rows' column pointers.
pub(crate) fn table(relations: &Relations) -> Result<Arc<dyn TableProvider>> {
    let library = &static_tables()?.pg_proc;
    let known = library.schema();
    let fields = known.fields().iter().map(|field| match list_type(field.name()) {
        Some(of) => Arc::new(field.as_ref().clone().with_data_type(of.arrow())),
        None => Arc::clone(field),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let functions: Vec<_> = relations.functions().collect();
    let own =
        schema.fields().iter().map(|field| column(field, &functions)).collect::<Result<_>>()?;
    let mut batches = vec![RecordBatch::try_new(Arc::clone(&schema), own)?];
    for batch in library.data() {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns =
            columns.map(|(column, field)| as_list(column, field)).collect::<Result<_>>()?;
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
    }
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}

/// What the library calls a text though it is a list, which no function on lists then takes.
fn list_type(column: &str) -> Option<Type> {
    match column {
        "proacl" | "proargmodes" | "proargnames" | "proconfig" => Some(Type::Texts),
        "proallargtypes" => Some(Type::Integers),
        _ => None,
    }
}

/// The library writes lists as Python does: `['i', 'o']`, `[25, 16]`.
fn as_list(column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    match field.name().as_str() {
        // Of users that are not here.
        "proacl" | "proconfig" => Ok(new_null_array(field.data_type(), column.len())),
        name if list_type(name).is_some() => {
            let texts = cast(column, &DataType::Utf8)?;
            let rows = texts.as_string::<i32>().iter().map(|text| {
                let inside = text?.strip_prefix('[')?.strip_suffix(']')?;
                Some(inside.split(", ").map(|item| item.trim_matches('\'').to_owned()).collect())
            });
            Ok(cast(&lists(rows), field.data_type())?)
        }
        _ => Ok(Arc::clone(column)),
    }
}

fn lists(rows: impl Iterator<Item = Option<Vec<String>>>) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in rows {
        lists.append_option(row.map(|items| items.into_iter().map(Some)));
    }
    Arc::new(lists.finish())
}

/// A parameter or column of a function of ours: its mode, name and type. What is given arrives as text.
fn signature(
    function: &'static Function,
) -> impl Iterator<Item = (&'static str, &'static str, i64)> {
    let given = function.parameters().into_iter().map(|name| ("i", name, TEXT));
    given.chain(
        function
            .columns
            .iter()
            .map(|column| ("t", column.name, PgType::of(&column.of.arrow()).oid)),
    )
}

fn column(field: &Field, functions: &[(i64, &'static Function)]) -> Result<ArrayRef> {
    let count = functions.len();
    let numbers = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number; count])) };
    let texts = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; count])) };
    let signatures = |part: fn((&str, &str, i64)) -> String| {
        lists(functions.iter().map(|(_, f)| Some(signature(f).map(part).collect())))
    };
    let values: ArrayRef = match field.name().as_str() {
        "oid" => Arc::new(functions.iter().map(|(oid, _)| *oid).collect::<Int64Array>()),
        "proname" => Arc::new(functions.iter().map(|(_, f)| Some(f.name)).collect::<StringArray>()),
        "pronargs" => {
            Arc::new(functions.iter().map(|(_, f)| f.arguments_max as i64).collect::<Int64Array>())
        }
        "proargtypes" => Arc::new(
            functions
                .iter()
                .map(|(_, f)| Some(vec![TEXT.to_string(); f.arguments_max].join(" ")))
                .collect::<StringArray>(),
        ),
        "proargmodes" => signatures(|(mode, _, _)| mode.to_owned()),
        "proargnames" => signatures(|(_, name, _)| name.to_owned()),
        "proallargtypes" => signatures(|(_, _, of)| of.to_string()),
        "pronamespace" => numbers(schema_oid("public")),
        "proowner" => numbers(OWNER_OID),
        "prorettype" => numbers(RECORD),
        "prokind" => texts("f"),
        "provolatile" => texts("s"),
        "proparallel" => texts("s"),
        "prosrc" => texts(""),
        "proretset" => Arc::new(BooleanArray::from(vec![true; count])),
        _ if field.is_nullable() => return Ok(new_null_array(field.data_type(), count)),
        _ => match field.data_type() {
            DataType::Boolean => Arc::new(BooleanArray::from(vec![false; count])),
            DataType::Utf8 => texts(""),
            _ => numbers(0),
        },
    };
    Ok(cast(&values, field.data_type())?)
}
