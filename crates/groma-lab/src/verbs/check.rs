//! `groma-lab check`

use std::time::Duration;

use groma_capacity::{Method, Tier};

use super::{list, program, say};
use crate::check::{CSV_HEADER, Errors, Pressure, Row, Run, TABLE_HEADER, errors};
use crate::{Flags, Service};

pub(super) fn run(mut flags: Flags) -> Result<(), String> {
    let values: Vec<f64> = list(&mut flags, "values", "0.1,0.3,0.5,0.7,0.9")?;
    let pressures: Vec<Pressure> = list(&mut flags, "loads", "heavy,medium,light")?;
    let time = flags.duration("for")?.unwrap_or(Duration::from_secs(3));
    let runs: usize = flags.take("runs")?.unwrap_or(1);
    let neighbours: usize = flags.take("neighbours")?.unwrap_or(0);
    let csv: Option<String> = flags.take("csv")?;
    let tier = flags.take::<String>("tier")?.map(|name| tier_of(&name)).transpose()?;
    let service = Service::from_flags(&mut flags)?;
    flags.all_taken()?;

    let program = program()?;
    let mut rows: Vec<Row> = Vec::new();
    say(&format!("{TABLE_HEADER}\n"))?;
    for pressure in &pressures {
        for p in &values {
            for seed in 0..runs as u64 {
                let service =
                    Service { shares: vec![1.0 - p], seed: service.seed + seed, ..service.clone() };
                let mut run = Run::new(service, *pressure, time);
                run.neighbours = neighbours;
                run.probe.tier = tier;
                let row = Row { p: *p, pressure: *pressure, checked: run.check(&program)? };
                say(&format!("{row}\n"))?;
                rows.push(row);
            }
        }
    }
    say("\nload     method        runs  |error| median     max    bias\n")?;
    for pressure in pressures {
        let of = |method| errors(rows.iter().filter(|row| row.pressure == pressure), method);
        let methods = [
            ("as told", of(None)),
            ("A owner", of(Some(Method::Owner))),
            ("C holds", of(Some(Method::Holds))),
            ("Eq. 25", of(Some(Method::Equation25))),
        ];
        for (name, errors) in methods {
            let Some(Errors { runs, median, max, bias }) = errors else { continue };
            let word = pressure.to_string();
            say(&format!(
                "{word:<8} {name:<12} {runs:>5}  {median:>14.4}  {max:>6.4}  {bias:+.4}\n"
            ))?;
        }
    }
    if let Some(path) = csv {
        let lines: Vec<String> = rows.iter().map(Row::csv).collect();
        std::fs::write(&path, format!("{CSV_HEADER}\n{}\n", lines.join("\n")))
            .map_err(|error| format!("cannot write {path}: {error}"))?;
    }
    Ok(())
}

fn tier_of(name: &str) -> Result<Tier, String> {
    let names = || Tier::ALL.map(Tier::name).join(" ");
    Tier::of_name(name).ok_or_else(|| format!("--tier \"{name}\": one of {}", names()))
}
