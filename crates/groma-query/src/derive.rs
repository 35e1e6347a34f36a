//! What is derived from a version: each part is made when first asked for, and once.
//!
//! ```text
//! segments --reconstruct--> Events --+
//! snapshot --build, update> Network -+--> Traffic
//! ```
//!
//! Forks that share segments share their [`Events`]; a version that does not differ from its
//! template's shares everything.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use groma_events::{KeepCalls, ReconstructOptions, reconstruct};
use groma_graph::Index;
use groma_model::{Interval, Origin, Problem, Timestamp, Version};
use groma_network::Network;
use groma_store::{Database, Snapshot, State, check};
use groma_trace::{MatrixCell, Reconstruction};

use crate::alike::Alike;
use crate::epochs::{Concern, EPOCHS_MAX, EpochTimes, StandIns};
use crate::parties::Parties;
use crate::rebalance::{Balancer, Rebalanced, choices};
use crate::traffic::{Epoch, Traffic};

/// What the message log of a database says: trees, sessions, matrix and calls.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) reconstruction: Arc<Reconstruction>,
    /// Files and parts of files that could not be read.
    pub(crate) unreadable: Vec<Problem>,
}

/// What is derived from one version of one database.
pub(crate) struct Derived {
    database: Database,
    /// `live` at the same time: the balancing under which the log was recorded.
    recorded: Snapshot,
    segments_folder: Option<PathBuf>,
    shared: Arc<Shared>,
    epochs: OnceLock<EpochTimes>,
    problems: OnceLock<Vec<Problem>>,
    events: OnceLock<Arc<Events>>,
    traffic: OnceLock<Arc<Traffic>>,
}

/// Most versions whose derived parts are kept.
const DERIVED_KEPT_MAX: usize = 16;

/// Which time a database shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct When {
    /// The time that is asked about; `None`: now.
    pub(crate) asked: Option<Timestamp>,
    /// Since when the database, and `live`, have been like that, of their own; see [`crate::Engine`].
    pub(crate) since: [Timestamp; 2],
}

/// The derived parts of the versions in use.
#[derive(Default)]
pub(crate) struct DerivedCache {
    kept: Mutex<HashMap<(State, Version, When), Arc<Derived>>>,
    shared: Arc<Shared>,
}

/// What versions and databases share.
#[derive(Default)]
struct Shared {
    /// The logs last reconstructed, by their files and the epochs they are cut at.
    events: Kept<(Vec<PathBuf>, Vec<i64>), Events>,
    /// Networks by what they were built from: a snapshot of which only other kinds differ gives the same.
    networks: Kept<(Snapshot, Timestamp), Network>,
    /// The sums of the recorded calls by lane.
    lanes: Kept<(Arc<Reconstruction>, Arc<Alike>), Vec<MatrixCell>>,
    /// References, forward and backward, by what they were read from.
    graphs: Kept<(Snapshot, Timestamp), Index>,
}

/// What was made last, each once, the least used first.
struct Kept<K, T> {
    slots: Mutex<Vec<(K, Slot<T>)>>,
}

type Slot<T> = Arc<OnceLock<Arc<T>>>;

impl<K, T> Default for Kept<K, T> {
    fn default() -> Kept<K, T> {
        Kept { slots: Mutex::default() }
    }
}

impl<K, T> Kept<K, T> {
    /// The thing of a key, and at most `count_max` things. Who asks while it is made waits for it; others
    /// do not.
    fn of(
        &self,
        key: K,
        same: impl Fn(&K, &K) -> bool,
        count_max: usize,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let slot = {
            let mut slots = lock(&self.slots);
            let kept = match slots.iter().position(|(known, _)| same(known, &key)) {
                Some(place) => slots.remove(place),
                None => (key, Slot::default()),
            };
            if slots.len() >= count_max {
                slots.remove(0);
            }
            let slot = Arc::clone(&kept.1);
            slots.push(kept);
            slot
        };
        Arc::clone(slot.get_or_init(|| Arc::new(make())))
    }

    /// The things that are made, the least used first.
    fn made(&self) -> Vec<(K, Arc<T>)>
    where
        K: Clone,
    {
        let slots = lock(&self.slots);
        let made = |(key, slot): &(K, Slot<T>)| Some((key.clone(), Arc::clone(slot.get()?)));
        slots.iter().filter_map(made).collect()
    }
}

impl<T> Kept<(Snapshot, Timestamp), T> {
    /// The thing last used that was made of a snapshot at this time, or else at any time.
    fn neighbour(&self, at: Timestamp) -> Option<Arc<T>> {
        let slots = lock(&self.slots);
        let made = || slots.iter().rev().filter_map(|((_, time), slot)| Some((time, slot.get()?)));
        let nearest = made().find(|(time, _)| **time == at).or_else(|| made().next());
        nearest.map(|(_, thing)| Arc::clone(thing))
    }
}

/// Most networks that are kept.
const NETWORKS_KEPT_MAX: usize = 2 * (EPOCHS_MAX + 1);

/// Kinds that a network does not look at.
const KINDS_ABOVE_NETWORK: [&str; 7] = [
    "service.application",
    "service.farm",
    "service.service",
    "service.replica_set",
    "capacity.scalability",
    "capacity.contention",
    "graph.property_graph",
];

/// Most indexes of references that are kept, each sharing with the others what is the same.
const GRAPHS_KEPT_MAX: usize = 16;

/// Most sums of lanes that are kept.
const LANES_KEPT_MAX: usize = 8;

/// Of lanes, more than this share of the parties must be in the ones that they were in for sums to follow
/// from those that are kept.
const LANES_FOLLOW_SHARE: usize = 2;

/// Most logs that are kept reconstructed.
const EVENTS_KEPT_MAX: usize = 2;

impl Shared {
    /// The sums of the recorded calls by lane, made from those of the nearest version that is kept.
    fn lane_sums(&self, log: &Arc<Reconstruction>, alike: &Arc<Alike>) -> Arc<Vec<MatrixCell>> {
        let make = || {
            let moved = |of: &Alike| {
                let moved = alike.moved_since(of)?;
                let count = moved.iter().filter(|moved| **moved).count();
                (count * LANES_FOLLOW_SHARE < moved.len()).then_some((count, moved))
            };
            let nearest = (self.lanes.made().into_iter())
                .filter(|((known, _), _)| Arc::ptr_eq(known, log))
                .filter_map(|((_, before), sums)| Some((moved(&before)?, before, sums)))
                .min_by_key(|((count, _), ..)| *count);
            match nearest {
                Some(((_, moved), before, sums)) => {
                    alike.sums_after((&before, &sums), &moved, &log.matrix)
                }
                None => alike.sums(&log.matrix),
            }
        };
        let same = |known: &(_, Arc<Alike>), asked: &(_, Arc<Alike>)| {
            Arc::ptr_eq(&known.0, &asked.0) && known.1 == asked.1
        };
        self.lanes.of((Arc::clone(log), Arc::clone(alike)), same, LANES_KEPT_MAX, make)
    }
}

impl DerivedCache {
    /// What is derived from a database as it is now, or was at a time; nothing is computed yet.
    pub(crate) fn of(
        &self,
        database: &Database,
        live: &Database,
        when: When,
        segments_folder: Option<&Path>,
    ) -> Arc<Derived> {
        let mut kept = lock(&self.kept);
        let key = (database.state(), live.version(), when);
        if kept.len() >= DERIVED_KEPT_MAX
            && !kept.contains_key(&key)
            && let Some(oldest) = kept.keys().min().copied()
        {
            kept.remove(&oldest);
        }
        // A schema that only adds leaves versions as they are.
        let schema = database.snapshot().schema();
        if kept
            .get(&key)
            .is_some_and(|known| !Arc::ptr_eq(known.database.snapshot().schema(), schema))
        {
            kept.remove(&key);
        }
        let derived = kept.entry(key).or_insert_with(|| {
            Arc::new(Derived {
                database: database.clone(),
                recorded: live.snapshot().clone(),
                segments_folder: segments_folder.map(Path::to_owned),
                shared: Arc::clone(&self.shared),
                epochs: OnceLock::new(),
                problems: OnceLock::new(),
                events: OnceLock::new(),
                traffic: OnceLock::new(),
            })
        });
        Arc::clone(derived)
    }
}

impl Derived {
    /// The files of messages that this version can see.
    pub(crate) fn segment_files(&self) -> Vec<PathBuf> {
        let Some(folder) = &self.segments_folder else { return Vec::new() };
        self.database.segments().map(|row| folder.join(&*row.segment.file)).collect()
    }

    /// Contradictions in the model as it is. Blocks while they are looked for.
    pub(crate) fn found_problems(&self) -> &[Problem] {
        self.problems.get_or_init(|| check(self.database.snapshot()))
    }

    /// Trees, sessions and the matrix as recorded. Blocks while the log is read.
    pub(crate) fn events(&self) -> Arc<Events> {
        let events = self.events.get_or_init(|| {
            let (files, epochs) = (self.segment_files(), self.epochs().taken.clone());
            let read = || read_events(&files, epochs.clone());
            self.shared.events.of(
                (files.clone(), epochs.clone()),
                PartialEq::eq,
                EVENTS_KEPT_MAX,
                read,
            )
        });
        Arc::clone(events)
    }

    /// The network as it is now. Blocks while it is built.
    pub(crate) fn network(&self) -> Arc<Network> {
        self.network_at(Timestamp::MAX)
    }

    /// The network as it was at a time. Blocks while it is built, or while one that is kept is brought
    /// to this version, which costs what the difference reaches.
    pub(crate) fn network_at(&self, at: Timestamp) -> Arc<Network> {
        let snapshot = self.database.snapshot();
        let neighbour = self.shared.networks.neighbour(at);
        let build = || match neighbour {
            Some(neighbour) => neighbour.update(snapshot, at),
            None => Network::build(snapshot, at),
        };
        self.shared.networks.of((snapshot.clone(), at), same_network, NETWORKS_KEPT_MAX, build)
    }

    /// All references at a time, made from those of the nearest version that is kept. Blocks while it
    /// is made.
    pub(crate) fn graph_index_at(&self, at: Timestamp) -> Arc<Index> {
        let snapshot = self.database.snapshot();
        let make = || {
            let nearest = (self.shared.graphs.made().into_iter())
                .filter(|((_, known_at), _)| *known_at == at)
                .max_by_key(|((known, _), _)| kinds_shared(known, snapshot));
            match nearest {
                Some(((known, _), index)) => index.updated(&known, snapshot),
                None => Index::build(snapshot, at),
            }
        };
        self.shared.graphs.of((snapshot.clone(), at), same_graph, GRAPHS_KEPT_MAX, make)
    }

    /// The traffic of this database on its network. Blocks while it is placed.
    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(self.traffic.get_or_init(|| {
            let events = self.events();
            let snapshot = self.database.snapshot();
            let parties =
                Arc::new(Parties::read(snapshot, &events.reconstruction.names, Timestamp::MAX));
            let (epochs, concern) = self.epoch_networks(&parties);
            let recorded =
                Parties::read(&self.recorded, &events.reconstruction.names, Timestamp::MAX);
            let choices = choices(&parties, &recorded);
            let log = Arc::clone(&events.reconstruction);
            let alike = Arc::new(Alike::of(&parties, &epochs, concern));
            let sums = self.shared.lane_sums(&log, &alike);
            Arc::new(if choices.is_empty() {
                Traffic::place(parties, epochs, log, alike, &sums, None)
            } else {
                let network = &epochs[epochs.len() - 1].network;
                let balancer = Arc::new(Balancer::new(&parties, &choices, network));
                let (sums, rebalanced) = Rebalanced::lanes(balancer, &log.calls, &alike, &sums);
                Traffic::place(parties, epochs, log, alike, &sums, Some(rebalanced))
            })
        }))
    }

    /// The network of each epoch, and whom the changes between them concern. A network is built for an
    /// earlier time only if that of now cannot stand for it.
    fn epoch_networks(&self, parties: &Parties) -> (Vec<Epoch>, Concern) {
        let (snapshot, epochs) = (self.database.snapshot(), self.epochs());
        let mut times = epochs.inside();
        let last = times.pop().unwrap_or(Timestamp::MAX);
        let mut now = epochs.epoch(self.network_at(last), parties, last);
        let concern = epochs.concern(snapshot, &now.network, parties);
        let stand_ins = StandIns::new(epochs, snapshot, &now.network);
        let standing = |at: &Timestamp| {
            let endpoints =
                stand_ins.as_ref()?.endpoints_at(*at, &now.endpoints, parties, &concern)?;
            Some(Epoch { network: Arc::clone(&now.network), endpoints })
        };
        let known: Vec<Option<Epoch>> = times.iter().map(standing).collect();
        let mut missing: Vec<Timestamp> = times
            .iter()
            .zip(&known)
            .filter(|(_, epoch)| epoch.is_none())
            .map(|(at, _)| *at)
            .collect();
        missing.truncate(EPOCHS_MAX);
        self.build_networks(&missing);
        let mut networks: Vec<Epoch> = (times.iter().zip(known))
            .map(|(at, epoch)| match epoch {
                Some(epoch) => epoch,
                None if missing.contains(at) => epochs.epoch(self.network_at(*at), parties, *at),
                // Too many to build a network for each: nobody knows where these were.
                None => now.without(|party| concern.touches(party, party)),
            })
            .collect();
        drop(stand_ins);
        epochs.lost(parties).into_iter().for_each(|party| now.endpoints[party] = None);
        networks.push(now);
        (networks, concern)
    }

    /// Builds networks side by side.
    fn build_networks(&self, times: &[Timestamp]) {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..threads.min(times.len()) {
                scope.spawn(|| {
                    while let Some(at) = times.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.network_at(*at);
                    }
                });
            }
        });
    }

    /// Times at which a fact of the model begins or ceases to hold, inside the log's window.
    fn epochs(&self) -> &EpochTimes {
        self.epochs.get_or_init(|| {
            let window = self.database.segments().map(|row| (row.segment.from, row.segment.to));
            let window = window.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
            window.map_or_else(EpochTimes::default, |(from, to)| {
                EpochTimes::find(self.database.snapshot(), Interval { from, to })
            })
        })
    }

    /// How many changes of the topology inside the log's window are not taken into account.
    pub(crate) fn epochs_left_out(&self) -> usize {
        self.epochs().left_out
    }
}

/// Whether a network of one is a network of the other.
fn same_network(
    (known, known_at): &(Snapshot, Timestamp),
    (snapshot, at): &(Snapshot, Timestamp),
) -> bool {
    let (before, schema) = (known.schema(), snapshot.schema());
    // What a site adds is no part of a network.
    let mut kinds = before.kinds().iter().filter(|kind| kind.origin == Origin::BuiltIn);
    known_at == at
        && (Arc::ptr_eq(before, schema) || schema.continues(before))
        && known.stale() == snapshot.stale()
        && kinds.all(|kind| {
            KINDS_ABOVE_NETWORK.contains(&&*kind.name) || known.shares(snapshot, kind.id)
        })
}

/// Whether the references of one are those of the other.
fn same_graph(
    (known, known_at): &(Snapshot, Timestamp),
    (snapshot, at): &(Snapshot, Timestamp),
) -> bool {
    known_at == at
        && Arc::ptr_eq(known.schema(), snapshot.schema())
        && kinds_shared(known, snapshot) == snapshot.schema().kinds().len()
}

fn kinds_shared(known: &Snapshot, snapshot: &Snapshot) -> usize {
    if !Arc::ptr_eq(known.schema(), snapshot.schema()) {
        return 0;
    }
    let kinds = snapshot.schema().kinds().iter();
    kinds.filter(|kind| known.shares(snapshot, kind.id)).count()
}

fn read_events(files: &[PathBuf], epochs: Vec<i64>) -> Events {
    let options =
        ReconstructOptions { epochs, calls: KeepCalls::Yes, ..ReconstructOptions::default() };
    let reconstructed = reconstruct(files, &options);
    let reconstruction = Arc::new(reconstructed.reconstruction);
    Events { reconstruction, unreadable: reconstructed.unreadable }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
