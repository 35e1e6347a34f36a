//! `groma-lab figures`

use std::path::PathBuf;
use std::time::Duration;

use super::{list, program, say};
use crate::check::{Pressure, Row, Run};
use crate::{Flags, Service, figures};

/// Windows of one second for each of the three loads of the figure over time.
const PHASE: usize = 10;
/// Turns with and without the probe.
const TURNS: usize = 5;

pub(super) fn run(mut flags: Flags) -> Result<(), String> {
    let folder: PathBuf = flags.take("to")?.ok_or("--to: which folder?")?;
    let time = flags.duration("for")?.unwrap_or(Duration::from_secs(3));
    let only: Vec<String> = list(&mut flags, "only", "over-time,p,request-rate")?;
    let wanted = |name: &str| only.iter().any(|one| one == name);
    let service = Service::from_flags(&mut flags)?;
    flags.all_taken()?;
    let program = program()?;
    let with_p = |p: f64| Service { shares: vec![1.0 - p], ..service.clone() };
    let keep = |figure: figures::Figure, name: &str| {
        figure.write(&folder, name).map_err(|error| format!("cannot write {name}: {error}"))?;
        say(&format!("{name}.csv, {name}.svg\n"))
    };

    if wanted("over-time") {
        keep(figures::over_time(&program, &with_p(0.4), PHASE)?, "p-over-time")?;
    }
    if wanted("request-rate") {
        keep(figures::request_rate(&program, with_p, time / 2, TURNS)?, "request-rate")?;
    }
    if !wanted("p") {
        return Ok(());
    }
    let mut rows = Vec::new();
    for pressure in [Pressure::Heavy, Pressure::Medium] {
        for p in (1..10).map(|tenth| f64::from(tenth) / 10.0) {
            let checked = Run::new(with_p(p), pressure, time).check(&program)?;
            rows.push(Row { p, pressure, checked });
        }
    }
    let cpus =
        rows.iter().find_map(|row| row.checked.report.measured.as_ref()).map_or(1.0, |m| m.cpus);
    keep(figures::injected(&rows, Pressure::Heavy, cpus), "p-heavy")?;
    keep(figures::injected(&rows, Pressure::Medium, cpus), "p-medium")
}
