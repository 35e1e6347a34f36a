//! The file that says which sources are asked, and how often.
//!
//! ```toml
//! [[source]]
//! name = "netbox"                              # the name that its facts carry
//! path = "netbox+https://netbox.example.org"   # as groma import takes it: a live source, a file, a folder
//! every = "5m"
//! complete = false                             # of a file: it is all that the source knows
//! database = "live"
//! secrets.token = { variable = "NETBOX_TOKEN_SOUTH" }   # or { file = "netbox.token" }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use groma_connect::live::{self, FIELDS, Secret, Secrets, SecretsError};
use groma_query::{AskedBy, Import, Listing};
use groma_store::LIVE;
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::import::variables;

/// Most sources of one file.
pub const SOURCES_MAX: usize = 1_000;
/// The shortest time between two polls.
pub const EVERY_MIN: Duration = Duration::from_secs(1);

/// A source on the schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// The name that its facts carry, and by which `source_poll` knows it.
    pub name: String,
    /// A live source, a file or a folder, as an import takes it.
    pub path: PathBuf,
    /// From the start of one poll to the start of the next.
    pub every: Duration,
    /// Whether a file is all that the source knows; a live source is asked for all.
    pub listing: Listing,
    /// The database that takes what it says.
    pub database: String,
    /// Where its secrets are, by field. For those that are not named those count that an import
    /// would use.
    pub secrets: BTreeMap<String, SecretPlace>,
}

/// Where a secret is; it is read anew for each poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// A variable of the environment.
    Variable(String),
    /// A file that holds nothing else, and that only its owner may read.
    File(PathBuf),
}

/// A file of sources cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct SourcesError {
    /// File and line.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

impl SourcesError {
    /// What to write instead; a full sentence.
    pub fn hint(&self) -> String {
        "A source is such as [[source]] name = \"netbox\", path = \"netbox+https://host\", every = \"5m\"; see docs/sources.md.".into()
    }
}

impl SourceConfig {
    /// Reads a file of sources. Paths in it are taken from its folder.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong: all of it is refused.
    pub fn read(file: &Path) -> Result<Vec<SourceConfig>, SourcesError> {
        let text = fs::read_to_string(file).map_err(|error| SourcesError {
            place: file.display().to_string(),
            reason: format!("cannot be read: {error}"),
        })?;
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        parse(&text, absolute.parent().unwrap_or(Path::new(""))).map_err(|(at, reason)| {
            let line = 1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
            SourcesError { place: format!("{}:{line}", file.display()), reason }
        })
    }

    /// As an import asks for it.
    pub(super) fn import(&self) -> Import<'_> {
        Import {
            path: &self.path,
            source: Some(&self.name),
            listing: self.listing,
            record: None,
            database: &self.database,
            asked_by: AskedBy::Owner,
        }
    }

    /// The secrets that it may use: its own, and those of every import.
    pub(super) fn secrets(&self) -> Result<Secrets, SecretsError> {
        let mut secrets = Secrets::load(variables())?;
        for (field, place) in &self.secrets {
            let secret = match place {
                SecretPlace::File(path) => Secret::from_file(path)?,
                SecretPlace::Variable(name) => match std::env::var(name) {
                    Ok(value) => Secret::new(value),
                    Err(_) => {
                        let (path, reason) = (format!("${name}"), "it is not set".into());
                        return Err(SecretsError { path, reason });
                    }
                },
            };
            secrets = secrets.with(&self.path.to_string_lossy(), field, secret);
        }
        Ok(secrets)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    source: Vec<Spanned<SourceText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceText {
    name: String,
    path: String,
    every: String,
    #[serde(default)]
    complete: bool,
    database: Option<String>,
    /// Read by hand: the error of a value of another type would show the value.
    #[serde(default)]
    secrets: BTreeMap<String, Value>,
}

/// The error has the byte at which it is wrong.
fn parse(text: &str, folder: &Path) -> Result<Vec<SourceConfig>, (usize, String)> {
    let file: FileText = toml::from_str(text).map_err(|error| {
        (error.span().map_or(0, |span| span.start), error.message().replace('\n', " "))
    })?;
    let mut names = BTreeSet::new();
    let mut sources = Vec::new();
    for spanned in file.source {
        let at = spanned.span().start;
        let wrong = |reason: String| (at, reason);
        let source = read_source(spanned.into_inner(), folder).map_err(wrong)?;
        if !names.insert(source.name.clone()) {
            return Err(wrong(format!("\"{}\" is the name of two sources", source.name)));
        }
        if sources.len() == SOURCES_MAX {
            return Err(wrong(format!("there are more than {SOURCES_MAX} sources")));
        }
        sources.push(source);
    }
    Ok(sources)
}

fn read_source(text: SourceText, folder: &Path) -> Result<SourceConfig, String> {
    let SourceText { name, path, every, complete, database, secrets } = text;
    if name.trim().is_empty() || path.trim().is_empty() {
        return Err("a source needs a name and a path".into());
    }
    let every = groma_model::duration(&every)
        .filter(|every| *every >= EVERY_MIN)
        .ok_or_else(|| format!("every = \"{every}\" is not like 30s, 5m, 1h, or is too short"))?;
    if let Some(unknown) = secrets.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(format!("\"{unknown}\" in secrets is none of {}", FIELDS.join(", ")));
    }
    let in_folder = |path: String| folder.join(path);
    let mut places = BTreeMap::new();
    for (field, value) in secrets {
        let place = read_place(&value, folder).ok_or_else(|| {
            format!("secrets.{field} is neither {{ variable = \"...\" }} nor {{ file = \"...\" }}")
        })?;
        places.insert(field, place);
    }
    Ok(SourceConfig {
        path: if live::is_name(&path) { path.into() } else { in_folder(path) },
        every,
        listing: if complete { Listing::Complete } else { Listing::Partial },
        database: database.unwrap_or_else(|| LIVE.into()),
        secrets: places,
        name,
    })
}

fn read_place(value: &Value, folder: &Path) -> Option<SecretPlace> {
    let table = value.as_table().filter(|table| table.len() == 1)?;
    let (of, place) = table.iter().next()?;
    match (of.as_str(), place.as_str()?) {
        ("variable", name) => Some(SecretPlace::Variable(name.into())),
        ("file", path) => Some(SecretPlace::File(folder.join(path))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_whom_to_ask() {
        let text = r#"
            [[source]]
            name = "netbox"
            path = "netbox+https://netbox.example.org"
            every = "5m"
            secrets.token = { file = "netbox.token" }
            [[source]]
            name = "cables"
            path = "cables.csv"
            every = "1h"
            complete = true
            database = "plan"
        "#;
        let sources = parse(text, Path::new("/etc/groma")).unwrap();
        assert_eq!(sources[0].path, Path::new("netbox+https://netbox.example.org"));
        assert_eq!((sources[0].every, &*sources[0].database), (Duration::from_secs(300), LIVE));
        let token = SecretPlace::File("/etc/groma/netbox.token".into());
        assert_eq!(sources[0].secrets["token"], token);
        assert_eq!(sources[1].path, Path::new("/etc/groma/cables.csv"));
        assert_eq!((sources[1].listing, &*sources[1].database), (Listing::Complete, "plan"));
        assert_eq!(parse("", Path::new("")), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let source = |more: &str| format!("[[source]]\nname = 'a'\npath = 'machine:'\n{more}\n");
        for (text, reason) in [
            (source("every = 'soon'"), "every = \"soon\" is not like 30s"),
            (source("every = '10ms'"), "too short"),
            (source(""), "missing field `every`"),
            (source("every = '1m'\neach = '2m'"), "unknown field `each`"),
            (source("every = '1m'\nsecrets.tokn = { file = 'x' }"), "\"tokn\" in secrets is none"),
            (source("every = '1m'\nsecrets.token = 'hunter2'"), "secrets.token is neither"),
            (source("every = '1m'\nsecrets.token = { text = 'hunter2' }"), "secrets.token is"),
            (source("every = '1m'").repeat(2), "the name of two sources"),
            (many(SOURCES_MAX + 1), "there are more than 1000 sources"),
        ] {
            let (_, told) = parse(&text, Path::new("/")).unwrap_err();
            assert!(told.contains(reason) && !told.contains("hunter2"), "{text}\n{told}");
        }
        assert_eq!(parse(&many(SOURCES_MAX), Path::new("/")).unwrap().len(), SOURCES_MAX);
    }

    fn many(count: usize) -> String {
        let source = |n| format!("[[source]]\nname = 's{n}'\npath = 'f{n}'\nevery = '1h'\n");
        (0..count).map(source).collect()
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("sources.toml");
        fs::write(&file, "# mine\n\n[[source]]\nname = 'a'\npath = 'machine:'\nevery = '0s'\n")
            .unwrap();
        let error = SourceConfig::read(&file).unwrap_err();
        assert!(error.place.ends_with("sources.toml:3"), "{error}");
        assert!(SourceConfig::read(&folder.path().join("none.toml")).is_err());
    }
}
