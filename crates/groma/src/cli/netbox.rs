//! `groma netbox`: what a NetBox should be told.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use groma_connect::netbox::{Drift, propose};
use serde_json::{Value, json};

use super::{Answered, Groma, InDatabase, remark, say};
use crate::ask::{self, Column, Refusal, Rows, literal};
use crate::output::{self, Form};

/// What the file of a proposal says of itself.
const FORM: &str = "groma-netbox-proposal-1";

/// Propose to NetBox what was observed
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Propose(Propose),
}

/// List where NetBox differs from what was observed, and the request that would change it
///
/// Nothing is sent. With a file the proposal is written there as JSON, to be read by a person and
/// applied by examples/netbox/apply.py or a script like it. What NetBox has no field for is listed with the reason. The
/// exit code is 1 if anything differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "SQL: SELECT * FROM model.drift")]
struct Propose {
    /// File to write to; it must not be there yet
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Name of NetBox's source; * stands for any text
    #[arg(long, value_name = "NAME", default_value = "netbox*")]
    source: String,
    #[command(flatten)]
    within: InDatabase,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let What::Propose(args) = &args.what;
    let sql = statement(&args.source);
    if groma.explain_sql {
        say(&format!("{sql};"))?;
        return Ok(Answered::Well);
    }
    let mut ask = groma.open()?;
    let rows = ask::rows(ask.as_mut(), &args.within.database, &sql)?;
    let proposals: Vec<Value> = (0..rows.rows.len()).map(|row| proposal(&rows, row)).collect();
    if rows.rows.is_empty() {
        remark(&format!(
            "nothing differs; sources named {} have to say = \"desired\" in the site's schema, see docs/reconciliation.md",
            args.source
        ));
    }
    match (&args.file, groma.form) {
        (Some(file), _) => {
            let patches = proposals.iter().filter(|of| !of["netbox"].is_null()).count();
            write(file, &args.within.database, &proposals)?;
            let by_hand = proposals.len() - patches;
            say(&format!("{}: {patches} changes, {by_hand} to do by hand", file.display()))?;
        }
        (None, Form::Json) => {
            proposals.iter().try_for_each(|proposal| say(&proposal.to_string()))?;
        }
        (None, Form::Table) => print(&proposals)?,
    }
    Ok(Answered::wrong_if(!proposals.is_empty()))
}

/// Drift of a NetBox and of things that only others know; `said_of`: as NetBox calls it.
fn statement(source: &str) -> String {
    let escaped = source.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let like = literal(&escaped.replace('*', "%"));
    format!(
        "SELECT d.*, coalesce(f.said_of, d.id) AS said_of FROM model.drift d \
         LEFT JOIN (SELECT kind, id, source, max(said_of) AS said_of FROM model.facts \
         WHERE source LIKE {like} GROUP BY kind, id, source) f \
         ON f.kind = d.kind AND f.id = d.id AND f.source = d.desired_source \
         WHERE d.desired_source LIKE {like} OR d.desired_source IS NULL \
         ORDER BY d.kind, d.id, d.attribute"
    )
}

fn proposal(rows: &Rows, row: usize) -> Value {
    let cell = |column| rows.cell(row, column);
    let drift = Drift {
        kind: cell("kind").unwrap_or_default(),
        id: cell("said_of").unwrap_or_default(),
        attribute: cell("attribute"),
        observed: cell("observed"),
    };
    let (netbox, by_hand) = match propose(&drift) {
        Ok(patch) => {
            let (object, lookup, body) = (patch.object, patch.lookup, patch.body);
            let patch =
                json!({ "method": "PATCH", "object": object, "lookup": lookup, "body": body });
            (patch, Value::Null)
        }
        Err(why) => (Value::Null, why.into()),
    };
    json!({
        "kind": drift.kind, "id": cell("id"), "attribute": drift.attribute,
        "desired": cell("desired"), "desired_source": cell("desired_source"),
        "observed": drift.observed, "observed_source": cell("observed_source"),
        "since": cell("since"), "netbox": netbox, "by_hand": by_hand,
    })
}

fn write(file: &Path, database: &str, proposals: &[Value]) -> Result<()> {
    let document = json!({ "form": FORM, "database": database, "drift": proposals });
    let mut out = File::create_new(file).map_err(|error| {
        let hint = "Name a file that is not there yet, in a folder that is.";
        Refusal::new(format!("cannot write {}: {error}", file.display()), Some(hint.into()))
    })?;
    let text = serde_json::to_string_pretty(&document)?;
    writeln!(out, "{text}").with_context(|| format!("writing {}", file.display()))
}

fn print(proposals: &[Value]) -> Result<()> {
    let heads = ["kind", "id", "attribute", "NetBox", "observed", "what to do"];
    let mut table =
        output::table_of(&heads.map(|name| Column { name: name.into(), of: "text".into() }));
    for proposal in proposals {
        let text = |field: &str| proposal[field].as_str().unwrap_or_default().to_owned();
        let patch = &proposal["netbox"];
        let what = match patch["object"].as_str() {
            Some(object) => format!("PATCH {object} {} {}", patch["lookup"], patch["body"]),
            None => text("by_hand"),
        };
        let [kind, id, attribute] = ["kind", "id", "attribute"].map(text);
        table.add_row([kind, id, attribute, text("desired"), text("observed"), what]);
    }
    say(&table.to_string())
}
