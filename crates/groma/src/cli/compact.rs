//! `groma compact`: gives up the far past.

use anyhow::Result;

use super::{Answered, Groma};
use crate::ask::literal;

/// Give up what was known long ago; no answer about what is kept changes
///
/// Versions heard since then, and the one that was known then, can be asked as before. Older ones are
/// refused, and the file of the journal shrinks.
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: SELECT * FROM compact('30d')")]
pub(super) struct Args {
    /// How much of the past to keep, such as 30d, 12h or 90s
    #[arg(long, value_name = "TIME")]
    keep: String,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    groma.print("live", &format!("SELECT * FROM compact({})", literal(&args.keep)))?;
    Ok(Answered::Well)
}
