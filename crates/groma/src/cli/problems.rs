//! `groma problems`: input that could not be understood.

use anyhow::Result;

use super::{Answered, Groma, InDatabase};
use crate::ask::literal;

/// List input that could not be understood; the exit code is 1 if there is any
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: SELECT * FROM model.problems")]
pub(super) struct Args {
    /// Only those of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    #[command(flatten)]
    within: InDatabase,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let filter = args
        .source
        .as_ref()
        .map_or(String::new(), |name| format!(" WHERE source = {}", literal(name)));
    let rows =
        groma.print(&args.within.database, &format!("SELECT * FROM model.problems{filter}"))?;
    Ok(Answered::wrong_if(rows > 0))
}
