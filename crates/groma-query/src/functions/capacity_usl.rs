//! The Universal Scalability Law, fitted to what was measured or is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use groma_capacity::{Usl, fit_usl};
use groma_model::Version;

use super::arguments::{Call, Function};
use super::capacity_history::windows;
use crate::capacity::{bounds, find, number, refused};
use crate::table::{Cell, Type, column};
use crate::{QueryError, changes};

/// (load, throughput)
type Series = Vec<(f64, f64)>;
/// Of a program; `None`: as it was given.
type Named = (Option<Arc<str>>, Series);

pub(super) static FUNCTION: Function = Function {
    name: "capacity_usl",
    usage: "capacity_usl(series [, since])",
    doc: "the Universal Scalability Law (Gunther), fitted to pairs of load and throughput, '1:100, 2:190, 4:340', or to the clients and throughput of all windows of a measured program, from a version or time of hearing on: how much contention and coherency hold it back, and at which load it gives the most.",
    arguments_min: 1,
    arguments_max: 2,
    columns: &[
        column("program", Type::Text, "What was measured; NULL: a series that was given."),
        column("points", Type::Integer, "Pairs that it was fitted to."),
        column("contention", Type::Float, "α: the share that is done one after the other."),
        column("contention_low", Type::Float, "Lower bound of it, at 95 %."),
        column("contention_high", Type::Float, "Upper bound of it."),
        column("coherency", Type::Float, "β: what each costs every other."),
        column("coherency_low", Type::Float, "Lower bound of it, at 95 %."),
        column("coherency_high", Type::Float, "Upper bound of it."),
        column("single", Type::Float, "γ: throughput at load 1, per second."),
        column("single_low", Type::Float, "Lower bound of it, at 95 %."),
        column("single_high", Type::Float, "Upper bound of it."),
        column("explained", Type::Float, "Share of the variance that the curve explains, R²."),
        column("peak_load", Type::Float, "Load of the highest throughput; NULL: it never falls."),
        column("peak", Type::Float, "Highest throughput; without a peak its limit; NULL: none."),
    ],
    rows: |call, sheet| {
        for (program, series) in series(call)? {
            let name = program.as_deref().unwrap_or("the series");
            let usl = fit_usl(&series).map_err(|error| refused(name, &error))?;
            sheet.push_row(cells(program.as_deref(), series.len(), &usl))?;
        }
        Ok(())
    },
};

/// What is to be fitted, by program.
fn series(call: &Call) -> Result<Vec<Named>, QueryError> {
    let text = call.text(0).unwrap_or_default();
    if text.contains(':') {
        return Ok(vec![(None, pairs(text)?)]);
    }
    let view = call.view()?;
    let programs = find(view.snapshot(), text)?;
    let since = call.text(1).map_or(Ok(Version(0)), |text| changes::since(&view, text))?;
    let (schema, windows) = windows(&view, &programs, since)?;
    let mut by_program: BTreeMap<Arc<str>, Series> =
        programs.iter().map(|program| (Arc::clone(&program.key), Series::new())).collect();
    for window in &windows {
        let number = |name| window.number(&schema, name).filter(|number| *number > 0.0);
        if let Some(pair) = number("clients").zip(number("throughput")) {
            by_program.entry(Arc::clone(&window.program)).or_default().push(pair);
        }
    }
    Ok(by_program.into_iter().map(|(program, series)| (Some(program), series)).collect())
}

fn pairs(text: &str) -> Result<Series, QueryError> {
    let pair = |pair: &str| {
        let (load, throughput) = pair.split_once(':')?;
        Some((load.trim().parse().ok()?, throughput.trim().parse().ok()?))
    };
    let wrong = |part: &str| {
        let message = format!("\"{}\" is no pair of load and throughput", part.trim());
        QueryError::new(QueryError::BAD_VALUE, message)
            .with_hint("Write capacity_usl('1:100, 2:190, 4:340'), or name a measured program.")
    };
    text.split(',').map(|part| pair(part).ok_or_else(|| wrong(part))).collect()
}

fn cells<'a>(program: Option<&'a str>, points: usize, usl: &Usl) -> Vec<Cell<'a>> {
    let mut cells = vec![program.map_or(Cell::Null, Cell::Text), Cell::Integer(points as i64)];
    for estimate in [usl.contention, usl.coherency, usl.single] {
        cells.extend(bounds(Some(estimate)));
    }
    cells.push(Cell::Float(usl.explained));
    cells.extend([number(usl.peak_load), number(usl.peak)]);
    cells
}
