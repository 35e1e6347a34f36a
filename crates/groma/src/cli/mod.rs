//! The verbs, one file each. Each is one SQL statement, which `--explain-sql` prints instead; only
//! `probe` asks the kernel.

mod capacity;
mod changes;
mod compact;
mod databases;
mod demo;
mod diff;
mod drop;
mod figures;
mod fork;
mod generate;
mod history;
mod import;
mod merge;
mod netbox;
mod path;
mod probe;
mod problems;
mod schema;
mod serve;
mod show;
mod sql;
mod user;
mod why;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use groma_server::StoreOptions;

use crate::ask::{self, Ask, Refusal};
use crate::output::{self, Form};

/// A live model of the data center and its traffic, asked in SQL.
///
/// Load what describes the data center and an hour of its traffic, ask which links the traffic used
/// and why, change something in a fork, and ask again.
#[derive(Debug, Parser)]
#[command(name = "groma", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit code: 0 answered; 1 answered, and something is wrong or differs; \
    2 could not answer.\nBegin with `groma demo`.")]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Debug, clap::Args)]
struct Common {
    /// Folder of the store. Default: $GROMA_DATA, or ~/.local/share/groma
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Print one JSON object per row instead of a table
    #[arg(long, global = true)]
    json: bool,
    /// Print the SQL that the verb stands for, and do nothing
    #[arg(long, global = true)]
    explain_sql: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Import(import::Args),
    Show(show::Args),
    Sql(sql::Args),
    Path(path::Args),
    Why(why::Args),
    Fork(fork::Args),
    Diff(diff::Args),
    Merge(merge::Args),
    Drop(drop::Args),
    Compact(compact::Args),
    Databases(databases::Args),
    Changes(changes::Args),
    History(history::Args),
    Capacity(capacity::Args),
    Problems(problems::Args),
    Netbox(netbox::Args),
    Probe(probe::Args),
    Schema(schema::Args),
    Figures(figures::Args),
    Generate(generate::Args),
    Demo(demo::Args),
    Serve(serve::Args),
    User(user::Args),
}

/// Which database a verb asks.
#[derive(Debug, clap::Args)]
struct InDatabase {
    /// The database to ask
    #[arg(short, long, value_name = "NAME", default_value = "live")]
    database: String,
}

/// How a verb ended, when it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    /// Nothing more to say.
    Well,
    /// And something is wrong, or differs.
    Wrong,
}

impl Answered {
    fn wrong_if(wrong: bool) -> Answered {
        if wrong { Answered::Wrong } else { Answered::Well }
    }
}

/// What a verb works with.
struct Groma {
    folder: PathBuf,
    form: Form,
    explain_sql: bool,
}

impl Groma {
    /// Opens the store, or the server that holds it.
    fn open(&self) -> Result<Box<dyn Ask>> {
        ask::open(&self.folder, StoreOptions::default())
    }

    /// Asks and prints; returns the number of rows. With `--explain-sql` only prints the statement.
    fn print(&self, database: &str, sql: &str) -> Result<u64> {
        if self.explain_sql {
            say(&format!("{sql};"))?;
            return Ok(0);
        }
        output::print(self.open()?.as_mut(), self.form, database, sql)
    }
}

/// Runs the command line.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    let groma = Groma {
        folder: cli.common.data.unwrap_or_else(default_folder),
        form: if cli.common.json { Form::Json } else { Form::Table },
        explain_sql: cli.common.explain_sql,
    };
    let ended = match cli.verb {
        Verb::Import(args) => import::run(&args, &groma),
        Verb::Show(args) => show::run(&args, &groma),
        Verb::Sql(args) => sql::run(&args, &groma),
        Verb::Path(args) => path::run(&args, &groma),
        Verb::Why(args) => why::run(&args, &groma),
        Verb::Fork(args) => fork::run(&args, &groma),
        Verb::Diff(args) => diff::run(&args, &groma),
        Verb::Merge(args) => merge::run(&args, &groma),
        Verb::Drop(args) => drop::run(&args, &groma),
        Verb::Compact(args) => compact::run(&args, &groma),
        Verb::Databases(args) => databases::run(&args, &groma),
        Verb::Changes(args) => changes::run(&args, &groma),
        Verb::History(args) => history::run(&args, &groma),
        Verb::Capacity(args) => capacity::run(&args, &groma),
        Verb::Problems(args) => problems::run(&args, &groma),
        Verb::Netbox(args) => netbox::run(&args, &groma),
        Verb::Probe(args) => probe::run(&args, &groma),
        Verb::Schema(args) => schema::run(&args, &groma),
        Verb::Figures(args) => figures::run(&args, &groma),
        Verb::Generate(args) => generate::run(&args, &groma),
        Verb::Demo(args) => demo::run(&args, &groma),
        Verb::Serve(args) => serve::run(&args, &groma),
        Verb::User(args) => user::run(&args, &groma),
    };
    match ended {
        Ok(Answered::Well) => ExitCode::SUCCESS,
        Ok(Answered::Wrong) => ExitCode::from(1),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

/// One line of what is wrong, and if there is one, what to try.
fn complain(error: &anyhow::Error) {
    let line = ask::in_one_line(error.as_ref());
    let mut text = format!("groma: {line}\n");
    if let Some(refusal) = error.chain().find_map(|error| error.downcast_ref::<Refusal>()) {
        for (label, more) in [("detail", &refusal.detail), ("hint", &refusal.hint)] {
            if let Some(more) = more {
                text.push_str(&format!("{label}: {}\n", more.replace('\n', " ")));
            }
        }
    }
    // Nobody to tell if this fails.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A line on stdout.
fn say(line: &str) -> Result<()> {
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}

/// A line on stderr, where verbs talk.
fn remark(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The reader has gone, as with `groma show | head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|error| {
        (error.downcast_ref::<io::Error>())
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn default_folder() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = named("GROMA_DATA") {
        return folder.into();
    }
    match (named("XDG_DATA_HOME"), named("HOME")) {
        (Some(folder), _) => Path::new(&folder).join("groma"),
        (None, Some(home)) => Path::new(&home).join(".local/share/groma"),
        (None, None) => PathBuf::from("groma-data"),
    }
}

/// `RUST_LOG` chooses what is logged; warnings otherwise.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).without_time().init();
}
