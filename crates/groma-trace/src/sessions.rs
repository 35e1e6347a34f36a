//! Sessions: the trees of one client's work.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use rustc_hash::FxBuildHasher;

use crate::outcome::{Sessions, Trees};
use crate::{MessageBatch, spread};

/// Sums trees up into sessions.
#[derive(Debug, Default)]
pub struct SessionTable {
    places: HashMap<u64, u32, FxBuildHasher>,
    sessions: Sessions,
}

impl SessionTable {
    /// Adds a tree. Times may be [`MessageBatch::TIME_UNKNOWN`]; a session of 0 is none.
    pub fn add(&mut self, session: u64, start: i64, end: i64) {
        if session == 0 {
            return;
        }
        let sessions = &mut self.sessions;
        match self.places.entry(spread(session)) {
            Entry::Vacant(entry) => {
                entry.insert(sessions.len() as u32);
                sessions.id.push(session);
                sessions.trees.push(1);
                sessions.start.push(start);
                sessions.end.push(end);
            }
            Entry::Occupied(entry) => {
                let place = *entry.get() as usize;
                sessions.trees[place] += 1;
                if start != MessageBatch::TIME_UNKNOWN {
                    let known = sessions.start[place] != MessageBatch::TIME_UNKNOWN;
                    let first = if known { sessions.start[place].min(start) } else { start };
                    sessions.start[place] = first;
                    sessions.end[place] = sessions.end[place].max(end);
                }
            }
        }
    }

    /// The sessions, in the order in which they first came.
    pub fn into_sessions(self) -> Sessions {
        self.sessions
    }
}

/// Which of `parts` tables a session belongs to.
fn part_of(session: u64, parts: usize) -> usize {
    ((u128::from(spread(session)) * parts as u128) >> 64) as usize
}

/// The sessions of `trees` of part `part` out of `parts`; all parts together are all sessions.
pub fn sessions_of(trees: &Trees, part: usize, parts: usize) -> Sessions {
    let mut table = SessionTable::default();
    for (index, session) in trees.session.iter().enumerate() {
        if part_of(*session, parts) == part {
            table.add(*session, trees.start[index], trees.end[index]);
        }
    }
    table.into_sessions()
}
