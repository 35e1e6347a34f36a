//! Who changed what.

use crate::Role;
use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "audit",
    doc: "Statements that changed something, or were refused, the newest of them: all for an admin, their own for others.",
    columns: &[
        column("at", Type::Time, "When it ended."),
        column("user", Type::Text, "Who."),
        column("role", Type::Text, "With which role."),
        column(
            "door",
            Type::Text,
            "wire, http, or process: the command line on the data folder itself.",
        ),
        column("client", Type::Text, "From which address; NULL: from inside the process."),
        column("database", Type::Text, "Inside which database."),
        column("statement", Type::Text, "Its text, cut, without passwords."),
        column("outcome", Type::Text, "done, or the SQLSTATE of its refusal."),
        column("version", Type::Integer, "Version of the world after it; NULL: it was refused."),
    ],
    rows: |view, sheet| {
        let Some(audit) = &view.engine().options().audit else { return Ok(()) };
        let who = view.who();
        let shown = |entry: &&crate::AuditEntry| who.role == Role::Admin || entry.user == who.name;
        audit.entries()?.iter().filter(shown).try_for_each(|entry| {
            sheet.push([
                Cell::Time(entry.at),
                Cell::Text(&entry.user),
                Cell::Text(entry.role.name()),
                Cell::Text(&entry.door),
                if entry.client.is_empty() { Cell::Null } else { Cell::Text(&entry.client) },
                Cell::Text(&entry.database),
                Cell::Text(&entry.statement),
                Cell::Text(&entry.outcome),
                entry.version.map_or(Cell::Null, |version| Cell::Integer(version as i64)),
            ])
        })
    },
};
