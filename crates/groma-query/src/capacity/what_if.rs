//! Scenarios and what they give, as rows.

use std::ops::RangeInclusive;

use groma_capacity::{Bottleneck, Change, Estimate, LockSpeed, Prediction, Unit};
use groma_store::Snapshot;

use super::sharing::{self, Placed};
use super::stored::Program;
use crate::QueryError;
use crate::table::{Cell, Column, Type, column};

/// Most scenarios of one call.
pub(crate) const SCENARIOS_MAX: usize = 1_000;
/// Most numbers of one argument.
const NUMBERS_MAX: usize = SCENARIOS_MAX;

/// What is to be different.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scenario {
    /// CPUs of the host; its affinity and quota are then taken to follow.
    pub(crate) cpus: Option<f64>,
    pub(crate) clients: Option<f64>,
    pub(crate) lock_speed: Option<f64>,
    /// Which lock; `None`: all.
    pub(crate) lock: Option<String>,
    pub(crate) cpu_speed: Option<f64>,
    pub(crate) load: Option<f64>,
}

impl Scenario {
    pub(crate) fn change(&self) -> Change {
        let lock_speed = self.lock_speed.iter();
        let lock_speed =
            lock_speed.map(|speed| LockSpeed { lock: self.lock.clone(), speed: *speed }).collect();
        Change {
            cpus: None,
            clients: self.clients,
            load: self.load.unwrap_or(1.0),
            cpu_speed: self.cpu_speed.unwrap_or(1.0),
            lock_speed,
        }
    }
}

/// What a program gives in a scenario.
#[derive(Debug)]
pub(crate) struct Forecast<'a> {
    pub(crate) program: &'a Program,
    pub(crate) scenario: &'a Scenario,
    /// Or why it cannot be said.
    pub(crate) placed: Result<Placed, String>,
}

impl<'a> Forecast<'a> {
    /// In a database, where `all` was measured.
    ///
    /// # Errors
    /// The scenario has no meaning for the program.
    pub(crate) fn make(
        snapshot: &Snapshot,
        program: &'a Program,
        all: &[Program],
        scenario: &'a Scenario,
    ) -> Result<Forecast<'a>, QueryError> {
        let neighbours = sharing::neighbours(program, all);
        let (host_cpus, limit) = match scenario.cpus {
            Some(cpus) => (cpus, None),
            None => {
                let host = sharing::host_cpus(snapshot, program);
                (host.unwrap_or(program.measured.cpus), program.cpus_limit)
            }
        };
        let placed = sharing::place(program, &neighbours, host_cpus, limit, &scenario.change())
            .map_err(|error| refused(&program.key, &error))?;
        Ok(Forecast { program, scenario, placed: Ok(placed) })
    }

    /// As [`Forecast::make`], with what cannot be said as part of it.
    pub(crate) fn try_make(
        snapshot: &Snapshot,
        program: &'a Program,
        all: &[Program],
        scenario: &'a Scenario,
    ) -> Forecast<'a> {
        Forecast::make(snapshot, program, all, scenario).unwrap_or_else(|error| Forecast {
            program,
            scenario,
            placed: Err(error.message().to_owned()),
        })
    }
}

/// What the models say of a program cannot be said.
pub(crate) fn refused(program: &str, error: &groma_capacity::CapacityError) -> QueryError {
    let refused = QueryError::new(QueryError::BAD_VALUE, format!("{program}: {error}"));
    match error.hint() {
        Some(hint) => refused.with_hint(hint),
        None => refused,
    }
}

/// Columns of [`forecast_cells`].
pub(crate) const FORECAST_COLUMNS: &[Column] = &[
    column("program", Type::Text, "What was measured: its id in capacity.scalability."),
    column("host", Type::Text, "The machine it runs on."),
    column(
        "cpus",
        Type::Float,
        "CPUs that it can have: those of the host, or what affinity or quota leave it, less what measured neighbours use.",
    ),
    column(
        "host_cpus",
        Type::Float,
        "CPUs of the host that were asked about; NULL: as the database says.",
    ),
    column("neighbours", Type::Float, "CPUs that measured neighbours on the host use."),
    column("clients", Type::Float, "Clients; NULL: arrivals that wait for nobody."),
    column("load", Type::Float, "Times the load; NULL: as it is."),
    column(
        "lock_speed",
        Type::Float,
        "How much faster what is done under locks is; NULL: as it is.",
    ),
    column("lock", Type::Text, "Under which lock; NULL: under all."),
    column("cpu_speed", Type::Float, "How much faster CPUs are; NULL: as they are."),
    column("throughput", Type::Float, "What it completes per second, in unit."),
    column("throughput_low", Type::Float, "Lower bound, from that of what was measured."),
    column("throughput_high", Type::Float, "Upper bound."),
    column("unit", Type::Text, "requests, or cpu-seconds where requests were not counted."),
    column("ratio", Type::Float, "throughput over that of the same model as it was measured."),
    column("ratio_low", Type::Float, "Lower bound of ratio."),
    column("ratio_high", Type::Float, "Upper bound of ratio."),
    column(
        "response_seconds",
        Type::Float,
        "From request to answer inside of it; NULL: requests were not counted, or more arrive than it can serve.",
    ),
    column("response_low", Type::Float, "Lower bound of it."),
    column("response_high", Type::Float, "Upper bound of it."),
    column("utilisation", Type::Float, "Of cpus."),
    column("utilisation_low", Type::Float, "Lower bound of it."),
    column("utilisation_high", Type::Float, "Upper bound of it."),
    column("bottleneck", Type::Text, "What limits it then."),
    column("full_first", Type::Text, "What would be full first if ever more requests came."),
    column("throughput_max", Type::Float, "Most that it could complete per second."),
    column("throughput_max_low", Type::Float, "Lower bound of it."),
    column("throughput_max_high", Type::Float, "Upper bound of it."),
    column(
        "full_at",
        Type::Float,
        "Utilisation of cpus at which it is full: an autoscaler that waits for more than that never acts.",
    ),
    column("full_at_low", Type::Float, "Lower bound of it."),
    column("full_at_high", Type::Float, "Upper bound of it."),
    column(
        "amdahl",
        Type::Float,
        "What Amdahl's law would say of throughput; right for one request, not for a service.",
    ),
    column("why", Type::Text, "In words."),
    column("cpus_measured", Type::Float, "CPUs that it could use when it was measured."),
    column("cpus_used_measured", Type::Float, "CPUs that it used then."),
    column("clients_measured", Type::Float, "Clients then."),
    column("throughput_measured", Type::Float, "Requests per second then."),
    column("measured_at", Type::Time, "When."),
    column("tier", Type::Text, "How it was measured."),
    column(
        "error",
        Type::Float,
        "Largest error of p to expect of that tier; NULL: p is a lower bound.",
    ),
    column("solver", Type::Text, "How it was computed."),
    column("warnings", Type::Texts, "What makes it doubtful."),
];

/// The row of a forecast.
pub(crate) fn forecast_cells<'a>(forecast: &'a Forecast<'_>) -> Vec<Cell<'a>> {
    let Forecast { program, scenario, placed } = forecast;
    let measured = &program.measured;
    let mut cells =
        vec![Cell::Text(&program.key), program.host.as_deref().map_or(Cell::Null, Cell::Text)];
    match placed {
        Ok(Placed { prediction, neighbours }) => {
            cells.extend([
                Cell::Float(prediction.cpus),
                number(scenario.cpus),
                Cell::Float(*neighbours),
                number(prediction.clients),
                number(scenario.load),
                number(scenario.lock_speed),
                scenario.lock.as_deref().map_or(Cell::Null, Cell::Text),
                number(scenario.cpu_speed),
            ]);
            cells.extend(bounds(Some(prediction.throughput)));
            cells.push(Cell::Text(prediction.unit.name()));
            cells.extend(bounds(Some(prediction.ratio)));
            cells.extend(bounds(prediction.response));
            cells.extend(bounds(Some(prediction.utilisation)));
            cells.push(Cell::Owned(prediction.bottleneck.name()));
            cells.push(Cell::Owned(prediction.full_first.name()));
            cells.extend(bounds(Some(prediction.throughput_max)));
            cells.extend(bounds(Some(prediction.utilisation_full)));
            cells.push(Cell::Float(prediction.amdahl));
            cells.push(Cell::Owned(why(prediction)));
        }
        Err(reason) => {
            cells.extend((cells.len()..COLUMNS_TO_WHY).map(|_| Cell::Null));
            cells.push(Cell::Text(reason));
        }
    }
    let prediction = placed.as_ref().ok().map(|placed| &placed.prediction);
    cells.extend([
        Cell::Float(measured.cpus),
        Cell::Float(measured.cpus_used),
        number(measured.clients),
        number(measured.throughput),
        program.measured_at.map_or(Cell::Null, Cell::Time),
        Cell::Text(measured.tier.name()),
        number(measured.tier.expected_error()),
        prediction.map_or(Cell::Null, |prediction| Cell::Text(prediction.solver.name())),
        Cell::Texts(match prediction {
            Some(prediction) => prediction.warnings.clone(),
            None => measured.warnings.clone(),
        }),
    ]);
    cells
}

/// How many columns come before `why`.
const COLUMNS_TO_WHY: usize = 32;

pub(crate) fn number(value: Option<f64>) -> Cell<'static> {
    value.filter(|value| value.is_finite()).map_or(Cell::Null, Cell::Float)
}

/// A number with its bounds.
pub(crate) fn bounds(estimate: Option<Estimate>) -> [Cell<'static>; 3] {
    [estimate.map(|it| it.value), estimate.map(|it| it.low), estimate.map(|it| it.high)].map(number)
}

/// What limits, in words.
pub(crate) fn why(prediction: &Prediction) -> String {
    let unit = match prediction.unit {
        Unit::Requests => "requests/s",
        Unit::CpuSeconds => "CPU seconds/s",
    };
    let most = prediction.throughput_max.value;
    let of_most = if most > 0.0 { prediction.throughput.value / most } else { 0.0 };
    let full = prediction.utilisation_full.value;
    match &prediction.bottleneck {
        Bottleneck::Clients => {
            let first = thing(&prediction.full_first);
            let at = percent(full);
            format!(
                "there are no more requests; {first} would be full at {most:.1} {unit}, with {at} of the CPUs in use"
            )
        }
        Bottleneck::Lock(_) => {
            let lock = thing(&prediction.bottleneck);
            let (of_most, full) = (percent(of_most), percent(full));
            format!(
                "{lock} lets {most:.1} {unit} through, of which {of_most} come; it is full with {full} of the CPUs in use, and more CPUs do not help"
            )
        }
        other => {
            let (first, of_most) = (thing(other), percent(of_most));
            format!("{first} is full at {most:.1} {unit}, of which {of_most} come")
        }
    }
}

fn thing(bottleneck: &Bottleneck) -> String {
    match bottleneck {
        Bottleneck::Cpu => "the CPU".to_owned(),
        other => other.name(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `8`, `'1,2,4'`, `'1..16'`: the numbers of an argument; `None`: it was not given, or is empty.
///
/// # Errors
/// Something else, not above 0, or more than [`NUMBERS_MAX`].
pub(crate) fn numbers(text: Option<&str>, name: &str) -> Result<Option<Vec<f64>>, QueryError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = || {
        QueryError::new(QueryError::BAD_VALUE, format!("{name}: \"{text}\" is no number above 0"))
            .with_hint("Write a number, or several in quotes: '1,2,4', '1..16'.")
    };
    let positive = |text: &str| {
        let number = text.trim().parse::<f64>().ok();
        number.filter(|number| number.is_finite() && *number > 0.0).ok_or_else(wrong)
    };
    let mut numbers = Vec::new();
    for part in text.trim_matches(['{', '}', '[', ']']).split(',') {
        match part.split_once("..") {
            Some((from, to)) => {
                let whole = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
                let range: RangeInclusive<u32> = whole(from)?.max(1)..=whole(to)?;
                numbers.extend(range.take(NUMBERS_MAX + 1).map(f64::from));
            }
            None => numbers.push(positive(part)?),
        }
        if numbers.len() > NUMBERS_MAX {
            let message = format!("{name}: at most {NUMBERS_MAX} numbers are taken");
            return Err(QueryError::new("54000", message));
        }
    }
    if numbers.is_empty() { Err(wrong()) } else { Ok(Some(numbers)) }
}

/// `'50 ms'`, `'0.05'`, `0.05`: seconds; `None`: not given.
///
/// # Errors
/// It is no time above 0.
pub(crate) fn seconds(text: Option<&str>, name: &str) -> Result<Option<f64>, QueryError> {
    let Some(text) = text else { return Ok(None) };
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == 'µ');
    let scale = match text[number.len()..].trim() {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "min" => 60.0,
        _ => f64::NAN,
    };
    let seconds = number.trim().parse::<f64>().map(|number| number * scale).ok();
    match seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(QueryError::new(
            QueryError::BAD_VALUE,
            format!("{name}: \"{text}\" is no time above 0"),
        )
        .with_hint("Write seconds, or a number with us, ms, s or min: '50 ms'.")),
    }
}
