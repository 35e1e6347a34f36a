//! The way out of a decoder: batches of bounded length, and a bound for the problems of one input.

use std::sync::Arc;

use groma_model::{Observation, Problem};
use groma_trace::MessageRecord;
use hashbrown::HashSet;

use crate::{BATCH_LENGTH, Heard};

/// How many problems of one input are listed; those after are only counted.
const PROBLEMS_MAX: u64 = 10_000;
/// How many names are kept so that equal ones share their memory; those after do not share.
const NAMES_SHARED_MAX: usize = 1 << 20;
/// Longest name of a process, peer or service, in bytes. A longer one is a mistake.
pub(super) const NAME_LENGTH_MAX: usize = 1024;

/// Gathers what is heard and gives it on in batches.
pub(super) struct Out<'a> {
    heard: Heard,
    sink: &'a mut dyn FnMut(Heard),
    problem_count: u64,
    names: HashSet<Arc<str>>,
}

impl<'a> Out<'a> {
    pub(super) fn new(sink: &'a mut dyn FnMut(Heard)) -> Out<'a> {
        Out { heard: Heard::default(), sink, problem_count: 0, names: HashSet::new() }
    }

    pub(super) fn message(&mut self, message: MessageRecord) {
        self.heard.messages.push(message);
        self.give_full();
    }

    pub(super) fn observe(&mut self, observation: Observation) {
        self.heard.observations.push(observation);
        self.give_full();
    }

    /// Lists a problem, or only counts it if there were too many.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problem_count <= PROBLEMS_MAX {
            self.heard.problems.push(problem);
            self.give_full();
        }
    }

    /// The name in shared memory.
    pub(super) fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(name) = self.names.get(text) {
            return Arc::clone(name);
        }
        let name = Arc::<str>::from(text);
        if self.names.len() < NAMES_SHARED_MAX {
            self.names.insert(Arc::clone(&name));
        }
        name
    }

    /// Gives the rest. `place` names the input, for the count of the problems that were not listed.
    pub(super) fn finish(mut self, place: &str) {
        if let Some(more) = self.problem_count.checked_sub(PROBLEMS_MAX + 1) {
            let reason = format!("{} more problems are not listed", more + 1);
            self.heard.problems.push(Problem::new(place, "", reason));
        }
        self.give();
    }

    fn give_full(&mut self) {
        let Heard { observations, messages, problems } = &self.heard;
        if observations.len().max(messages.len()).max(problems.len()) >= BATCH_LENGTH {
            self.give();
        }
    }

    fn give(&mut self) {
        if self.heard != Heard::default() {
            (self.sink)(std::mem::take(&mut self.heard));
        }
    }
}
