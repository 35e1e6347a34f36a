//! The figures of the paper, measured again: over time, injected against estimated, and what the
//! probe costs the clients. Each gives its numbers as CSV and a chart.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use groma_capacity::Method;
use groma_probe::Options;

use crate::chart::{Axis, Chart, Mark, Series};
use crate::check::{self, Pressure, Row};
use crate::clients::Clients;
use crate::lab::Lab;
use crate::os;
use crate::spec::{Load, Service};

/// A figure: its numbers, and its chart.
pub struct Figure {
    /// With a header.
    pub csv: String,
    /// What to draw.
    pub chart: Chart,
}

impl Figure {
    /// Writes `<name>.csv` and `<name>.svg` into a folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &Path, name: &str) -> io::Result<()> {
        std::fs::write(folder.join(format!("{name}.csv")), &self.csv)?;
        std::fs::write(folder.join(format!("{name}.svg")), self.chart.draw())
    }
}

/// Injected against estimated p (Figures 4 and 7), from the rows of a check at one pressure.
pub fn injected(rows: &[Row], pressure: Pressure, cpus: f64) -> Figure {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.pressure == pressure).collect();
    let points = |of: &dyn Fn(&Row) -> Option<f64>| {
        rows.iter().map(|row| (row.checked.truth.p, of(row).unwrap_or(f64::NAN))).collect()
    };
    let series = |label: &str, points, mark| Series { label: label.to_owned(), points, mark };
    let ceiling = 1.0 - 1.0 / cpus;
    let chart = Chart {
        title: format!("True and estimated p, {pressure} load, {cpus} CPUs"),
        across: Axis::new("p by the server's own CPU clocks", (0.0, 1.0), 0.1),
        up: Axis::new("p by the probe", (0.0, 1.0), 0.1),
        series: vec![
            series(
                "A: owner of the lock",
                points(&|row| row.checked.p().map(|p| p.value)),
                Mark::Points,
            ),
            series(
                "C: contended holds",
                points(&|row| row.checked.p_by(Method::Holds)),
                Mark::Points,
            ),
            series(
                "Eq. 25 of the paper",
                points(&|row| row.checked.p_by(Method::Equation25)),
                Mark::Line,
            ),
            series("ceiling of Eq. 25: 1 - 1/N", vec![(0.0, ceiling), (1.0, ceiling)], Mark::Guide),
            series("right", vec![(0.0, 0.0), (1.0, 1.0)], Mark::Guide),
        ],
        shaded: Vec::new(),
    };
    let lines: Vec<String> = rows.iter().map(|row| row.csv()).collect();
    Figure { csv: format!("{}\n{}\n", check::CSV_HEADER, lines.join("\n")), chart }
}

/// p over time with the windows of contention (Figure 3): a light load, then a heavy one, then a
/// light one again, while the program stays the same.
///
/// # Errors
/// Something does not start, or the probe is refused.
pub fn over_time(program: &Path, service: &Service, phase: usize) -> Result<Figure, String> {
    let said = |error: io::Error| error.to_string();
    let mut lab = Lab::start(program, service).map_err(said)?;
    let load = |clients| Load {
        clients,
        think: Pressure::Medium.think(service.demand),
        real_time: service.real_time,
        ..Load::default()
    };
    let _few = Clients::start(lab.address(), &load(3)).map_err(said)?;
    if service.real_time {
        os::become_real_time(2).map_err(said)?;
    }
    let mut probe = check::start(lab.pid(), Options::default())?;
    let never = AtomicBool::new(false);
    probe.measure(Duration::from_secs(1), &never);
    let (mut many, mut shaded): (Option<Clients>, Vec<(f64, f64)>) = (None, Vec::new());
    let (mut truths, mut owners, mut equation25) = (Vec::new(), Vec::new(), Vec::new());
    let mut csv = "until,truth,estimate,low,high,equation25,contended,cpus_used\n".to_owned();
    for window_index in 0..3 * phase {
        many = match (window_index / phase, many.take()) {
            (1, None) => Some(Clients::start(lab.address(), &load(21)).map_err(said)?),
            (1, running) => running,
            _ => None,
        };
        let from = lab.truth().map_err(said)?;
        let report = probe.measure(Duration::from_secs(1), &never);
        let truth = from.until(&lab.truth().map_err(said)?);
        let (from, until) = (window_index as f64, window_index as f64 + 1.0);
        let Some(process) = report.processes.into_iter().next() else { continue };
        let Some(measured) = process.measured else { continue };
        let mut begin = 0.0;
        let mut contended = 0.0;
        for part in &process.subwindows {
            if part.contended > 0.0 {
                shaded.push((from + begin, from + part.until.min(1.0)));
            }
            contended += part.contended;
            begin = part.until;
        }
        let unknown = f64::NAN;
        truths.push((until, truth.p));
        owners.push((until, measured.parallel.map_or(unknown, |p| p.value)));
        equation25.push((until, measured.equation25.unwrap_or(unknown)));
        let cell = |value: f64| if value.is_nan() { String::new() } else { format!("{value:.4}") };
        let line = [
            until,
            truth.p,
            measured.parallel.map_or(unknown, |p| p.value),
            measured.parallel.map_or(unknown, |p| p.low),
            measured.parallel.map_or(unknown, |p| p.high),
            measured.equation25.unwrap_or(unknown),
            contended,
            truth.cpus_used,
        ];
        let line: Vec<String> = line.into_iter().map(cell).collect();
        let _never = writeln!(csv, "{}", line.join(","));
    }
    let series = |label: &str, points, mark| Series { label: label.to_owned(), points, mark };
    let end = 3.0 * phase as f64;
    Ok(Figure {
        csv,
        chart: Chart {
            title: "p over time, light, heavy and light load; grey: somebody waited for the lock"
                .into(),
            across: Axis::new("seconds", (0.0, end), 5.0),
            up: Axis::new("p, windows of 1 s", (0.0, 1.0), 0.2),
            series: vec![
                series("A: owner of the lock", owners, Mark::Line),
                series("the server's own clocks", truths, Mark::Points),
                series("Eq. 25 of the paper", equation25, Mark::Points),
            ],
            shaded,
        },
    })
}

/// The request rate with and without the probe (Figure 6), in turns, medians.
///
/// # Errors
/// Something does not start, or the probe is refused.
pub fn request_rate(
    program: &Path,
    service: impl Fn(f64) -> Service,
    time: Duration,
    turns: usize,
) -> Result<Figure, String> {
    let said = |error: io::Error| error.to_string();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let mut csv = "p,without,with,change\n".to_owned();
    for p in (1..10).map(|tenth| f64::from(tenth) / 10.0) {
        let service = service(p);
        let mut lab = Lab::start(program, &service).map_err(said)?;
        let load = Load {
            think: Pressure::Medium.think(service.demand),
            real_time: service.real_time,
            ..Load::default()
        };
        let _clients = Clients::start(lab.address(), &load).map_err(said)?;
        thread::sleep(Duration::from_millis(500));
        let mut rates = [Vec::new(), Vec::new()];
        for turn in 0..2 * turns {
            let probe = if turn % 2 == 1 {
                Some(check::start(lab.pid(), Options::default())?)
            } else {
                None
            };
            let from = lab.truth().map_err(said)?;
            match probe {
                Some(mut probe) => drop(probe.measure(time, &AtomicBool::new(false))),
                None => thread::sleep(time),
            }
            rates[turn % 2].push(from.until(&lab.truth().map_err(said)?).throughput);
        }
        let [off, on] = rates.map(median);
        without.push((p, off));
        with.push((p, on));
        let _never = writeln!(csv, "{p},{off:.2},{on:.2},{:.4}", on / off - 1.0);
    }
    let top = without.iter().chain(&with).map(|(_, rate)| *rate).fold(0.0, f64::max);
    let end = (top / 50.0).ceil() * 50.0;
    let series = |label: &str, points| Series { label: label.to_owned(), points, mark: Mark::Line };
    Ok(Figure {
        csv,
        chart: Chart {
            title: "Requests a second with and without the probe".into(),
            across: Axis::new("p injected", (0.0, 1.0), 0.1),
            up: Axis::new("requests a second", (0.0, end), end / 5.0),
            series: vec![series("without", without), series("with the probe", with)],
            shaded: Vec::new(),
        },
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
