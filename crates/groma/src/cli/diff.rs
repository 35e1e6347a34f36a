//! `groma diff`: what differs between two databases.

use anyhow::Result;

use super::{Answered, Groma};
use crate::ask::literal;

/// List what differs between two databases; the exit code is 1 if anything does
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: SELECT * FROM model_diff('a', 'b')")]
pub(super) struct Args {
    /// The first database, such as live
    a: String,
    /// The second database, such as a fork
    b: String,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let sql = format!("SELECT * FROM model_diff({}, {})", literal(&args.a), literal(&args.b));
    Ok(Answered::wrong_if(groma.print("live", &sql)? > 0))
}
