//! `trace.messages`: the records as they arrived, read from the Parquet segments.

use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use datafusion::catalog::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, LogicalPlanBuilder, ScalarUDF, Volatility, create_udf, ident,
};

use crate::View;

/// Schema of the table.
pub(crate) const SCHEMA: &str = "trace";
/// Name of the table.
pub(crate) const NAME: &str = "messages";
/// Its manual.
pub(crate) const DOC: &str =
    "The records of the message log as they arrived; docs/message-log.md explains the columns.";

/// The segments that a view can see, as one table with filters pushed into the files.
/// Ids are text, as in all tables of the schema.
pub(crate) async fn table(view: &View) -> Result<Arc<dyn TableProvider>> {
    let (records, print) = (records(view)?, print_id());
    let columns: Vec<_> = (records.schema().fields().iter())
        .map(|field| match field.data_type() {
            DataType::UInt64 => print.call(vec![ident(field.name())]).alias(field.name()),
            _ => ident(field.name()),
        })
        .collect();
    let plan = LogicalPlanBuilder::scan(NAME, provider_as_source(records), None)?
        .project(columns)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn print_id() -> ScalarUDF {
    let print = |arguments: &[ColumnarValue]| {
        let ids = arguments[0].clone().into_array(1)?;
        let ids = ids.as_primitive::<UInt64Type>();
        let texts: StringArray = ids.iter().map(|id| id.map(groma_trace::print_id)).collect();
        Ok(ColumnarValue::Array(Arc::new(texts)))
    };
    create_udf(
        "print_id",
        vec![DataType::UInt64],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(print),
    )
}

fn records(view: &View) -> Result<Arc<dyn TableProvider>> {
    let schema = plain_names(&groma_events::segment_schema());
    let files = view.segment_files();
    if files.is_empty() {
        return Ok(Arc::new(EmptyTable::new(schema)));
    }
    let urls = files
        .iter()
        .map(|file| ListingTableUrl::parse(file.to_string_lossy()))
        .collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// What a column of the files is in the table.
pub(crate) fn column_type(field: &Field) -> DataType {
    match field.data_type() {
        DataType::Dictionary(..) | DataType::UInt64 => DataType::Utf8,
        DataType::UInt32 => DataType::Int64,
        other => other.clone(),
    }
}

/// Names are dictionary-coded in the files, which not every client understands.
fn plain_names(schema: &Schema) -> SchemaRef {
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(..) => field.as_ref().clone().with_data_type(DataType::Utf8),
        DataType::UInt32 => field.as_ref().clone().with_data_type(DataType::Int64),
        _ => field.as_ref().clone(),
    };
    Arc::new(Schema::new(schema.fields().iter().map(plain).collect::<Vec<_>>()))
}
