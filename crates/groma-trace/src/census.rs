//! Which trees go on over several batches, so that all others can be finished at once.

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

/// More records than this under one id are no tree, but a fault of who gave the id.
pub const TREE_RECORDS_MAX: u64 = 1 << 20;

/// Where the trees of a log were seen. Cost: about 30 bytes per tree.
#[derive(Debug, Default)]
pub struct Census {
    seen: HashMap<u64, Seen, FxBuildHasher>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The batch, or [`SEVERAL`].
    batch: u32,
    records: u32,
}

const SEVERAL: u32 = u32::MAX;

/// The trees that cannot be finished within one batch.
#[derive(Debug, Clone, Default)]
pub struct Spanning {
    /// Trees that go on over several batches.
    pub trees: HashSet<u64, FxBuildHasher>,
    /// Trees that have more than [`TREE_RECORDS_MAX`] records.
    pub too_large: HashSet<u64, FxBuildHasher>,
    /// Records of `trees`.
    pub records: u64,
    /// Number of trees in the whole log.
    pub trees_in_all: u64,
}

impl Census {
    /// Tree `tree` has `records` records in batch number `batch`.
    pub fn add(&mut self, batch: u32, tree: u64, records: u32) {
        match self.seen.entry(tree) {
            Entry::Vacant(entry) => {
                entry.insert(Seen { batch, records });
            }
            Entry::Occupied(mut entry) => {
                let seen = entry.get_mut();
                if seen.batch != batch {
                    seen.batch = SEVERAL;
                }
                seen.records = seen.records.saturating_add(records);
            }
        }
    }

    /// Keeps only what spans.
    pub fn finish(self, spanning: &mut Spanning) {
        spanning.trees_in_all += self.seen.len() as u64;
        for (tree, seen) in self.seen {
            if TREE_RECORDS_MAX < u64::from(seen.records) {
                spanning.too_large.insert(tree);
            } else if seen.batch == SEVERAL {
                spanning.trees.insert(tree);
                spanning.records += u64::from(seen.records);
            }
        }
    }
}
