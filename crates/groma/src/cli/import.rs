//! `groma import`: files into the database `live`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use groma_connect::live;
use groma_server::{Progress, StoreOptions};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Answered, Groma, remark, say};
use crate::ask::{self, Refusal, Rows, literal};
use crate::output::{self, Form};

/// Read files, folders or live sources into the database live
///
/// A live source is asked once: machine: (the one on which the store is open),
/// netbox+https://host, snmp://host. Its token or community comes from the environment or from the
/// file that GROMA_CREDENTIALS names; see docs/sources.md. Topology (captures, cabling lists, CSV per kind) becomes facts, traces become message records.
/// What is printed is on disk. Importing the same input again changes nothing. What cannot be read
/// becomes a row of model.problems, and the exit code is 1.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: SELECT * FROM import('/path' [, 'source' [, 'complete' [, 'record']]])"
)]
pub(super) struct Args {
    /// Files, folders, or names of live sources
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Name that the facts carry. Default: made from the importer and the file
    #[arg(long)]
    source: Option<String>,
    /// It is all that its sources know: what they said before and no longer say has ended
    #[arg(long)]
    complete: bool,
    /// Folder to which what a live source answers is written as well; import it to hear it again
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let statements = args
        .paths
        .iter()
        .map(|path| {
            let record = args.record.as_deref();
            statement(path, args.source.as_deref(), args.complete, record)
        })
        .collect::<Result<Vec<_>>>()?;
    if groma.explain_sql {
        statements.iter().try_for_each(|sql| say(&format!("{sql};")))?;
        return Ok(Answered::Well);
    }
    let bar = progress_bar();
    let mut ask = ask::open(&groma.folder, with_progress(&bar))?;
    let mut problems = 0.0;
    for sql in &statements {
        let files = ask::rows(ask.as_mut(), "live", sql)?;
        bar.set_message("");
        problems += total(&files, "problems");
        print(&files, groma.form)?;
    }
    bar.finish_and_clear();
    if problems > 0.0 {
        remark(&format!("{problems} problems; see `groma problems`"));
    }
    Ok(Answered::wrong_if(problems > 0.0))
}

/// The statement that imports; paths are written in full, since a server may be elsewhere.
pub(super) fn statement(
    path: &Path,
    source: Option<&str>,
    is_complete: bool,
    record: Option<&Path>,
) -> Result<String> {
    let what = match path.to_str().filter(|name| live::is_name(name)) {
        Some(name) => name.to_owned(),
        None => in_full(path)?,
    };
    let record = record.map(in_full).transpose()?;
    let mut arguments = vec![
        Some(literal(&what)),
        source.map(literal),
        is_complete.then(|| literal("complete")),
        record.as_deref().map(literal),
    ];
    while arguments.last().is_some_and(Option::is_none) {
        arguments.pop();
    }
    let null = || "NULL".to_owned();
    let arguments: Vec<_> = arguments.into_iter().map(|given| given.unwrap_or_else(null)).collect();
    Ok(format!("SELECT * FROM import({})", arguments.join(", ")))
}

fn in_full(path: &Path) -> Result<String> {
    let full = std::path::absolute(path)?;
    full.to_str().map(str::to_owned).ok_or_else(|| {
        let hint = Some("Rename it, or import the folder that holds it.".to_owned());
        Refusal::new(format!("{} is not UTF-8", path.display()), hint).into()
    })
}

/// A sum over the rows.
pub(super) fn total(rows: &Rows, column: &str) -> f64 {
    (0..rows.rows.len()).filter_map(|row| rows.number(row, column)).sum()
}

/// Shows on a terminal how far an import is.
pub(super) fn progress_bar() -> ProgressBar {
    if !output::is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}

/// Store options whose imports move the bar.
pub(super) fn with_progress(bar: &ProgressBar) -> StoreOptions {
    let bar = bar.clone();
    let progress = move |at: Progress<'_>| {
        bar.set_message(format!(
            "{}/{} {}: {} facts, {} messages",
            at.input_number,
            at.inputs,
            at.path.display(),
            at.facts,
            at.messages
        ));
    };
    StoreOptions { progress: Some(Arc::new(progress)), ..StoreOptions::default() }
}

fn print(files: &Rows, form: Form) -> Result<()> {
    if form == Form::Json {
        return (files.rows.iter())
            .try_for_each(|row| say(&output::json_row(&files.columns, row.clone())));
    }
    let mut table = output::table_of(&files.columns);
    for row in &files.rows {
        table.add_row(row.iter().map(|cell| cell.clone().unwrap_or_default()));
    }
    say(&table.to_string())
}
