//! Chores of the house: `cargo xtask tidy | ci | lint | bench | soak`.
//!
//! ```text
//!   tidy   the rules that no compiler knows: tiers, doors, sizes, titles, links
//!   ci     everything that must hold before a change is taken; `make test` runs it
//!   lint   clippy, and cargo-deny where it is installed
//!   bench  the release build against the programs in benches/
//!   soak   the tests again, with far more cases
//! ```

mod chores;
mod needs;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

const USAGE: &str = "usage: cargo xtask tidy [--fix] | ci | lint | bench | soak";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether the chore found all well.
fn run(words: &[&str]) -> anyhow::Result<bool> {
    let root = root()?;
    match words {
        ["tidy"] => tidy::check(&root),
        ["tidy", "--fix"] => tidy::fix(&root),
        ["ci"] => chores::ci(&root),
        ["lint"] => chores::lint(&root),
        ["bench"] => chores::bench(&root),
        ["soak"] => chores::soak(&root),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(true)
        }
        _ => anyhow::bail!("{USAGE}"),
    }
}

/// The root of the workspace: the parent of this crate. Asked of cargo when running, not when
/// compiling: clones that share a target folder share this program.
fn root() -> anyhow::Result<PathBuf> {
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let parent = crate_folder.as_deref().and_then(Path::parent);
    Ok(parent.context("run it as `cargo xtask`")?.to_owned())
}
