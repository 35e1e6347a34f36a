//! What whoever plans or scales measured programs should know.

use groma_capacity::{Bottleneck, Prediction};

use crate::capacity::{Forecast, Scenario, programs};
use crate::table::{Cell, Table, Type, column};

/// A program that is full with less than this share of its CPUs in use is told of: an autoscaler that
/// waits for more never acts.
const FULL_AT_MAX: f64 = 0.95;
/// From this share of what it can complete on, a program is told of as full.
const FULL_FROM: f64 = 0.9;

pub(super) static TABLE: Table = Table {
    schema: "capacity",
    name: "warnings",
    doc: "What whoever plans or scales measured programs should know: at how little use of its CPUs a program is full, which is full now, and what makes a measurement doubtful.",
    columns: &[
        column("program", Type::Text, "What was measured: its id in capacity.scalability."),
        column("host", Type::Text, "The machine it runs on."),
        column(
            "warning",
            Type::Text,
            "full-below-cpus: more use of its CPUs never comes; full: it completes nearly all that it can; unpredictable; doubtful: of the measurement.",
        ),
        column("text", Type::Text, "In words."),
        column("full_at", Type::Float, "Utilisation of its CPUs at which it is full."),
        column("full_at_low", Type::Float, "Lower bound of it."),
        column("full_at_high", Type::Float, "Upper bound of it."),
        column(
            "utilisation",
            Type::Float,
            "Utilisation of its CPUs, as predicted for this database.",
        ),
        column("full_first", Type::Text, "What is full then."),
        column("measured_at", Type::Time, "When it was measured."),
        column("tier", Type::Text, "How it was measured."),
    ],
    rows: |view, sheet| {
        let snapshot = view.snapshot();
        let all = programs(snapshot);
        let as_it_is = Scenario::default();
        for program in &all {
            let forecast = Forecast::try_make(snapshot, program, &all, &as_it_is);
            let then = forecast.placed.as_ref().ok().map(|placed| &placed.prediction);
            let mut warnings = then.map_or_else(Vec::new, found);
            warnings
                .extend(forecast.placed.as_ref().err().map(|why| ("unpredictable", why.clone())));
            let doubts = program.measured.warnings.iter();
            warnings.extend(doubts.map(|doubt| ("doubtful", doubt.clone())));
            for (warning, text) in warnings {
                let full = then.map(|then| then.utilisation_full);
                let number = |value: Option<f64>| value.map_or(Cell::Null, Cell::Float);
                sheet.push([
                    Cell::Text(&program.key),
                    program.host.as_deref().map_or(Cell::Null, Cell::Text),
                    Cell::Text(warning),
                    Cell::Owned(text),
                    number(full.map(|full| full.value)),
                    number(full.map(|full| full.low)),
                    number(full.map(|full| full.high)),
                    number(then.map(|then| then.utilisation.value)),
                    then.map_or(Cell::Null, |then| Cell::Owned(then.full_first.name())),
                    program.measured_at.map_or(Cell::Null, Cell::Time),
                    Cell::Text(program.measured.tier.name()),
                ])?;
            }
        }
        Ok(())
    },
};

fn found(then: &Prediction) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let first = then.full_first.name();
    let full_at = then.utilisation_full.value;
    if then.full_first != Bottleneck::Cpu && full_at < FULL_AT_MAX {
        let text = format!(
            "at capacity at {:.0} % CPU: {first} is full then, so that an autoscaler that waits for more never acts, and more CPUs do not help",
            full_at * 100.0
        );
        found.push(("full-below-cpus", text));
    }
    let most = then.throughput_max.value;
    if most > 0.0 && FULL_FROM * most <= then.throughput.value {
        let share = then.throughput.value / most * 100.0;
        found.push(("full", format!("it completes {share:.0} % of what {first} lets through")));
    }
    found
}
