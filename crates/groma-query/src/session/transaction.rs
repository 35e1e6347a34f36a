//! What a session knows of the transaction that it is inside of: its savepoints, and whether something
//! was written since each.
//!
//! Every statement is committed when it is answered. So a transaction groups nothing: it lets clients that
//! think in transactions work, holds their cursors, and a ROLLBACK that should take back what was
//! written says that it does not.

use datafusion::sql::sqlparser::ast::{
    Ident, Set, Statement as Ast, TransactionAccessMode, TransactionMode,
};

use super::Notice;
use crate::QueryError;

/// Most savepoints of a transaction that are open at the same time.
pub const SAVEPOINTS_MAX: usize = 1_000;

/// Outside of a transaction, or inside of one.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// The transaction itself, then its savepoints, the oldest first; empty: outside.
    levels: Vec<Level>,
    /// What it said of itself: whether it only reads.
    read_only: Option<bool>,
    /// Whether an error came that no ROLLBACK TO SAVEPOINT has healed.
    failed: bool,
}

#[derive(Debug)]
struct Level {
    /// Of a savepoint.
    name: String,
    wrote: bool,
}

impl Level {
    fn new(name: String) -> Level {
        Level { name, wrote: false }
    }
}

impl Transaction {
    /// How deep it is: 0 outside, 1 inside, one more with each savepoint.
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Whether it only reads; `None`: it did not say, or there is none.
    pub(super) fn read_only(&self) -> Option<bool> {
        self.read_only.filter(|_| self.depth() > 0)
    }

    /// Whether it can only be rolled back.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Remembers that a statement failed.
    pub(super) fn note_failure(&mut self) {
        self.failed = self.depth() > 0;
    }

    /// Remembers that a statement wrote.
    pub(super) fn note_write(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.wrote = true;
        }
    }

    /// Follows a statement about transactions; what there is to tell of it.
    ///
    /// # Errors
    /// It is about a savepoint that is not there, or of no transaction.
    pub(super) fn follow(&mut self, ast: &Ast) -> Result<Option<Notice>, QueryError> {
        match ast {
            Ast::StartTransaction { modes, .. } if self.levels.is_empty() => {
                self.levels.push(Level::new(String::new()));
                (self.read_only, self.failed) = (read_only(modes), false);
            }
            Ast::Set(Set::SetTransaction { modes, session: false, .. }) => {
                self.read_only = read_only(modes).or(self.read_only);
            }
            Ast::Set(Set::SingleAssignment { variable, values, .. })
                if variable.to_string().eq_ignore_ascii_case("transaction_read_only") =>
            {
                let value = values.first().map(|value| value.to_string().to_ascii_lowercase());
                let off = ["off", "false", "'off'", "'false'", "0"];
                self.read_only = Some(!value.is_some_and(|value| off.contains(&value.as_str())));
            }
            Ast::Commit { .. } if self.failed => return Ok(self.roll_back(0)),
            Ast::Commit { .. } => self.levels.clear(),
            Ast::Rollback { savepoint: None, .. } => return Ok(self.roll_back(0)),
            Ast::Rollback { savepoint: Some(name), .. } => {
                let place = self.place("ROLLBACK TO SAVEPOINT", name)?;
                let notice = self.roll_back(place);
                self.levels.push(Level::new(plain(name)));
                return Ok(notice);
            }
            Ast::Savepoint { name } => {
                self.check_inside("SAVEPOINT")?;
                if self.levels.len() > SAVEPOINTS_MAX {
                    let reason =
                        format!("{SAVEPOINTS_MAX} savepoints are open, and there may be no more");
                    return Err(
                        QueryError::new("53400", reason).with_hint("RELEASE those that are done.")
                    );
                }
                self.levels.push(Level::new(plain(name)));
            }
            Ast::ReleaseSavepoint { name } => {
                let place = self.place("RELEASE SAVEPOINT", name)?;
                let wrote = self.levels.drain(place..).any(|level| level.wrote);
                if wrote {
                    self.note_write();
                }
            }
            _ => {}
        }
        Ok(None)
    }

    fn roll_back(&mut self, depth: usize) -> Option<Notice> {
        self.failed = false;
        let wrote = self.levels.drain(depth..).any(|level| level.wrote);
        wrote.then(nothing_taken_back)
    }

    fn check_inside(&self, verb: &str) -> Result<(), QueryError> {
        if self.levels.is_empty() {
            let reason = format!("{verb} can only be used in transaction blocks");
            return Err(QueryError::new("25P01", reason).with_hint("Say BEGIN first."));
        }
        Ok(())
    }

    fn place(&self, verb: &str, name: &Ident) -> Result<usize, QueryError> {
        self.check_inside(verb)?;
        let name = plain(name);
        let place = self.levels.iter().skip(1).rposition(|level| level.name == name);
        place
            .map(|place| place + 1)
            .ok_or_else(|| QueryError::new("3B001", format!("savepoint \"{name}\" does not exist")))
    }
}

/// What the modes of a transaction say of whether it only reads; `None`: nothing.
pub(crate) fn read_only(modes: &[TransactionMode]) -> Option<bool> {
    modes.iter().rev().find_map(|mode| match mode {
        TransactionMode::AccessMode(access) => Some(*access == TransactionAccessMode::ReadOnly),
        TransactionMode::IsolationLevel(_) => None,
    })
}

/// As PostgreSQL reads a name: in lower case, if it is not quoted.
fn plain(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

fn nothing_taken_back() -> Notice {
    Notice {
        severity: "WARNING",
        sqlstate: "25000",
        message: "ROLLBACK takes nothing back: every statement was committed when it was answered"
            .into(),
        hint: Some("To try a change, make a fork: CREATE DATABASE try TEMPLATE live.".into()),
    }
}
