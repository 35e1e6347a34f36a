//! Pictures of capacity: p over time, predictions with their bounds, and how good estimators are.

use std::collections::BTreeMap;

use anyhow::Result;
use groma_capacity::{
    Class, Discipline, Distribution, Experiment, Flow, LockDemand, Method, Service, System,
    estimate, simulate,
};
use groma_model::Timestamp;

use crate::ask::Rows;
use crate::figure::{Curve, Curves, Figure, Point, Span, Unit};

/// Throughput over whichever number the rows differ in, a curve for each program and set of the others.
pub(super) fn prediction(rows: &Rows) -> Figure {
    const AXES: [(&str, &str); 3] =
        [("cpus", "CPUs"), ("clients", "clients"), ("lock_speed", "speed of locks")];
    let values = |column| {
        let mut values: Vec<&str> =
            (0..rows.rows.len()).filter_map(|row| rows.cell(row, column)).collect();
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    let axis = AXES.into_iter().max_by_key(|(column, _)| values(column)).unwrap_or(AXES[0]);
    let mut curves: BTreeMap<String, [Vec<Point>; 2]> = BTreeMap::new();
    for row in 0..rows.rows.len() {
        let number = |column| rows.number(row, column);
        let (Some(x), Some(y)) = (number(axis.0), number("throughput")) else { continue };
        let mut name = rows.cell(row, "program").unwrap_or_default().to_owned();
        for (column, label) in AXES.into_iter().filter(|(column, _)| *column != axis.0) {
            if let Some(value) = rows.cell(row, column).filter(|_| 1 < values(column)) {
                name.push_str(&format!(", {value} {label}"));
            }
        }
        let bound = |column| number(column).unwrap_or(y);
        let bounds = (bound("throughput_low"), bound("throughput_high"));
        let [network, amdahl] = curves.entry(name).or_default();
        network.push(Point { x, y, bounds });
        amdahl.extend(number("amdahl").map(|y| Point { x, y, bounds: (y, y) }));
    }
    let few = curves.len() <= 2 && axis.0 == "cpus";
    let mut drawn = Vec::new();
    for (name, [network, amdahl]) in curves {
        drawn.push(curve(name.clone(), false, network));
        if few {
            drawn.push(curve("by Amdahl's law".to_owned(), true, amdahl));
        }
    }
    let unit = rows.cell(0, "unit").unwrap_or("requests");
    Figure::Curves(Curves {
        title: "What it would give".into(),
        x_label: axis.1.into(),
        x_unit: Unit::Count,
        y_label: format!("{unit} per second"),
        y_unit: Unit::Count,
        y_max: None,
        curves: drawn,
        spans: None,
    })
}

/// p over time with its bounds, behind it how much of each window somebody waited for a lock.
pub(super) fn history(rows: &Rows) -> Figure {
    let mut programs: BTreeMap<String, [Vec<Point>; 2]> = BTreeMap::new();
    let mut spans = Vec::new();
    let count = rows.rows.len();
    let ended = |row| Timestamp::parse(rows.cell(row, "at")?).ok();
    let length = |row| rows.number(row, "window_seconds").unwrap_or(0.0);
    let began = |row| Some(Timestamp(ended(row)?.0 - (length(row) * 1e9) as i64));
    let first = (0..count).filter_map(began).min().unwrap_or_default();
    let last = (0..count).filter_map(ended).max().unwrap_or_default();
    let (unit, unit_seconds) = unit_of((last.0 - first.0) as f64 / 1e9);
    let elapsed = |at: Timestamp| (at.0 - first.0) as f64 / 1e9 / unit_seconds;
    let is_one = (1..count).all(|row| rows.cell(row, "program") == rows.cell(0, "program"));
    for row in 0..count {
        let number = |column| rows.number(row, column);
        let Some(x) = ended(row).map(elapsed) else { continue };
        let [p, formula] =
            programs.entry(rows.cell(row, "program").unwrap_or_default().to_owned()).or_default();
        if let Some(y) = number("p") {
            let bound = |column| number(column).unwrap_or(y);
            p.push(Point { x, y, bounds: (bound("p_low"), bound("p_high")) });
        }
        formula.extend(number("p_eq25").map(|y| Point { x, y, bounds: (y, y) }));
        if let Some(contended) = number("contended").filter(|_| is_one) {
            let from = began(row).map_or(x, elapsed);
            spans.push(Span { x: (from, x), y: contended });
        }
    }
    let mut curves = Vec::new();
    for (program, [p, formula]) in programs {
        curves.push(curve(if is_one { "p".into() } else { program }, false, p));
        if is_one && !formula.is_empty() {
            curves.push(curve("p by Eq. 25".into(), true, formula));
        }
    }
    let title = match rows.cell(0, "program").filter(|_| is_one) {
        Some(program) => format!("How parallel {program} is"),
        None => "How parallel they are".into(),
    };
    Figure::Curves(Curves {
        title,
        x_label: format!("{unit} since {first}"),
        x_unit: Unit::Count,
        y_label: "share".into(),
        y_unit: Unit::Share,
        y_max: Some(1.0),
        curves,
        spans: Some(("share of the window with a waiter".into(), spans)),
    })
}

/// The unit in which a time is told, with its length in seconds.
fn unit_of(seconds: f64) -> (&'static str, f64) {
    const UNITS: [(&str, f64); 3] = [("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)];
    let fits = |(_, length): &(&str, f64)| 4.0 * length <= seconds;
    UNITS.into_iter().find(fits).unwrap_or(("seconds", 1.0))
}

/// Clients of the simulated server, as in the paper's heavy load.
const CLIENTS: usize = 12;
/// CPU seconds of a request.
const DEMAND: f64 = 0.4;
/// Seconds that clients think.
const THINK: f64 = 0.1;
/// Simulated seconds; a tick each ten milliseconds.
const SECONDS: f64 = 600.0;
const TICK: f64 = 0.01;

/// Injected against estimated p, from the simulator: Figure 4 of the paper, and what is used in place of
/// its formula.
pub(super) fn accuracy(cpus: u32) -> Result<Figure> {
    let injected: Vec<f64> = (1..=9).map(|tenth| f64::from(tenth) / 10.0).collect();
    let mut owner = Vec::new();
    let mut formula = Vec::new();
    for (seed, p) in (1..).zip(&injected) {
        let service = Service {
            name: "server".into(),
            cpus: f64::from(cpus),
            parallel: DEMAND * p,
            locks: vec![LockDemand::new(DEMAND * (1.0 - p))],
            devices: Vec::new(),
            delay: 0.0,
        };
        let class =
            Class { name: "clients".into(), clients: CLIENTS, think: THINK, flow: Flow::visit(0) };
        let system = System { services: vec![service], classes: vec![class] };
        let experiment = Experiment {
            seed,
            discipline: Discipline::Shared,
            distribution: Distribution::Exponential,
            window: SECONDS,
            windows: 1,
            tick: TICK,
            ..Experiment::default()
        };
        let outcome = simulate(&system, &experiment)?;
        let measured = estimate(&outcome.services[0].samples)?;
        let found = measured.parallel.filter(|_| measured.method == Some(Method::Owner));
        let point = |y, bounds| Point { x: *p, y, bounds };
        owner.extend(found.map(|found| point(found.value, (found.low, found.high))));
        formula.extend(measured.equation25.map(|y| point(y, (y, y))));
    }
    let exact = injected.iter().map(|p| Point { x: *p, y: *p, bounds: (*p, *p) }).collect();
    Ok(Figure::Curves(Curves {
        title: format!("Injected and estimated p of a simulated server with {cpus} CPUs"),
        x_label: "injected p".into(),
        x_unit: Unit::Share,
        y_label: "estimated p".into(),
        y_unit: Unit::Share,
        y_max: Some(1.0),
        curves: vec![
            curve("owner of the lock".into(), false, owner),
            curve("Eq. 25".into(), false, formula),
            curve("exact".into(), true, exact),
        ],
        spans: None,
    }))
}

fn curve(name: String, dashed: bool, mut points: Vec<Point>) -> Curve {
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    Curve { name, dashed, points }
}
