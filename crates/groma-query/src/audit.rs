//! The audit of changes: who did what, when, from where. Where it is kept is behind [`Audit`].

use groma_model::Timestamp;

use crate::{QueryError, Role};

/// Most bytes of a statement's text that are kept.
pub const AUDITED_TEXT_BYTES_MAX: usize = 4096;

/// Keeps what was changed, or tried.
pub trait Audit: Send + Sync {
    /// Adds an entry. A failure to write is the keeper's to tell; the change is done.
    fn note(&self, entry: AuditEntry);

    /// The entries that are still kept, the oldest first.
    fn entries(&self) -> Result<Vec<AuditEntry>, QueryError>;
}

/// A statement that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When it ended.
    pub at: Timestamp,
    /// Who.
    pub user: String,
    /// With which role.
    pub role: Role,
    /// Through which door: `wire`, `http` or `process`.
    pub door: String,
    /// From which address; empty: from inside the process.
    pub client: String,
    /// Inside which database.
    pub database: String,
    /// The text, cut, without passwords.
    pub statement: String,
    /// `done`, or the SQLSTATE of its refusal.
    pub outcome: String,
    /// The world's version after it. `None`: it was refused.
    pub version: Option<u64>,
}

/// A text cut at a character, as it is kept.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().find(|(at, c)| at + c.len_utf8() > AUDITED_TEXT_BYTES_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
