//! The smallest change that holds a target.

use groma_capacity::{CapacityError, Change, Limits, Prediction, Target, Way, needed};

use super::arguments::{Call, Function};
use crate::QueryError;
use crate::capacity::{
    Program, bounds, find, number, numbers, on_its_host, programs, refused, seconds, why,
};
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "capacity_needed",
    usage: "capacity_needed(service [, throughput [, response [, utilisation [, clients [, load]]]]])",
    doc: "the smallest change that holds a target, a row for each thing that can be changed: at least so many requests per second, at most so much time ('50 ms'), at most such a share of the CPUs (0.7), or several of them at once; now, or for so many clients or times the load; where none is enough, the closest it gets and why.",
    arguments_min: 2,
    arguments_max: 6,
    columns: &[
        column("program", Type::Text, "What was measured: its id in capacity.scalability."),
        column("host", Type::Text, "The machine it runs on."),
        column(
            "change",
            Type::Text,
            "What is changed: none (it holds as it is), cpus, lock-speed, clients, and where none alone is enough cpus-and-lock-speed and cpus-and-clients.",
        ),
        column(
            "holds",
            Type::Boolean,
            "Whether such a change is enough; if not, the row is the closest it gets.",
        ),
        column("cpus", Type::Float, "CPUs that it then needs for itself."),
        column("clients", Type::Float, "Clients then."),
        column("load", Type::Float, "Times the load then, where clients are not known."),
        column(
            "lock_speed",
            Type::Float,
            "How many times as fast the locks are then; NULL: as they are.",
        ),
        column("throughput", Type::Float, "What it then completes per second."),
        column("throughput_low", Type::Float, "Lower bound of it."),
        column("throughput_high", Type::Float, "Upper bound of it."),
        column("unit", Type::Text, "requests or cpu-seconds."),
        column("response_seconds", Type::Float, "From request to answer then."),
        column("response_low", Type::Float, "Lower bound of it."),
        column("response_high", Type::Float, "Upper bound of it."),
        column("utilisation", Type::Float, "Of its CPUs then."),
        column("utilisation_low", Type::Float, "Lower bound of it."),
        column("utilisation_high", Type::Float, "Upper bound of it."),
        column("bottleneck", Type::Text, "What limits it then."),
        column("why", Type::Text, "In words."),
        column("tier", Type::Text, "How it was measured."),
        column("warnings", Type::Texts, "What makes it doubtful."),
    ],
    rows: |call, sheet| {
        let (targets, base) = (targets(call)?, base(call)?);
        let view = call.view()?;
        let snapshot = view.snapshot();
        let found = find(snapshot, call.text(0).unwrap_or_default())?;
        let all = programs(snapshot);
        for program in &found {
            let refuse = |error: CapacityError| refused(&program.key, &error);
            let here = on_its_host(snapshot, program, &all).map_err(refuse)?;
            let answer = needed(&here, &base, &targets, Limits::default()).map_err(refuse)?;
            for Way { lever, holds, change, prediction: then } in &answer.ways {
                let why = if *holds { why(then) } else { answer.summary.clone() };
                let way = Shown { lever: lever.name(), holds: *holds, change, then, why };
                sheet.push_row(way.cells(program))?;
            }
            if answer.holds {
                let (lever, then, why) = ("none", &answer.now, answer.summary.clone());
                let way = Shown { lever, holds: true, change: &base, then, why };
                sheet.push_row(way.cells(program))?;
            }
        }
        Ok(())
    },
};

/// A row.
struct Shown<'a> {
    lever: &'a str,
    holds: bool,
    change: &'a Change,
    then: &'a Prediction,
    why: String,
}

impl<'a> Shown<'a> {
    fn cells(self, program: &'a Program) -> Vec<Cell<'a>> {
        let Shown { lever, holds, change, then, why } = self;
        let load = Some(change.load).filter(|_| then.clients.is_none());
        let mut cells = vec![
            Cell::Text(&program.key),
            program.host.as_deref().map_or(Cell::Null, Cell::Text),
            Cell::Text(lever),
            Cell::Boolean(holds),
            number(Some(then.cpus)),
            number(then.clients),
            number(load),
            number(change.lock_speed.first().map(|lock| lock.speed)),
        ];
        cells.extend(bounds(Some(then.throughput)));
        cells.push(Cell::Text(then.unit.name()));
        cells.extend(bounds(then.response));
        cells.extend(bounds(Some(then.utilisation)));
        cells.push(Cell::Owned(then.bottleneck.name()));
        cells.push(Cell::Owned(why));
        cells.push(Cell::Text(then.tier.name()));
        cells.push(Cell::Texts(then.warnings.clone()));
        cells
    }
}

/// For whom it is asked.
fn base(call: &Call) -> Result<Change, QueryError> {
    let clients = one(call, 4, "clients")?;
    Ok(Change { clients, load: one(call, 5, "load")?.unwrap_or(1.0), ..Change::default() })
}

fn one(call: &Call, place: usize, name: &str) -> Result<Option<f64>, QueryError> {
    match numbers(call.text(place), name)?.as_deref() {
        None => Ok(None),
        Some([number]) => Ok(Some(*number)),
        Some(_) => {
            let message = format!("{name}: one number is wanted");
            Err(QueryError::new(QueryError::BAD_VALUE, message))
        }
    }
}

fn targets(call: &Call) -> Result<Vec<Target>, QueryError> {
    let targets = [
        one(call, 1, "throughput")?.map(Target::Throughput),
        seconds(call.text(2), "response")?.map(Target::Response),
        one(call, 3, "utilisation")?.map(Target::Utilisation),
    ];
    let targets: Vec<Target> = targets.into_iter().flatten().collect();
    if targets.is_empty() {
        return Err(QueryError::new(QueryError::BAD_VALUE, "capacity_needed: no target is given")
            .with_hint("Say throughput => 500, response => '50 ms' or utilisation => 0.7."));
    }
    Ok(targets)
}
