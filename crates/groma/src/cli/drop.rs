//! `groma drop`: the end of a fork.

use anyhow::Result;

use super::{Answered, Groma};
use crate::ask::identifier;

/// Drop a fork; forks that came from it stay
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: DROP DATABASE name")]
pub(super) struct Args {
    /// Name of the fork
    name: String,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    groma.print("live", &format!("DROP DATABASE {}", identifier(&args.name)))?;
    Ok(Answered::Well)
}
