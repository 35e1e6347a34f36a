//! What in the model contradicts itself, as far as the network is concerned.

use groma_model::Problem;

/// Most problems kept of one network; the rest is counted.
pub const PROBLEMS_MAX: usize = 10_000;

/// Collects problems up to [`PROBLEMS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) list: Vec<Problem>,
    pub(crate) not_kept: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, place: impl Into<String>, text: &str, reason: impl Into<String>) {
        if self.list.len() < PROBLEMS_MAX {
            self.list.push(Problem::new(place, text, reason));
        } else {
            self.not_kept += 1;
        }
    }
}
