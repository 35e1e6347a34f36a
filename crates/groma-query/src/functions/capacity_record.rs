//! Takes a probe's report of a window into the model.

use std::collections::BTreeMap;

use datafusion::error::Result;
use groma_capacity::report::{self, Holder, Names, ReportError};
use groma_model::{EntityRef, Observation, Raw, Source, Timestamp, Value, Version};
use groma_store::{Change, Commit, Entity, Snapshot, Writer as _, identify};

use super::arguments::{Call, Function};
use crate::capacity::Row;
use crate::table::{Cell, Type, column};
use crate::{Engine, QueryError, Role};

pub(super) static FUNCTION: Function = Function {
    name: "capacity_record",
    usage: "capacity_record(report)",
    doc: "takes what `groma probe --json` prints of a window into the session's database, as one commit of the source probe@host; what is told is durable.",
    arguments_min: 1,
    arguments_max: 1,
    columns: &[
        column("program", Type::Text, "What was measured: its id in capacity.scalability."),
        column("process", Type::Text, "Its process."),
        column("measured_at", Type::Time, "End of the window."),
        column("p", Type::Float, "Its parallel fraction; NULL: nothing can be said of it."),
        column("locks", Type::Integer, "How many locks were seen."),
        column("version", Type::Integer, "The commit."),
    ],
    rows: |call, sheet| {
        let Recorded { said, new, at, version } =
            call.change(Role::Operator, |engine| record(call, engine))?;
        for said in said.iter().filter(|said| said.kind == "capacity.scalability") {
            let value = |name| said.attributes.iter().find(|(known, _)| known == name);
            let locks = of_program(&new, &said.key);
            sheet.push([
                Cell::Text(&said.key),
                match value("process") {
                    Some((_, Raw::Text(process))) => Cell::Text(process),
                    _ => Cell::Null,
                },
                Cell::Time(at),
                match value("p") {
                    Some((_, Raw::Float(p))) => Cell::Float(*p),
                    _ => Cell::Null,
                },
                Cell::Integer(locks as i64),
                Cell::Integer(version.0 as i64),
            ])?;
        }
        Ok(())
    },
};

/// What a window said, what of it is new, and the commit of that.
struct Recorded {
    said: Vec<Observation>,
    new: Vec<Observation>,
    at: Timestamp,
    version: Version,
}

fn record(call: &Call, engine: &Engine) -> Result<Recorded> {
    let database = call.database();
    crate::past::refuse_write(database)?;
    let window = report::read(call.text(0).unwrap_or_default()).map_err(refused)?;
    let view = call.view()?;
    let snapshot = view.snapshot();
    let mut names = names(snapshot, &window.host);
    let said = report::facts(&window, &mut names).map_err(refused)?;
    let source: Source = format!("probe@{}", window.host).into();
    let at = window.ended_at().map_err(refused)?;
    let mut changes = gone(snapshot, &source, &said, at);
    let is_late = is_late(snapshot, &said, at);
    let tells = |said: &&Observation| {
        !said.kind.starts_with("compute.") || !is_late && tells_more(snapshot, said)
    };
    let new: Vec<Observation> = said.iter().filter(tells).cloned().collect();
    let mut turn = engine.turn();
    let heard_at = turn.not_before_last(crate::clock::now());
    let (told, problems) = identify(snapshot.schema(), &source, &new, heard_at);
    changes.extend(told);
    let commit = Commit { problems, ..Commit::new(source, heard_at, changes) };
    let version =
        turn.commit_under(snapshot.schema(), database, commit).map_err(QueryError::from)?;
    Ok(Recorded { said, new, at, version })
}

/// How many locks are told of a program.
fn of_program(said: &[Observation], program: &str) -> usize {
    let owner = Raw::Text(program.to_owned());
    let is_its = |(name, value): &(_, Raw)| name == "scalability" && *value == owner;
    said.iter().filter(|said| said.attributes.iter().any(is_its)).count()
}

fn refused(error: ReportError) -> QueryError {
    QueryError::new(QueryError::BAD_VALUE, error.to_string()).with_hint(
        "A report is a line that `groma probe --json` prints; docs/capacity.md tells its form.",
    )
}

/// What the programs of a host are called.
fn names(snapshot: &Snapshot, host: &str) -> Names {
    let mut names = Names::default();
    for entity in snapshot.entities(snapshot.schema().id("capacity.scalability")) {
        let row = Row::of(snapshot, entity);
        let (Some(pid), Some(at)) = (row.number("pid"), row.time("measured_at")) else { continue };
        if row.reference("host").is_some_and(|of| &*of.key == host) {
            let window = (row.number("window_seconds").unwrap_or(0.0) * 1e9) as i64;
            let measured_from = Timestamp(at.0.saturating_sub(window));
            let started = row.time("started");
            let pid = pid as u32;
            names.note(entity.key(), Holder { pid, started, measured_from, measured_to: at });
        }
    }
    names
}

/// Whether a later window was heard before this one: then it says nothing of what is there now.
fn is_late(snapshot: &Snapshot, said: &[Observation], at: Timestamp) -> bool {
    let kind = snapshot.schema().id("capacity.scalability");
    let programs = said.iter().filter(|said| said.kind == "capacity.scalability");
    let mut known = programs.filter_map(|said| snapshot.get(kind, &said.key));
    known.any(|known| Row::of(snapshot, known).time("measured_at").is_some_and(|known| at < known))
}

/// Whether a window says anything new of a host or a process: that they are still the same need not be
/// committed with each window.
fn tells_more(snapshot: &Snapshot, said: &Observation) -> bool {
    let schema = snapshot.schema();
    let Some(kind) = schema.find(&said.kind) else { return true };
    let Some(known) = snapshot.get(kind.id, &said.key) else { return true };
    said.attributes.iter().any(|(name, raw)| {
        let Some(attribute) = kind.attribute(name) else { return true };
        let value = Value::read(raw, &kind.attributes[attribute], schema).ok().flatten();
        value.as_ref() != known.value(attribute)
    })
}

/// Locks that a program no longer has, and processes of which only a probe ever spoke and that have
/// been started anew since. Their history stays.
fn gone(snapshot: &Snapshot, source: &Source, said: &[Observation], at: Timestamp) -> Vec<Change> {
    let schema = snapshot.schema();
    let keys = |kind: &str| {
        let of_kind = said.iter().filter(|said| said.kind == kind);
        of_kind.map(|said| (said.key.as_str(), said)).collect::<BTreeMap<_, _>>()
    };
    let (programs, locks) = (keys("capacity.scalability"), keys("capacity.contention"));
    let processes = keys("compute.process");
    let is_earlier = |row: &Row<'_>| row.time("measured_at").is_some_and(|before| before < at);
    let ours = |entity: &Entity| entity.all_facts().all(|(_, fact)| fact.source == *source);
    let mut gone = Vec::new();
    for entity in snapshot.entities(schema.id("capacity.contention")) {
        let row = Row::of(snapshot, entity);
        let program = row.reference("scalability").filter(|of| programs.contains_key(&*of.key));
        if program.is_some()
            && is_earlier(&row)
            && ours(entity)
            && !locks.contains_key(entity.key())
        {
            gone.push(Change::Remove { entity: entity.id().clone() });
        }
    }
    for key in programs.keys() {
        let Some(program) = snapshot.get(schema.id("capacity.scalability"), key) else { continue };
        let row = Row::of(snapshot, program);
        let before: Option<&EntityRef> =
            row.reference("process").filter(|before| !processes.contains_key(&*before.key));
        let before = before.filter(|_| is_earlier(&row)).and_then(|id| snapshot.entity(id));
        if let Some(before) = before.filter(|before| ours(before)) {
            gone.push(Change::Remove { entity: before.id().clone() });
        }
    }
    gone
}
