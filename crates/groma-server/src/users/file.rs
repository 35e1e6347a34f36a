//! `users.json`: users and tokens on disk, for the eyes of the data folder's owner alone.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// All of the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    /// What makes the salt of names that nobody has; base64.
    pub(super) nobody: String,
    /// By name.
    pub(super) users: BTreeMap<String, Entry>,
    /// By id.
    pub(super) tokens: BTreeMap<String, TokenEntry>,
}

/// A user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) roles: Vec<String>,
    pub(super) login: bool,
    /// As PostgreSQL writes it.
    pub(super) verifier: Option<String>,
    /// UTC nanoseconds.
    pub(super) valid_until: Option<i64>,
    pub(super) statement_timeout_ms: Option<u64>,
}

/// A token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenEntry {
    pub(super) user: String,
    pub(super) role: String,
    /// SHA-256 of the secret; base64.
    pub(super) hash: String,
    /// UTC nanoseconds.
    pub(super) made_at: i64,
    /// UTC nanoseconds.
    pub(super) expires_at: i64,
}

/// `None`: there is no such file.
pub(super) fn read(path: &Path) -> io::Result<Option<Book>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %path.display(), "others may read the users; chmod 600 it");
    }
    Ok(Some(serde_json::from_slice(&text)?))
}

/// Replaces the file, whole or not at all; when it returns, it is durable.
pub(super) fn write(path: &Path, book: &Book) -> io::Result<()> {
    let part = path.with_extension("json.part");
    // A part that a crash left may have other rights.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(&serde_json::to_vec_pretty(book)?)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
