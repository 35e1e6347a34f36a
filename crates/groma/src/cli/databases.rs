//! `groma databases`: `live` and its forks.

use anyhow::Result;

use super::{Answered, Groma};

/// List the databases: live and its forks
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: SELECT * FROM model.databases")]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, groma: &Groma) -> Result<Answered> {
    groma.print("live", "SELECT * FROM model.databases")?;
    Ok(Answered::Well)
}
