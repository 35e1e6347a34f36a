//! The table of a kind: a row per entity, a column per attribute, read straight from the snapshot.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use groma_model::{AttributeIndex, Kind, KindId, Schema, Timestamp, Value, ValueType};
use groma_store::{Entity, Snapshot};

use crate::View;
use crate::table::{BatchBuilder, Cell, RowsTable, Type, arrow_schema};

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
        let pushdown = |filter: &&Expr| match wanted_ids(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
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
        let ids = filters.iter().filter_map(wanted_ids).reduce(|all, more| &all & &more);
        if let Some(ids) = ids {
            let batch = named_rows(view.snapshot(), kind, &ids, &chosen, Arc::clone(&schema))?;
            return Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None)?);
        }
        let rows = move |sheet: &mut crate::table::Sheet| {
            let snapshot = view.snapshot();
            let mut existing = snapshot.entities(kind).filter(|entity| exists(entity));
            existing.try_for_each(|entity| sheet.push_row(cells(entity, &chosen, snapshot, kind)))
        };
        // The rows are made with the chosen columns alone, so nothing is left to project.
        RowsTable::new(schema, Arc::new(rows)).scan(state, None, &[], limit).await
    }
}

/// The ids that a filter asks for, if it is `id = '...'`, several of these with OR, or `id IN (...)`.
fn wanted_ids(filter: &Expr) -> Option<BTreeSet<&str>> {
    let (mut ids, mut rest) = (BTreeSet::new(), vec![filter]);
    while let Some(filter) = rest.pop() {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                rest.extend([&**left, &**right]);
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if is_id(left) => {
                ids.insert(text(right)?);
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if is_id(right) => {
                ids.insert(text(left)?);
            }
            Expr::InList(InList { expr, list, negated: false }) if is_id(expr) => {
                for id in list {
                    ids.insert(text(id)?);
                }
            }
            _ => return None,
        }
    }
    Some(ids)
}

fn is_id(expression: &Expr) -> bool {
    matches!(expression, Expr::Column(column) if column.name == ID)
}

fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(ScalarValue::Utf8(text) | ScalarValue::Utf8View(text), _) => text.as_deref(),
        _ => None,
    }
}

/// The rows of these ids. They are looked up while the statement is planned: that takes less time than
/// handing the work to another thread would.
fn named_rows(
    snapshot: &Snapshot,
    kind: KindId,
    ids: &BTreeSet<&str>,
    chosen: &[usize],
    schema: SchemaRef,
) -> Result<RecordBatch> {
    let mut rows = BatchBuilder::new(schema);
    let named = ids.iter().filter_map(|id| snapshot.get(kind, id));
    named.filter(|entity| exists(entity)).for_each(|entity| {
        rows.add(cells(entity, chosen, snapshot, kind));
    });
    rows.take()
}

/// What a source named once and no longer does is gone.
fn exists(entity: &Entity) -> bool {
    entity.exists_at(Timestamp::MAX)
}

fn cells<'a>(
    entity: &'a Entity,
    chosen: &'a [usize],
    snapshot: &'a Snapshot,
    kind: KindId,
) -> impl Iterator<Item = Cell<'a>> {
    let schema = snapshot.schema();
    let shape = schema.kind(kind);
    chosen.iter().map(move |column| cell(entity, *column, shape, schema))
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
