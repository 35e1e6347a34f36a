//! Functions: PostgreSQL's own, which types and operators refer to, and Groma's table functions.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::error::Result;

use crate::pg::relations::{OWNER_OID, Relations, schema_oid};
use crate::pg::static_tables;
use crate::table::Type;

/// Pseudo-type of a row whose columns the function lists itself.
const RECORD: i64 = 2249;

/// All of them. Cost: a copy of some thousand rows' column pointers.
pub(crate) fn table(relations: &Relations) -> Result<Arc<dyn TableProvider>> {
    let library = &static_tables()?.pg_proc;
    // The library calls a list of privileges a text, which no function on lists then takes.
    let known = library.schema();
    let fields = known.fields().iter().map(|field| match field.name().as_str() {
        "proacl" | "proconfig" => {
            Arc::new(field.as_ref().clone().with_data_type(Type::Texts.arrow()))
        }
        _ => Arc::clone(field),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let functions: Vec<_> = relations.functions().collect();
    let own =
        schema.fields().iter().map(|field| column(field, &functions)).collect::<Result<_>>()?;
    let mut batches = vec![RecordBatch::try_new(Arc::clone(&schema), own)?];
    for batch in library.data() {
        let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
            let same = column.data_type() == field.data_type();
            if same { Arc::clone(column) } else { new_null_array(field.data_type(), column.len()) }
        });
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns.collect())?);
    }
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}

fn column(
    field: &Field,
    functions: &[(i64, &'static crate::functions::Function)],
) -> Result<ArrayRef> {
    let count = functions.len();
    let numbers = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number; count])) };
    let texts = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; count])) };
    let values: ArrayRef = match field.name().as_str() {
        "oid" => Arc::new(functions.iter().map(|(oid, _)| *oid).collect::<Int64Array>()),
        "proname" => Arc::new(functions.iter().map(|(_, f)| Some(f.name)).collect::<StringArray>()),
        "pronargs" => {
            Arc::new(functions.iter().map(|(_, f)| f.arguments_max as i64).collect::<Int64Array>())
        }
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
