//! One statement over HTTP: from the request to the body, with the limits of the wire.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use groma_query::{Given, Outcome, QueryError, Session, Who};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::encode::{Encoder, Form};
use super::problem::Problem;
use super::who::Asking;
use super::{Asked, DEFAULT_DATABASE};
use crate::metrics::Limit;
use crate::wire::Door;
use crate::work::{self, Ahead, Limits};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) sql: String,
    /// For `$1`, `$2`, ...
    #[serde(default)]
    pub(super) parameters: Vec<Value>,
    pub(super) database: Option<String>,
}

/// `POST /v1/sql`: the text of a statement, or a [`Question`] in JSON.
pub(super) async fn post(
    asking: Asking,
    State(door): State<Arc<Door>>,
    options: Asked,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let question = match (options, body) {
        (Err(error), _) => Err(Problem::new("22023", error.body_text())),
        (_, Err(error)) => {
            door.metrics.hit(Limit::Body);
            Err(Problem::new("54000", error.body_text()))
        }
        (Ok(Query(options)), Ok(body)) => {
            let is_json = headers
                .get(CONTENT_TYPE)
                .and_then(|kind| kind.to_str().ok())
                .is_some_and(|kind| kind.starts_with("application/json"));
            let form = options.format.as_deref().map(Form::by_suffix);
            match form {
                Some(None) => Err(Problem::new("22023", "there is no such format")
                    .with_hint("It is json, ndjson, csv, arrow or parquet.")),
                form => read(is_json, &body, options.database).map(|read| (read, form.flatten())),
            }
        }
    };
    match question {
        Ok((question, form)) => answer(&door, asking, form, question).await,
        Err(problem) => {
            door.note_http(&problem.sqlstate, problem.title());
            problem.into_response()
        }
    }
}

fn read(is_json: bool, body: &[u8], database: Option<String>) -> Result<Question, Problem> {
    if is_json {
        let question: Question = serde_json::from_slice(body).map_err(|error| {
            Problem::new("22023", format!("the question cannot be read: {error}")).with_hint(
                "Send {\"sql\": \"SELECT $1::int\", \"parameters\": [1], \"database\": \"live\"}.",
            )
        })?;
        return Ok(Question { database: question.database.or(database), ..question });
    }
    match std::str::from_utf8(body) {
        Ok(sql) => Ok(Question { sql: sql.to_owned(), parameters: Vec::new(), database }),
        Err(_) => Err(Problem::new("22021", "the statement is not in UTF-8")),
    }
}

/// Asks, and answers in the form that was named, or that the client likes best.
pub(super) async fn answer(
    door: &Arc<Door>,
    asking: Asking,
    form: Option<Form>,
    question: Question,
) -> Response {
    let answered = match form.or(asking.form) {
        Some(form) => try_answer(door, asking.who, form, question).await,
        None => Err(Problem::new("22023", "none of the forms of Accept is offered").with_hint(
            "Accept application/json, application/x-ndjson, text/csv, application/vnd.apache.arrow.stream or application/vnd.apache.parquet.",
        )),
    };
    answered.unwrap_or_else(|problem| {
        door.note_http(&problem.sqlstate, problem.title());
        problem.into_response()
    })
}

async fn try_answer(
    door: &Arc<Door>,
    who: Who,
    form: Form,
    question: Question,
) -> Result<Response, Problem> {
    let Ok(place) = Arc::clone(&door.places).try_acquire_owned() else {
        return Err(Problem::new(
            "53300",
            format!("all {} connections are in use", door.places_max),
        )
        .with_hint("Try again, or start the server with a larger --connections."));
    };
    door.metrics.http.statements.fetch_add(1, Relaxed);
    let database = question.database.clone().unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
    let engine = door.engine.clone();
    // A database of the past may have to be made from the journal first.
    let open = async move { engine.session_for(&database, who) };
    let (_cancel, unlimited) = Limits::begin(None);
    let session = Arc::new(work::run(&door.engine_threads, &unlimited, open).await?);
    let (cancel, limits) = Limits::begin(session.statement_timeout());
    let asked = Arc::clone(&session);
    let outcome =
        work::run(&door.engine_threads, &limits, async move { ask(&asked, question).await })
            .await?;
    match outcome {
        Outcome::Command { tag } => {
            let notices: Vec<_> = (session.take_notices().into_iter())
                .map(|notice| json!({ "severity": notice.severity, "message": notice.message, "hint": notice.hint }))
                .collect();
            Ok(axum::Json(json!({ "tag": tag, "notices": notices })).into_response())
        }
        Outcome::Rows { schema, stream } => {
            let batches = Ahead::start(&door.engine_threads, stream);
            let door = Arc::clone(door);
            let rows = Rows { batches, limits, door, _cancel: cancel, _place: place };
            respond(rows, form, &schema).await
        }
        Outcome::CopyOut { .. } | Outcome::CopyIn(_) => {
            Err(Problem::new("0A000", "COPY goes over the wire of PostgreSQL only")
                .with_hint("Here, ask for text/csv and write with INSERT."))
        }
    }
}

async fn ask(session: &Session, question: Question) -> Result<Outcome, QueryError> {
    if question.parameters.is_empty() {
        let mut requests = session.read(&question.sql)?;
        if let (Some(request), true) = (requests.pop(), requests.is_empty()) {
            return session.carry_out(request).await;
        }
        return Err(QueryError::new(QueryError::SYNTAX, "a request holds one statement")
            .with_hint("Send one request per statement."));
    }
    let prepared = session.prepare(&question.sql).await?;
    let given = question.parameters.into_iter().map(given).collect::<Result<Vec<_>, _>>()?;
    let parameters = prepared.bind(given)?;
    session.run(&prepared, parameters).await
}

fn given(value: Value) -> Result<Given, QueryError> {
    Ok(match value {
        Value::Null => Given::Null,
        Value::Bool(truth) => Given::Boolean(truth),
        Value::String(text) => Given::Text(text),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Given::Integer(integer),
            (None, Some(float)) => Given::Float(float),
            (None, None) => Given::Text(number.to_string()),
        },
        Value::Array(items) => Given::List(items.into_iter().map(given).collect::<Result<_, _>>()?),
        Value::Object(_) => {
            return Err(QueryError::new(
                QueryError::NOT_SUPPORTED,
                "a parameter is a text, a number, a truth, null or a list of such",
            ));
        }
    })
}

/// An answer under way. Dropping it, as when the client goes, stops the engine.
struct Rows {
    batches: Ahead,
    limits: Limits,
    door: Arc<Door>,
    _cancel: watch::Sender<bool>,
    _place: OwnedSemaphorePermit,
}

impl Rows {
    async fn next(&mut self) -> Option<Result<RecordBatch, QueryError>> {
        self.batches.next(&self.limits).await
    }

    fn count(&self, rows: usize, bytes: usize) {
        self.door.metrics.http.rows.fetch_add(rows as u64, Relaxed);
        self.door.metrics.http.bytes.fetch_add(bytes as u64, Relaxed);
    }
}

/// Begins when the first rows are there.
async fn respond(mut rows: Rows, form: Form, schema: &SchemaRef) -> Result<Response, Problem> {
    let (mut encoder, mut head) = Encoder::begin(form, schema)?;
    let first = rows.next().await.transpose()?;
    if let Some(batch) = &first {
        head.extend(encoder.write(batch)?);
        rows.count(batch.num_rows(), head.len());
    }
    let rest = stream::unfold(Some((rows, encoder)), |state| async {
        let (mut rows, mut encoder) = state?;
        let bytes = match rows.next().await {
            Some(Ok(batch)) => match encoder.write(&batch) {
                Ok(bytes) => {
                    rows.count(batch.num_rows(), bytes.len());
                    return Some((Ok(bytes), Some((rows, encoder))));
                }
                Err(error) => Err(error),
            },
            Some(Err(error)) => Err(error),
            None => encoder.end(),
        };
        // Too late for a status: the body is cut off, which no client takes for whole.
        let cut_off = bytes.map_err(|error| {
            rows.door.note_http(error.sqlstate(), error.message());
            tracing::debug!(%error, "an answer was cut off");
            io::Error::other(error)
        });
        Some((cut_off, None))
    });
    let body = Body::from_stream(stream::once(async { Ok(head) }).chain(rest));
    Ok(([(CONTENT_TYPE, form.media_type())], body).into_response())
}
