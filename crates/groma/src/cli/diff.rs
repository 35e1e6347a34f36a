//! `groma diff`: what differs between two databases.

use anyhow::Result;

use super::{Answered, Groma};
use crate::ask::literal;

/// List what differs between two databases; the exit code is 1 if anything does
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: SELECT * FROM model_diff('a', 'b' [, 'kind']), diff_summary('a', 'b')"
)]
pub(super) struct Args {
    /// The first database, such as live
    a: String,
    /// The second database, such as a fork
    b: String,
    /// Only entities of this kind, such as physical.port
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// How much differs, a row per kind
    #[arg(long, conflicts_with = "kind")]
    summary: bool,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let function = if args.summary { "diff_summary" } else { "model_diff" };
    let kind = args.kind.as_deref().map(|kind| format!(", {}", literal(kind))).unwrap_or_default();
    let (a, b) = (literal(&args.a), literal(&args.b));
    let sql = format!("SELECT * FROM {function}({a}, {b}{kind})");
    Ok(Answered::wrong_if(groma.print("live", &sql)? > 0))
}
