//! Errors as the wire carries them: SQLSTATE, message, detail, hint, position.

use groma_query::QueryError;
use pgwire::error::{ErrorInfo, PgWireError};

/// What the engine refused.
pub(crate) fn to_wire(error: QueryError) -> PgWireError {
    PgWireError::UserError(Box::new(info("ERROR", &error)))
}

/// What the engine refused while the client was let in; the connection ends with it.
pub(crate) fn to_wire_fatal(error: &QueryError) -> PgWireError {
    PgWireError::UserError(Box::new(info("FATAL", error)))
}

/// What the door itself refuses; the connection goes on.
pub(crate) fn refused(sqlstate: &str, message: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new(
        "ERROR".to_owned(),
        sqlstate.to_owned(),
        message.into(),
    )))
}

/// What the door itself refuses; the connection ends.
pub(crate) fn turned_away(sqlstate: &str, message: String, hint: String) -> PgWireError {
    let mut info = ErrorInfo::new("FATAL".to_owned(), sqlstate.to_owned(), message);
    info.hint = Some(hint);
    PgWireError::UserError(Box::new(info))
}

/// A bug of ours: the statement panicked. The connection goes on.
pub(crate) fn internal() -> PgWireError {
    let mut info = ErrorInfo::new(
        "ERROR".to_owned(),
        "XX000".to_owned(),
        "the statement ended by an internal error".to_owned(),
    );
    info.hint = Some("The server's log says where; please report it with the statement.".into());
    PgWireError::UserError(Box::new(info))
}

fn info(severity: &str, error: &QueryError) -> ErrorInfo {
    let mut info = ErrorInfo::new(
        severity.to_owned(),
        error.sqlstate().to_owned(),
        error.message().to_owned(),
    );
    info.detail = error.detail().map(str::to_owned);
    info.hint = error.hint().map(str::to_owned);
    info.position = error.position().map(|position| position.to_string());
    info
}
