//! `groma path`: the way of a packet.

use anyhow::Result;

use super::{Answered, Groma, InDatabase};
use crate::ask::literal;

/// Show every physical hop that a packet takes from one end to another
///
/// Ends are instances, machines or addresses. Every device, port and link comes with the fraction of
/// the traffic that takes it. The exit code is 1 if there is no hop: both ends are one machine, or
/// one of them cannot be placed.
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: SELECT * FROM path('a', 'b' [, 'time'])")]
pub(super) struct Args {
    /// Where the packet starts
    a: String,
    /// Where it goes
    b: String,
    /// With the topology of this time, such as 2026-11-20T10:00Z. Default: as it is now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    within: InDatabase,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let at = args.at.as_ref().map_or(String::new(), |at| format!(", {}", literal(at)));
    let sql = format!("SELECT * FROM path({}, {}{at})", literal(&args.a), literal(&args.b));
    let hops = groma.print(&args.within.database, &sql)?;
    Ok(Answered::wrong_if(hops == 0 && !groma.explain_sql))
}
