//! Chores that run other programs, step by step, with the time of each.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use crate::{needs, tidy};

/// Cases per property in a soak; the usual number is 256.
const SOAK_CASES: &str = "20000";

/// All that must hold before a change is taken. The tests run last, so that their summary closes.
pub(crate) fn ci(root: &Path) -> anyhow::Result<bool> {
    needs::install_psql();
    needs::install_jdbc();
    let python = needs::python();
    Ok(tidy_step(root)?
        && step(root, "format", &["fmt", "--all", "--check"])?
        && clippy(root)?
        && tests(root, python.as_deref(), &[])?)
}

/// Clippy with every warning an error, and cargo-deny where it is installed.
pub(crate) fn lint(root: &Path) -> anyhow::Result<bool> {
    if !clippy(root)? {
        return Ok(false);
    }
    if !needs::has("cargo-deny") {
        println!("cargo-deny is not installed: licences and sources are not checked");
        return Ok(true);
    }
    step(root, "licences, bans, sources", &["deny", "check", "bans", "licenses", "sources"])
}

/// Runs every program of `benches/` against the release build, on the same data as its rivals.
pub(crate) fn bench(root: &Path) -> anyhow::Result<bool> {
    if !step(root, "release build", &["build", "--release", "--workspace"])? {
        return Ok(false);
    }
    let python = needs::python().context("the benches need python3 with venv")?;
    let binary = target(root).join("release").join("groma");
    let mut programs: Vec<_> = std::fs::read_dir(root.join("benches"))
        .context("reading benches/")?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .collect();
    programs.sort();
    anyhow::ensure!(!programs.is_empty(), "benches/ holds no programs");
    for program in programs {
        let title = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = Command::new(&python);
        command.arg(&program).env("GROMA", &binary);
        if !timed(&title, || succeeds(command.current_dir(root)))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The tests with far more cases; those that can run longer look at `GROMA_SOAK`.
pub(crate) fn soak(root: &Path) -> anyhow::Result<bool> {
    let python = needs::python();
    tests(root, python.as_deref(), &[("PROPTEST_CASES", SOAK_CASES), ("GROMA_SOAK", "1")])
}

fn tidy_step(root: &Path) -> anyhow::Result<bool> {
    timed("tidy", || tidy::check(root))
}

fn clippy(root: &Path) -> anyhow::Result<bool> {
    step(root, "clippy", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

/// Always the whole workspace: with `-p` cargo unifies features anew and builds the SQL engine again.
fn tests(root: &Path, python: Option<&Path>, env: &[(&str, &str)]) -> anyhow::Result<bool> {
    let run = |title: &str, words: &[&str]| {
        let mut command = cargo(root, words);
        command.envs(env.iter().copied());
        if let Some(python) = python {
            command.env("GROMA_TEST_PYTHON", python);
        }
        timed(title, || succeeds(&mut command))
    };
    if needs::has("cargo-nextest") {
        Ok(run("examples in the docs", &["test", "--workspace", "--doc"])?
            && run("tests", &["nextest", "run", "--workspace"])?)
    } else {
        run("tests", &["test", "--workspace"])
    }
}

fn step(root: &Path, title: &str, words: &[&str]) -> anyhow::Result<bool> {
    timed(title, || succeeds(&mut cargo(root, words)))
}

fn timed(title: &str, run: impl FnOnce() -> anyhow::Result<bool>) -> anyhow::Result<bool> {
    println!("== {title}");
    let start = Instant::now();
    let well = run()?;
    let verdict = if well { "ok" } else { "FAILED" };
    // Not after the tests: what their runner says of them is the last word.
    if title != "tests" || !well {
        println!("== {title}: {verdict}, {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(well)
}

fn cargo(root: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(root);
    command
}

fn succeeds(command: &mut Command) -> anyhow::Result<bool> {
    let program = command.get_program().to_string_lossy().into_owned();
    Ok(command.status().with_context(|| format!("running {program}"))?.success())
}

/// Where cargo builds.
fn target(root: &Path) -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into)
}
