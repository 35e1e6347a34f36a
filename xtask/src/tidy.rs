//! The rules of the house that no compiler knows.
//!
//! One file per rule, each a pure function from text to [`Finding`]s; here the texts are read.
//! To add a rule: a file in `tidy/`, and a line in [`findings`].

mod doors;
mod kinds;
mod lock;
mod markdown;
mod modules;
mod source;
mod tables;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// `path` or `path:line`.
    place: String,
    /// What is wrong, and what to do.
    text: String,
    /// Whether it only asks for attention.
    warning: bool,
}

impl Finding {
    fn error(place: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { place: place.into(), text: text.into(), warning: false }
    }

    fn warning(place: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { place: place.into(), text: text.into(), warning: true }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rank = if self.warning { "warning: " } else { "" };
        write!(f, "{}: {rank}{}", self.place, self.text)
    }
}

/// A text of the repository.
struct File {
    /// From the root, with slashes.
    path: String,
    text: String,
}

/// Prints what breaks a rule; `Ok(false)` if anything does.
pub(crate) fn check(root: &Path) -> anyhow::Result<bool> {
    let findings = findings(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| !finding.warning).count();
    if errors > 0 {
        println!("tidy: {errors} to put right");
    }
    Ok(errors == 0)
}

/// Adds missing `mod` lines and makes generated pages anew, then checks.
pub(crate) fn fix(root: &Path) -> anyhow::Result<bool> {
    let files = read_files(root)?;
    let pages = kinds::fixed(&files).into_iter().chain(tables::fixed(&files));
    for (path, text) in modules::fixed(&files).into_iter().chain(pages) {
        fs::write(root.join(&path), text).with_context(|| format!("writing {path}"))?;
        println!("{path}: put right");
    }
    check(root)
}

fn findings(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let files = read_files(root)?;
    let mut findings = doors::check(&metadata(root)?);
    findings.extend(modules::check(&files));
    findings.extend(kinds::check(&files));
    findings.extend(tables::check(&files));
    for file in &files {
        match file.path.rsplit('.').next() {
            Some("rs") => findings.extend(source::check_rust(file)),
            Some("md") => findings.extend(markdown::check(file, |path| root.join(path).exists())),
            Some("lock") => findings.extend(lock::check(file)),
            _ => {}
        }
        findings.extend(source::check_text(file));
    }
    Ok(findings)
}

fn metadata(root: &Path) -> anyhow::Result<serde_json::Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "cargo metadata: {said}");
    serde_json::from_slice(&output.stdout).context("reading cargo metadata")
}

/// Every text of the repository, in the order of paths.
fn read_files(root: &Path) -> anyhow::Result<Vec<File>> {
    const KNOWN: [&str; 13] = [
        "rs", "toml", "lock", "md", "py", "sh", "csv", "json", "jsonl", "slt", "svg", "txt", "yml",
    ];
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                if belongs(&path) {
                    folders.push(path);
                }
            } else {
                let extension = path.extension().and_then(|extension| extension.to_str());
                if extension.is_none_or(|extension| KNOWN.contains(&extension))
                    && let Ok(text) = fs::read_to_string(&path)
                {
                    files.push(File { path: shown(root, &path), text });
                }
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Whether a folder is part of the repository: not built, and hidden only where we hide things.
fn belongs(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name.strip_prefix('.') {
        Some(hidden) => ["ci", "cargo", "config"].contains(&hidden),
        None => !["target", "groma-data", "proptest-regressions"].contains(&name),
    }
}

fn shown(root: &Path, path: &Path) -> String {
    let relative: PathBuf = path.strip_prefix(root).unwrap_or(path).into();
    relative.to_string_lossy().replace('\\', "/")
}
