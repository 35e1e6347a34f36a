//! Who spoke, how fresh that is, and when who is on the schedule is asked again.

use std::collections::BTreeMap;

use groma_store::SourceRow;

use crate::table::{Cell, Table, Type, column};
use crate::{Scheduled, View};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "sources",
    doc: "Who spoke of the model, and when last.",
    columns: &[
        column("name", Type::Text, "The source."),
        column(
            "heard_at",
            Type::Time,
            "Its last commit, by our clock; NULL: others committed its facts.",
        ),
        column("observed_at", Type::Time, "Its latest fact, by its own clock; NULL: it gave none."),
        column("facts", Type::Integer, "Facts of it that the database holds now."),
        column("problems", Type::Integer, "Problems so far."),
        column("commits", Type::Integer, "Commits so far."),
        column(
            "content_at",
            Type::Time,
            "When what it says changed last, by our clock; NULL: it gave no facts.",
        ),
        column(
            "polled_at",
            Type::Time,
            "When it was asked last, by our clock, whatever became of that; NULL: it never was.",
        ),
        column(
            "state",
            Type::Text,
            "fresh, stale (not heard for longer than it stays fresh), or failing (its last poll failed); NULL: it was never asked.",
        ),
        column("failure", Type::Text, "Why its last poll failed; NULL: it did not."),
        column("says", Type::Text, "observed: it tells what is; desired: what should be."),
        column("fresh_for_seconds", Type::Float, "How long it stays fresh; NULL: always."),
        column(
            "poll",
            Type::Text,
            "What the schedule of groma serve does with it now: waiting, queued (too many others are being asked) or asking; NULL: it is not on it.",
        ),
        column("poll_every_seconds", Type::Float, "How often it is asked while all is well."),
        column(
            "next_poll_at",
            Type::Time,
            "When it is asked next; NULL: now, or it is not on the schedule.",
        ),
        column(
            "failures",
            Type::Integer,
            "Polls of the schedule that failed since the last good one; NULL: it is not on it.",
        ),
    ],
    rows: |view, sheet| {
        let mut scheduled = scheduled(view);
        let mut rows: Vec<(SourceRow, Option<Scheduled>)> = (view.world_database().sources())
            .into_iter()
            .map(|row| {
                let scheduled = scheduled.remove(&*row.source);
                (row, scheduled)
            })
            .collect();
        // Those that were never heard.
        rows.extend(scheduled.into_values().map(|source| (silent(view, &source), Some(source))));
        rows.sort_by(|(a, _), (b, _)| a.source.cmp(&b.source));
        let now = view.time();
        rows.iter().try_for_each(|(row, scheduled)| {
            let was_asked = row.commits > 0 || row.facts > 0 || row.failure.is_some();
            let freshness = was_asked.then(|| row.freshness(now).name());
            let of_schedule =
                |cell: fn(&Scheduled) -> Cell<'static>| scheduled.as_ref().map_or(Cell::Null, cell);
            sheet.push([
                Cell::Text(&row.source),
                row.heard_at.map_or(Cell::Null, Cell::Time),
                row.observed_at.map_or(Cell::Null, Cell::Time),
                Cell::Integer(row.facts as i64),
                Cell::Integer(row.problems as i64),
                Cell::Integer(row.commits as i64),
                row.content_at.map_or(Cell::Null, Cell::Time),
                row.polled_at.map_or(Cell::Null, Cell::Time),
                freshness.map_or(Cell::Null, Cell::Text),
                row.failure.as_deref().map_or(Cell::Null, Cell::Text),
                Cell::Text(row.says.name()),
                row.fresh_for.map_or(Cell::Null, |limit| Cell::Float(limit.as_secs_f64())),
                of_schedule(|source| Cell::Text(source.doing.name())),
                of_schedule(|source| Cell::Float(source.every.as_secs_f64())),
                of_schedule(|source| source.next_poll_at.map_or(Cell::Null, Cell::Time)),
                of_schedule(|source| Cell::Integer(source.failures.into())),
            ])
        })
    },
};

/// What is asked on behalf of the database, by name. The past is asked nothing.
fn scheduled(view: &View) -> BTreeMap<String, Scheduled> {
    let schedule = view.engine().options().schedule.as_ref().filter(|_| view.is_now());
    let sources = schedule.map(|schedule| schedule.sources()).unwrap_or_default();
    (sources.into_iter())
        .filter(|source| *source.database == **view.world_database().name())
        .map(|source| (source.name.clone(), source))
        .collect()
}

/// The row of a source of which the database knows nothing yet.
fn silent(view: &View, source: &Scheduled) -> SourceRow {
    let trust = view.snapshot().schema().trust();
    SourceRow {
        source: source.name.as_str().into(),
        heard_at: None,
        observed_at: None,
        content_at: None,
        polled_at: None,
        failure: source.failure.as_deref().map(Into::into),
        says: trust.says(&source.name),
        fresh_for: trust.fresh_for(&source.name),
        facts: 0,
        problems: 0,
        commits: 0,
    }
}
