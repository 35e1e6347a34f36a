//! What is given of a match: properties, ids and labels of its elements, and its paths.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::Result;
use groma_graph::{EdgeId, Graph, Match, NodeIndex, Path, Vertex};
use groma_model::Timestamp;
use groma_store::Entity;

use super::exec::Rows;
use super::plan::{GraphQuery, OutputColumn, Part, Value};
use super::property_graph::{Element, Held};
use crate::kind_table::value_cell;
use crate::table::{Cell, Sheet, Type};

/// Entities remembered between matches.
const ENTITIES_CACHED_MAX: usize = 1 << 16;

pub(super) struct Writer<'a> {
    query: &'a GraphQuery,
    columns: Vec<&'a OutputColumn>,
    graph: &'a Graph,
    rows: &'a Rows<'a>,
    /// Entities asked before, since a match differs from the one before in few places.
    entities: std::collections::HashMap<NodeIndex, Option<&'a Arc<Entity>>>,
}

/// An element as it was found: where it is held, and which one it is.
struct Found<'a> {
    element: &'a Element,
    holder: Holder<'a>,
}

enum Holder<'a> {
    Node(NodeIndex),
    Row(&'a RecordBatch, usize),
    Nothing,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        query: &'a GraphQuery,
        columns: Vec<&'a OutputColumn>,
        graph: &'a Graph,
        rows: &'a Rows<'a>,
    ) -> Writer<'a> {
        Writer { query, columns, graph, rows, entities: Default::default() }
    }

    pub(super) fn write(&mut self, found: &Match<'_>, sheet: &mut Sheet) -> Result<()> {
        let cells = (0..self.columns.len()).map(|place| {
            let column = self.columns[place];
            self.cell(&column.value, column.of, found)
        });
        sheet.push_row(cells)
    }

    fn cell(&mut self, value: &'a Value, of: Type, found: &Match<'_>) -> Cell<'a> {
        match value {
            Value::Vertex(vertex, part) => {
                let element = self.vertex(found.vertices[*vertex]);
                self.part(&element, part, of)
            }
            Value::Edge(edge, part) => match found.paths[*edge].edges.first() {
                Some(edge) => {
                    let element = self.edge(*edge);
                    self.part(&element, part, of)
                }
                None => Cell::Null,
            },
            Value::Group(edge, part) => self.list(&found.paths[*edge], part, of),
            Value::PathLength(edges) => {
                let length: u32 = edges.iter().map(|edge| found.paths[*edge].length).sum();
                Cell::Integer(length.into())
            }
            Value::PathCost(edges) => {
                Cell::Float(edges.iter().map(|edge| found.paths[*edge].cost).sum())
            }
            Value::PathEdges(edges) => {
                let edges = edges.iter().flat_map(|edge| found.paths[*edge].edges.iter());
                Cell::Texts(edges.map(|edge| self.id(&self.edge(*edge))).collect())
            }
            Value::PathVertices { vertices, edges } => {
                let first = found.vertices[vertices[0]];
                let rest = edges.iter().flat_map(|edge| found.paths[*edge].vertices.iter().skip(1));
                let all = std::iter::once(&first).chain(rest);
                Cell::Texts(all.map(|vertex| self.id(&self.vertex(*vertex))).collect())
            }
        }
    }

    fn list(&mut self, path: &Path, part: &'a Part, of: Type) -> Cell<'a> {
        let one = if of == Type::Integers { Type::Integer } else { Type::Text };
        let mut texts = Vec::with_capacity(path.edges.len());
        for edge in &path.edges {
            let element = self.edge(*edge);
            texts.push(self.part(&element, part, one));
        }
        match of {
            Type::Integers => Cell::MaybeIntegers(
                texts
                    .into_iter()
                    .map(|cell| match cell {
                        Cell::Integer(number) => Some(number),
                        _ => None,
                    })
                    .collect(),
            ),
            _ => Cell::MaybeTexts(texts.into_iter().map(text).collect()),
        }
    }

    fn vertex(&self, vertex: Vertex) -> Found<'a> {
        let table = usize::from(self.graph.table_of(vertex).unwrap_or_default());
        let holder = match (self.graph.node(vertex), self.graph.row(vertex)) {
            (Some(node), _) => Holder::Node(node),
            (None, Some(row)) => match self.rows.vertices.get(&table) {
                Some(batch) => Holder::Row(batch, self.rows.row_of_vertex[row] as usize),
                None => Holder::Nothing,
            },
            (None, None) => Holder::Nothing,
        };
        Found { element: &self.query.graph.vertices[table], holder }
    }

    fn edge(&self, edge: EdgeId) -> Found<'a> {
        let table = usize::from(edge.table);
        let element = &self.query.graph.edges[table].element;
        let holder = match (&element.held, self.rows.edges.get(&table)) {
            (Held::Kind(_), _) => Holder::Node(NodeIndex(edge.owner)),
            (Held::Rows(_), Some(batch)) => Holder::Row(batch, edge.owner as usize),
            (Held::Rows(_), None) => Holder::Nothing,
        };
        Found { element, holder }
    }

    fn part(&mut self, found: &Found<'a>, part: &Part, of: Type) -> Cell<'a> {
        match part {
            Part::Label => Cell::Text(&found.element.name),
            Part::Id => Cell::Owned(self.id(found)),
            Part::Property(name) => self.property(found, name, of),
        }
    }

    /// `noun/key` of an entity, `table/key` of a row.
    fn id(&self, found: &Found<'a>) -> String {
        match &found.holder {
            Holder::Node(node) => self.graph.index().schema().print(self.graph.index().id(*node)),
            Holder::Row(batch, row) => {
                let key = batch.column(0).as_string::<i32>().value(*row).replace('\u{1f}', ",");
                format!("{}/{key}", found.element.name)
            }
            Holder::Nothing => String::new(),
        }
    }

    fn property(&mut self, found: &Found<'a>, name: &str, of: Type) -> Cell<'a> {
        match &found.holder {
            Holder::Node(node) => {
                let Some(column) = found.element.property(name).and_then(|p| p.column) else {
                    return Cell::Null;
                };
                let Some(attribute) = column.checked_sub(1) else {
                    return Cell::Text(&self.graph.index().id(*node).key);
                };
                let Some(entity) = self.entity(*node) else { return Cell::Null };
                let snapshot = self.query.view.snapshot();
                let schema = snapshot.schema();
                let kind = schema.kind(entity.id().kind);
                let value = entity.value_at(attribute, self.graph.index().at());
                value_cell(value, attribute, kind, schema)
            }
            Holder::Row(batch, row) => {
                batch.column_by_name(name).map_or(Cell::Null, |column| row_cell(column, *row, of))
            }
            Holder::Nothing => Cell::Null,
        }
    }

    fn entity(&mut self, node: NodeIndex) -> Option<&'a Arc<Entity>> {
        if self.entities.len() > ENTITIES_CACHED_MAX {
            self.entities.clear();
        }
        let (view, graph) = (&self.query.view, self.graph);
        *(self.entities.entry(node))
            .or_insert_with(|| view.snapshot().entity(graph.index().id(node)))
    }
}

/// A cell as text, for lists whose type has no list of its own.
fn text(cell: Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text.to_owned()),
        Cell::Owned(text) => Some(text),
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Float(number) => Some(number.to_string()),
        Cell::Boolean(truth) => Some(truth.to_string()),
        Cell::Time(time) => Some(time.to_string()),
        Cell::Texts(texts) => Some(texts.join(",")),
        Cell::Integers(numbers) => {
            Some(numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
        }
        Cell::MaybeTexts(_) | Cell::MaybeIntegers(_) => None,
    }
}

/// A value of a row; the query has cast its column to our type.
fn row_cell(column: &dyn Array, row: usize, of: Type) -> Cell<'_> {
    if column.is_null(row) {
        return Cell::Null;
    }
    let shown = || {
        let options = FormatOptions::default();
        ArrayFormatter::try_new(column, &options)
            .map_or_else(|_| String::new(), |formatter| formatter.value(row).to_string())
    };
    match of {
        Type::Integer => column
            .as_primitive_opt::<Int64Type>()
            .map_or(Cell::Null, |numbers| Cell::Integer(numbers.value(row))),
        Type::Float => column
            .as_primitive_opt::<Float64Type>()
            .map_or(Cell::Null, |numbers| Cell::Float(numbers.value(row))),
        Type::Boolean => {
            column.as_boolean_opt().map_or(Cell::Null, |truths| Cell::Boolean(truths.value(row)))
        }
        Type::Time => column
            .as_primitive_opt::<TimestampNanosecondType>()
            .map_or(Cell::Null, |times| Cell::Time(Timestamp(times.value(row)))),
        Type::Text => match column.as_string_opt::<i32>() {
            Some(texts) => Cell::Text(texts.value(row)),
            None => Cell::Owned(shown()),
        },
        Type::Texts | Type::Integers => {
            let Some(list) = column.as_list_opt::<i32>() else { return Cell::Null };
            let items = list.value(row);
            match (of, items.as_primitive_opt::<Int64Type>(), items.as_string_opt::<i32>()) {
                (Type::Integers, Some(numbers), _) => Cell::MaybeIntegers(numbers.iter().collect()),
                (Type::Texts, _, Some(texts)) => {
                    Cell::MaybeTexts(texts.iter().map(|text| text.map(str::to_owned)).collect())
                }
                _ => Cell::Null,
            }
        }
    }
}
