//! Who may come in.

use std::time::Duration;

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "users",
    doc: "Who may come in, and with which role; no secret is shown. Without users, whoever is on this machine may.",
    columns: &[
        column("name", Type::Text, "Name."),
        column("role", Type::Text, "reader, operator or admin; NULL: none was granted."),
        column("login", Type::Boolean, "Whether it may come in with a password."),
        column("password", Type::Boolean, "Whether it has one."),
        column("valid_until", Type::Time, "When the password ends; NULL: never."),
        column(
            "statement_timeout_ms",
            Type::Integer,
            "Its own bound of a statement, 0: none; NULL: the server's.",
        ),
    ],
    rows: |view, sheet| {
        let users = view.engine().options().users.as_ref().map(|users| users.all());
        users.unwrap_or_default().iter().try_for_each(|user| {
            let milliseconds = |timeout: Duration| Cell::Integer(timeout.as_millis() as i64);
            sheet.push([
                Cell::Text(&user.name),
                user.roles.iter().max().map_or(Cell::Null, |role| Cell::Text(role.name())),
                Cell::Boolean(user.login),
                Cell::Boolean(user.has_password),
                user.valid_until.map_or(Cell::Null, Cell::Time),
                user.statement_timeout.map_or(Cell::Null, milliseconds),
            ])
        })
    },
};
