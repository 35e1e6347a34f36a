//! Who writes which segments: one import at a time of the same bytes.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The stems of segments that are being written.
#[derive(Clone, Default)]
pub(super) struct Claims(Arc<Shared>);

#[derive(Default)]
struct Shared {
    stems: Mutex<HashSet<String>>,
    given_back: Condvar,
}

/// A stem that nobody else writes until this is dropped.
pub(super) struct Claim {
    stem: String,
    claims: Claims,
}

impl Claims {
    /// Waits for whoever writes segments of this stem.
    pub(super) fn take(&self, stem: &str) -> Claim {
        let is_taken = |stems: &mut HashSet<String>| stems.contains(stem);
        let free = self.0.given_back.wait_while(self.stems(), is_taken);
        free.unwrap_or_else(PoisonError::into_inner).insert(stem.to_owned());
        Claim { stem: stem.to_owned(), claims: self.clone() }
    }

    fn stems(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.stems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.stems().remove(&self.stem);
        self.claims.0.given_back.notify_all();
    }
}
