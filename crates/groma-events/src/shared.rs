//! A matrix that several threads sum up.

use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};

use groma_trace::{Calls, MatrixCell, MatrixTable, cell_hash};

/// Tables that all threads add to are cut by hash, so that they seldom wait for each other.
pub(crate) const SHARDS: usize = 64;

/// The shard of a hash. Tables within a shard use the low bits, shards the high ones.
pub(crate) fn shard(hash: u64) -> usize {
    (hash >> 58) as usize
}

/// A panic of another thread does not make sums wrong: it ends the run.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The matrix, in shards.
pub(crate) struct SharedMatrix(Vec<Mutex<MatrixTable>>);

/// Calls that are to be added, by shard.
pub(crate) struct ByShard(Vec<Vec<Member>>);

struct Member {
    hash: u64,
    /// Caller, callee and epoch of the cell.
    place: (u32, u32, u32),
    /// Number of the call.
    index: u32,
}

/// So many cells are fetched from memory at once.
const FETCHED: usize = 32;

impl Default for ByShard {
    fn default() -> Self {
        ByShard((0..SHARDS).map(|_| Vec::new()).collect())
    }
}

impl ByShard {
    /// Notes that call number `index` counts in the cell of a caller, a callee and an epoch.
    #[inline]
    pub(crate) fn note(&mut self, place: (u32, u32, u32), index: usize) {
        let hash = cell_hash(place);
        self.0[shard(hash)].push(Member { hash, place, index: index as u32 });
    }
}

impl Default for SharedMatrix {
    fn default() -> Self {
        SharedMatrix((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}

impl SharedMatrix {
    /// Adds all calls.
    pub(crate) fn add(&self, calls: &Calls, by_shard: &mut ByShard) {
        for (index, call) in calls.calls.iter().enumerate() {
            by_shard.note((call.caller, call.callee, u32::from(calls.epoch(index))), index);
        }
        self.add_noted(calls, by_shard);
    }

    /// Adds the calls that were noted, of which nothing is noted then.
    pub(crate) fn add_noted(&self, calls: &Calls, by_shard: &mut ByShard) {
        for (table, members) in self.0.iter().zip(&mut by_shard.0) {
            let mut table = lock(table);
            for members in members.chunks(FETCHED) {
                // Cells lie far apart: to wait for one after the other would take most of the time.
                black_box(members.iter().fold(0, |sum, member| sum ^ table.glance(member.hash)));
                for Member { hash, place, index } in members {
                    table.add(&calls.calls[*index as usize], *place, *hash);
                }
            }
            members.clear();
        }
    }

    /// The cells, in no particular order.
    pub(crate) fn into_cells(self) -> Vec<MatrixCell> {
        let len = self.0.iter().map(|table| lock(table).len()).sum();
        let mut cells = Vec::with_capacity(len);
        for table in self.0 {
            let table = table.into_inner().unwrap_or_else(PoisonError::into_inner);
            cells.extend(table.into_cells());
        }
        cells
    }
}
