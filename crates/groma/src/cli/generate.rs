//! `groma generate`: a data center and its traffic, made from a seed.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use groma_generate::{Plan, Truth, generate};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Answered, Groma, remark, say};
use crate::ask::{Refusal, in_one_line};
use crate::output::{self, Form};

/// Generate an enterprise data center and an hour of its traffic as files to import
///
/// The data center is the same at every scale, with 7,118 machines; the traffic shrinks. The same seed gives
/// the same bytes. Beside the files stands the truth of what was generated, in truth.json.
#[derive(Debug, clap::Args)]
#[command(after_help = "Then: groma import OUT")]
pub(super) struct Args {
    /// Folder to write to; made if it is not there
    out: PathBuf,
    /// Traffic as a fraction of 197 million transactions, such as 1/1000 or 0.05
    #[arg(long, default_value = "1/1000", value_parser = read_scale)]
    scale: f64,
    /// What the dice start from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Without lost, late, doubled and wrongly timed records
    #[arg(long)]
    perfect: bool,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    if groma.explain_sql {
        let hint = Some("It writes files; `groma import` brings them in.".to_owned());
        return Err(Refusal::new("generate is the one verb that is no SQL", hint).into());
    }
    let truth = write(args.plan(), &args.out)?;
    let counts = serde_json::to_string(&truth.counts).context("writing the counts")?;
    match groma.form {
        Form::Json => say(&counts)?,
        Form::Table => {
            say(&format!("{} holds {counts}", args.out.display()))?;
            remark(&format!("next: groma import {}", args.out.display()));
        }
    }
    Ok(Answered::Well)
}

impl Args {
    fn plan(&self) -> Plan {
        let plan = Plan { seed: self.seed, scale: self.scale, ..Plan::default() };
        if self.perfect { plan.perfect() } else { plan }
    }
}

/// Generates with a progress bar on a terminal.
pub(super) fn write(plan: Plan, folder: &std::path::Path) -> Result<Truth> {
    let bar = if output::is_watched() { ProgressBar::new(1000) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{elapsed} {bar:40} {msg}") {
        bar.set_style(style);
    }
    let truth = generate(&plan, folder, &mut |at| {
        bar.set_position((at.share * 1000.0) as u64);
        bar.set_message(format!("{} records", at.records));
    });
    bar.finish_and_clear();
    Ok(truth.map_err(|error| Refusal::new(in_one_line(&error), None))?)
}

/// `1/1000` or `0.001`.
fn read_scale(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let scale = match text.split_once('/') {
        Some((part, whole)) => number(part).zip(number(whole)).map(|(part, whole)| part / whole),
        None => number(text),
    };
    scale
        .filter(|scale| *scale > 0.0 && *scale <= 1.0)
        .ok_or_else(|| "it is no fraction above 0 and at most 1, such as 1/1000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_fractions() {
        assert_eq!(read_scale("1/1000"), Ok(0.001));
        assert_eq!(read_scale("0.05"), Ok(0.05));
        for wrong in ["0", "2", "1/0", "x", "-1/10", "NaN"] {
            assert!(read_scale(wrong).is_err(), "{wrong}");
        }
    }
}
