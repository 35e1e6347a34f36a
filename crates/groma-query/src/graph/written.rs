//! Definitions of property graphs as the model holds them: made, dropped, found.

use std::sync::Arc;

use datafusion::execution::session_state::SessionState;
use groma_model::{EntityRef, Fact, Interval, Source, Timestamp, Value};
use groma_store::{Change, Commit, Writer as _};

use super::definition::{self, Definition};
use super::property_graph::{CABLING, MODEL, PropertyGraph};
use super::resolve::resolve;
use super::text;
use crate::catalog::Databases;
use crate::session::Scope;
use crate::{QueryError, Session, View};

/// The kind of definitions.
pub(crate) const KIND: &str = "graph.property_graph";
/// The attribute that holds the text.
pub(crate) const DEFINITION: &str = "definition";

const NO_GRAPH: &str = "42P01";
const DUPLICATE_GRAPH: &str = "42P07";

/// Reads a definition kept as text.
pub(crate) fn read_definition(text: &str) -> Result<Definition, QueryError> {
    definition::parse(text::Source { text: text.to_owned(), first: 1 })
}

/// Names and texts of the graphs that a view has, by name.
pub(crate) fn defined(view: &View) -> Vec<(String, String)> {
    let schema = view.snapshot().schema();
    let Some(kind) = schema.find(KIND) else { return Vec::new() };
    let Some(attribute) = kind.attribute(DEFINITION) else { return Vec::new() };
    (view.snapshot().entities(kind.id))
        .filter_map(|entity| {
            let text = entity.value(attribute)?.as_text()?;
            Some((entity.key().to_owned(), text.to_owned()))
        })
        .collect()
}

/// `CREATE PROPERTY GRAPH`: checks the definition against the tables, and commits it.
pub(crate) async fn create(
    source: text::Source,
    session: &Session,
    scope: &Scope,
) -> Result<(), QueryError> {
    let text = source.text.trim().to_owned();
    let definition = definition::parse(source)?;
    let name = definition.name.clone();
    let view = scope.databases.view(session.database())?;
    let exists = [MODEL, CABLING].contains(&&*name)
        || defined(&view).iter().any(|(known, _)| *known == name);
    if exists {
        let message = format!("property graph \"{name}\" exists");
        return Err(QueryError::new(DUPLICATE_GRAPH, message).with_hint(
            "SELECT * FROM model.graphs lists them; DROP PROPERTY GRAPH takes one away.",
        ));
    }
    resolve(&definition, &scope.databases, Some(&scope.state), &view).await?;
    let kind = kind_of(&view)?;
    let entity = EntityRef { kind: kind.0, key: name.as_str().into() };
    let source = session.source();
    let said = Arc::clone(&source);
    let changes = move |now| {
        let fact = Fact {
            value: Some(Value::Text(text.into())),
            source: said,
            observed_at: now,
            heard_at: now,
            valid: Interval::ALWAYS,
        };
        let exists = Change::Exists { entity: entity.clone() };
        vec![exists, Change::Assert { entity, attribute: kind.1, fact }]
    };
    commit(session, &view, source, changes).await
}

/// `DROP PROPERTY GRAPH`.
pub(crate) async fn drop_graph(
    source: text::Source,
    session: &Session,
    scope: &Scope,
) -> Result<(), QueryError> {
    let (name, if_exists) = definition::parse_drop(source)?;
    let view = scope.databases.view(session.database())?;
    if [MODEL, CABLING].contains(&&*name) {
        let message = format!("property graph \"{name}\" is built in and stays");
        return Err(QueryError::new(QueryError::READ_ONLY, message));
    }
    if !defined(&view).iter().any(|(known, _)| *known == name) {
        return if if_exists { Ok(()) } else { Err(no_graph(&name, &view)) };
    }
    let entity = EntityRef { kind: kind_of(&view)?.0, key: name.as_str().into() };
    let gone = |_| vec![Change::Remove { entity }];
    commit(session, &view, session.source(), gone).await
}

/// Commits what was thought through on a view.
async fn commit(
    session: &Session,
    view: &View,
    source: Source,
    changes: impl FnOnce(Timestamp) -> Vec<Change> + Send + 'static,
) -> Result<(), QueryError> {
    let (database, seen) = (session.database().to_owned(), view.snapshot().clone());
    session
        .change_world(move |turn, now| {
            turn.commit_if(&seen, &database, Commit::new(source, now, changes(now))).map(|_| ())
        })
        .await
}

fn kind_of(view: &View) -> Result<(groma_model::KindId, usize), QueryError> {
    let kind = view.snapshot().schema().find(KIND);
    let found = kind.and_then(|kind| Some((kind.id, kind.attribute(DEFINITION)?)));
    found.ok_or_else(|| {
        QueryError::new(QueryError::INTERNAL, format!("the schema has no kind {KIND}"))
    })
}

/// The graph of a name, `graph` or `database.graph`, and the view that it is in. Without a `state`,
/// graphs whose properties are computed are not offered.
pub(crate) async fn find_graph(
    names: &[String],
    at: usize,
    own: &str,
    databases: &Databases,
    state: Option<&SessionState>,
) -> Result<(Arc<View>, PropertyGraph), QueryError> {
    let own = own.to_owned();
    let (database, name) = match names {
        [name] => (own, name),
        [schema, name] if schema == "public" => (own, name),
        [database, name] => (database.clone(), name),
        [database, schema, name] if schema == "public" => (database.clone(), name),
        _ => {
            let message = format!("there is no property graph {}", names.join("."));
            return Err(QueryError::new(NO_GRAPH, message)
                .with_hint("Write graph, or database.graph.")
                .at(at));
        }
    };
    let view = databases.view(&database).map_err(|error| error.at(at))?;
    let mut graph = match PropertyGraph::find_built_in(name, view.snapshot().schema()) {
        Some(graph) => graph,
        None => {
            let text = defined(&view).into_iter().find(|(known, _)| known == name);
            let (_, text) = text.ok_or_else(|| no_graph(name, &view).at(at))?;
            // A place in a definition kept is none in the request.
            let read = |error: QueryError| error.nowhere(&format!("in property graph \"{name}\""));
            let definition = read_definition(&text).map_err(read)?;
            resolve(&definition, databases, state, &view).await.map_err(read)?
        }
    };
    graph.database = database;
    Ok((view, graph))
}

fn no_graph(name: &str, view: &View) -> QueryError {
    let mut known = vec![MODEL.to_owned(), CABLING.to_owned()];
    known.extend(defined(view).into_iter().map(|(name, _)| name).take(20));
    QueryError::new(NO_GRAPH, format!("there is no property graph \"{name}\""))
        .with_hint(format!("There are {}.", known.join(", ")))
}
