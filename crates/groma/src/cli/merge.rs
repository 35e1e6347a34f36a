//! `groma merge`: what one database has said goes into another.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{Answered, Groma};
use crate::ask::literal;

/// Merge a fork into another database, as one commit; with --dry-run only list what it would do
///
/// Conflicts refuse the merge unless they are decided: all the same way, or one by one in a file.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: SELECT * FROM merge_preview('from', 'into'), merge('from', 'into' [, 'ours'|'theirs'])\n\n\
    One by one: groma merge plan --dry-run --json > choices.jsonl; write \"ours\" or \"theirs\" as the\n\
    resolution of some rows; groma merge plan --choices choices.jsonl. The exit code of --dry-run is 1\n\
    if there are conflicts that nobody has decided."
)]
pub(super) struct Args {
    /// The database that is merged, such as a fork
    from: String,
    /// The database that it is merged into
    #[arg(default_value = "live")]
    into: String,
    /// Only list what would be done
    #[arg(long)]
    dry_run: bool,
    /// Decide conflicts for the database that is merged into
    #[arg(long, conflicts_with = "theirs")]
    ours: bool,
    /// Decide conflicts for the database that is merged
    #[arg(long)]
    theirs: bool,
    /// Rows of --dry-run --json, with \"ours\" or \"theirs\" as resolution where it is decided
    #[arg(long, value_name = "FILE")]
    choices: Option<PathBuf>,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let choices = match &args.choices {
        None => "NULL".to_owned(),
        Some(file) => literal(
            &std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?,
        ),
    };
    let function = if args.dry_run { "merge_preview" } else { "merge" };
    let strategy = match (args.ours, args.theirs) {
        (true, _) => "'ours'",
        (_, true) => "'theirs'",
        _ => "NULL",
    };
    let (from, into) = (literal(&args.from), literal(&args.into));
    let call = format!("{function}({from}, {into}, {strategy}, {choices})");
    groma.print("live", &format!("SELECT * FROM {call}"))?;
    if !args.dry_run || groma.explain_sql {
        return Ok(Answered::Well);
    }
    let undecided = format!("SELECT count(*) AS n FROM {call} WHERE resolution = 'conflict'");
    let undecided = crate::ask::rows(groma.open()?.as_mut(), "live", &undecided)?;
    Ok(Answered::wrong_if(undecided.number(0, "n") != Some(0.0)))
}
