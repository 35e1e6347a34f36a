//! `groma history`: what was ever said of one entity.

use anyhow::Result;

use super::{Answered, Groma};
use crate::ask::literal;

/// Show what was ever said of one entity, by whom, and when it was heard and observed
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: SELECT * FROM history('kind', 'id' [, 'attribute'])")]
pub(super) struct Args {
    /// Its kind, such as physical.port
    kind: String,
    /// Its id, or any that it was ever known by
    id: String,
    /// Only this attribute
    attribute: Option<String>,
    /// The database; it may be of the past, such as live@v200
    #[arg(long, default_value = "live")]
    database: String,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let attribute = args.attribute.as_deref().map(|name| format!(", {}", literal(name)));
    let (kind, id) = (literal(&args.kind), literal(&args.id));
    let sql = format!("SELECT * FROM history({kind}, {id}{})", attribute.unwrap_or_default());
    groma.print(&args.database, &sql)?;
    Ok(Answered::Well)
}
