//! Errors as the wire carries them: SQLSTATE, message, detail, hint, position.

use groma_query::{Notice, QueryError};
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

/// A bug of ours. The connection goes on.
pub(crate) fn internal() -> PgWireError {
    to_wire(crate::work::internal())
}

/// What is told without being an error.
pub(crate) fn notice(notice: Notice) -> ErrorInfo {
    let mut info =
        ErrorInfo::new(notice.severity.to_owned(), notice.sqlstate.to_owned(), notice.message);
    info.hint = notice.hint;
    info
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
