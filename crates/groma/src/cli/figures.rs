//! `groma figures`: the pictures of the paper, from the tables.

use std::collections::BTreeMap;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Answered, Groma, InDatabase, say};
use crate::ask::{self, Ask, Rows};
use crate::figure::{Axis, Bar, BarScale, Bars, Cdf, Cell, Figure, HeatMaps, Matrix, Series, Unit};

/// How long trees last, and how long they are silent: Figure 1.
const DISTRIBUTIONS: &str = "SELECT distribution, value, share FROM trace.distributions \
    WHERE distribution LIKE '%_seconds' ORDER BY distribution, value";
/// What crossed the distribution layer and why: Figure 4.
const REASONS: &str = "SELECT hop_kind, coalesce(reason, class) AS reason, sum(bytes) AS bytes \
    FROM traffic.reasons GROUP BY 1, 2 ORDER BY 1, 2";
/// Which farms and services send how much to which.
const GROUPS: &str = "SELECT caller_group AS source, caller_kind AS source_group, \
    callee_group AS destination, callee_kind AS destination_group, sum(bytes) AS bytes \
    FROM traffic.heatmap GROUP BY 1, 2, 3, 4";
/// Which bus sends how much to which, by farm.
const BUSES: &str = "SELECT caller AS source, caller_group AS source_group, \
    callee AS destination, callee_group AS destination_group, sum(bytes) AS bytes \
    FROM traffic.crossing WHERE hop_kind = 'ESB->ESB' GROUP BY 1, 2, 3, 4";

/// Write the figures (distributions, reasons, heat maps) as SVG and PNG
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: trace.distributions, traffic.reasons, traffic.heatmap and traffic.crossing"
)]
pub(super) struct Args {
    /// Folder to write to; made if it is not there
    out: PathBuf,
    /// A fork to show beside it in the heat map
    #[arg(long, value_name = "NAME")]
    beside: Option<String>,
    #[command(flatten)]
    within: InDatabase,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    if groma.explain_sql {
        [DISTRIBUTIONS, REASONS, GROUPS, BUSES]
            .iter()
            .try_for_each(|sql| say(&format!("{sql};")))?;
        return Ok(Answered::Well);
    }
    let mut ask = groma.open()?;
    let written = write(ask.as_mut(), &args.within.database, args.beside.as_deref(), &args.out)?;
    for path in written {
        say(&path.display().to_string())?;
    }
    Ok(Answered::Well)
}

/// Writes all figures, and names the files.
pub(super) fn write(
    ask: &mut dyn Ask,
    database: &str,
    beside: Option<&str>,
    out: &Path,
) -> Result<Vec<PathBuf>> {
    let distributions = ask::rows(ask, database, DISTRIBUTIONS)?;
    let reasons = ask::rows(ask, database, REASONS)?;
    let groups = heat_maps(ask, "Who sends how much to whom", GROUPS, database, beside)?;
    let buses = heat_maps(ask, "Which bus sends how much to which", BUSES, database, beside)?;
    fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let mut written = Vec::new();
    let mut figures = vec![
        ("distributions", Figure::Cdf(cdf(&distributions))),
        ("reasons", Figure::Bars(bars(&reasons))),
        ("heatmap", Figure::HeatMaps(groups)),
    ];
    if buses.panels.iter().any(|panel| !panel.cells.is_empty()) {
        figures.push(("buses", Figure::HeatMaps(buses)));
    }
    for (name, figure) in figures {
        for ending in ["svg", "png"] {
            let path = out.join(format!("{name}.{ending}"));
            figure.write(&path)?;
            written.push(path);
        }
    }
    Ok(written)
}

/// A heat map of one database, or of two side by side.
fn heat_maps(
    ask: &mut dyn Ask,
    title: &str,
    sql: &str,
    database: &str,
    beside: Option<&str>,
) -> Result<HeatMaps> {
    let panels = iter::once(database)
        .chain(beside)
        .map(|name| Ok(matrix(name, &ask::rows(ask, name, sql)?)))
        .collect::<Result<_>>()?;
    Ok(HeatMaps { title: title.into(), label: "bytes".into(), unit: Unit::Bytes, panels })
}

fn cdf(rows: &Rows) -> Cdf {
    let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for row in 0..rows.rows.len() {
        let point = rows.number(row, "value").zip(rows.number(row, "share"));
        if let (Some(name), Some(point)) = (rows.cell(row, "distribution"), point) {
            series.entry(plain(name)).or_default().push(point);
        }
    }
    Cdf {
        title: "How long trees last, and how long they are silent".into(),
        x_label: "at most".into(),
        x_unit: Unit::Seconds,
        log_x: true,
        series: series.into_iter().map(|(name, points)| Series { name, points }).collect(),
        marks: vec![2.0, 60.0],
    }
}

/// `longest_silence_seconds` as people say it.
fn plain(name: &str) -> String {
    name.trim_end_matches("_seconds").replace('_', " ")
}

fn bars(rows: &Rows) -> Bars {
    let mut parts: Vec<String> = Vec::new();
    let mut amounts: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for row in 0..rows.rows.len() {
        let (Some(kind), Some(reason)) = (rows.cell(row, "hop_kind"), rows.cell(row, "reason"))
        else {
            continue;
        };
        if !parts.iter().any(|part| part == reason) {
            parts.push(reason.to_owned());
        }
        let bytes = rows.number(row, "bytes").unwrap_or_default();
        amounts.entry(kind.to_owned()).or_default().insert(reason.to_owned(), bytes);
    }
    parts.sort();
    let bar = |(name, by_reason): (String, BTreeMap<String, f64>)| Bar {
        name,
        amounts: parts.iter().map(|part| by_reason.get(part).copied().unwrap_or(0.0)).collect(),
    };
    let bars = amounts.into_iter().map(bar).collect();
    Bars {
        title: "Why traffic crossed the distribution layer".into(),
        label: "bytes".into(),
        unit: Unit::Bytes,
        scale: BarScale::Share,
        parts,
        bars,
    }
}

/// Senders and receivers stand in the order of their groups, then names.
fn matrix(database: &str, rows: &Rows) -> Matrix {
    let axis = |label: &str, name: &str, group: &str| {
        let mut things: Vec<(String, String)> = (0..rows.rows.len())
            .filter_map(|row| {
                let name = rows.cell(row, name)?.to_owned();
                Some((rows.cell(row, group).unwrap_or_default().to_owned(), name))
            })
            .collect();
        things.sort();
        things.dedup();
        let mut groups: Vec<(String, usize)> = Vec::new();
        for (group, _) in &things {
            match groups.last_mut() {
                Some((last, length)) if last == group => *length += 1,
                _ => groups.push((group.clone(), 1)),
            }
        }
        let names = things.into_iter().map(|(_, name)| name).collect();
        Axis { label: label.to_owned(), names, groups }
    };
    let senders = axis("from", "source", "source_group");
    let receivers = axis("to", "destination", "destination_group");
    let place = |axis: &Axis| -> BTreeMap<String, usize> {
        axis.names.iter().enumerate().map(|(place, name)| (name.clone(), place)).collect()
    };
    let (row_of, column_of) = (place(&senders), place(&receivers));
    let cells = (0..rows.rows.len())
        .filter_map(|row| {
            Some(Cell {
                row: *row_of.get(rows.cell(row, "source")?)?,
                column: *column_of.get(rows.cell(row, "destination")?)?,
                amount: rows.number(row, "bytes")?,
            })
        })
        .collect();
    Matrix { title: database.to_owned(), rows: senders, columns: receivers, cells }
}
