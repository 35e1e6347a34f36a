//! `GRAPH_TABLE (graph MATCH pattern WHERE condition COLUMNS (...))`: from text to what was written.
//!
//! Spelled as ISO 9075-16 (SQL/PGQ) and PostgreSQL have it. Our own is `ANY CHEAPEST` with `COST` in
//! the edge, and labels with a dot (`physical.device`).

use groma_graph::{Direction, Mode, PATH_HOPS_MAX};

use super::text::{Cursor, Expression, Source};
use crate::QueryError;

/// Most vertices and edges of one pattern.
pub(crate) const PATTERN_ELEMENTS_MAX: usize = 64;

/// All of a GRAPH_TABLE.
#[derive(Debug, Clone)]
pub(crate) struct GraphTable {
    /// Name of the graph, with what stands before its dots.
    pub(crate) graph: Vec<String>,
    /// Place of the name in the request.
    pub(crate) graph_at: usize,
    pub(crate) paths: Vec<PathPattern>,
    pub(crate) condition: Option<Expression>,
    pub(crate) columns: Vec<ColumnItem>,
}

/// Vertices with edges between them: one more vertex than edges.
#[derive(Debug, Clone)]
pub(crate) struct PathPattern {
    pub(crate) variable: Option<String>,
    pub(crate) selector: Selector,
    pub(crate) mode: Option<Mode>,
    pub(crate) vertices: Vec<Element>,
    pub(crate) edges: Vec<EdgePattern>,
    /// Its place in the request.
    pub(crate) at: usize,
}

/// Which of several ways between two vertices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selector {
    All,
    Shortest,
    Cheapest,
}

/// What stands in the brackets of a vertex or edge.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) variable: Option<String>,
    pub(crate) labels: Option<Labels>,
    pub(crate) condition: Option<Expression>,
    pub(crate) at: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct EdgePattern {
    pub(crate) element: Element,
    pub(crate) cost: Option<Expression>,
    pub(crate) direction: Direction,
    pub(crate) quantifier: Option<Quantifier>,
}

/// How many edges; no `max`: any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantifier {
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
}

/// An expression over labels.
#[derive(Debug, Clone)]
pub(crate) enum Labels {
    Name(String, usize),
    Any,
    Not(Box<Labels>),
    And(Box<Labels>, Box<Labels>),
    Or(Box<Labels>, Box<Labels>),
}

/// One of COLUMNS.
#[derive(Debug, Clone)]
pub(crate) enum ColumnItem {
    /// `a.*`
    All {
        variable: String,
        at: usize,
    },
    Expression {
        expression: Expression,
        name: Option<String>,
    },
}

impl Labels {
    /// Whether an element with these labels is meant.
    pub(crate) fn admits(&self, labels: &[String]) -> bool {
        match self {
            Labels::Name(name, _) => labels.contains(name),
            Labels::Any => !labels.is_empty(),
            Labels::Not(inner) => !inner.admits(labels),
            Labels::And(a, b) => a.admits(labels) && b.admits(labels),
            Labels::Or(a, b) => a.admits(labels) || b.admits(labels),
        }
    }

    /// The names in it, with their places.
    pub(crate) fn names(&self) -> Vec<(&str, usize)> {
        match self {
            Labels::Name(name, at) => vec![(name, *at)],
            Labels::Any => Vec::new(),
            Labels::Not(inner) => inner.names(),
            Labels::And(a, b) | Labels::Or(a, b) => [a.names(), b.names()].concat(),
        }
    }
}

/// Reads what stands between the parentheses of a GRAPH_TABLE.
pub(crate) fn parse(source: Source) -> Result<GraphTable, QueryError> {
    let mut cursor = Cursor::new(source)?;
    let cursor = &mut cursor;
    let graph_at = cursor.place();
    let graph = cursor.names("the name of a property graph")?;
    cursor.wants_word("match")?;
    let mut paths = vec![path(cursor)?];
    while cursor.takes_sign(',') {
        paths.push(path(cursor)?);
    }
    let condition = match cursor.takes_word("where") {
        true => Some(cursor.expression(at_columns)?),
        false => None,
    };
    cursor.wants_word("columns")?;
    cursor.wants_sign('(')?;
    let mut columns = vec![column(cursor)?];
    while cursor.takes_sign(',') {
        columns.push(column(cursor)?);
    }
    cursor.wants_sign(')')?;
    if !cursor.is_end() {
        return Err(cursor.wanted("the end of GRAPH_TABLE"));
    }
    let elements: usize = paths.iter().map(|path| path.vertices.len() + path.edges.len()).sum();
    if elements > PATTERN_ELEMENTS_MAX {
        return Err(QueryError::new(
            "54001",
            format!(
                "a pattern of {elements} vertices and edges is larger than {PATTERN_ELEMENTS_MAX}"
            ),
        )
        .with_hint("Split it over several GRAPH_TABLEs and join them."));
    }
    Ok(GraphTable { graph, graph_at, paths, condition, columns })
}

fn at_columns(cursor: &Cursor) -> bool {
    cursor.at_word("columns") && cursor.peek(1) == Some(&super::text::Token::Sign('('))
}

fn column(cursor: &mut Cursor) -> Result<ColumnItem, QueryError> {
    use super::text::Token::Sign;
    let at = cursor.place();
    if cursor.peek(1) == Some(&Sign('.')) && cursor.peek(2) == Some(&Sign('*')) {
        let variable = cursor.name("a variable")?;
        cursor.takes_sign('.');
        cursor.takes_sign('*');
        return Ok(ColumnItem::All { variable, at });
    }
    let expression = cursor.expression(|cursor| cursor.at_sign(',') || cursor.at_word("as"))?;
    let name = cursor.takes_word("as").then(|| cursor.name("a name")).transpose()?;
    Ok(ColumnItem::Expression { expression, name })
}

fn path(cursor: &mut Cursor) -> Result<PathPattern, QueryError> {
    let at = cursor.place();
    let variable = match cursor.peek(1) {
        Some(super::text::Token::Sign('=')) => {
            let name = cursor.name("the name of a path")?;
            cursor.takes_sign('=');
            Some(name)
        }
        _ => None,
    };
    let selector = selector(cursor)?;
    let mode = mode(cursor);
    if !cursor.takes_word("paths") && !cursor.takes_word("path") && !cursor.at_sign('(') {
        return Err(cursor.wanted("a vertex such as (a IS label)"));
    }
    let (mut vertices, mut edges) = (vec![vertex(cursor)?], Vec::new());
    while cursor.at_sign('-') || cursor.at_sign('<') {
        edges.push(edge(cursor)?);
        vertices.push(vertex(cursor)?);
    }
    if cursor.at_sign('~') {
        return Err(not_offered(
            cursor,
            "an undirected edge",
            "Write -[...]- for either direction.",
        ));
    }
    if selector == Selector::Cheapest && edges.iter().any(|edge| edge.cost.is_none()) {
        return Err(QueryError::new(QueryError::SYNTAX, "ANY CHEAPEST needs a cost")
            .with_hint("Write it in the edge: -[e IS label COST e.property]->+.")
            .at(at));
    }
    Ok(PathPattern { variable, selector, mode, vertices, edges, at })
}

fn selector(cursor: &mut Cursor) -> Result<Selector, QueryError> {
    let several = cursor.at_word("all") || cursor.at_word("shortest");
    if several && (!cursor.at_word("all") || cursor.at_word_ahead(1, "shortest")) {
        let hint = "ANY SHORTEST gives one of the shortest ways.";
        return Err(not_offered(cursor, "asking for several shortest ways", hint));
    }
    if cursor.takes_word("all") || !cursor.takes_word("any") {
        return Ok(Selector::All);
    }
    if cursor.takes_word("cheapest") {
        return Ok(Selector::Cheapest);
    }
    // Any one will do: then one of the shortest.
    cursor.takes_word("shortest");
    Ok(Selector::Shortest)
}

fn mode(cursor: &mut Cursor) -> Option<Mode> {
    let modes = [
        ("walk", Mode::Walk),
        ("trail", Mode::Trail),
        ("acyclic", Mode::Acyclic),
        ("simple", Mode::Simple),
    ];
    modes.into_iter().find(|(word, _)| cursor.takes_word(word)).map(|(_, mode)| mode)
}

fn vertex(cursor: &mut Cursor) -> Result<Element, QueryError> {
    cursor.wants_sign('(')?;
    if cursor.at_sign('(') {
        return Err(not_offered(
            cursor,
            "a path pattern in parentheses",
            "Put the quantifier behind an edge: (a)-[e IS label]->{1,3}(b).",
        ));
    }
    let element = element(cursor)?;
    cursor.wants_sign(')')?;
    Ok(element)
}

fn element(cursor: &mut Cursor) -> Result<Element, QueryError> {
    let at = cursor.place();
    let starts = ["is", "where", "cost"].iter().any(|word| cursor.at_word(word));
    let named = !starts && matches!(cursor.peek(0), Some(super::text::Token::Word { .. }));
    let variable = named.then(|| cursor.name("a variable")).transpose()?;
    let labelled = cursor.takes_word("is") || cursor.takes_sign(':');
    let labels = labelled.then(|| any_label(cursor, 0)).transpose()?;
    let condition = match cursor.takes_word("where") {
        true => Some(cursor.expression(|cursor| cursor.at_word("cost"))?),
        false => None,
    };
    Ok(Element { variable, labels, condition, at })
}

/// Deepest parentheses in an expression over labels.
const LABELS_NESTED_MAX: u32 = 16;

fn any_label(cursor: &mut Cursor, depth: u32) -> Result<Labels, QueryError> {
    let mut labels = both_labels(cursor, depth)?;
    while cursor.takes_sign('|') {
        labels = Labels::Or(Box::new(labels), Box::new(both_labels(cursor, depth)?));
    }
    Ok(labels)
}

fn both_labels(cursor: &mut Cursor, depth: u32) -> Result<Labels, QueryError> {
    let mut labels = one_label(cursor, depth)?;
    while cursor.takes_sign('&') {
        labels = Labels::And(Box::new(labels), Box::new(one_label(cursor, depth)?));
    }
    Ok(labels)
}

fn one_label(cursor: &mut Cursor, depth: u32) -> Result<Labels, QueryError> {
    let mut negated = false;
    while cursor.takes_sign('!') {
        negated = !negated;
    }
    let at = cursor.place();
    let labels = if cursor.takes_sign('%') {
        Labels::Any
    } else if cursor.takes_sign('(') {
        if depth == LABELS_NESTED_MAX {
            return Err(cursor.wanted("fewer parentheses"));
        }
        let inner = any_label(cursor, depth + 1)?;
        cursor.wants_sign(')')?;
        inner
    } else {
        Labels::Name(cursor.names("a label")?.join("."), at)
    };
    Ok(if negated { Labels::Not(Box::new(labels)) } else { labels })
}

pub(super) fn edge(cursor: &mut Cursor) -> Result<EdgePattern, QueryError> {
    let at = cursor.place();
    let left = cursor.takes_sign('<');
    cursor.wants_sign('-')?;
    let (element, cost) = if cursor.takes_sign('[') {
        let element = element(cursor)?;
        let cost = match cursor.takes_word("cost") {
            true => Some(cursor.expression(|_| false)?),
            false => None,
        };
        cursor.wants_sign(']')?;
        cursor.wants_sign('-')?;
        (element, cost)
    } else {
        (Element { variable: None, labels: None, condition: None, at }, None)
    };
    let direction = match (left, cursor.takes_sign('>')) {
        (false, true) => Direction::Right,
        (true, false) => Direction::Left,
        _ => Direction::Any,
    };
    Ok(EdgePattern { element, cost, direction, quantifier: quantifier(cursor)? })
}

fn quantifier(cursor: &mut Cursor) -> Result<Option<Quantifier>, QueryError> {
    let at = cursor.byte();
    if cursor.takes_sign('*') {
        return Ok(Some(Quantifier { min: 0, max: None }));
    }
    if cursor.takes_sign('+') {
        return Ok(Some(Quantifier { min: 1, max: None }));
    }
    if cursor.takes_sign('?') {
        return Ok(Some(Quantifier { min: 0, max: Some(1) }));
    }
    if !cursor.takes_sign('{') {
        return Ok(None);
    }
    let min = if cursor.at_sign(',') { 0 } else { cursor.number()? };
    let max = match cursor.takes_sign(',') {
        true if cursor.at_sign('}') => None,
        true => Some(cursor.number()?),
        false => Some(min),
    };
    cursor.wants_sign('}')?;
    let wrong = |message: String| Err(cursor.source.error(at, message));
    if max.is_some_and(|max| max < min) {
        return wrong("a quantifier's second number is below its first".into());
    }
    if max.unwrap_or(min) > PATH_HOPS_MAX {
        return wrong(format!("a quantifier asks for more than {PATH_HOPS_MAX} edges"));
    }
    Ok(Some(Quantifier { min, max }))
}

fn not_offered(cursor: &Cursor, what: &str, hint: &str) -> QueryError {
    QueryError::new(QueryError::NOT_SUPPORTED, format!("{what} is not offered"))
        .with_hint(hint)
        .at(cursor.place())
}
