//! `groma show`: kinds, the entities of one, or all that is known of one entity.

use anyhow::Result;

use super::{Answered, Groma, InDatabase};
use crate::ask::{Refusal, identifier, literal};

/// Show what the model holds: its kinds, a table, or one entity with who said what of it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: SELECT * FROM <kind or table>; of one entity: SELECT * FROM model.facts"
)]
pub(super) struct Args {
    /// A kind such as network.port, or any other table such as traffic.reasons
    #[arg(value_name = "KIND|TABLE")]
    table: Option<String>,
    /// Id of one entity of the kind
    #[arg(requires = "table")]
    id: Option<String>,
    /// Show at most so many rows
    #[arg(long, value_name = "ROWS", default_value_t = 1000)]
    limit: u64,
    #[command(flatten)]
    within: InDatabase,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let sql = statement(args);
    let rows = groma.print(&args.within.database, &sql)?;
    match &args.id {
        Some(id) if rows == 0 && !groma.explain_sql => {
            let kind = args.table.as_deref().unwrap_or_default();
            let hint = Some(format!("`groma show {kind}` lists what there is."));
            Err(Refusal::new(format!("nothing is known of {kind} {id}"), hint).into())
        }
        _ => Ok(Answered::Well),
    }
}

fn statement(args: &Args) -> String {
    let limit = args.limit;
    match (&args.table, &args.id) {
        (None, _) => {
            format!(
                "SELECT name, entities, doc FROM model.kinds WHERE entities > 0 ORDER BY name LIMIT {limit}"
            )
        }
        (Some(table), None) => format!("SELECT * FROM {} LIMIT {limit}", qualified(table)),
        (Some(kind), Some(id)) => format!(
            "SELECT * FROM model.facts WHERE kind = {} AND id = {} ORDER BY attribute LIMIT {limit}",
            literal(kind),
            literal(id)
        ),
    }
}

fn qualified(table: &str) -> String {
    table.split('.').map(identifier).collect::<Vec<_>>().join(".")
}
