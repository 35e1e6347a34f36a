//! Who said what, when it was heard, and when it was observed: the rows of `model.changes`, of
//! `changes(since)` and of `history(kind, id)`, read from the journal as they are asked for.

use std::ops::ControlFlow;

use datafusion::error::Result;
use groma_model::{Fact, Interval, Schema, Source, Timestamp, Version};
use groma_store::{Change, Commit, Verdict};

use crate::table::{Cell, Column, Sheet, Type, column};
use crate::{QueryError, View};

/// What a change tells; `change` says what of it there is.
pub(crate) const COLUMNS: &[Column] = &[
    column("version", Type::Integer, "The commit; \"live@v123\" shows what was known then."),
    column("heard_at", Type::Time, "When it was heard, by our clock."),
    column("observed_at", Type::Time, "When, by the source's clock; NULL: nothing was observed."),
    column("source", Type::Text, "Who said it."),
    column(
        "database",
        Type::Text,
        "Where it was said: this database, or one that it was forked from.",
    ),
    column("change", Type::Text, "exists, said, taken-back, removed, named, one or apart."),
    column("kind", Type::Text, "Kind of the entity."),
    column("id", Type::Text, "The entity, under the key that was said."),
    column(
        "attribute",
        Type::Text,
        "Which attribute; of a name its sort; NULL: the entity itself.",
    ),
    column(
        "value",
        Type::Text,
        "What was said; of one and apart the other entity; NULL: no value.",
    ),
    column("valid_from", Type::Time, "From when on it holds; NULL: always did."),
    column("valid_to", Type::Time, "Until when it holds, exclusive; NULL: still does."),
];

/// Writes the changes to a view's database from a version on that are wanted.
/// Cost: O(changes since then); one commit is in memory at a time.
pub(crate) fn write(
    view: &View,
    since: Version,
    wanted: &dyn Fn(&Change) -> bool,
    sheet: &mut Sheet,
) -> Result<()> {
    let history = view.engine().world().history(view.world_database().clone(), since);
    let history = history.map_err(QueryError::from)?;
    let schema = std::sync::Arc::clone(history.schema());
    let mut written = Ok(());
    let read = history.read(&mut |version, database, commit| {
        for change in commit.changes.iter().filter(|change| wanted(change)) {
            written = Row { version, database, commit, schema: &schema }.write(change, sheet);
            if written.is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    written?;
    Ok(read.map_err(QueryError::from)?)
}

/// The version from which on everything was heard at or after a time, or that is named `v123`.
pub(crate) fn since(view: &View, text: &str) -> Result<Version, QueryError> {
    if let Some(number) = text.strip_prefix('v').and_then(|number| number.parse().ok()) {
        return Ok(Version(number));
    }
    let at = Timestamp::parse(text).map_err(|error| {
        QueryError::new(QueryError::BAD_VALUE, format!("\"{text}\" is no version or time: {error}"))
            .with_hint("Write a version such as v120, or a time such as 2026-11-20T10:42:00Z.")
    })?;
    let Version(before) = view.engine().world().version_at(Timestamp(at.0.saturating_sub(1)))?;
    Ok(Version(before + 1))
}

/// What the changes of a commit have in common.
struct Row<'a> {
    version: Version,
    database: &'a str,
    commit: &'a Commit,
    schema: &'a Schema,
}

/// What is peculiar to one change.
struct Said<'a> {
    change: &'static str,
    source: &'a Source,
    observed_at: Option<Timestamp>,
    attribute: Option<String>,
    value: Option<String>,
    valid: Interval,
}

impl Row<'_> {
    fn write(&self, change: &Change, sheet: &mut Sheet) -> Result<()> {
        let kind = self.schema.kind(change.entity().kind);
        let said = self.said(change);
        let bound = |time: Timestamp| match time {
            Timestamp::MIN | Timestamp::MAX => Cell::Null,
            time => Cell::Time(time),
        };
        let text = |text: Option<String>| text.map_or(Cell::Null, Cell::Owned);
        sheet.push([
            Cell::Integer(self.version.0 as i64),
            Cell::Time(self.commit.heard_at),
            said.observed_at.map_or(Cell::Null, Cell::Time),
            Cell::Text(said.source),
            Cell::Text(self.database),
            Cell::Text(said.change),
            Cell::Text(&kind.name),
            Cell::Text(&change.entity().key),
            text(said.attribute),
            text(said.value),
            bound(said.valid.from),
            bound(said.valid.to),
        ])
    }

    fn said<'a>(&'a self, change: &'a Change) -> Said<'a> {
        let kind = self.schema.kind(change.entity().kind);
        let plain = Said {
            change: "exists",
            source: &self.commit.source,
            observed_at: None,
            attribute: None,
            value: None,
            valid: Interval::ALWAYS,
        };
        match change {
            Change::Exists { .. } => plain,
            Change::Remove { .. } => Said { change: "removed", ..plain },
            Change::Assert { attribute, fact, .. } => {
                let Fact { value, source, observed_at, valid, .. } = fact;
                let attribute = &kind.attributes[*attribute];
                Said {
                    change: "said",
                    source,
                    observed_at: Some(*observed_at),
                    attribute: Some(attribute.name.to_string()),
                    value: value.as_ref().map(|value| value.print(&attribute.of, self.schema)),
                    valid: *valid,
                }
            }
            Change::Retract { attribute, source, valid_from, .. } => Said {
                change: "taken-back",
                source,
                attribute: Some(kind.attributes[*attribute].name.to_string()),
                valid: Interval { from: *valid_from, to: Timestamp::MAX },
                ..plain
            },
            Change::Alias { alias, .. } => Said {
                change: "named",
                source: &alias.source,
                attribute: Some(alias.kind.to_string()),
                value: Some(alias.text.to_string()),
                valid: alias.valid,
                ..plain
            },
            Change::Rule { ruling, .. } => {
                let (change, valid) = match ruling.verdict {
                    Verdict::Same(valid) => ("one", valid),
                    Verdict::Apart => ("apart", Interval::ALWAYS),
                };
                let value = Some(ruling.other.to_string());
                Said { change, source: &ruling.source, value, valid, ..plain }
            }
        }
    }
}
