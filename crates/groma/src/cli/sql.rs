//! `groma sql`: any statement, or one after the other from stdin.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::Result;

use super::{Answered, Groma, InDatabase, complain, say};
use crate::ask::Ask;
use crate::output::{self, Form};

/// Ask in SQL: one query, or without one a statement after the other from stdin
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A statement from stdin ends with a semicolon at the end of a line. On a terminal \
    psql offers more: `groma serve`, then `psql -h 127.0.0.1 -p 5433 -d live`."
)]
pub(super) struct Args {
    /// The statement; several with semicolons between
    query: Option<String>,
    #[command(flatten)]
    within: InDatabase,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    if let Some(query) = &args.query {
        groma.print(&args.within.database, query)?;
        return Ok(Answered::Well);
    }
    let mut ask = groma.open()?;
    converse(ask.as_mut(), groma.form, &args.within.database)
}

/// From a terminal an error is told and the conversation goes on; from a file it is the end.
fn converse(ask: &mut dyn Ask, form: Form, database: &str) -> Result<Answered> {
    let stdin = io::stdin();
    let is_terminal = stdin.is_terminal();
    let mut statement = String::new();
    loop {
        if is_terminal {
            let prompt = if statement.trim().is_empty() { "=>" } else { "->" };
            write!(io::stderr(), "{database}{prompt} ")?;
        }
        let is_last = stdin.lock().read_line(&mut statement)? == 0;
        if statement.trim() == "\\q" {
            return Ok(Answered::Well);
        }
        if is_last || statement.trim_end().ends_with(';') {
            let sql = std::mem::take(&mut statement);
            if !sql.trim().is_empty() {
                match output::print(ask, form, database, &sql) {
                    Err(error) if is_terminal => complain(&error),
                    ended => drop(ended?),
                }
            }
        }
        if is_last {
            if is_terminal {
                say("")?;
            }
            return Ok(Answered::Well);
        }
    }
}
