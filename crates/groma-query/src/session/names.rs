//! Names of columns as clients see them: as in PostgreSQL, two may be the same. The engine wants each
//! once, so that later ones carry a mark until they are told.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr};
use futures::StreamExt as _;

/// A character of no width, which is in no name that people write.
const MARK: char = '\u{200b}';

/// Marks names of the columns of a query that came before, and gives bare values PostgreSQL's name.
pub(crate) fn mark(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let mut seen = HashSet::new();
    for item in &mut select.projection {
        let mut name = match &*item {
            SelectItem::UnnamedExpr(Expr::Value(_)) => "?column?".to_owned(),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => name.value.clone(),
            SelectItem::UnnamedExpr(expr) => expr.to_string(),
            SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
            _ => continue,
        };
        let is_bare = matches!(item, SelectItem::UnnamedExpr(Expr::Value(_)));
        let is_new = seen.insert(name.clone());
        if is_new && !is_bare {
            continue;
        }
        while !is_new && !seen.insert(name.clone()) {
            name.push(MARK);
        }
        let alias = Ident::with_quote('"', name);
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = &*item {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

/// The columns without marks.
pub(super) fn told_schema(schema: &SchemaRef) -> SchemaRef {
    if schema.fields().iter().all(|field| !field.name().ends_with(MARK)) {
        return Arc::clone(schema);
    }
    let fields: Vec<Field> = (schema.fields().iter())
        .map(|field| field.as_ref().clone().with_name(field.name().trim_end_matches(MARK)))
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The rows under names without marks.
pub(super) fn told(
    schema: SchemaRef,
    stream: SendableRecordBatchStream,
) -> (SchemaRef, SendableRecordBatchStream) {
    let told = told_schema(&schema);
    if Arc::ptr_eq(&told, &schema) {
        return (schema, stream);
    }
    let of = Arc::clone(&told);
    let renamed = stream
        .map(move |batch| Ok(RecordBatch::try_new(Arc::clone(&of), batch?.columns().to_vec())?));
    let renamed = RecordBatchStreamAdapter::new(Arc::clone(&told), renamed);
    (told, Box::pin(renamed))
}
