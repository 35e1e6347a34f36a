//! `groma databases`: `live` and its forks, and those that nobody uses.

use anyhow::Result;

use super::{Answered, Groma};
use crate::ask::literal;

/// List the databases: live and its forks, or only forks that nobody has used for some time
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: SELECT * FROM model.databases, abandoned('30d'), drop_abandoned('30d')"
)]
pub(super) struct Args {
    /// Only forks that nobody has used for this time, such as 30d, with what dropping them gives back
    #[arg(long, value_name = "TIME")]
    abandoned: Option<String>,
    /// Drop them; without this they are only listed
    #[arg(long, requires = "abandoned")]
    drop: bool,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let sql = match &args.abandoned {
        None => "SELECT * FROM model.databases".to_owned(),
        Some(idle) => {
            let function = if args.drop { "drop_abandoned" } else { "abandoned" };
            format!("SELECT * FROM {function}({})", literal(idle))
        }
    };
    groma.print("live", &sql)?;
    Ok(Answered::Well)
}
