//! `groma schema`: the site's own kinds, attributes and rules.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use groma_model::{Schema, SchemaError, SchemaText, join_texts};

use super::{Answered, Groma, remark, say};
use crate::ask::{Column, Refusal, literal};
use crate::output::{Form, json_row};

/// Check, compare and apply the site's own kinds, attributes and rules
///
/// A schema file is TOML of the shape of Groma's own schema/*.toml; docs/schema.md explains it. All
/// files that are applied together are the site's schema, in place of the one before.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: SELECT * FROM schema_check('...'), schema_diff('...'), schema_apply('...'); model.kinds, model.attributes, model.rules, model.schemas"
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say what is wrong in schema files, without a store; the exit code is 1 if anything is
    Check(Files),
    /// List all kinds, or the attributes of one, with their rules and where they come from
    Show {
        /// A kind such as facility.rack
        kind: Option<String>,
    },
    /// List what applying the files would change, and the facts it touches; the exit code is 1 if anything
    Diff(Files),
    /// Make the files the site's schema, in place of the one before, and list what changed
    Apply(Files),
}

#[derive(Debug, clap::Args)]
struct Files {
    /// Schema files; an empty one goes back to what ships
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    match &args.verb {
        Verb::Check(files) => check(files, groma),
        Verb::Show { kind } => show(kind.as_deref(), groma),
        Verb::Diff(files) => {
            let sql = statement("schema_diff", &read(files)?);
            Ok(Answered::wrong_if(groma.print("live", &sql)? > 0))
        }
        Verb::Apply(files) => {
            groma.print("live", &statement("schema_apply", &read(files)?))?;
            Ok(Answered::Well)
        }
    }
}

fn statement(function: &str, files: &[SchemaText]) -> String {
    format!("SELECT * FROM {function}({})", literal(&join_texts(files)))
}

/// The files under their names, without folders, so that it does not matter from where they are given.
fn read(files: &Files) -> Result<Vec<SchemaText>> {
    let mut texts: Vec<SchemaText> = Vec::new();
    for path in &files.files {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        if texts.iter().any(|known| known.name == *name) {
            let hint = Some("Give each file a name of its own.".to_owned());
            return Err(Refusal::new(format!("two files are named {name}"), hint).into());
        }
        if !text.trim().is_empty() {
            texts.push(SchemaText::new(&name, &text));
        }
    }
    Ok(texts)
}

fn check(files: &Files, groma: &Groma) -> Result<Answered> {
    let texts = read(files)?;
    if groma.explain_sql {
        say(&format!("{};", statement("schema_check", &texts)))?;
        return Ok(Answered::Well);
    }
    let (_, errors) = Schema::builtin().extended(&texts);
    for error in &errors {
        match groma.form {
            Form::Json => say(&row(error))?,
            Form::Table => {
                say(&error.to_string())?;
                error.hint.iter().try_for_each(|hint| say(&format!("  {hint}")))?;
            }
        }
    }
    if errors.is_empty() {
        remark("nothing is wrong");
    }
    Ok(Answered::wrong_if(!errors.is_empty()))
}

/// As `schema_check` gives it.
fn row(error: &SchemaError) -> String {
    let text = |name: &str| Column { name: name.to_owned(), of: "text".to_owned() };
    let line = Column { name: "line".to_owned(), of: "int8".to_owned() };
    let columns =
        [text("file"), line, text("kind"), text("attribute"), text("reason"), text("hint")];
    let SchemaError { file, line, kind, attribute, reason, hint } = error.clone();
    let line = line.map(|line| line.to_string());
    json_row(&columns, vec![Some(file), line, kind, attribute, Some(reason), hint])
}

fn show(kind: Option<&str>, groma: &Groma) -> Result<Answered> {
    let Some(kind) = kind else {
        groma.print("live", "SELECT name, entities, origin, doc FROM model.kinds ORDER BY name")?;
        return Ok(Answered::Well);
    };
    let sql = format!(
        "SELECT name, type, unit, identifies, rules, origin, doc FROM model.attributes WHERE kind = {}",
        literal(kind)
    );
    if groma.print("live", &sql)? == 0 && !groma.explain_sql {
        let hint = Some("`groma schema show` lists all kinds.".to_owned());
        return Err(Refusal::new(format!("there is no kind {kind} with attributes"), hint).into());
    }
    Ok(Answered::Well)
}
