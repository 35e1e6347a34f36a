//! `groma demo`: the findings of the paper, on a generated data center or on your own files.

mod findings;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use groma_generate::Plan;
use groma_server::{DEFAULT_ADDRESS, Running};

use super::{Answered, Groma, figures, generate, import, remark, say, serve};
use crate::ask::{self, Ask, Embedded, Refusal, identifier};
use crate::output::{self, Form};

use findings::{FINDINGS, NEAREST, ONE_VLAN};

/// Show the whole on a generated data center, or on a folder of your own files
///
/// Generates a thousandth of the traffic of a data center of 7,118 machines, imports it, explains why it
/// crossed the distribution layer, tries two remedies in forks, prints the published findings beside its
/// own, writes the figures, and serves the result. All of it lies in the folder demo of the data folder,
/// and is made anew each time.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files or folders of your own, instead of the generated data center
    folder: Option<PathBuf>,
    /// Leave no server running
    #[arg(long)]
    no_serve: bool,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = DEFAULT_ADDRESS)]
    listen: SocketAddr,
    /// What the dice start from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let home = groma.folder.join("demo");
    let store = home.join("store");
    if groma.explain_sql {
        return explain(args);
    }
    if let Some(Running { pid, address, .. }) = Running::find(&store) {
        let hint = Some(format!(
            "Ask it: psql -h {} -p {} -d live; or stop it.",
            address.ip(),
            address.port()
        ));
        return Err(Refusal::new(
            format!("a demo is being served at {address} (process {pid})"),
            hint,
        )
        .into());
    }
    for part in ["store", "generated", "figures"] {
        clear(&home.join(part))?;
    }
    let input = match &args.folder {
        Some(folder) => folder.clone(),
        None => {
            let generated = home.join("generated");
            let plan = Plan { seed: args.seed, ..Plan::default() };
            step("generated a data center and its traffic", || generate::write(plan, &generated))?;
            generated
        }
    };
    let bar = import::progress_bar();
    let mut embedded = Embedded::open(&store, import::with_progress(&bar))?;
    let problems = step("imported it", || bring_in(&mut embedded, &input))?;
    bar.finish_and_clear();
    if problems > 0.0 {
        remark(&format!("  {problems} problems: SELECT * FROM model.problems"));
    }
    fork(&mut embedded)?;
    if args.folder.is_none() {
        compare(&mut embedded, groma.form)?;
        remark("what one VLAN would join besides:");
        output::print(&mut embedded, groma.form, ONE_VLAN, findings::CONCERNS)?;
    } else {
        look(&mut embedded, groma.form)?;
    }
    let pictures = home.join("figures");
    step("drew the figures", || figures::write(&mut embedded, "live", Some(NEAREST), &pictures))?;
    remark(&format!("  {}", pictures.display()));
    if args.no_serve {
        return Ok(Answered::Well);
    }
    let (store, runtime) = embedded.into_store();
    runtime.shutdown_background();
    let args = serve::Args::at(args.listen);
    serve::serve(store, &args)
}

fn explain(args: &Args) -> Result<Answered> {
    for sql in findings::forks() {
        say(&format!("{sql};"))?;
    }
    if args.folder.is_none() {
        FINDINGS.iter().try_for_each(|finding| say(&format!("{};", finding.sql)))?;
    }
    Ok(Answered::Well)
}

fn bring_in(ask: &mut dyn Ask, input: &Path) -> Result<f64> {
    let files = ask::rows(ask, "live", &import::statement(input, None, false, None)?)?;
    Ok(import::total(&files, "problems"))
}

/// Two remedies, each in a fork: callers choose the nearest member; and also all in one VLAN.
fn fork(ask: &mut dyn Ask) -> Result<()> {
    for name in [NEAREST, ONE_VLAN] {
        ask::rows(ask, "live", &format!("CREATE DATABASE {} TEMPLATE live", identifier(name)))?;
    }
    step("forked twice", || {
        (findings::CHANGES.iter()).try_for_each(|(fork, sql)| ask::rows(ask, fork, sql).map(drop))
    })
}

/// The paper's findings beside ours.
fn compare(ask: &mut dyn Ask, form: Form) -> Result<()> {
    let mut rows = Vec::new();
    step("asked for the findings", || {
        for finding in FINDINGS {
            let answer = ask::rows(ask, "live", finding.sql)?;
            rows.push(finding.row(answer.rows.first().and_then(|row| row.first()?.clone())));
        }
        Ok(())
    })?;
    let columns = findings::columns();
    match form {
        Form::Json => rows.into_iter().try_for_each(|row| say(&output::json_row(&columns, row))),
        Form::Table => {
            let mut table = output::table_of(&columns);
            for row in rows {
                table.add_row(row.into_iter().map(Option::unwrap_or_default));
            }
            say(&table.to_string())
        }
    }
}

/// What there is in somebody's own files.
fn look(ask: &mut dyn Ask, form: Form) -> Result<()> {
    for sql in findings::LOOKS {
        remark(sql);
        output::print(ask, form, "live", sql)?;
    }
    Ok(())
}

/// Says what was done and how long it took.
fn step<T>(done: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let result = work()?;
    remark(&format!("{done} in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(result)
}

fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("clearing {}", folder.display()))
        }
        _ => Ok(()),
    }
}
