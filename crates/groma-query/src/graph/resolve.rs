//! From a definition as it was written to a graph whose tables, columns and types are known.

use std::collections::HashSet;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::CatalogProviderList;
use datafusion::execution::session_state::SessionState;
use groma_graph::{Chain, ChainStep, Labels, Way};
use groma_model::{KindId, Schema, ValueType};

use super::definition::{Definition, EdgeText, EndText, Properties, TableText};
use super::property_graph::{
    EdgeElement, Element, Held, Joined, Property, PropertyGraph, is_id, quoted,
};
use super::text::Token;
use crate::catalog::Databases;
use crate::kind_table::ID;
use crate::table::Type;
use crate::{QueryError, View};

/// A definition contradicts itself or the tables.
const INVALID_DEFINITION: &str = "42P17";

/// Finds the graph that a definition speaks of, in one database.
pub(crate) async fn resolve(
    definition: &Definition,
    databases: &Databases,
    state: Option<&SessionState>,
    view: &View,
) -> Result<PropertyGraph, QueryError> {
    let resolver = Resolver { databases, state, view };
    let mut vertices = Vec::new();
    for table in &definition.vertices {
        vertices.push(resolver.vertex(table).await?);
    }
    let mut edges = Vec::new();
    for edge in &definition.edges {
        edges.push(resolver.edge(edge, &vertices).await?);
    }
    let mut names = HashSet::new();
    let tables = definition.vertices.iter().chain(definition.edges.iter().map(|edge| &edge.table));
    for table in tables {
        if !names.insert(&table.alias) {
            let message = format!("\"{}\" is used for two tables of the graph", table.alias);
            return Err(invalid(message, table.at).with_hint("Give one another name with AS."));
        }
    }
    let mut kinds = HashSet::new();
    for (element, table) in vertices.iter().zip(&definition.vertices) {
        if matches!(element.held, Held::Kind(kind) if !kinds.insert(kind)) {
            let message = format!("{} is two vertex tables of the graph", table.table.join("."));
            return Err(invalid(message, table.at)
                .with_hint("Give the one vertex table several labels: LABEL one LABEL other."));
        }
    }
    let (name, database) = (definition.name.clone(), view.world_database().name().to_string());
    Ok(PropertyGraph { name, database, vertices, edges })
}

fn invalid(message: impl Into<String>, at: usize) -> QueryError {
    QueryError::new(INVALID_DEFINITION, message).at(at)
}

struct Resolver<'a> {
    databases: &'a Databases,
    /// Plans computed properties, to tell their types.
    state: Option<&'a SessionState>,
    view: &'a View,
}

impl Resolver<'_> {
    async fn vertex(&self, table: &TableText) -> Result<Element, QueryError> {
        let (mut element, columns, kind) = self.element(table).await?;
        let plain = element.properties.iter().all(|property| property.column.is_some());
        let key = self.key(table, kind, &columns)?;
        element.held = match kind {
            Some(kind) if plain && is_id(&key) => Held::Kind(kind),
            _ => Held::Rows(key),
        };
        Ok(element)
    }

    async fn edge(&self, edge: &EdgeText, vertices: &[Element]) -> Result<EdgeElement, QueryError> {
        let (mut element, columns, kind) = self.element(&edge.table).await?;
        let plain = element.properties.iter().all(|property| property.column.is_some());
        let key = self.key(&edge.table, kind, &columns)?;
        let source = self.end(&edge.source, edge, kind, &columns, vertices)?;
        let target = self.end(&edge.destination, edge, kind, &columns, vertices)?;
        let ends = (Some(source.0), Some(target.0));
        let chain = match kind {
            Some(kind) if plain && is_id(&key) => {
                self.chain(kind, (&vertices[source.0], &source.1), (&vertices[target.0], &target.1))
            }
            _ => None,
        };
        let joined = match (chain, kind) {
            (Some(chain), Some(kind)) => {
                element.held = Held::Kind(kind);
                Joined::Chain(chain)
            }
            _ => {
                element.held = Held::Rows(key);
                Joined::Rows { source: source.1, target: target.1 }
            }
        };
        Ok(EdgeElement { element, ends, joined })
    }

    /// The table with its labels and properties; its columns; and the kind that it is of, if any.
    async fn element(
        &self,
        table: &TableText,
    ) -> Result<(Element, SchemaRef, Option<KindId>), QueryError> {
        let relation = relation(table)?;
        let name = format!("{}.{}", relation.0, relation.1);
        let kind = self.view.snapshot().schema().find(&name).map(|kind| kind.id);
        let database = self.view.world_database().name();
        let schema =
            self.databases.catalog(database).and_then(|catalog| catalog.schema(&relation.0));
        let provider = match schema {
            Some(schema) => schema.table(&relation.1).await?,
            None => None,
        };
        let Some(provider) = provider else {
            return Err(QueryError::new(QueryError::NO_TABLE, format!("there is no table {name}"))
                .with_hint("SELECT * FROM model.tables lists what there is.")
                .at(table.at));
        };
        let columns = provider.schema();
        let mut properties: Vec<Property> = Vec::new();
        for label in &table.labels {
            for property in self.properties(&label.properties, &relation, &columns, kind).await? {
                match properties.iter().find(|known| known.name == property.name) {
                    None => properties.push(property),
                    Some(known) if known.text == property.text => {}
                    Some(known) => {
                        let message = format!("property \"{}\" is defined in two ways", known.name);
                        return Err(invalid(message, table.at));
                    }
                }
            }
        }
        let labels = table.labels.iter().map(|label| label.name.clone()).collect();
        let held = Held::Rows(Vec::new());
        Ok((
            Element { name: table.alias.clone(), relation, labels, properties, held },
            columns,
            kind,
        ))
    }

    async fn properties(
        &self,
        properties: &Properties,
        relation: &(String, String),
        columns: &SchemaRef,
        kind: Option<KindId>,
    ) -> Result<Vec<Property>, QueryError> {
        let of_column = |place: usize| {
            let field = columns.field(place);
            Property::of_column(field.name(), type_of(field.data_type()), kind.map(|_| place))
        };
        let Properties::Listed(listed) = properties else {
            let all = matches!(properties, Properties::AllColumns);
            return Ok((0..columns.fields().len()).filter(|_| all).map(of_column).collect());
        };
        let mut found = Vec::new();
        for property in listed {
            let plain = match &*property.expression.tokens {
                [lexed] => match &lexed.token {
                    Token::Word { text, .. } => Some(text),
                    _ => None,
                },
                _ => None,
            };
            let place = plain.and_then(|name| columns.index_of(name).ok());
            let of = match (plain, place) {
                (_, Some(place)) => type_of(columns.field(place).data_type()),
                (Some(name), None) => {
                    return Err(no_column(name, columns, property.expression.at));
                }
                (None, None) => self.type_of(&property.expression.text, relation).await?,
            };
            found.push(Property {
                name: property.name.clone(),
                of,
                text: place.map_or(property.expression.text.clone(), |place| {
                    quoted(columns.field(place).name())
                }),
                column: place.filter(|_| kind.is_some()),
            });
        }
        Ok(found)
    }

    async fn type_of(&self, text: &str, relation: &(String, String)) -> Result<Type, QueryError> {
        let database = self.view.world_database().name();
        let (schema, table) = relation;
        let from = [database.as_ref(), schema, table].map(quoted).join(".");
        let Some(state) = self.state else {
            let message = "a graph with computed properties is not offered here";
            return Err(QueryError::new(QueryError::NOT_SUPPORTED, message)
                .with_hint("Ask it with GRAPH_TABLE."));
        };
        let plan = state.create_logical_plan(&format!("SELECT {text} FROM {from}")).await?;
        let field = plan.schema().fields().first().map(|field| type_of(field.data_type()));
        Ok(field.unwrap_or(Type::Text))
    }

    fn key(
        &self,
        table: &TableText,
        kind: Option<KindId>,
        columns: &SchemaRef,
    ) -> Result<Vec<String>, QueryError> {
        match (&table.key, kind) {
            (Some(key), _) => check_columns(key, columns, table.at),
            (None, Some(_)) => Ok(vec![ID.to_owned()]),
            (None, None) => {
                let message = format!("\"{}\" needs a key: its table has none", table.alias);
                Err(invalid(message, table.at).with_hint(
                    "Write KEY (columns) behind its name; together they tell its rows apart.",
                ))
            }
        }
    }

    /// The vertex table at an end, and the columns of the edge that name its vertices.
    fn end(
        &self,
        end: &EndText,
        edge: &EdgeText,
        kind: Option<KindId>,
        columns: &SchemaRef,
        vertices: &[Element],
    ) -> Result<(usize, Vec<String>), QueryError> {
        let Some(place) = vertices.iter().position(|vertex| vertex.name == end.vertex) else {
            let names: Vec<_> = vertices.iter().map(|vertex| &*vertex.name).collect();
            let message = format!("\"{}\" is no vertex table of the graph", end.vertex);
            return Err(
                invalid(message, end.at).with_hint(format!("There are {}.", names.join(", ")))
            );
        };
        let vertex = &vertices[place];
        let vertex_key = match &vertex.held {
            Held::Kind(_) => vec![ID.to_owned()],
            Held::Rows(key) => key.clone(),
        };
        if end.references.as_ref().is_some_and(|references| *references != vertex_key) {
            let message = format!("an edge names a vertex of \"{}\" by its key", vertex.name);
            return Err(invalid(message, end.at)
                .with_hint(format!("Its key is ({}).", vertex_key.join(", "))));
        }
        let key = match &end.key {
            Some(key) => check_columns(key, columns, end.at)?,
            None => vec![self.only_reference(end, edge, kind, vertex)?],
        };
        if key.len() != vertex_key.len() {
            let message = format!(
                "the key of \"{}\" is ({}), {} columns cannot name it",
                vertex.name,
                vertex_key.join(", "),
                key.len()
            );
            return Err(invalid(message, end.at));
        }
        Ok((place, key))
    }

    /// The one column of an edge's kind that can name a vertex: a reference, or its id, which comes
    /// first unless both ends are of that kind.
    fn only_reference(
        &self,
        end: &EndText,
        edge: &EdgeText,
        kind: Option<KindId>,
        vertex: &Element,
    ) -> Result<String, QueryError> {
        let schema = self.view.snapshot().schema();
        let mut columns = Vec::new();
        if let (Some(kind), Held::Kind(wanted)) = (kind, &vertex.held) {
            // An edge from something to what it refers to begins at the thing itself.
            if kind == *wanted && edge.source.vertex != edge.destination.vertex {
                return Ok(ID.to_owned());
            }
            columns.extend((kind == *wanted).then(|| ID.to_owned()));
            let attributes = schema.kind(kind).attributes.iter();
            let refers = |of: &ValueType| matches!(of, ValueType::Reference(to) | ValueType::References(to) if to.contains(wanted));
            columns.extend(
                attributes.filter(|a| refers(&a.of)).map(|attribute| attribute.name.to_string()),
            );
        }
        if columns.len() == 1 {
            return Ok(columns.remove(0));
        }
        let message = format!(
            "it is not plain which column of \"{}\" names a vertex of \"{}\"",
            edge.table.alias, vertex.name
        );
        Err(invalid(message, end.at)
            .with_hint("Write KEY (column) REFERENCES before the vertex table."))
    }

    /// The references from source to target over the edge's own entity.
    fn chain(
        &self,
        kind: KindId,
        source: (&Element, &[String]),
        target: (&Element, &[String]),
    ) -> Option<Chain> {
        let schema = self.view.snapshot().schema();
        let labels = Labels::new(schema);
        let (Held::Kind(from), Held::Kind(to)) = (&source.0.held, &target.0.held) else {
            return None;
        };
        let mut steps = Vec::new();
        steps.extend(step(schema, &labels, kind, *from, source.1, Way::Against)?);
        let owner_after = steps.len();
        steps.extend(step(schema, &labels, kind, *to, target.1, Way::Along)?);
        let chain =
            Chain { steps, owner_after, working: false, source: Some(*from), target: Some(*to) };
        Some(chain).filter(|chain| !chain.steps.is_empty())
    }
}

/// The reference between an edge's entity and a vertex; `Some(None)`: they are the same entity.
/// `None`: rows must tell.
fn step(
    schema: &Schema,
    labels: &Labels,
    kind: KindId,
    vertex: KindId,
    columns: &[String],
    way: Way,
) -> Option<Option<ChainStep>> {
    let [column] = columns else { return None };
    if column == ID {
        return (kind == vertex).then_some(None);
    }
    let attribute = schema.kind(kind).attribute(column)?;
    Some(Some(ChainStep { label: labels.find(kind, attribute)?, way }))
}

fn relation(table: &TableText) -> Result<(String, String), QueryError> {
    match &*table.table {
        [name] => Ok(("public".to_owned(), name.clone())),
        [schema, name] => Ok((schema.clone(), name.clone())),
        _ => Err(invalid("a graph is of tables of its own database", table.at)
            .with_hint("Write schema.table.")),
    }
}

fn check_columns(
    names: &[String],
    columns: &SchemaRef,
    at: usize,
) -> Result<Vec<String>, QueryError> {
    match names.iter().find(|name| columns.index_of(name).is_err()) {
        Some(name) => Err(no_column(name, columns, at)),
        None => Ok(names.to_vec()),
    }
}

fn no_column(name: &str, columns: &SchemaRef, at: usize) -> QueryError {
    let known: Vec<_> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    QueryError::new(QueryError::NO_COLUMN, format!("no column named \"{name}\""))
        .with_hint(format!("There are {}.", known.join(", ")))
        .at(at)
}

/// The type that a property is given as; what is none of ours becomes text.
fn type_of(of: &DataType) -> Type {
    match of {
        DataType::Boolean => Type::Boolean,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Type::Time,
        DataType::List(item) if item.data_type().is_integer() => Type::Integers,
        DataType::List(_) => Type::Texts,
        of if of.is_integer() => Type::Integer,
        of if of.is_numeric() => Type::Float,
        _ => Type::Text,
    }
}
