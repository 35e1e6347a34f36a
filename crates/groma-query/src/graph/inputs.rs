//! What a match needs of tables, as SELECTs that the engine plans: rows of tables that are no kinds, and
//! the keys that pass conditions.

use std::collections::BTreeSet;

use super::conditions::Condition;
use super::plan::{Input, Part, Value};
use super::property_graph::{Element, Held, Joined, quoted};
use super::query::{Builder, property_type};
use crate::QueryError;
use crate::table::Type;

impl Builder {
    /// What the match needs from tables, and the SELECTs that give it.
    pub(super) fn inputs(&self) -> Result<(Vec<Input>, Vec<String>), QueryError> {
        let mut inputs = Vec::new();
        let (mut vertex_rows, mut edge_rows) = (BTreeSet::new(), BTreeSet::new());
        for edge in &self.edges {
            for table in &edge.tables {
                let element = &self.graph.edges[*table];
                if matches!(element.element.held, Held::Rows(_)) {
                    edge_rows.insert(*table);
                    // Its ends are looked up among all vertices, those of walks in between included.
                    vertex_rows.extend([element.ends.0, element.ends.1].into_iter().flatten());
                }
            }
        }
        vertex_rows.extend(self.vertices.iter().flat_map(|vertex| vertex.tables.iter().copied()));
        vertex_rows.retain(|table| matches!(self.graph.vertices[*table].held, Held::Rows(_)));
        inputs.extend(vertex_rows.iter().map(|table| Input::Vertices { table: *table }));
        inputs.extend(edge_rows.iter().map(|table| Input::Edges { table: *table }));
        for (vertex, plan) in self.vertices.iter().enumerate() {
            if !plan.conditions.is_empty() {
                let input = |table: &usize| Input::AdmittedVertices { vertex, table: *table };
                inputs.extend(plan.tables.iter().map(input));
            }
        }
        for (edge, plan) in self.edges.iter().enumerate() {
            if !plan.conditions.is_empty() || plan.cost.is_some() {
                let input = |table: &usize| Input::AdmittedEdges { edge, table: *table };
                inputs.extend(plan.tables.iter().map(input));
            }
        }
        let queries =
            inputs.iter().map(|input| self.input_query(*input)).collect::<Result<_, _>>()?;
        Ok((inputs, queries))
    }

    fn input_query(&self, input: Input) -> Result<String, QueryError> {
        match input {
            Input::Vertices { table } => {
                let element = &self.graph.vertices[table];
                let key = vec![key_text(element.key_columns(), "$key")];
                Ok(self.rows_query(element, key))
            }
            Input::Edges { table } => {
                let edge = &self.graph.edges[table];
                let Joined::Rows { source, target } = &edge.joined else {
                    return Err(QueryError::new(
                        QueryError::INTERNAL,
                        "edges of a kind are no rows",
                    ));
                };
                let keys = vec![
                    key_text(edge.element.key_columns(), "$key"),
                    key_text(source.clone(), "$source"),
                    key_text(target.clone(), "$target"),
                ];
                Ok(self.rows_query(&edge.element, keys))
            }
            Input::AdmittedVertices { vertex, table } => {
                let plan = &self.vertices[vertex];
                let elements = self.vertex_elements(vertex);
                let element = &self.graph.vertices[table];
                self.admitted_query(element, &elements, &plan.name, &plan.conditions, None)
            }
            Input::AdmittedEdges { edge, table } => {
                let plan = &self.edges[edge];
                let elements = self.edge_elements(edge);
                let element = &self.graph.edges[table].element;
                let cost = plan.cost.as_ref();
                self.admitted_query(element, &elements, &plan.name, &plan.conditions, cost)
            }
        }
    }

    /// Keys and those properties that the match gives.
    fn rows_query(&self, element: &Element, mut columns: Vec<String>) -> String {
        let wanted: BTreeSet<&str> = (self.columns.iter())
            .filter_map(|column| match &column.value {
                Value::Vertex(_, Part::Property(name))
                | Value::Edge(_, Part::Property(name))
                | Value::Group(_, Part::Property(name)) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        for property in element.properties.iter().filter(|p| wanted.contains(&*p.name)) {
            columns.push(format!(
                "{} AS {}",
                cast(&property.text, property.of),
                quoted(&property.name)
            ));
        }
        format!("SELECT {} FROM {}", columns.join(", "), self.relation(element))
    }

    fn admitted_query(
        &self,
        element: &Element,
        elements: &[&Element],
        alias: &str,
        conditions: &[Condition],
        cost: Option<&Condition>,
    ) -> Result<String, QueryError> {
        let mut columns = vec![key_text(element.key_columns(), "$key")];
        columns.extend(
            (element.properties.iter())
                .map(|property| format!("{} AS {}", property.text, quoted(&property.name))),
        );
        let mut missing = BTreeSet::new();
        for condition in conditions.iter().chain(cost) {
            for (name, at) in condition.properties_of(alias) {
                let of = property_type(elements, alias, &name, at)?;
                if element.property(&name).is_none() && missing.insert(name.clone()) {
                    columns.push(format!("{} AS {}", cast("NULL", of), quoted(&name)));
                }
            }
        }
        let cost = cost.map_or("CAST(1 AS DOUBLE)".to_owned(), |cost| {
            format!("CAST({} AS DOUBLE)", cost.expression.text)
        });
        let passes: Vec<String> =
            conditions.iter().map(|c| format!("({})", c.expression.text)).collect();
        let passes = if passes.is_empty() { "TRUE".to_owned() } else { passes.join(" AND ") };
        Ok(format!(
            "SELECT \"$key\", {cost} AS \"$cost\" FROM (SELECT {} FROM {}) AS {} WHERE {passes}",
            columns.join(", "),
            self.relation(element),
            quoted(alias),
        ))
    }

    fn relation(&self, element: &Element) -> String {
        let (schema, table) = &element.relation;
        [&*self.graph.database, schema, table].map(quoted).join(".")
    }
}

impl Element {
    fn key_columns(&self) -> Vec<String> {
        match &self.held {
            Held::Kind(_) => vec![crate::kind_table::ID.to_owned()],
            Held::Rows(key) => key.clone(),
        }
    }
}

fn cast(text: &str, of: Type) -> String {
    match of {
        Type::Text => format!("CAST({text} AS VARCHAR)"),
        Type::Integer => format!("CAST({text} AS BIGINT)"),
        Type::Float => format!("CAST({text} AS DOUBLE)"),
        Type::Boolean => format!("CAST({text} AS BOOLEAN)"),
        Type::Time => format!("arrow_cast({text}, 'Timestamp(Nanosecond, Some(\"UTC\"))')"),
        Type::Texts => format!("CAST({text} AS VARCHAR[])"),
        Type::Integers => format!("CAST({text} AS BIGINT[])"),
    }
}

/// The columns of a key as one text; NULL if one of them is.
fn key_text(columns: Vec<String>, name: &str) -> String {
    let parts: Vec<String> =
        columns.iter().map(|column| format!("CAST({} AS VARCHAR)", quoted(column))).collect();
    format!("{} AS {}", parts.join(" || chr(31) || "), quoted(name))
}
