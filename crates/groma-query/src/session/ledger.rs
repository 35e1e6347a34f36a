//! What a session changed, or was refused: noted in the audit, and for its transaction.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::transaction::Transaction;
use crate::{Engine, QueryError, Who};

/// Keeps the notes of one session.
pub(crate) struct Ledger {
    engine: Engine,
    database: String,
    transaction: Mutex<Transaction>,
}

impl Ledger {
    pub(super) fn new(engine: Engine, database: &str) -> Ledger {
        Ledger { engine, database: database.to_owned(), transaction: Mutex::default() }
    }

    pub(super) fn transaction(&self) -> MutexGuard<'_, Transaction> {
        self.transaction.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what somebody changed, or was refused.
    pub(crate) fn note(&self, who: &Who, text: &str, refused: Option<&QueryError>) {
        if refused.is_none() {
            self.transaction().note_write();
        }
        self.engine.audit(who, &self.database, text, refused);
    }
}

/// A statement that changes something, noted once: where it commits, so that it is noted also if
/// nobody waits for it any more, or else at its end.
pub(super) struct Line {
    ledger: Arc<Ledger>,
    who: Who,
    text: String,
    noted: AtomicBool,
}

impl Line {
    pub(super) fn new(ledger: &Arc<Ledger>, who: &Who, text: &str) -> Line {
        let (ledger, who, text) = (Arc::clone(ledger), who.clone(), text.to_owned());
        Line { ledger, who, text, noted: AtomicBool::new(false) }
    }

    pub(super) fn note(&self, refused: Option<&QueryError>) {
        if !self.noted.swap(true, Ordering::AcqRel) {
            self.ledger.note(&self.who, &self.text, refused);
        }
    }
}
