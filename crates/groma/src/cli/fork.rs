//! `groma fork`: a database that starts as another one is now.

use anyhow::Result;

use super::{Answered, Groma};
use crate::ask::identifier;

/// Make a fork: a database that starts as another one is now, to try changes in
///
/// It costs nothing to make, and only what differs takes room.
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: CREATE DATABASE name TEMPLATE from\n\nThen: groma sql -d name \
    \"UPDATE service.farm SET balancing = 'nearest'\"")]
pub(super) struct Args {
    /// Name of the new database
    name: String,
    /// The database it starts as
    #[arg(long, value_name = "NAME", default_value = "live")]
    from: String,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let sql =
        format!("CREATE DATABASE {} TEMPLATE {}", identifier(&args.name), identifier(&args.from));
    groma.print("live", &sql)?;
    Ok(Answered::Well)
}
