//! Carrying out a match: inputs are read, then matches are found on a thread of their own and leave as
//! they are found.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
    execute_stream,
};
use futures::{StreamExt, TryStreamExt, stream};
use groma_graph::{
    EdgeChoice, EdgeTable, EdgeVariable, Graph, Pattern, RowEdges, SearchError, Told, Vertex,
    VertexSet, VertexTable, VertexVariable, find,
};

use super::plan::{GraphQuery, Input, OutputColumn};
use super::property_graph::{Held, Joined};
use super::values::Writer;
use crate::QueryError;
use crate::table::{Sheet, stream_rows};

/// A match as a node of a physical plan; its inputs are those of the query, in order.
#[derive(Debug)]
pub(super) struct MatchExec {
    query: Arc<GraphQuery>,
    /// Which of the query's columns it gives.
    columns: Arc<[usize]>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl MatchExec {
    pub(super) fn new(
        query: Arc<GraphQuery>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        schema: SchemaRef,
    ) -> MatchExec {
        let columns = (0..query.columns.len()).collect();
        MatchExec::giving(query, columns, inputs, schema)
    }

    fn giving(
        query: Arc<GraphQuery>,
        columns: Arc<[usize]>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        schema: SchemaRef,
    ) -> MatchExec {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        MatchExec { query, columns, inputs, schema, properties }
    }
}

impl DisplayAs for MatchExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.query)
    }
}

impl ExecutionPlan for MatchExec {
    fn name(&self) -> &str {
        "GraphMatchExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (query, columns) = (Arc::clone(&self.query), Arc::clone(&self.columns));
        Ok(Arc::new(MatchExec::giving(query, columns, inputs, Arc::clone(&self.schema))))
    }

    /// What is not asked for is not made: `count(*)` wants no column at all.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let columns = (projection.expr().iter())
            .map(|given| Some(self.columns[given.expr.downcast_ref::<Column>()?.index()]))
            .collect::<Option<Arc<[usize]>>>();
        Ok(columns.map(|columns| -> Arc<dyn ExecutionPlan> {
            let (query, inputs) = (Arc::clone(&self.query), self.inputs.clone());
            Arc::new(MatchExec::giving(query, columns, inputs, projection.schema()))
        }))
    }

    fn execute(
        &self,
        _partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (query, inputs) = (Arc::clone(&self.query), self.inputs.clone());
        let (columns, schema) = (Arc::clone(&self.columns), Arc::clone(&self.schema));
        let rows = async move {
            // What is read stays until the last match has left.
            let reservation = MemoryConsumer::new("GRAPH_TABLE").register(context.memory_pool());
            let mut tables = Vec::with_capacity(inputs.len());
            for input in inputs {
                let mut batches = execute_stream(Arc::clone(&input), Arc::clone(&context))?;
                let mut read = Vec::new();
                while let Some(batch) = batches.next().await.transpose()? {
                    reservation.try_grow(batch.get_array_memory_size())?;
                    read.push(batch);
                }
                tables.push(keys_as_texts(&concat_batches(&input.schema(), &read)?)?);
            }
            let matched = move |sheet: &mut Sheet| {
                let _reservation = reservation;
                run(&query, &columns, &tables, sheet)
            };
            Ok::<_, datafusion::error::DataFusionError>(stream_rows(&context, schema, matched))
        };
        let stream = stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream)))
    }
}

/// Rows of inputs, and where the rows of each table of the graph are among them.
#[derive(Default)]
pub(super) struct Rows<'a> {
    /// By vertex table, the rows.
    pub(super) vertices: HashMap<usize, &'a RecordBatch>,
    /// By edge table.
    pub(super) edges: HashMap<usize, &'a RecordBatch>,
    /// By row vertex, behind the entities: its row in the table.
    pub(super) row_of_vertex: Vec<u32>,
    /// By vertex table and key.
    by_key: HashMap<(usize, String), Vertex>,
}

fn run(
    query: &GraphQuery,
    columns: &[usize],
    tables: &[RecordBatch],
    sheet: &mut Sheet,
) -> Result<()> {
    let index = query.view.graph_index();
    let mut rows = Rows::default();
    let mut table_of_row = Vec::new();
    for (input, batch) in query.inputs.iter().zip(tables) {
        match input {
            Input::Vertices { table } => {
                rows.vertices.insert(*table, batch);
                for (row, key) in keys(batch, 0).enumerate() {
                    let Some(key) = key else { continue };
                    let vertex = Vertex((index.nodes_end() + table_of_row.len()) as u32);
                    if rows.by_key.insert((*table, key.to_owned()), vertex).is_some() {
                        return Err(doubled(&query.graph.vertices[*table].name, key).into());
                    }
                    table_of_row.push(*table as u16);
                    rows.row_of_vertex.push(row as u32);
                }
            }
            Input::Edges { table } => drop(rows.edges.insert(*table, batch)),
            Input::AdmittedVertices { .. } | Input::AdmittedEdges { .. } => {}
        }
    }
    let vertex_of = |table: Option<usize>, key: &str| -> Option<Vertex> {
        let table = table?;
        match query.graph.vertices[table].held {
            Held::Kind(kind) => index.find(kind, key).map(|node| Vertex(node.0)),
            Held::Rows(_) => rows.by_key.get(&(table, key.to_owned())).copied(),
        }
    };
    let vertex_tables = (query.graph.vertices.iter())
        .map(|element| match element.held {
            Held::Kind(kind) => VertexTable::Kind(kind),
            Held::Rows(_) => VertexTable::Rows,
        })
        .collect();
    let edge_tables = (query.graph.edges.iter().enumerate())
        .map(|(table, edge)| match &edge.joined {
            Joined::Chain(chain) => EdgeTable::Chain(chain.clone()),
            Joined::Rows { .. } => {
                let Some(batch) = rows.edges.get(&table) else {
                    return EdgeTable::Rows(RowEdges::default());
                };
                let ends = keys(batch, 1).zip(keys(batch, 2)).enumerate();
                let rows = ends.filter_map(|(row, (source, target))| {
                    let source = vertex_of(edge.ends.0, source?)?;
                    Some((row as u32, source, vertex_of(edge.ends.1, target?)?))
                });
                EdgeTable::Rows(RowEdges::new(rows.collect()))
            }
        })
        .collect();
    let columns: Vec<&OutputColumn> = columns.iter().map(|place| &query.columns[*place]).collect();
    let pattern = pattern(query, &columns, tables, &rows, &vertex_of)?;
    let graph = Graph::new(Arc::clone(&index), vertex_tables, edge_tables, table_of_row);

    let gone = sheet.reader();
    let mut writer = Writer::new(query, columns, &graph, &rows);
    let mut outcome = Ok(());
    find(&graph, &pattern, &|| !gone.is_closed(), &mut |found| {
        outcome = writer.write(found, sheet);
        outcome.is_ok()
    })
    .map_err(search_error)?;
    outcome
}

fn pattern(
    query: &GraphQuery,
    columns: &[&OutputColumn],
    tables: &[RecordBatch],
    rows: &Rows<'_>,
    vertex_of: &dyn Fn(Option<usize>, &str) -> Option<Vertex>,
) -> Result<Pattern> {
    let index = query.view.graph_index();
    let mut vertices: Vec<VertexVariable> = (query.vertices.iter())
        .map(|plan| {
            let mut tables = vec![false; query.graph.vertices.len()];
            plan.tables.iter().for_each(|table| tables[*table] = true);
            let named = |ids: &[String]| {
                let tables = plan.tables.iter();
                let found =
                    tables.flat_map(|t| ids.iter().filter_map(|id| vertex_of(Some(*t), id)));
                VertexSet::new(found.collect())
            };
            let admitted = plan.ids.among.as_deref().map(named);
            VertexVariable { tables, admitted, refused: named(&plan.ids.except) }
        })
        .collect();
    let mut edges: Vec<EdgeVariable> = (query.edges.iter().enumerate())
        .map(|(edge, plan)| EdgeVariable {
            from: plan.from,
            to: plan.to,
            tables: (plan.tables.iter())
                .map(|table| EdgeChoice { table: *table as u16, admitted: None })
                .collect(),
            direction: plan.direction,
            reach: plan.reach,
            told: (columns.iter().map(|column| column.value.tells(edge)))
                .max()
                .unwrap_or(Told::Nothing),
        })
        .collect();
    let mut admitted: HashMap<usize, Vec<Vertex>> = HashMap::new();
    for (input, batch) in query.inputs.iter().zip(tables) {
        match input {
            Input::AdmittedVertices { vertex, table } => {
                let admitted = admitted.entry(*vertex).or_default();
                match query.graph.vertices[*table].held {
                    Held::Kind(kind) => admitted.extend(
                        index.find_all(kind, keys(batch, 0).flatten()).map(|node| Vertex(node.0)),
                    ),
                    Held::Rows(_) => admitted.extend(
                        keys(batch, 0).flatten().filter_map(|key| vertex_of(Some(*table), key)),
                    ),
                }
            }
            Input::AdmittedEdges { edge, table } => {
                let owners = admitted_owners(query, *table, batch, rows, &index)?;
                let choices = &mut edges[*edge].tables;
                if let Some(choice) = choices.iter_mut().find(|c| usize::from(c.table) == *table) {
                    choice.admitted = Some(owners);
                }
            }
            Input::Vertices { .. } | Input::Edges { .. } => {}
        }
    }
    for (vertex, found) in admitted {
        vertices[vertex].admitted = Some(VertexSet::new(found));
    }
    Ok(Pattern { vertices, edges })
}

/// The entities or rows whose edges pass, with their costs. One whose cost is NULL does not.
fn admitted_owners(
    query: &GraphQuery,
    table: usize,
    batch: &RecordBatch,
    rows: &Rows<'_>,
    index: &groma_graph::Index,
) -> Result<HashMap<u32, f64>> {
    let costs = batch.column(1).as_primitive::<Float64Type>();
    let mut owners = HashMap::with_capacity(batch.num_rows());
    let row_of_key: HashMap<&str, u32> = match rows.edges.get(&table) {
        Some(batch) => {
            keys(batch, 0).enumerate().filter_map(|(row, key)| Some((key?, row as u32))).collect()
        }
        None => HashMap::new(),
    };
    for (row, key) in keys(batch, 0).enumerate() {
        let Some(key) = key.filter(|_| costs.is_valid(row)) else { continue };
        let cost = costs.value(row);
        if cost.is_nan() || cost < 0.0 {
            let name = &query.graph.edges[table].element.name;
            let message = format!("the cost of {name} \"{key}\" is {cost}, and must be 0 or above");
            return Err(QueryError::new("22023", message).into());
        }
        let owner = match query.graph.edges[table].element.held {
            Held::Kind(kind) => index.find(kind, key).map(|node| node.0),
            Held::Rows(_) => row_of_key.get(key).copied(),
        };
        owners.extend(owner.map(|owner| (owner, cost)));
    }
    Ok(owners)
}

/// With the columns of keys as plain texts, whatever form of text the engine chose.
fn keys_as_texts(batch: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let is_key = ["$key", "$source", "$target"].contains(&&**field.name());
        let of = if is_key { &DataType::Utf8 } else { field.data_type() };
        fields.push(Field::new(field.name(), of.clone(), true));
        columns.push(cast(column, of)?);
    }
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &rows)?)
}

/// The texts of a column; NULLs included.
fn keys(batch: &RecordBatch, column: usize) -> impl Iterator<Item = Option<&str>> {
    batch.column(column).as_string::<i32>().iter()
}

fn doubled(table: &str, key: &str) -> QueryError {
    let key = key.replace('\u{1f}', ", ");
    QueryError::new("23505", format!("two vertices of \"{table}\" have the key \"{key}\""))
        .with_hint("The KEY of a vertex table must tell its rows apart.")
}

pub(super) fn search_error(error: SearchError) -> QueryError {
    let hint = match error {
        SearchError::TooLong => {
            "Bound the quantifier, as in {1,10}, or ask for ACYCLIC, TRAIL or ANY SHORTEST paths."
        }
        SearchError::TooWide => "Bound the quantifier, or say more of both ends.",
    };
    QueryError::new("54001", error.to_string()).with_hint(hint)
}
