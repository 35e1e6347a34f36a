//! What was computed once: paths by pair of groups, read without locks where there are not too
//! many groups. Equal paths are kept once.
//!
//! The memo of a network that followed from another one looks into that one's before it computes: what
//! the change between them did not reach still holds. Paths have one number in all of them.

use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::dirty::Dirty;
use crate::index::{GroupIndex, PathIndex};
use crate::path::{Failure, Path, PathClass};

/// Up to this many groups, pairs have a table of their own: 64 MB at most, made row by row.
const DENSE_GROUPS_MAX: usize = 4096;
const SHARDS: usize = 64;
/// Most pairs that a shard remembers; a full one is emptied and fills anew.
const SHARD_PAIRS_MAX: usize = 1 << 18;
const CHUNK: usize = 1024;
const CHUNKS: usize = 4096;
/// Most different paths: beyond, pairs are answered by [`Memo::TOO_MANY`].
const PATHS_MAX: usize = CHUNK * CHUNKS;
/// Beyond this many paths the next network starts with an empty memo: most of them are of the past.
const PATHS_INHERITED_MAX: usize = PATHS_MAX / 4;
/// Most memos that are looked into, one behind the other. What was not asked for during as many changes
/// is computed anew.
const ANCESTORS_MAX: usize = 16;

/// Number of a path by the pair of groups.
#[derive(Debug)]
enum Pairs {
    /// By the first group; 0: not computed; otherwise one more than the number.
    Dense(Vec<OnceLock<Box<[AtomicU32]>>>),
    Sparse(Vec<RwLock<FxHashMap<u64, PathIndex>>>),
}

type Chunk = Box<[OnceLock<Arc<Path>>]>;

/// Paths that were computed, by the pairs of groups that take them.
#[derive(Debug)]
pub(crate) struct Memo {
    pairs: Pairs,
    paths: Arc<Paths>,
    parent: RwLock<Option<Arc<Parent>>>,
}

/// The memo of the network that this one's followed from.
#[derive(Debug)]
struct Parent {
    memo: Arc<Memo>,
    dirty: Dirty,
    /// Its names of our groups; `None`: the same.
    groups: Option<Vec<Option<GroupIndex>>>,
}

/// Different paths by number, shared by networks that follow from each other.
#[derive(Debug)]
struct Paths {
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
        let chunks = (0..CHUNKS).map(|_| OnceLock::new()).collect();
        let paths = Paths { chunks, known: Mutex::default() };
        paths.intern(empty(PathClass::Local, 1, None));
        paths.intern(empty(PathClass::Unrouted, 0, Some(Failure::TooMany)));
        let (pairs, paths) = (Pairs::new(group_count), Arc::new(paths));
        Memo { pairs, paths, parent: RwLock::default() }
    }

    /// The memo of a network that followed from this one's. `groups`: this one's names of the groups,
    /// unless they are the same.
    pub(crate) fn next(
        self: &Arc<Memo>,
        group_count: usize,
        dirty: Dirty,
        groups: Option<Vec<Option<GroupIndex>>>,
    ) -> Memo {
        if self.paths.count() > PATHS_INHERITED_MAX {
            return Memo::new(group_count);
        }
        self.forget_ancestors_beyond(ANCESTORS_MAX - 1);
        let parent = Parent { memo: Arc::clone(self), dirty, groups };
        Memo {
            pairs: Pairs::new(group_count),
            paths: Arc::clone(&self.paths),
            parent: RwLock::new(Some(Arc::new(parent))),
        }
    }

    fn forget_ancestors_beyond(&self, count: usize) {
        let Some(parent) = self.parent() else { return };
        if count == 0 {
            *self.parent.write().unwrap_or_else(PoisonError::into_inner) = None;
        } else {
            parent.memo.forget_ancestors_beyond(count - 1);
        }
    }

    fn parent(&self) -> Option<Arc<Parent>> {
        self.parent.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of the path between two groups: looked up; or taken over from the memo before if it
    /// `survives` what changed since; or computed by `make`. Two threads may compute the same one.
    pub(crate) fn path_id(
        &self,
        from: GroupIndex,
        to: GroupIndex,
        survives: impl Fn(&Dirty, &Path) -> bool,
        make: impl FnOnce() -> Path,
    ) -> PathIndex {
        self.pairs.get(from, to).unwrap_or_else(|| {
            let inherited = self.inherited(from, to, &survives);
            let id = inherited.unwrap_or_else(|| self.paths.intern(make()));
            self.pairs.set(from, to, id);
            id
        })
    }

    fn inherited(
        &self,
        from: GroupIndex,
        to: GroupIndex,
        survives: &impl Fn(&Dirty, &Path) -> bool,
    ) -> Option<PathIndex> {
        let parent = self.parent()?;
        let (from, to) = parent.names(from, to)?;
        let id = (parent.memo.pairs.get(from, to))
            .or_else(|| parent.memo.inherited(from, to, survives))?;
        survives(&parent.dirty, self.path(id)?).then_some(id)
    }

    /// A path that was numbered here.
    pub(crate) fn path(&self, id: PathIndex) -> Option<&Arc<Path>> {
        self.paths.path(id)
    }

    /// How many different paths were computed so far, here and in the networks that it shares them with.
    pub(crate) fn count(&self) -> usize {
        self.paths.count()
    }
}

impl Parent {
    /// Its names of two of our groups; `None`: it does not have them.
    fn names(&self, from: GroupIndex, to: GroupIndex) -> Option<(GroupIndex, GroupIndex)> {
        let name = |group: GroupIndex| match &self.groups {
            None => Some(group),
            Some(names) => names.get(group.index()).copied().flatten(),
        };
        Some((name(from)?, name(to)?))
    }
}

impl Pairs {
    fn new(group_count: usize) -> Pairs {
        if group_count <= DENSE_GROUPS_MAX {
            Pairs::Dense((0..group_count).map(|_| OnceLock::new()).collect())
        } else {
            Pairs::Sparse((0..SHARDS).map(|_| RwLock::default()).collect())
        }
    }

    fn get(&self, from: GroupIndex, to: GroupIndex) -> Option<PathIndex> {
        match self {
            Pairs::Dense(rows) => {
                let known = rows.get(from.index())?.get()?.get(to.index())?;
                known.load(Ordering::Acquire).checked_sub(1).map(PathIndex)
            }
            Pairs::Sparse(shards) => {
                let (pair, shard) = place(from, to);
                shards[shard].read().unwrap_or_else(PoisonError::into_inner).get(&pair).copied()
            }
        }
    }

    fn set(&self, from: GroupIndex, to: GroupIndex, id: PathIndex) {
        match self {
            Pairs::Dense(rows) => {
                let row = rows[from.index()]
                    .get_or_init(|| (0..rows.len()).map(|_| AtomicU32::new(0)).collect());
                row[to.index()].store(id.0 + 1, Ordering::Release);
            }
            Pairs::Sparse(shards) => {
                let (pair, shard) = place(from, to);
                let mut shard = shards[shard].write().unwrap_or_else(PoisonError::into_inner);
                if shard.len() >= SHARD_PAIRS_MAX {
                    shard.clear();
                }
                shard.insert(pair, id);
            }
        }
    }
}

/// The key of a pair and the shard that it is in.
fn place(from: GroupIndex, to: GroupIndex) -> (u64, usize) {
    let pair = u64::from(from.0) << 32 | u64::from(to.0);
    (pair, (FxBuildHasher.hash_one(pair) >> 40) as usize % SHARDS)
}

impl Paths {
    fn path(&self, id: PathIndex) -> Option<&Arc<Path>> {
        self.chunks.get(id.index() / CHUNK)?.get()?.get(id.index() % CHUNK)?.get()
    }

    fn count(&self) -> usize {
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
