//! The smallest change that holds a target.

use std::collections::BTreeSet;

use groma_capacity::{
    CapacityError, Change, Lever, Limits, Measured, Needed, Prediction, Target, needed, predict,
};

use super::arguments::{Call, Function};
use crate::QueryError;
use crate::capacity::{
    bounds, find, number, numbers, on_its_host, programs, refused, seconds, why,
};
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "capacity_needed",
    usage: "capacity_needed(service [, throughput [, response [, utilisation]]])",
    doc: "the smallest change that holds a target, a row for each thing that can be changed: at least so many requests per second, at most so much time ('50 ms'), at most such a share of the CPUs (0.7), or several of them; where none is enough, the closest it gets and why.",
    arguments_min: 2,
    arguments_max: 4,
    columns: &[
        column("program", Type::Text, "What was measured: its id in capacity.scalability."),
        column("host", Type::Text, "The machine it runs on."),
        column(
            "change",
            Type::Text,
            "What is changed: none (it holds as it is), cpus, lock-speed, clients or cpus-and-lock-speed.",
        ),
        column(
            "holds",
            Type::Boolean,
            "Whether such a change is enough; if not, the row is the closest it gets.",
        ),
        column("cpus", Type::Float, "CPUs that it then needs for itself."),
        column("clients", Type::Float, "Clients then."),
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
        let targets = targets(call)?;
        let view = call.view()?;
        let snapshot = view.snapshot();
        let found = find(snapshot, call.text(0).unwrap_or_default())?;
        let all = programs(snapshot);
        for program in &found {
            let refuse = |error: CapacityError| refused(&program.key, &error);
            let here = on_its_host(snapshot, program, &all).map_err(refuse)?;
            for way in ways(&here, &targets).map_err(refuse)? {
                let mut cells = vec![
                    Cell::Text(&program.key),
                    program.host.as_deref().map_or(Cell::Null, Cell::Text),
                    Cell::Text(way.lever.map_or("none", Lever::name)),
                    Cell::Boolean(way.holds),
                    number(way.change.cpus.or(Some(way.then.cpus))),
                    number(way.then.clients),
                    number(way.change.lock_speed.first().map(|lock| lock.speed)),
                ];
                cells.extend(bounds(Some(way.then.throughput)));
                cells.push(Cell::Text(way.then.unit.name()));
                cells.extend(bounds(way.then.response));
                cells.extend(bounds(Some(way.then.utilisation)));
                cells.push(Cell::Owned(way.then.bottleneck.name()));
                cells.push(Cell::Owned(way.why));
                cells.push(Cell::Text(way.then.tier.name()));
                cells.push(Cell::Texts(way.then.warnings));
                sheet.push_row(cells)?;
            }
        }
        Ok(())
    },
};

fn targets(call: &Call) -> Result<Vec<Target>, QueryError> {
    let one = |place, name: &str| -> Result<Option<f64>, QueryError> {
        match numbers(call.text(place), name)?.as_deref() {
            None => Ok(None),
            Some([number]) => Ok(Some(*number)),
            Some(_) => {
                let message = format!("{name}: one number is wanted");
                Err(QueryError::new(QueryError::BAD_VALUE, message))
            }
        }
    };
    let targets = [
        one(1, "throughput")?.map(Target::Throughput),
        seconds(call.text(2), "response")?.map(Target::Response),
        one(3, "utilisation")?.map(Target::Utilisation),
    ];
    let targets: Vec<Target> = targets.into_iter().flatten().collect();
    if targets.is_empty() {
        return Err(QueryError::new(QueryError::BAD_VALUE, "capacity_needed: no target is given")
            .with_hint("Say throughput => 500, response => '50 ms' or utilisation => 0.7."));
    }
    Ok(targets)
}

/// A change of one thing, and what it gives.
struct Way {
    /// `None`: nothing has to be changed.
    lever: Option<Lever>,
    holds: bool,
    change: Change,
    then: Prediction,
    why: String,
}

/// The smallest change of each thing that holds all targets.
fn ways(here: &Measured, targets: &[Target]) -> Result<Vec<Way>, CapacityError> {
    let answers = (targets.iter())
        .map(|target| needed(here, *target, Limits::default()))
        .collect::<Result<Vec<_>, _>>()?;
    if answers.iter().all(|answer| answer.holds)
        && let Some(answer) = answers.first()
    {
        let (then, why) = (answer.now.clone(), answer.summary.clone());
        return Ok(vec![Way { lever: None, holds: true, change: Change::default(), then, why }]);
    }
    let levers: BTreeSet<Lever> =
        answers.iter().flat_map(|answer| answer.ways.iter().map(|way| way.lever)).collect();
    levers.into_iter().filter_map(|lever| way(here, targets, &answers, lever).transpose()).collect()
}

/// What one lever can do for all targets; `None`: it has nothing to do with one of them.
fn way(
    here: &Measured,
    targets: &[Target],
    answers: &[Needed],
    lever: Lever,
) -> Result<Option<Way>, CapacityError> {
    let mut changes = Vec::new();
    for answer in answers.iter().filter(|answer| !answer.holds) {
        let Some(way) = answer.ways.iter().find(|way| way.lever == lever) else { return Ok(None) };
        match (&way.smallest, &way.closest) {
            (Some((change, _)), _) => changes.push(change.clone()),
            (None, Some(closest)) => {
                let change = match lever {
                    Lever::LockSpeed | Lever::CpusAndLockSpeed => {
                        Change::to_lock_speed(Limits::default().lock_speed)
                    }
                    Lever::Cpus | Lever::Clients => Change::default(),
                };
                let (then, why) = (closest.clone(), answer.summary.clone());
                return Ok(Some(Way { lever: Some(lever), holds: false, change, then, why }));
            }
            (None, None) => return Ok(None),
        }
    }
    let mut best: Option<Way> = None;
    for change in changes {
        let then = predict(here, &change)?;
        let holds = targets.iter().all(|target| is_held(&then, *target));
        let why = why(&then);
        if best.as_ref().is_none_or(|best| holds && !best.holds) {
            best = Some(Way { lever: Some(lever), holds, change, then, why });
        }
    }
    Ok(best)
}

/// Whether a prediction holds a target, but for what is lost in rounding.
fn is_held(then: &Prediction, target: Target) -> bool {
    const LOST: f64 = 1e-6;
    match target {
        Target::Throughput(wanted) => wanted * (1.0 - LOST) <= then.throughput.value,
        Target::Response(wanted) => {
            then.response.is_some_and(|response| response.value <= wanted * (1.0 + LOST))
        }
        Target::Utilisation(wanted) => then.utilisation.value <= wanted * (1.0 + LOST),
    }
}
