//! `groma changes`: who said what, and when.

use anyhow::Result;

use super::{Answered, Groma};
use crate::ask::literal;

/// List what was said since a version or time, by whom, and when it was heard and observed
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: SELECT * FROM changes('since'), SELECT * FROM model.changes")]
pub(super) struct Args {
    /// A version such as v120, or a time such as 2026-11-20T10:42:00Z
    #[arg(long, default_value = "v0")]
    since: String,
    /// The database; it may be of the past, such as live@v200
    #[arg(long, default_value = "live")]
    database: String,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let sql = format!("SELECT * FROM changes({})", literal(&args.since));
    groma.print(&args.database, &sql)?;
    Ok(Answered::Well)
}
