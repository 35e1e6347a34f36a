//! The table of a kind: a row per entity, a column per attribute, read straight from the snapshot.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use groma_model::{AttributeIndex, Kind, KindId, Schema, Timestamp, Value, ValueType};
use groma_store::Entity;

use crate::View;
use crate::table::{Cell, RowsTable, Type, arrow_schema};

/// Name of the column that holds an entity's key.
pub(crate) const ID: &str = "id";

/// A kind's entities in one view.
#[derive(Debug)]
pub(crate) struct KindTable {
    view: Arc<View>,
    kind: KindId,
}

impl KindTable {
    pub(crate) fn new(view: Arc<View>, kind: KindId) -> KindTable {
        KindTable { view, kind }
    }

    fn kind(&self) -> &Kind {
        self.view.snapshot().schema().kind(self.kind)
    }
}

/// The columns of a kind's table.
pub(crate) fn kind_columns(kind: &Kind) -> impl Iterator<Item = (&str, Type)> {
    let attributes =
        kind.attributes.iter().map(|attribute| (&*attribute.name, column_type(&attribute.of)));
    std::iter::once((ID, Type::Text)).chain(attributes)
}

fn column_type(of: &ValueType) -> Type {
    match of {
        ValueType::Text | ValueType::Enum(_) | ValueType::Reference(_) => Type::Text,
        ValueType::Integer => Type::Integer,
        ValueType::Float => Type::Float,
        ValueType::Boolean => Type::Boolean,
        ValueType::Timestamp => Type::Time,
        ValueType::Texts | ValueType::References(_) => Type::Texts,
        ValueType::Integers => Type::Integers,
    }
}

#[async_trait]
impl TableProvider for KindTable {
    fn schema(&self) -> SchemaRef {
        arrow_schema(kind_columns(self.kind()))
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushdown = |filter: &&Expr| match wanted_id(filter) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(pushdown).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns: Vec<_> = kind_columns(self.kind()).collect();
        let chosen: Vec<usize> =
            projection.cloned().unwrap_or_else(|| (0..columns.len()).collect());
        let schema = arrow_schema(chosen.iter().map(|index| columns[*index]));
        let (view, kind) = (Arc::clone(&self.view), self.kind);
        let id = filters.iter().find_map(|filter| wanted_id(filter).map(str::to_owned));
        let rows = move |sheet: &mut crate::table::Sheet| {
            let snapshot = view.snapshot();
            let shape = snapshot.schema().kind(kind);
            let mut add = |entity: &Entity| {
                sheet.push_row(
                    chosen.iter().map(|column| cell(entity, *column, shape, snapshot.schema())),
                )
            };
            // What a source named once and no longer does is gone.
            let exists = |entity: &&Arc<Entity>| entity.exists_at(Timestamp::MAX);
            match &id {
                Some(id) => {
                    snapshot.get(kind, id).filter(exists).map_or(Ok(()), |entity| add(entity))
                }
                None => snapshot.entities(kind).filter(exists).try_for_each(|entity| add(entity)),
            }
        };
        // The rows are made with the chosen columns alone, so nothing is left to project.
        RowsTable::new(schema, Arc::new(rows)).scan(state, None, &[], limit).await
    }
}

/// The id that a filter asks for, if it is `id = '...'`.
fn wanted_id(filter: &Expr) -> Option<&str> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = filter else {
        return None;
    };
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(literal, _))
        | (Expr::Literal(literal, _), Expr::Column(column))
            if column.name == ID =>
        {
            match literal {
                ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) => text.as_deref(),
                _ => None,
            }
        }
        _ => None,
    }
}

fn cell<'a>(entity: &'a Entity, column: usize, kind: &Kind, schema: &Schema) -> Cell<'a> {
    match column.checked_sub(1) {
        None => Cell::Text(entity.key()),
        Some(attribute) => value_cell(entity.value(attribute), attribute, kind, schema),
    }
}

/// A value as a cell of its column.
pub(crate) fn value_cell<'a>(
    value: Option<&'a Value>,
    attribute: AttributeIndex,
    kind: &Kind,
    schema: &Schema,
) -> Cell<'a> {
    let of = &kind.attributes[attribute].of;
    match value {
        None => Cell::Null,
        Some(Value::Text(text)) => Cell::Text(text),
        Some(Value::Integer(number)) => Cell::Integer(*number),
        Some(Value::Float(number)) => Cell::Float(*number),
        Some(Value::Boolean(truth)) => Cell::Boolean(*truth),
        Some(Value::Timestamp(time)) => Cell::Time(*time),
        Some(Value::Texts(texts)) => {
            Cell::Texts(texts.iter().map(|text| text.to_string()).collect())
        }
        Some(Value::Integers(numbers)) => Cell::Integers(numbers),
        Some(Value::Reference(target)) if is_single(of) => Cell::Text(&target.key),
        Some(Value::Reference(target)) => Cell::Owned(schema.print(target)),
        Some(Value::References(targets)) if is_single(of) => {
            Cell::Texts(targets.iter().map(|target| target.key.to_string()).collect())
        }
        Some(Value::References(targets)) => {
            Cell::Texts(targets.iter().map(|target| schema.print(target)).collect())
        }
    }
}

fn is_single(of: &ValueType) -> bool {
    matches!(of, ValueType::Reference(kinds) | ValueType::References(kinds) if kinds.len() == 1)
}
