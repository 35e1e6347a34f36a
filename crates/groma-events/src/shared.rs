//! A matrix that several threads sum up.

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

/// Indexes of calls with the hashes of their cells, by shard.
pub(crate) struct ByShard(Vec<Vec<(u32, u64)>>);

impl Default for ByShard {
    fn default() -> Self {
        ByShard(vec![Vec::new(); SHARDS])
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
            let hash = cell_hash(call, u32::from(calls.epoch(index)));
            by_shard.0[shard(hash)].push((index as u32, hash));
        }
        for (table, members) in self.0.iter().zip(&mut by_shard.0) {
            let mut table = lock(table);
            for (index, hash) in members.drain(..) {
                let call = &calls.calls[index as usize];
                table.add(call, u32::from(calls.epoch(index as usize)), hash);
            }
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
