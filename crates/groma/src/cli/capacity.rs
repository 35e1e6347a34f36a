//! `groma capacity`: how measured programs scale, and what more would give.

mod pictures;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde_json::Value;

use super::{Answered, Groma, InDatabase, say};
use crate::ask::{self, Rows, literal};
use crate::figure::Figure;
use crate::output::Form;

/// What of a prediction is shown to people; --json gives all.
const PREDICTED: &str = "program, round(cpus, 2) AS cpus, clients, lock_speed, \
    round(throughput, 2) AS throughput, round(throughput_low, 2) AS low, \
    round(throughput_high, 2) AS high, round(response_seconds, 5) AS response_seconds, \
    round(utilisation, 3) AS utilisation, round(full_at, 3) AS full_at, \
    round(amdahl, 2) AS amdahl, tier, why";
/// The same of what is needed.
const NEEDED: &str = "program, change, holds, cpus, clients, round(lock_speed, 2) AS lock_speed, \
    round(throughput, 2) AS throughput, round(response_seconds, 5) AS response_seconds, \
    round(utilisation, 3) AS utilisation, tier, why";
/// The same of a window.
const WINDOWS: &str = "at, program, release, round(p, 3) AS p, round(p_low, 3) AS p_low, \
    round(p_high, 3) AS p_high, round(contended, 3) AS contended, \
    round(cpus_used, 2) AS cpus_used, round(throughput, 2) AS throughput, \
    round(throughput_max, 2) AS throughput_max, round(full_at, 3) AS full_at, full_first, tier";

/// Ask how measured programs scale, and what other CPUs, clients or faster locks would give
///
/// `groma probe --to live` measures. A program is named by its id in capacity.scalability, its process,
/// an instance or service that runs there, its name on any host, or a host.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: SELECT * FROM capacity_predict('service', cpus => 8), capacity_needed(...), \
    capacity_history(...), capacity_record('report'), capacity.predictions, capacity.warnings"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Predict(Predict),
    Needed(Needed),
    History(History),
    Warnings(Warnings),
    Record(Record),
    Accuracy(Accuracy),
}

/// Show what a program would give, a row for each scenario
#[derive(Debug, clap::Args)]
struct Predict {
    /// The program, process, instance, service or host
    service: String,
    /// CPUs of its host: a number, or several such as 1,2,4 or 1..16
    #[arg(long, value_name = "NUMBERS")]
    cpus: Option<String>,
    /// Clients
    #[arg(long, value_name = "NUMBERS")]
    clients: Option<String>,
    /// How many times as fast what is done under locks is
    #[arg(long, value_name = "NUMBERS")]
    lock_speed: Option<String>,
    /// Only this lock is faster
    #[arg(long, value_name = "NAME", requires = "lock_speed")]
    lock: Option<String>,
    /// How many times as fast each CPU is
    #[arg(long, value_name = "NUMBERS")]
    cpu_speed: Option<String>,
    /// How many times as much comes in
    #[arg(long, value_name = "NUMBERS")]
    load: Option<String>,
    /// Draw throughput with its bounds over whichever of the numbers are several: .svg or .png
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    #[command(flatten)]
    within: InDatabase,
}

/// Show the smallest change that holds a target; the exit code is 1 if none does
#[derive(Debug, clap::Args)]
struct Needed {
    /// The program, process, instance, service or host
    service: String,
    /// At least so many requests per second
    #[arg(long, required_unless_present_any = ["response", "utilisation"])]
    throughput: Option<String>,
    /// At most so long from request to answer, such as 50ms
    #[arg(long, value_name = "TIME")]
    response: Option<String>,
    /// At most such a share of the CPUs, such as 0.7
    #[arg(long, value_name = "SHARE")]
    utilisation: Option<String>,
    /// For so many clients. Default: those that were measured
    #[arg(long)]
    clients: Option<String>,
    /// For so many times the load
    #[arg(long)]
    load: Option<String>,
    #[command(flatten)]
    within: InDatabase,
}

/// Show every window in which a program was measured
#[derive(Debug, clap::Args)]
struct History {
    /// The program, process, instance, service or host
    service: String,
    /// From a version (v120) or a time of hearing on
    #[arg(long)]
    since: Option<String>,
    /// Draw p over time, with how contended its locks were: .svg or .png
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    #[command(flatten)]
    within: InDatabase,
}

/// Show what planners and autoscalers should know; the exit code is 1 if there is anything
#[derive(Debug, clap::Args)]
struct Warnings {
    #[command(flatten)]
    within: InDatabase,
}

/// Take reports that `groma probe --json` prints, a window per line, as they come
///
/// `groma probe --comm shop --json | groma capacity record -` keeps the model up to date.
#[derive(Debug, clap::Args)]
struct Record {
    /// File of lines; - is the standard input
    file: PathBuf,
    /// Version of the measured programs
    #[arg(long)]
    release: Option<String>,
    #[command(flatten)]
    within: InDatabase,
}

/// Draw how near estimators come to the p that a simulated server has; needs no store
#[derive(Debug, clap::Args)]
struct Accuracy {
    /// Where to: .svg or .png
    figure: PathBuf,
    /// CPUs of the server
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    match &args.what {
        What::Predict(args) => predict(args, groma),
        What::Needed(args) => needed(args, groma),
        What::History(args) => history(args, groma),
        What::Warnings(args) => {
            let rows = groma.print(&args.within.database, "SELECT * FROM capacity.warnings")?;
            Ok(Answered::wrong_if(rows > 0))
        }
        What::Record(args) => record(args, groma),
        What::Accuracy(args) => {
            draw(&pictures::accuracy(args.cpus)?, &args.figure)?;
            Ok(Answered::Well)
        }
    }
}

fn predict(args: &Predict, groma: &Groma) -> Result<Answered> {
    let call = call(
        "capacity_predict",
        &args.service,
        &[
            ("cpus", &args.cpus),
            ("clients", &args.clients),
            ("lock_speed", &args.lock_speed),
            ("lock", &args.lock),
            ("cpu_speed", &args.cpu_speed),
            ("load", &args.load),
        ],
    );
    let figure = args.figure.as_deref();
    answer(groma, &args.within.database, &call, PREDICTED, figure, pictures::prediction)
}

fn needed(args: &Needed, groma: &Groma) -> Result<Answered> {
    let call = call(
        "capacity_needed",
        &args.service,
        &[
            ("throughput", &args.throughput),
            ("response", &args.response),
            ("utilisation", &args.utilisation),
            ("clients", &args.clients),
            ("load", &args.load),
        ],
    );
    groma.print(&args.within.database, &shown(groma, NEEDED, &call))?;
    if groma.explain_sql {
        return Ok(Answered::Well);
    }
    let hopeless = format!("SELECT program FROM {call} GROUP BY program HAVING NOT bool_or(holds)");
    let hopeless = ask::rows(groma.open()?.as_mut(), &args.within.database, &hopeless)?;
    Ok(Answered::wrong_if(!hopeless.rows.is_empty()))
}

fn history(args: &History, groma: &Groma) -> Result<Answered> {
    let call = call("capacity_history", &args.service, &[("since", &args.since)]);
    let figure = args.figure.as_deref();
    answer(groma, &args.within.database, &call, WINDOWS, figure, pictures::history)
}

/// Sends each line as it comes. The store is open only meanwhile, so that others can use it between windows.
fn record(args: &Record, groma: &Groma) -> Result<Answered> {
    let reading = || format!("reading {}", args.file.display());
    let lines: Box<dyn BufRead> = match args.file.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(BufReader::new(File::open(&args.file).with_context(reading)?)),
    };
    for line in lines.lines() {
        let line = line.with_context(reading)?;
        if !line.trim().is_empty() {
            groma.print(&args.within.database, &recording(&line, args.release.as_deref()))?;
        }
    }
    Ok(Answered::Well)
}

/// The statement that takes a report. What the model has no place for is left out: pieces of the window,
/// and command lines, in which people put passwords.
pub(super) fn recording(report: &str, release: Option<&str>) -> String {
    let sent = serde_json::from_str(report).map(|mut window: Value| {
        for process in window["processes"].as_array_mut().into_iter().flatten() {
            let Some(process) = process.as_object_mut() else { continue };
            for left_out in ["command", "subwindows", "cumulative", "outlook"] {
                process.remove(left_out);
            }
            if let Some(release) = release {
                process.insert("release".to_owned(), release.into());
            }
        }
        window.to_string()
    });
    // What is no JSON is for the function to refuse.
    let sent = sent.unwrap_or_else(|_| report.to_owned());
    format!("SELECT * FROM capacity_record({})", literal(&sent))
}

/// The statement whose rows are printed.
fn shown(groma: &Groma, columns: &str, call: &str) -> String {
    match groma.form {
        Form::Table => format!("SELECT {columns} FROM {call}"),
        Form::Json => format!("SELECT * FROM {call}"),
    }
}

/// `function('service', name => 'value')`, of what is given.
fn call(function: &str, service: &str, named: &[(&str, &Option<String>)]) -> String {
    let mut arguments = literal(service);
    for (name, value) in named {
        if let Some(value) = value {
            arguments.push_str(&format!(", {name} => {}", literal(value)));
        }
    }
    format!("{function}({arguments})")
}

/// Prints the answer, or draws it.
fn answer(
    groma: &Groma,
    database: &str,
    call: &str,
    columns: &str,
    figure: Option<&Path>,
    picture: fn(&Rows) -> Figure,
) -> Result<Answered> {
    match figure.filter(|_| !groma.explain_sql) {
        None => drop(groma.print(database, &shown(groma, columns, call))?),
        Some(path) => {
            let all = format!("SELECT * FROM {call}");
            let rows = ask::rows(groma.open()?.as_mut(), database, &all)?;
            draw(&picture(&rows), path)?;
        }
    }
    Ok(Answered::Well)
}

fn draw(figure: &Figure, path: &Path) -> Result<()> {
    figure.write(path)?;
    say(&path.display().to_string())
}
