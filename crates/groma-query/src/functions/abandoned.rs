//! Forks that nobody has used for some time, and what they hold.

use std::sync::Arc;

use datafusion::error::Result;
use groma_model::Timestamp;
use groma_store::{Database, own_changes};

use super::arguments::{Call, Function};
use crate::table::{Cell, Column, Sheet, Type, column};
use crate::{QueryError, stretch};

pub(super) static FUNCTION: Function = Function {
    name: "abandoned",
    usage: "abandoned(idle)",
    doc: "forks that nobody has used for a time such as '30d', with what dropping them gives back; nothing is changed.",
    arguments_min: 1,
    arguments_max: 1,
    columns: COLUMNS,
    rows: |call, sheet| {
        let all = call.engine().databases();
        abandoned(call, &all)?.iter().try_for_each(|database| row(database, &all, sheet))
    },
};

pub(super) const COLUMNS: &[Column] = &[
    column("name", Type::Text, "The fork."),
    column("template", Type::Text, "The database it was forked from."),
    column("mode", Type::Text, "frozen or tracking."),
    column("created_by", Type::Text, "Who made it; NULL: not known."),
    column(
        "last_used_at",
        Type::Time,
        "When it was made, committed to or, since the server started, asked.",
    ),
    column(
        "own_changes",
        Type::Integer,
        "Attributes and entities that it changed and its template has not got: lost when it is dropped.",
    ),
    column(
        "facts_held",
        Type::Integer,
        "Facts that it holds and its template does not: at most what dropping it gives back.",
    ),
    column(
        "segment_bytes",
        Type::Integer,
        "Size of message files that only it sees; given back at the next start.",
    ),
];

/// The forks that were not used lately, but for the one the session is inside of.
pub(super) fn abandoned(call: &Call, all: &[Database]) -> Result<Vec<Database>> {
    let idle = call.text(0).unwrap_or_default();
    let nanos = stretch::nanos(idle).ok_or_else(|| {
        QueryError::new(QueryError::BAD_VALUE, format!("\"{idle}\" is no time to be idle for"))
            .with_hint("Write a number and s, min, h, d or w, such as '30d'.")
    })?;
    let before = Timestamp(crate::clock::now().0.saturating_sub(nanos));
    let is_abandoned = |database: &&Database| {
        database.template().is_some()
            && database.last_used_at() <= before
            && &**database.name() != call.database()
    };
    Ok(all.iter().filter(is_abandoned).cloned().collect())
}

pub(super) fn row(database: &Database, all: &[Database], sheet: &mut Sheet) -> Result<()> {
    let Some(template) = database.template() else { return Ok(()) };
    let parent = all.iter().find(|other| database.is_fork_of(other));
    sheet.push([
        Cell::Text(database.name()),
        Cell::Text(&template.name),
        Cell::Text(template.mode.name()),
        if template.created_by.is_empty() { Cell::Null } else { Cell::Text(&template.created_by) },
        Cell::Time(database.last_used_at()),
        Cell::Integer(own_changes(database, parent) as i64),
        Cell::Integer(parent.map_or(0, |parent| facts_held(database, parent, all)) as i64),
        Cell::Integer(segment_bytes(database, all) as i64),
    ])
}

/// Facts of entities that neither the template nor a fork of this one has as they are here.
fn facts_held(database: &Database, parent: &Database, all: &[Database]) -> usize {
    let forks: Vec<_> = all.iter().filter(|other| other.is_fork_of(database)).collect();
    let differing = parent.snapshot().diff(database.snapshot());
    let held = differing.iter().filter_map(|difference| difference.after.as_ref());
    held.filter(|entity| {
        !forks.iter().any(|fork| {
            let theirs = fork.snapshot().entity(entity.id());
            theirs.is_some_and(|theirs| Arc::ptr_eq(theirs, entity))
        })
    })
    .map(|entity| entity.fact_count())
    .sum()
}

fn segment_bytes(database: &Database, all: &[Database]) -> u64 {
    let since = database.template().map(|template| template.version);
    let seen = |file: &str| {
        let others = all.iter().filter(|other| other.name() != database.name());
        others.into_iter().any(|other| other.segments().any(|row| &*row.segment.file == file))
    };
    let own = database.segments().filter(|row| since < Some(row.version));
    own.filter(|row| !seen(&row.segment.file)).map(|row| row.segment.bytes).sum()
}
