//! `GET /openapi.json`: what the door offers, for people and for programs that make clients.

use serde_json::{Value, json};

/// An OpenAPI 3.1 document that describes every route.
pub(super) fn description() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Groma",
            "summary": "A live model of a data center and its traffic, asked in SQL.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "security": [{ "token": [] }],
        "paths": paths(),
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description":
                    "Made with `groma user token name`. Without users none is asked for, on the server's machine." },
            },
            "parameters": {
                "database": query("database", "The database to ask; live if none is named.", &json!({ "type": "string" })),
                "limit": query("limit", "Most rows.", &json!({ "type": "integer", "minimum": 0 })),
                "format": query("format", "Instead of Accept.",
                    &json!({ "type": "string", "enum": ["json", "ndjson", "csv", "arrow", "parquet"] })),
            },
            "responses": { "problem": {
                "description": "It was refused, or failed. The same that PostgreSQL clients see.",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            } },
            "schemas": schemas(),
        },
    })
}

fn paths() -> Value {
    let open = |mut operation: Value| {
        operation["security"] = json!([]);
        json!({ "get": operation })
    };
    let text = |kind: &str, what: &str| json!({ "200": { "description": what, "content": { kind: { "schema": { "type": "string" } } } } });
    json!({
        "/healthz": open(json!({
            "summary": "Whether the server answers", "operationId": "health",
            "responses": text("text/plain", "It does."),
        })),
        "/openapi.json": open(json!({
            "summary": "This document", "operationId": "description",
            "responses": { "200": { "description": "OpenAPI 3.1.", "content": { "application/json": { "schema": { "type": "object" } } } } },
        })),
        "/metrics": { "get": {
            "summary": "What the server counts, for Prometheus", "operationId": "metrics",
            "responses": with_problem(text("text/plain", "The text format, version 0.0.4.")),
        } },
        "/v1/sql": { "post": {
            "summary": "Carry out one statement", "operationId": "sql",
            "parameters": [reference("database"), reference("format")],
            "requestBody": { "required": true, "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Question" } },
                "text/plain": { "schema": { "type": "string", "description": "The statement." } },
            } },
            "responses": with_problem(rows("Its rows, or the tag of a command.", true)),
        } },
        "/v1/databases": { "get": listing("Databases: live, its forks and theirs", "databases", Vec::new()) },
        "/v1/tables": { "get": listing("Tables, with what they hold", "tables", Vec::new()) },
        "/v1/tables/{schema}/{table}": { "get": listing(
            "Rows of a table", "table", vec![path_parameter("schema"), path_parameter("table")],
        ) },
        "/v1/export/{schema}/{file}": { "get": listing(
            "A table as a file; its suffix is the form: .parquet, .arrow, .csv, .ndjson or .json",
            "export", vec![path_parameter("schema"), path_parameter("file")],
        ) },
    })
}

fn listing(summary: &str, name: &str, mut parameters: Vec<Value>) -> Value {
    parameters.extend(["database", "limit", "format"].map(reference));
    json!({
        "summary": summary,
        "operationId": name,
        "parameters": parameters,
        "responses": with_problem(rows("The rows.", false)),
    })
}

fn rows(description: &str, or_tag: bool) -> Value {
    let of_rows = json!({ "$ref": "#/components/schemas/Rows" });
    let of_tag = json!({ "$ref": "#/components/schemas/Done" });
    let json_schema = if or_tag { json!({ "oneOf": [of_rows, of_tag] }) } else { of_rows };
    let binary = json!({ "schema": { "type": "string", "format": "binary" } });
    let text = json!({ "schema": { "type": "string" } });
    json!({ "200": { "description": description, "content": {
        "application/json": { "schema": json_schema },
        "application/x-ndjson": text,
        "text/csv": text,
        "application/vnd.apache.arrow.stream": binary,
        "application/vnd.apache.parquet": binary,
    } } })
}

fn schemas() -> Value {
    json!({
        "Question": {
            "type": "object",
            "required": ["sql"],
            "additionalProperties": false,
            "properties": {
                "sql": { "type": "string", "description": "One statement." },
                "parameters": {
                    "type": "array",
                    "description": "For $1, $2, ...",
                    "items": { "type": ["string", "number", "boolean", "null"] },
                },
                "database": { "type": "string" },
            },
        },
        "Rows": {
            "type": "object",
            "required": ["columns", "rows"],
            "properties": {
                "columns": { "type": "array", "items": {
                    "type": "object",
                    "required": ["name", "type"],
                    "properties": {
                        "name": { "type": "string" },
                        "type": { "type": "string", "description": "As PostgreSQL names it, such as int8." },
                    },
                } },
                "rows": { "type": "array", "items": { "type": "object" } },
            },
        },
        "Done": {
            "type": "object",
            "required": ["tag", "notices"],
            "properties": {
                "tag": { "type": "string", "description": "Such as INSERT 0 3." },
                "notices": { "type": "array", "items": { "type": "object" } },
            },
        },
        "Problem": {
            "type": "object",
            "required": ["title", "status", "sqlstate"],
            "properties": {
                "title": { "type": "string", "description": "What is wrong." },
                "status": { "type": "integer" },
                "sqlstate": { "type": "string", "description": "PostgreSQL's code." },
                "detail": { "type": "string" },
                "hint": { "type": "string", "description": "What to try." },
                "position": { "type": "integer", "description": "At which character of the statement, from 1." },
            },
        },
    })
}

fn with_problem(mut responses: Value) -> Value {
    responses["default"] = json!({ "$ref": "#/components/responses/problem" });
    responses
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn path_parameter(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of the routes is the truth: whoever adds one sees this fail until it is described.
    #[test]
    fn every_route_is_described_and_nothing_else() {
        let source = include_str!("../http.rs");
        let mut routes: Vec<&str> =
            (source.split(".route(\"").skip(1)).filter_map(|rest| rest.split('"').next()).collect();
        routes.sort_unstable();
        let description = description();
        let mut described: Vec<&str> =
            description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        described.sort_unstable();
        assert_eq!(routes, described);
    }
}
