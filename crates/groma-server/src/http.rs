//! The HTTP door: statements, tables and exports for programs, and what the server counts of itself.
//!
//! ```text
//! socket --listen--> (TLS) --> who asks --> one statement --> batches --encode--> body
//! ```
//!
//! The work runs where the wire's does, with the same limits. An answer begins when its first rows are
//! there, so that most errors have a status of their own; one that comes later cuts the body off.

mod encode;
mod listen;
mod openapi;
mod problem;
mod sql;
mod who;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::wire::Door;
use encode::Form;
pub(crate) use listen::serve;
use problem::Problem;
use sql::Question;
use who::Asking;

/// Most bytes of a request.
pub const HTTP_BODY_BYTES_MAX: usize = 16 << 20;
/// The database that is asked where none is named.
const DEFAULT_DATABASE: &str = "live";

/// All routes; `openapi` describes each of them.
fn router(door: Arc<Door>) -> Router {
    Router::new()
        .route("/healthz", get(async || "well\n"))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(async || axum::Json(openapi::description())))
        .route("/v1/sql", post(sql::post))
        .route("/v1/databases", get(databases))
        .route("/v1/tables", get(tables))
        .route("/v1/tables/{schema}/{table}", get(table))
        .route("/v1/export/{schema}/{file}", get(export))
        .fallback(async || {
            Problem::new("42P01", "there is no such path here")
                .with_hint("GET /openapi.json describes what there is.")
        })
        .layer(DefaultBodyLimit::max(HTTP_BODY_BYTES_MAX))
        .with_state(door)
}

/// What every question may say behind `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The database to ask.
    database: Option<String>,
    /// Short name of the form, for those who cannot send `Accept`.
    format: Option<String>,
    /// Most rows.
    limit: Option<u64>,
}

type Asked = Result<Query<Options>, axum::extract::rejection::QueryRejection>;

async fn databases(asking: Asking, State(door): State<Arc<Door>>, options: Asked) -> Response {
    read(&door, asking, options, "SELECT * FROM model.databases".into()).await
}

async fn tables(asking: Asking, State(door): State<Arc<Door>>, options: Asked) -> Response {
    read(&door, asking, options, "SELECT * FROM model.tables".into()).await
}

async fn table(
    asking: Asking,
    State(door): State<Arc<Door>>,
    Path((schema, table)): Path<(String, String)>,
    options: Asked,
) -> Response {
    read(&door, asking, options, select(&schema, &table)).await
}

/// The form is the file's suffix.
async fn export(
    mut asking: Asking,
    State(door): State<Arc<Door>>,
    Path((schema, file)): Path<(String, String)>,
    options: Asked,
) -> Response {
    let known = file
        .rsplit_once('.')
        .and_then(|(table, suffix)| Some((table.to_owned(), Form::by_suffix(suffix)?)));
    let Some((table, form)) = known else {
        return Problem::new("22023", format!("\"{file}\" names no form"))
            .with_hint("End it with .parquet, .arrow, .csv, .ndjson or .json.")
            .into_response();
    };
    asking.form = Some(form);
    read(&door, asking, options, select(&schema, &table)).await
}

fn select(schema: &str, table: &str) -> String {
    let name = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("SELECT * FROM {}.{}", name(schema), name(table))
}

async fn read(door: &Arc<Door>, asking: Asking, options: Asked, select: String) -> Response {
    let Query(options) = match options {
        Ok(options) => options,
        Err(error) => return Problem::new("22023", error.body_text()).into_response(),
    };
    let limit = options.limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
    let form = options.format.as_deref().map(Form::by_suffix);
    if form == Some(None) {
        return Problem::new("22023", "there is no such format")
            .with_hint("It is json, ndjson, csv, arrow or parquet.")
            .into_response();
    }
    let question = Question {
        sql: format!("{select}{limit}"),
        parameters: Vec::new(),
        database: options.database,
    };
    sql::answer(door, asking, form.flatten(), question).await
}

async fn metrics(_asking: Asking, State(door): State<Arc<Door>>) -> Response {
    let databases = door.engine.databases();
    let version = databases.iter().map(|database| database.version().0).max().unwrap_or(0);
    let text = door.metrics.text(&[
        ("groma_version", "The world's version: how many commits and forks there were.", version),
        (
            "groma_oldest_version",
            "The oldest version that can be asked; 0: nothing was given up.",
            door.engine.oldest_version().0.0,
        ),
        ("groma_databases", "Databases, live included.", databases.len() as u64),
    ]);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

impl Door {
    /// Counts an error of this door.
    fn note_http(&self, sqlstate: &str, message: &str) {
        self.metrics.http.errors.fetch_add(1, Relaxed);
        self.metrics.note_error(sqlstate, message);
    }
}
