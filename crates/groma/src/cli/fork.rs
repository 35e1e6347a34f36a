//! `groma fork`: a database that starts as another one is now.

use anyhow::Result;

use super::{Answered, Groma};
use crate::ask::identifier;

/// Make a fork: a database that starts as another one is now, to try changes in
///
/// It costs nothing to make, and only what differs takes room.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: CREATE DATABASE name TEMPLATE from [TRACKING]\n\nThen: groma sql -d name \
    \"UPDATE service.farm SET balancing = 'nearest'\""
)]
pub(super) struct Args {
    /// Name of the new database
    name: String,
    /// The database it starts as, or a version of it such as live@v12
    #[arg(long, value_name = "NAME", default_value = "live")]
    from: String,
    /// See later commits of that database, except where the fork has said something itself
    #[arg(long)]
    tracking: bool,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let (name, from) = (identifier(&args.name), identifier(&args.from));
    let mode = if args.tracking { " TRACKING" } else { "" };
    let sql = format!("CREATE DATABASE {name} TEMPLATE {from}{mode}");
    groma.print("live", &sql)?;
    Ok(Answered::Well)
}
