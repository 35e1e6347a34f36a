//! What was computed once: paths by pair of groups, read without locks where there are not too
//! many groups. Equal paths are kept once.

use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::index::{GroupIndex, PathIndex};
use crate::path::{Failure, Path, PathClass};

/// Up to this many groups, pairs have a table of their own: 16 MB at most.
const DENSE_GROUPS_MAX: usize = 2048;
const SHARDS: usize = 64;
/// Most pairs that a shard remembers; a full one is emptied and fills anew.
const SHARD_PAIRS_MAX: usize = 1 << 18;
const CHUNK: usize = 1024;
const CHUNKS: usize = 4096;
/// Most different paths: beyond, pairs are answered by [`Memo::TOO_MANY`].
const PATHS_MAX: usize = CHUNK * CHUNKS;

/// Number of a path by the pair of groups.
#[derive(Debug)]
enum Pairs {
    /// 0: not computed; otherwise one more than the number.
    Dense {
        width: usize,
        cells: Vec<AtomicU32>,
    },
    Sparse(Vec<RwLock<FxHashMap<u64, PathIndex>>>),
}

type Chunk = Box<[OnceLock<Arc<Path>>]>;

/// Paths that were computed.
#[derive(Debug)]
pub(crate) struct Memo {
    pairs: Pairs,
    chunks: Vec<OnceLock<Chunk>>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    count: usize,
    by_content: FxHashMap<u64, Vec<PathIndex>>,
}

impl Memo {
    /// Within one machine.
    pub(crate) const SAME_HOST: PathIndex = PathIndex(0);
    /// Not kept, since there are too many.
    pub(crate) const TOO_MANY: PathIndex = PathIndex(1);

    pub(crate) fn new(group_count: usize) -> Memo {
        let pairs = if group_count <= DENSE_GROUPS_MAX {
            let cells = (0..group_count * group_count).map(|_| AtomicU32::new(0)).collect();
            Pairs::Dense { width: group_count, cells }
        } else {
            Pairs::Sparse((0..SHARDS).map(|_| RwLock::default()).collect())
        };
        let chunks = (0..CHUNKS).map(|_| OnceLock::new()).collect();
        let memo = Memo { pairs, chunks, known: Mutex::default() };
        memo.intern(empty(PathClass::Local, 1, None));
        memo.intern(empty(PathClass::Unrouted, 0, Some(Failure::TooMany)));
        memo
    }

    /// The number of the path between two groups, computed by `make` if need be; two threads may
    /// compute the same one.
    pub(crate) fn path_id(
        &self,
        from: GroupIndex,
        to: GroupIndex,
        make: impl FnOnce() -> Path,
    ) -> PathIndex {
        match &self.pairs {
            Pairs::Dense { width, cells } => {
                let cell = &cells[from.index() * width + to.index()];
                match cell.load(Ordering::Acquire) {
                    0 => {
                        let id = self.intern(make());
                        cell.store(id.0 + 1, Ordering::Release);
                        id
                    }
                    known => PathIndex(known - 1),
                }
            }
            Pairs::Sparse(shards) => {
                let pair = u64::from(from.0) << 32 | u64::from(to.0);
                let shard = &shards[(FxBuildHasher.hash_one(pair) >> 40) as usize % SHARDS];
                let known =
                    shard.read().unwrap_or_else(PoisonError::into_inner).get(&pair).copied();
                known.unwrap_or_else(|| {
                    let id = self.intern(make());
                    let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
                    if shard.len() >= SHARD_PAIRS_MAX {
                        shard.clear();
                    }
                    shard.insert(pair, id);
                    id
                })
            }
        }
    }

    /// A path that was numbered here.
    pub(crate) fn path(&self, id: PathIndex) -> Option<&Arc<Path>> {
        self.chunks.get(id.index() / CHUNK)?.get()?.get(id.index() % CHUNK)?.get()
    }

    /// How many different paths were computed so far.
    pub(crate) fn count(&self) -> usize {
        self.known().count
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn intern(&self, mut path: Path) -> PathIndex {
        let hash = content_hash(&path);
        let mut known = self.known();
        let count = known.count;
        let same = match known.by_content.entry(hash) {
            Entry::Occupied(same) => same.into_mut(),
            Entry::Vacant(none) => none.insert(Vec::new()),
        };
        for id in same.iter() {
            path.id = *id;
            if self.path(*id).is_some_and(|other| **other == path) {
                return *id;
            }
        }
        if count >= PATHS_MAX {
            return Memo::TOO_MANY;
        }
        let id = PathIndex::from(count);
        same.push(id);
        known.count += 1;
        path.id = id;
        let chunk = self.chunks[id.index() / CHUNK]
            .get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
        // The number is new and given out under the lock, so that nobody has set it.
        let _ = chunk[id.index() % CHUNK].set(Arc::new(path));
        id
    }
}

fn empty(class: PathClass, alternatives: u32, failure: Option<Failure>) -> Path {
    Path {
        id: PathIndex(0),
        class,
        hops: Vec::new(),
        entry: Arc::new([]),
        exit: Arc::new([]),
        distribution_hops: 0.0,
        link_hops: 0.0,
        alternatives,
        lost: 0.0,
        failure,
    }
}

fn content_hash(path: &Path) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    (path.class, path.alternatives, path.failure, path.hops.len()).hash(&mut hasher);
    for hop in &path.hops {
        (hop.port, hop.peer_port, hop.link, hop.vlan, hop.fraction.to_bits()).hash(&mut hasher);
    }
    for share in path.entry.iter().chain(path.exit.iter()) {
        (share.attachment, share.fraction.to_bits()).hash(&mut hasher);
    }
    hasher.finish()
}
