//! Ends a token of the HTTP door.

use std::sync::Arc;

use super::arguments::Function;
use crate::table::{Cell, Type, column};
use crate::{Engine, QueryError, Role, Standing, Users};

pub(super) static FUNCTION: Function = Function {
    name: "drop_token",
    usage: "drop_token(id)",
    doc: "ends a token of the HTTP door; its user may do so, and an admin.",
    arguments_min: 1,
    arguments_max: 1,
    columns: &[
        column("id", Type::Text, "The token that was ended."),
        column("user", Type::Text, "Whose it was."),
    ],
    rows: |call, sheet| {
        let id = call.text(0).unwrap_or_default();
        let known = keeper(call.engine())?.tokens().into_iter().find(|token| token.id == id);
        let own = known.is_some_and(|token| {
            call.who().standing == Standing::Listed && token.user == call.who().name
        });
        let token = call.change(if own { Role::Reader } else { Role::Admin }, |engine| {
            Ok(keeper(engine)?.drop_token(id)?.ok_or_else(|| {
                QueryError::new("42704", format!("there is no token \"{id}\""))
                    .with_hint("SELECT * FROM model.tokens lists them.")
            })?)
        })?;
        sheet.push([Cell::Text(&token.id), Cell::Text(&token.user)])
    },
};

/// Who keeps the users of an engine.
pub(super) fn keeper(engine: &Engine) -> Result<&Arc<dyn Users>, QueryError> {
    (engine.options().users.as_ref())
        .ok_or_else(|| QueryError::new(QueryError::NOT_SUPPORTED, "this engine keeps no users"))
}
