//! From a GRAPH_TABLE as it was written to what is looked for, and to the SQL around it.
//!
//! ```text
//! (a IS host WHERE a.cpus > 8)-[e IS device]->(b)   COLUMNS (a.id, upper(b.rack) AS rack)
//!     becomes
//! SELECT "a"."id" AS "id", upper(b.rack) AS "rack" FROM graph_match('0', (inputs ...)) WHERE ...
//! ```
//!
//! Each condition on one element is an *input*: a SELECT of the keys that pass, planned by the engine
//! as any other. Conditions on several elements are checked behind the match.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groma_graph::{Mode, Reach};

use super::conditions::{Condition, conjuncts};
use super::ids::Ids;
use super::plan::{EdgePlan, GraphQuery, OutputColumn, Part, Value, VertexPlan};
use super::property_graph::{Element, PropertyGraph, quoted};
use super::syntax::{self, ColumnItem, GraphTable, PathPattern, Quantifier, Selector};
use super::text::{Expression, Token};
use crate::table::Type;
use crate::{QueryError, View};

/// Name of the function that a GRAPH_TABLE becomes.
pub(crate) const MATCH_FUNCTION: &str = "graph_match";

#[derive(Debug)]
struct PathPlan {
    vertices: Vec<usize>,
    edges: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    Vertex(usize),
    Edge(usize),
    Path(usize),
}

/// A match, and the SELECT that it stands in.
pub(crate) struct Expanded {
    pub(crate) query: GraphQuery,
    /// It calls the match by its number.
    pub(crate) sql: String,
}

/// Finds the tables and types of all that a GRAPH_TABLE speaks of. `number` is how the match will be
/// known to the statement.
pub(crate) fn expand(
    written: &GraphTable,
    graph: PropertyGraph,
    view: Arc<View>,
    number: usize,
) -> Result<Expanded, QueryError> {
    let mut builder = Builder {
        graph,
        variables: BTreeMap::new(),
        vertices: Vec::new(),
        edges: Vec::new(),
        paths: Vec::new(),
        columns: Vec::new(),
        behind: Vec::new(),
    };
    for path in &written.paths {
        builder.path(path)?;
    }
    builder.place_conditions()?;
    if let Some(condition) = &written.condition {
        builder.place_condition(condition)?;
    }
    let mut selected = Vec::new();
    for column in &written.columns {
        builder.select(column, &mut selected)?;
    }
    let behind = std::mem::take(&mut builder.behind);
    let conditions =
        behind.iter().map(|condition| builder.rewrite(condition)).collect::<Result<Vec<_>, _>>()?;
    builder.read_ids();
    let (inputs, queries) = builder.inputs()?;
    let mut arguments = vec![format!("'{number}'")];
    arguments.extend(queries.iter().map(|query| format!("({query})")));
    let mut sql = format!(
        "SELECT {} FROM {MATCH_FUNCTION}({})",
        selected.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(", "),
        arguments.join(", ")
    );
    for (place, condition) in conditions.iter().enumerate() {
        sql += if place == 0 { " WHERE (" } else { " AND (" };
        sql += condition;
        sql += ")";
    }
    let Builder { graph, vertices, edges, columns, .. } = builder;
    Ok(Expanded { query: GraphQuery { view, graph, vertices, edges, inputs, columns }, sql })
}

pub(super) struct Builder {
    pub(super) graph: PropertyGraph,
    variables: BTreeMap<String, Variable>,
    pub(super) vertices: Vec<VertexPlan>,
    pub(super) edges: Vec<EdgePlan>,
    paths: Vec<PathPlan>,
    pub(super) columns: Vec<OutputColumn>,
    /// Conditions checked behind the match.
    behind: Vec<Expression>,
}

impl Builder {
    fn path(&mut self, path: &PathPattern) -> Result<(), QueryError> {
        let vertices = path
            .vertices
            .iter()
            .map(|vertex| self.vertex(vertex))
            .collect::<Result<Vec<_>, _>>()?;
        let selects = path.selector != Selector::All || path.mode.is_some_and(|m| m != Mode::Walk);
        if selects && path.edges.len() != 1 {
            return Err(QueryError::new(
                QueryError::NOT_SUPPORTED,
                "choosing among paths is offered for paths of one edge, which may have a quantifier",
            )
            .with_hint("Write the rest as another path with a shared vertex: MATCH ANY SHORTEST (a)-[e]->+(b), (b)-[f]->(c).")
            .at(path.at));
        }
        let mut edges = Vec::new();
        for (place, edge) in path.edges.iter().enumerate() {
            let tables = self.edge_tables(edge.element.labels.as_ref())?;
            let name = edge.element.variable.clone();
            let edge_plan = EdgePlan {
                name: name.clone().unwrap_or_else(|| format!("$edge{}", self.edges.len())),
                from: vertices[place],
                to: vertices[place + 1],
                tables,
                direction: edge.direction,
                reach: reach(path, edge.quantifier),
                group: edge.quantifier.is_some(),
                conditions: edge
                    .element
                    .condition
                    .iter()
                    .map(Condition::read)
                    .collect::<Result<_, _>>()?,
                cost: edge.cost.as_ref().map(Condition::read).transpose()?,
            };
            self.edges.push(edge_plan);
            edges.push(self.edges.len() - 1);
            if let Some(name) = name {
                self.declare(name, Variable::Edge(self.edges.len() - 1), edge.element.at)?;
            }
        }
        if let Some(name) = &path.variable {
            self.declare(name.clone(), Variable::Path(self.paths.len()), path.at)?;
            self.paths.push(PathPlan { vertices, edges });
        }
        Ok(())
    }

    fn vertex(&mut self, element: &syntax::Element) -> Result<usize, QueryError> {
        let tables = self.vertex_tables(element.labels.as_ref())?;
        let conditions: Vec<Condition> =
            element.condition.iter().map(Condition::read).collect::<Result<_, _>>()?;
        if let Some(name) = &element.variable {
            match self.variables.get(name) {
                Some(Variable::Vertex(vertex)) => {
                    let known = &mut self.vertices[*vertex];
                    known.tables.retain(|table| tables.contains(table));
                    known.conditions.extend(conditions);
                    return Ok(*vertex);
                }
                Some(_) => return Err(declared_twice(name, element.at)),
                None => {}
            }
        }
        let vertex = self.vertices.len();
        let name = element.variable.clone().unwrap_or_else(|| format!("$vertex{vertex}"));
        if element.variable.is_some() {
            self.declare(name.clone(), Variable::Vertex(vertex), element.at)?;
        }
        self.vertices.push(VertexPlan { name, tables, conditions, ids: Ids::default() });
        Ok(vertex)
    }

    fn declare(&mut self, name: String, variable: Variable, at: usize) -> Result<(), QueryError> {
        if self.variables.contains_key(&name) {
            return Err(declared_twice(&name, at));
        }
        self.variables.insert(name, variable);
        Ok(())
    }

    fn vertex_tables(&self, labels: Option<&syntax::Labels>) -> Result<Vec<usize>, QueryError> {
        labelled(&self.graph.name, self.graph.vertices.iter(), labels, "vertex")
    }

    fn edge_tables(&self, labels: Option<&syntax::Labels>) -> Result<Vec<usize>, QueryError> {
        let elements = self.graph.edges.iter().map(|edge| &edge.element);
        labelled(&self.graph.name, elements, labels, "edge")
    }

    /// Conditions of elements that speak of others move behind the match, where that is the same.
    fn place_conditions(&mut self) -> Result<(), QueryError> {
        for vertex in 0..self.vertices.len() {
            let conditions = std::mem::take(&mut self.vertices[vertex].conditions);
            for condition in conditions {
                if self.speaks_only_of(&condition, &self.vertices[vertex].name) {
                    self.vertices[vertex].conditions.push(condition);
                } else {
                    self.check_movable(&condition)?;
                    self.behind.push(condition.expression);
                }
            }
        }
        for edge in 0..self.edges.len() {
            let plan = &mut self.edges[edge];
            let (group, reach) = (plan.group, plan.reach);
            let conditions = std::mem::take(&mut plan.conditions);
            for condition in conditions {
                if self.speaks_only_of(&condition, &self.edges[edge].name) {
                    self.edges[edge].conditions.push(condition);
                } else if group || reach != Reach::One {
                    return Err(QueryError::new(
                        QueryError::NOT_SUPPORTED,
                        "the condition of an edge with a quantifier can speak of that edge only",
                    )
                    .at(condition.expression.at));
                } else {
                    self.check_movable(&condition)?;
                    self.behind.push(condition.expression);
                }
            }
            let cost = self.edges[edge].cost.as_ref();
            if let Some(cost) =
                cost.filter(|cost| !self.speaks_only_of(cost, &self.edges[edge].name))
            {
                return Err(QueryError::new(
                    QueryError::NOT_SUPPORTED,
                    "the cost of an edge can speak of that edge only",
                )
                .at(cost.expression.at));
            }
        }
        Ok(())
    }

    /// A condition inside the pattern comes before ways are chosen, one behind it after.
    fn check_movable(&self, condition: &Condition) -> Result<(), QueryError> {
        let chosen = condition.variables.iter().any(|name| match self.variables.get(name) {
            Some(Variable::Edge(edge)) => self.edges[*edge].group,
            Some(Variable::Path(_)) => true,
            Some(Variable::Vertex(_)) | None => false,
        });
        if !chosen {
            return Ok(());
        }
        Err(QueryError::new(
            QueryError::NOT_SUPPORTED,
            "a condition inside the pattern cannot speak of a path or an edge with a quantifier",
        )
        .with_hint("Write it behind the pattern: MATCH ... WHERE condition COLUMNS (...).")
        .at(condition.expression.at))
    }

    fn speaks_only_of(&self, condition: &Condition, name: &str) -> bool {
        condition.variables.iter().all(|other| other == name || !self.variables.contains_key(other))
    }

    /// Each part of the condition goes to the element that it speaks of, if it is but one.
    fn place_condition(&mut self, condition: &Expression) -> Result<(), QueryError> {
        for part in conjuncts(condition)? {
            let known: BTreeSet<&String> =
                part.variables.iter().filter(|name| self.variables.contains_key(*name)).collect();
            let only = match known.iter().collect::<Vec<_>>().as_slice() {
                [only] => self.variables.get(**only).copied(),
                _ => None,
            };
            match only {
                Some(Variable::Vertex(vertex)) if !part.calls_path_function => {
                    self.vertices[vertex].conditions.push(part);
                }
                Some(Variable::Edge(edge))
                    if !self.edges[edge].group && !part.calls_path_function =>
                {
                    self.edges[edge].conditions.push(part);
                }
                _ => self.behind.push(part.expression),
            }
        }
        Ok(())
    }

    fn select(
        &mut self,
        item: &ColumnItem,
        selected: &mut Vec<(String, String)>,
    ) -> Result<(), QueryError> {
        let columns = match item {
            ColumnItem::All { variable, at } => {
                let names = self.all_properties(variable, *at)?;
                let text = |name: &String| format!("{}.{}", quoted(variable), quoted(name));
                let read =
                    |name: String| Expression::read(text(&name), *at).map(|text| (text, name));
                names.into_iter().map(read).collect::<Result<Vec<_>, _>>()?
            }
            ColumnItem::Expression { expression, name } => {
                Condition::read(expression)?;
                let name = name.clone().unwrap_or_else(|| default_name(expression));
                vec![(expression.clone(), name)]
            }
        };
        for (expression, name) in columns {
            if selected.iter().any(|(_, known)| *known == name) {
                return Err(QueryError::new("42701", format!("two columns are named \"{name}\""))
                    .with_hint("Give one another name with AS.")
                    .at(expression.at));
            }
            let text = self.rewrite(&expression)?;
            selected.push((format!("{text} AS {}", quoted(&name)), name));
        }
        Ok(())
    }

    fn all_properties(&self, variable: &str, at: usize) -> Result<Vec<String>, QueryError> {
        let elements = match self.variables.get(variable) {
            Some(Variable::Vertex(vertex)) => self.vertex_elements(*vertex),
            Some(Variable::Edge(edge)) => self.edge_elements(*edge),
            _ => {
                let message = format!("\"{variable}\" is no vertex and no edge of the pattern");
                return Err(QueryError::new(QueryError::NO_COLUMN, message).at(at));
            }
        };
        let mut names: Vec<String> = Vec::new();
        for property in elements.iter().flat_map(|element| &element.properties) {
            if !names.contains(&property.name) {
                names.push(property.name.clone());
            }
        }
        Ok(names)
    }

    /// Notes what a text needs of the match, and writes it for the SELECT around it.
    fn rewrite(&mut self, expression: &Expression) -> Result<String, QueryError> {
        let mut replacements = Vec::new();
        let tokens = &expression.tokens;
        let word = |place: usize| match tokens.get(place).map(|lexed| &lexed.token) {
            Some(Token::Word { text, .. }) => Some(text.as_str()),
            _ => None,
        };
        let sign = |place: usize, sign| {
            tokens.get(place).is_some_and(|lexed| lexed.token == Token::Sign(sign))
        };
        for (place, _) in tokens.iter().enumerate() {
            let Some(name) = word(place) else { continue };
            if place > 0 && sign(place - 1, '.') {
                continue;
            }
            let at = expression.place(&tokens[place]);
            if sign(place + 1, '.')
                && let (Some(variable), Some(property)) =
                    (self.variables.get(name).copied(), word(place + 2))
            {
                self.need_property(name, variable, property, at)?;
            } else if sign(place + 1, '(')
                && sign(place + 3, ')')
                && let Some(argument) = word(place + 2)
                && let Some(variable) = self.variables.get(argument).copied()
                && let Some(column) = self.function_column(name, argument, variable)
            {
                let text = format!("{}.{}", quoted(&column.of_variable), quoted(&column.name));
                self.need(column);
                replacements.push((place, place + 4, text));
            }
        }
        Ok(expression.replaced(&replacements))
    }

    fn need(&mut self, column: OutputColumn) {
        let same = |known: &OutputColumn| {
            known.of_variable == column.of_variable && known.name == column.name
        };
        if !self.columns.iter().any(same) {
            self.columns.push(column);
        }
    }

    pub(super) fn vertex_elements(&self, vertex: usize) -> Vec<&Element> {
        self.vertices[vertex].tables.iter().map(|table| &self.graph.vertices[*table]).collect()
    }

    pub(super) fn edge_elements(&self, edge: usize) -> Vec<&Element> {
        self.edges[edge].tables.iter().map(|table| &self.graph.edges[*table].element).collect()
    }

    fn need_property(
        &mut self,
        name: &str,
        variable: Variable,
        property: &str,
        at: usize,
    ) -> Result<(), QueryError> {
        let part = Part::Property(property.to_owned());
        let (elements, value, group) = match variable {
            Variable::Vertex(vertex) => {
                (self.vertex_elements(vertex), Value::Vertex(vertex, part), false)
            }
            Variable::Edge(edge) if self.edges[edge].group => {
                (self.edge_elements(edge), Value::Group(edge, part), true)
            }
            Variable::Edge(edge) => (self.edge_elements(edge), Value::Edge(edge, part), false),
            Variable::Path(_) => {
                let message = format!("\"{name}\" is a path, and a path has no properties");
                return Err(QueryError::new(QueryError::NO_COLUMN, message)
                    .with_hint(format!("Ask path_length({name}), vertices({name}), edges({name}) or path_cost({name})."))
                    .at(at));
            }
        };
        let of = property_type(&elements, name, property, at)?;
        let of = if group { list_of(of) } else { of };
        let (of_variable, name) = (name.to_owned(), property.to_owned());
        self.need(OutputColumn { of_variable, name, of, value });
        Ok(())
    }

    fn function_column(
        &self,
        function: &str,
        argument: &str,
        variable: Variable,
    ) -> Option<OutputColumn> {
        let element = |part: Part| match variable {
            Variable::Vertex(vertex) => Some((Type::Text, Value::Vertex(vertex, part))),
            Variable::Edge(edge) if self.edges[edge].group => {
                Some((Type::Texts, Value::Group(edge, part)))
            }
            Variable::Edge(edge) => Some((Type::Text, Value::Edge(edge, part))),
            Variable::Path(_) => None,
        };
        let path = match variable {
            Variable::Path(path) => self.paths.get(path),
            _ => None,
        };
        let edges = || path.map(|path| path.edges.clone());
        let (of, value) = match function {
            "element_id" => element(Part::Id)?,
            "label" => element(Part::Label)?,
            "path_length" => (Type::Integer, Value::PathLength(edges()?)),
            "path_cost" => (Type::Float, Value::PathCost(edges()?)),
            "edges" => (Type::Texts, Value::PathEdges(edges()?)),
            "vertices" => {
                let vertices = path?.vertices.clone();
                (Type::Texts, Value::PathVertices { vertices, edges: edges()? })
            }
            _ => return None,
        };
        let (of_variable, name) = (argument.to_owned(), format!("{function}()"));
        Some(OutputColumn { of_variable, name, of, value })
    }
}

fn reach(path: &PathPattern, quantifier: Option<Quantifier>) -> Reach {
    let Quantifier { min, max } = quantifier.unwrap_or(Quantifier { min: 1, max: Some(1) });
    match (path.selector, quantifier) {
        (Selector::Shortest, _) => Reach::Shortest { min, max },
        (Selector::Cheapest, _) => Reach::Cheapest { min, max },
        (Selector::All, None) => Reach::One,
        (Selector::All, Some(_)) => Reach::Walk { min, max, mode: path.mode.unwrap_or(Mode::Walk) },
    }
}

pub(super) fn labelled<'a>(
    graph: &str,
    elements: impl Iterator<Item = &'a Element> + Clone,
    labels: Option<&syntax::Labels>,
    what: &str,
) -> Result<Vec<usize>, QueryError> {
    let Some(labels) = labels else { return Ok((0..elements.count()).collect()) };
    for (name, at) in labels.names() {
        if elements.clone().all(|element| element.labels.iter().all(|label| label != name)) {
            let known: BTreeSet<&str> = elements
                .clone()
                .filter_map(|element| element.labels.first().map(String::as_str))
                .collect();
            let known: Vec<&str> = known.into_iter().take(40).collect();
            let message = format!("no {what} of graph \"{graph}\" has the label \"{name}\"");
            return Err(QueryError::new("42704", message)
                .with_hint(format!("There are {}.", known.join(", ")))
                .at(at));
        }
    }
    let admitted = elements.enumerate().filter(|(_, element)| labels.admits(&element.labels));
    Ok(admitted.map(|(place, _)| place).collect())
}

pub(super) fn property_type(
    elements: &[&Element],
    variable: &str,
    property: &str,
    at: usize,
) -> Result<Type, QueryError> {
    let mut found =
        elements.iter().filter_map(|element| Some((element, element.property(property)?.of)));
    let Some((first, of)) = found.next() else {
        let known: BTreeSet<&str> = (elements.iter())
            .flat_map(|element| element.properties.iter().map(|property| &*property.name))
            .collect();
        let known: Vec<&str> = known.into_iter().take(40).collect();
        let message = format!("\"{variable}\" has no property \"{property}\"");
        return Err(QueryError::new(QueryError::NO_COLUMN, message)
            .with_hint(format!("There are {}.", known.join(", ")))
            .at(at));
    };
    match found.find(|(_, other)| *other != of) {
        None => Ok(of),
        Some((other, _)) => Err(QueryError::new(
            "42804",
            format!(
                "property \"{property}\" is of another type in {} than in {}",
                first.name, other.name
            ),
        )
        .with_hint(format!("Say with a label which of them \"{variable}\" is."))
        .at(at)),
    }
}

/// The type of a list of values; what has no list type of its own is given as text.
fn list_of(of: Type) -> Type {
    if of == Type::Integer { Type::Integers } else { Type::Texts }
}

/// The property of `a.id`, the function of `path_length(p)`, as PostgreSQL names columns.
fn default_name(expression: &Expression) -> String {
    let words: Vec<&str> = (expression.tokens.iter())
        .filter_map(|lexed| match &lexed.token {
            Token::Word { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let dotted = |place: usize| expression.tokens.get(place).map(|lexed| &lexed.token);
    match (expression.tokens.len(), dotted(1)) {
        (3, Some(Token::Sign('.'))) => words.get(1).copied(),
        (_, Some(Token::Sign('('))) => words.first().copied(),
        _ => None,
    }
    .unwrap_or("?column?")
    .to_owned()
}

fn declared_twice(name: &str, at: usize) -> QueryError {
    QueryError::new("42712", format!("\"{name}\" is declared twice"))
        .with_hint("Only a vertex may come again, and is the same vertex then.")
        .at(at)
}
