//! Errors as `application/problem+json` (RFC 9457), with what PostgreSQL says of an error besides.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use groma_query::QueryError;
use serde::Serialize;

/// An error as a program sees it.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    /// What is wrong.
    title: String,
    status: u16,
    pub(super) sqlstate: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// At which character of the statement, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
}

impl Problem {
    pub(super) fn new(sqlstate: &str, title: impl Into<String>) -> Problem {
        Problem {
            title: title.into(),
            status: status(sqlstate).as_u16(),
            sqlstate: sqlstate.to_owned(),
            detail: None,
            hint: None,
            position: None,
        }
    }

    pub(super) fn with_hint(mut self, hint: &str) -> Problem {
        self.hint = Some(hint.to_owned());
        self
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Problem {
        Problem {
            detail: error.detail().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
            position: error.position(),
            ..Problem::new(error.sqlstate(), error.message())
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        let body = serde_json::to_string(&self).unwrap_or_default();
        if status == StatusCode::UNAUTHORIZED {
            return (status, [(WWW_AUTHENTICATE, "Bearer")], kind, body).into_response();
        }
        (status, kind, body).into_response()
    }
}

fn status(sqlstate: &str) -> StatusCode {
    match sqlstate {
        "28000" | "28P01" => StatusCode::UNAUTHORIZED,
        "42501" | "25006" => StatusCode::FORBIDDEN,
        "3D000" | "42P01" => StatusCode::NOT_FOUND,
        "23505" | "40001" | "42P04" | "55000" | "55006" => StatusCode::CONFLICT,
        "54000" => StatusCode::PAYLOAD_TOO_LARGE,
        "0A000" => StatusCode::NOT_IMPLEMENTED,
        "53300" => StatusCode::SERVICE_UNAVAILABLE,
        "53200" => StatusCode::INSUFFICIENT_STORAGE,
        "57014" => StatusCode::GATEWAY_TIMEOUT,
        state if state.starts_with("58") || state.starts_with("XX") => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        _ => StatusCode::BAD_REQUEST,
    }
}
