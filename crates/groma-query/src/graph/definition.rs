//! `CREATE PROPERTY GRAPH`: from text to what was written. A definition is kept as its text, and read
//! again when the graph is asked.

use super::text::{Cursor, Expression, Source};
use crate::QueryError;

/// Longest definition, in bytes.
pub(crate) const DEFINITION_BYTES_MAX: usize = 100_000;

/// A property graph as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) vertices: Vec<TableText>,
    pub(crate) edges: Vec<EdgeText>,
}

/// A table of vertices or edges.
#[derive(Debug, Clone)]
pub(crate) struct TableText {
    /// Name of the table, with what stands before its dots.
    pub(crate) table: Vec<String>,
    /// What it is called in the graph.
    pub(crate) alias: String,
    pub(crate) key: Option<Vec<String>>,
    /// Never empty.
    pub(crate) labels: Vec<LabelText>,
    /// Its place in the request.
    pub(crate) at: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct LabelText {
    pub(crate) name: String,
    pub(crate) properties: Properties,
}

#[derive(Debug, Clone)]
pub(crate) enum Properties {
    AllColumns,
    None,
    Listed(Vec<PropertyText>),
}

#[derive(Debug, Clone)]
pub(crate) struct PropertyText {
    pub(crate) name: String,
    pub(crate) expression: Expression,
}

#[derive(Debug, Clone)]
pub(crate) struct EdgeText {
    pub(crate) table: TableText,
    pub(crate) source: EndText,
    pub(crate) destination: EndText,
}

/// How an edge names the vertex at one of its ends.
#[derive(Debug, Clone)]
pub(crate) struct EndText {
    /// Columns of the edge's table; `None`: to be found.
    pub(crate) key: Option<Vec<String>>,
    /// Name of the vertex table in the graph.
    pub(crate) vertex: String,
    /// Columns of the vertex table; `None`: its key.
    pub(crate) references: Option<Vec<String>>,
    /// Its place in the request.
    pub(crate) at: usize,
}

/// Reads `CREATE PROPERTY GRAPH ...`.
pub(crate) fn parse(source: Source) -> Result<Definition, QueryError> {
    if source.text.len() > DEFINITION_BYTES_MAX {
        let message = format!("a definition may be {DEFINITION_BYTES_MAX} bytes long");
        return Err(QueryError::new("54000", message));
    }
    let mut cursor = Cursor::new(source)?;
    let cursor = &mut cursor;
    for word in ["create", "property", "graph"] {
        cursor.wants_word(word)?;
    }
    let name = graph_name(cursor)?;
    if !cursor.takes_word("node") {
        cursor.wants_word("vertex")?;
    }
    cursor.wants_word("tables")?;
    let vertices = listed(cursor, table)?;
    let mut edges = Vec::new();
    if cursor.takes_word("edge") || cursor.takes_word("relationship") {
        cursor.wants_word("tables")?;
        edges = listed(cursor, edge)?;
    }
    if !cursor.is_end() {
        return Err(cursor.wanted("EDGE TABLES or the end of the statement"));
    }
    Ok(Definition { name, vertices, edges })
}

/// Reads `DROP PROPERTY GRAPH [IF EXISTS] name`: the name, and whether it may be missing.
pub(crate) fn parse_drop(source: Source) -> Result<(String, bool), QueryError> {
    let mut cursor = Cursor::new(source)?;
    let cursor = &mut cursor;
    for word in ["drop", "property", "graph"] {
        cursor.wants_word(word)?;
    }
    let if_exists = cursor.takes_word("if");
    if if_exists {
        cursor.wants_word("exists")?;
    }
    let name = graph_name(cursor)?;
    if !(cursor.takes_word("restrict") || cursor.takes_word("cascade") || cursor.is_end()) {
        return Err(cursor.wanted("the end of the statement"));
    }
    Ok((name, if_exists))
}

/// Graphs are in no schema; `public` is taken for none.
fn graph_name(cursor: &mut Cursor) -> Result<String, QueryError> {
    let byte = cursor.byte();
    let mut names = cursor.names("the name of a property graph")?;
    let name = names.pop().unwrap_or_default();
    if names.is_empty() || names == ["public"] {
        return Ok(name);
    }
    let message = format!("a property graph is in no schema, and not in \"{}\"", names.join("."));
    Err(cursor.source.error(byte, message).with_hint("Give its name alone, inside its database."))
}

fn listed<T>(
    cursor: &mut Cursor,
    item: impl Fn(&mut Cursor) -> Result<T, QueryError>,
) -> Result<Vec<T>, QueryError> {
    cursor.wants_sign('(')?;
    let mut items = vec![item(cursor)?];
    while cursor.takes_sign(',') {
        items.push(item(cursor)?);
    }
    cursor.wants_sign(')')?;
    Ok(items)
}

fn columns(cursor: &mut Cursor) -> Result<Vec<String>, QueryError> {
    listed(cursor, |cursor| cursor.name("a column"))
}

fn table(cursor: &mut Cursor) -> Result<TableText, QueryError> {
    let mut table = table_and_key(cursor)?;
    labels(cursor, &mut table)?;
    Ok(table)
}

fn table_and_key(cursor: &mut Cursor) -> Result<TableText, QueryError> {
    let at = cursor.place();
    let table = cursor.names("a table")?;
    let alias = match cursor.takes_word("as") {
        true => cursor.name("a name")?,
        false => table.last().cloned().unwrap_or_default(),
    };
    let key = cursor.takes_word("key").then(|| columns(cursor)).transpose()?;
    Ok(TableText { table, alias, key, labels: Vec::new(), at })
}

fn edge(cursor: &mut Cursor) -> Result<EdgeText, QueryError> {
    let mut table = table_and_key(cursor)?;
    cursor.wants_word("source")?;
    let source = end(cursor)?;
    cursor.wants_word("destination")?;
    let destination = end(cursor)?;
    labels(cursor, &mut table)?;
    Ok(EdgeText { table, source, destination })
}

fn end(cursor: &mut Cursor) -> Result<EndText, QueryError> {
    let at = cursor.place();
    let key = cursor.takes_word("key").then(|| columns(cursor)).transpose()?;
    if key.is_some() {
        cursor.wants_word("references")?;
    }
    // A kind may be named in full: what counts is its alias.
    let vertex = cursor.names("a vertex table")?.pop().unwrap_or_default();
    let references = cursor.at_sign('(').then(|| columns(cursor)).transpose()?;
    Ok(EndText { key, vertex, references, at })
}

/// `[LABEL name | DEFAULT LABEL] [properties] ...`; without any, a label of the table's name.
fn labels(cursor: &mut Cursor, table: &mut TableText) -> Result<(), QueryError> {
    loop {
        let name = if cursor.takes_word("label") {
            cursor.name("a label")?
        } else if cursor.takes_word("default") {
            cursor.wants_word("label")?;
            table.alias.clone()
        } else {
            break;
        };
        let properties = properties(cursor)?.unwrap_or(Properties::AllColumns);
        table.labels.push(LabelText { name, properties });
    }
    if table.labels.is_empty() {
        let properties = properties(cursor)?.unwrap_or(Properties::AllColumns);
        table.labels.push(LabelText { name: table.alias.clone(), properties });
    }
    Ok(())
}

fn properties(cursor: &mut Cursor) -> Result<Option<Properties>, QueryError> {
    if cursor.takes_word("no") {
        cursor.wants_word("properties")?;
        return Ok(Some(Properties::None));
    }
    if !cursor.takes_word("properties") {
        return Ok(None);
    }
    if cursor.takes_word("are") | cursor.takes_word("all") {
        cursor.takes_word("all");
        cursor.wants_word("columns")?;
        return Ok(Some(Properties::AllColumns));
    }
    listed(cursor, property).map(|listed| Some(Properties::Listed(listed)))
}

fn property(cursor: &mut Cursor) -> Result<PropertyText, QueryError> {
    let byte = cursor.byte();
    let expression = cursor.expression(|cursor| cursor.at_sign(',') || cursor.at_word("as"))?;
    let name = match (cursor.takes_word("as"), &*expression.tokens) {
        (true, _) => cursor.name("a name")?,
        (false, [lexed]) => match &lexed.token {
            super::text::Token::Word { text, .. } => text.clone(),
            _ => return Err(unnamed(cursor, byte)),
        },
        (false, _) => return Err(unnamed(cursor, byte)),
    };
    Ok(PropertyText { name, expression })
}

fn unnamed(cursor: &Cursor, byte: usize) -> QueryError {
    cursor.source.error(byte, "this property has no name").with_hint("Write expression AS name.")
}
