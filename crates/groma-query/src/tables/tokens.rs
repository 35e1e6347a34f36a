//! Tokens of the HTTP door.

use crate::Role;
use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "tokens",
    doc: "Tokens of the HTTP door, without their secrets: all of them for an admin, their own for others.",
    columns: &[
        column("id", Type::Text, "What drop_token takes."),
        column("user", Type::Text, "Whose it is."),
        column("role", Type::Text, "What it may do at most."),
        column("made_at", Type::Time, "When it was made."),
        column("expires_at", Type::Time, "When it ends."),
    ],
    rows: |view, sheet| {
        let who = view.who();
        let tokens = view.engine().options().users.as_ref().map(|users| users.tokens());
        let shown = |token: &&crate::Token| who.role == Role::Admin || token.user == who.name;
        tokens.unwrap_or_default().iter().filter(shown).try_for_each(|token| {
            sheet.push([
                Cell::Text(&token.id),
                Cell::Text(&token.user),
                Cell::Text(token.role.name()),
                Cell::Time(token.made_at),
                Cell::Time(token.expires_at),
            ])
        })
    },
};
