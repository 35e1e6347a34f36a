//! From segments to trees, sessions and the traffic matrix, on several threads, in bounded memory.
//!
//! Records of a tree stand close together in a log. A first look at the tree ids alone shows which
//! trees go on over several batches; all others are built as soon as their batch is read. The few
//! that span are collected by hash of their id and built at the end. If they are many, because the
//! log is in no order, the log is read again for one share of them at a time.

use std::collections::BTreeMap;
use std::mem::size_of;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use groma_model::Problem;
use groma_trace::{
    BatchBuffers, Calls, Census, Counts, Fate, Grouping, MessageBatch, Part, Problems,
    Reconstruction, Record, ServiceTable, Sessions, Skew, Spanning, TreeBuilder, Trees,
    build_batch, build_records, renumber, renumber_calls, sessions_of, sorted_names, spread,
};

use crate::names::{Names, NamesOfThread, ReadNames};
use crate::read::BATCH_RECORDS_MAX;
use crate::shared::{ByShard, SHARDS, SharedMatrix, lock, shard};
use crate::{Columns, EventsError, SegmentReader, threads};

/// How to reconstruct.
pub struct ReconstructOptions<'o> {
    /// Times (nanoseconds since 1970) at which the topology changed; usually none.
    pub epochs: Vec<i64>,
    /// Threads; 0: as many as the machine runs at once.
    pub threads: usize,
    /// Whether calls are kept for a replay: 20 bytes each.
    pub calls: KeepCalls,
    /// Most bytes for records of trees that span batches; more of them are read in several passes.
    pub spilled_bytes_max: usize,
    /// Is told now and then how far it is, from several threads.
    pub progress: &'o (dyn Fn(Progress) + Sync),
}

/// Whether the calls of a log are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepCalls {
    /// They can be replayed.
    Yes,
    /// Only their sums are kept.
    No,
}

/// How far a reconstruction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records done.
    pub done: u64,
    /// Records to do.
    pub total: u64,
}

impl Default for ReconstructOptions<'_> {
    fn default() -> Self {
        ReconstructOptions {
            epochs: Vec::new(),
            threads: 0,
            calls: KeepCalls::Yes,
            spilled_bytes_max: 512 << 20,
            progress: &|_| {},
        }
    }
}

/// A reconstruction, and what could not be read.
#[derive(Debug, Default)]
pub struct Reconstructed {
    /// What hangs together in what could be read.
    pub reconstruction: Reconstruction,
    /// Files and row groups that could not be read.
    pub unreadable: Vec<Problem>,
}

/// Reconstructs the message logs in `files`. What cannot be read is told and left out.
pub fn reconstruct(files: &[PathBuf], options: &ReconstructOptions<'_>) -> Reconstructed {
    let mut unreadable = Vec::new();
    let mut readers = Vec::new();
    for path in files {
        match SegmentReader::open(path) {
            Ok(reader) => readers.push(reader),
            Err(error) => unreadable.push(problem(&error)),
        }
    }
    let tasks = tasks(&readers);
    let run = Run::new(&tasks, options);
    let spanning = run.census();
    run.build(&spanning);
    let (reconstruction, mut damaged) = run.finish();
    unreadable.append(&mut damaged);
    Reconstructed { reconstruction, unreadable }
}

fn problem(error: &EventsError) -> Problem {
    let place = match error {
        EventsError::Io { path, .. }
        | EventsError::Parquet { path, .. }
        | EventsError::NotMessages { path, .. }
        | EventsError::Damaged { path, .. }
        | EventsError::Batch { path, .. } => path.display().to_string(),
    };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    Problem::new(place, cause.as_deref().unwrap_or(""), error.to_string())
}

/// A row group to read.
struct Task<'r> {
    reader: &'r SegmentReader,
    row_group: usize,
    /// Number of its first batch.
    first_batch: u32,
}

fn tasks(readers: &[SegmentReader]) -> Vec<Task<'_>> {
    let mut tasks = Vec::new();
    let mut first_batch = 0;
    for reader in readers {
        for row_group in 0..reader.row_groups() {
            tasks.push(Task { reader, row_group, first_batch });
            first_batch += reader.row_group_records(row_group).div_ceil(BATCH_RECORDS_MAX) as u32;
        }
    }
    tasks
}

/// Records of spanning trees are collected in so many parts.
const SPILLS: usize = 256;

struct Run<'r> {
    tasks: &'r [Task<'r>],
    options: &'r ReconstructOptions<'r>,
    threads: usize,
    names: Names,
    matrix: SharedMatrix,
    in_order: Mutex<InOrder>,
    totals: Mutex<(Counts, Skew, Problems, ServiceTable)>,
    unreadable: Mutex<Vec<Problem>>,
    done: AtomicU64,
    total: AtomicU64,
}

/// Trees and calls in the order of the log, whichever thread is ready first.
#[derive(Default)]
struct InOrder {
    trees: Trees,
    calls: Vec<Calls>,
    /// Number of the part that goes on.
    next: u32,
    /// Parts that were ready before their turn.
    waiting: BTreeMap<u32, (Trees, Calls)>,
}

impl InOrder {
    fn add(&mut self, number: u32, trees: &Trees, calls: Calls) {
        if number != self.next {
            self.waiting.insert(number, (trees.clone(), calls));
            return;
        }
        self.append(trees, calls);
        while let Some((trees, calls)) = self.waiting.remove(&self.next) {
            self.append(&trees, calls);
        }
    }

    fn append(&mut self, trees: &Trees, calls: Calls) {
        self.trees.add_all(trees);
        if !calls.calls.is_empty() {
            self.calls.push(calls);
        }
        self.next += 1;
    }

    /// Appends what waits for parts that will not come; parts are then numbered from 0 again.
    fn close(&mut self) {
        for (trees, calls) in std::mem::take(&mut self.waiting).into_values() {
            self.append(&trees, calls);
        }
        self.next = 0;
    }
}

/// What a thread needs to build trees.
struct Builder {
    builder: TreeBuilder,
    part: Part,
    by_shard: ByShard,
}

impl<'r> Run<'r> {
    fn new(tasks: &'r [Task<'r>], options: &'r ReconstructOptions<'r>) -> Run<'r> {
        Run {
            tasks,
            options,
            threads: threads::count(options.threads),
            names: Names::default(),
            matrix: SharedMatrix::default(),
            in_order: Mutex::default(),
            totals: Mutex::default(),
            unreadable: Mutex::default(),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
        }
    }

    fn on_threads<S>(
        &self,
        count: usize,
        start: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, usize) + Sync,
        finish: impl Fn(S) + Sync,
    ) {
        threads::each(self.threads, count, start, work, finish);
    }

    /// Finds the trees that go on over several batches.
    fn census(&self) -> Spanning {
        let records = |task: &Task<'_>| task.reader.row_group_records(task.row_group) as u64;
        let total = self.tasks.iter().map(records).sum();
        self.total.store(total, Ordering::Relaxed);
        let census: Vec<Mutex<Census>> = (0..SHARDS).map(|_| Mutex::default()).collect();
        let start = || (MessageBatch::default(), Grouping::default(), vec![Vec::new(); SHARDS]);
        let work = |(batch, grouping, by_shard): &mut (_, Grouping, Vec<Vec<_>>), number: usize| {
            let task = &self.tasks[number];
            let names = &mut self.read_names();
            let seen = self.read(task, Columns::Tree, names, batch, |batch_number, batch| {
                for (tree, records) in grouping.count(&batch.tree) {
                    by_shard[shard(spread(tree))].push((tree, records));
                }
                for (shard, trees) in census.iter().zip(by_shard.iter_mut()) {
                    let mut census = lock(shard);
                    for (tree, records) in trees.drain(..) {
                        census.add(batch_number, tree, records);
                    }
                }
            });
            // What cannot be read is told when it is read for good.
            drop(seen);
        };
        self.on_threads(self.tasks.len(), start, work, drop);
        let mut spanning = Spanning::default();
        for shard in census {
            shard.into_inner().unwrap_or_else(PoisonError::into_inner).finish(&mut spanning);
        }
        spanning
    }

    fn build(&self, spanning: &Spanning) {
        lock(&self.in_order).trees.reserve(spanning.trees_in_all as usize);
        let bytes = spanning.records as usize * size_of::<Record>();
        let passes = bytes.div_ceil(self.options.spilled_bytes_max.max(1)).clamp(1, SPILLS);
        let total = self.total.load(Ordering::Relaxed).saturating_mul(passes as u64);
        self.total.store(total, Ordering::Relaxed);
        for pass in 0..passes {
            let spills: Vec<Mutex<Vec<Record>>> = (0..SPILLS).map(|_| Mutex::default()).collect();
            self.build_batches(spanning, (pass, passes), &spills);
            let spills: Vec<Mutex<Vec<Record>>> =
                spills.into_iter().filter(|spill| !lock(spill).is_empty()).collect();
            let work = |state: &mut Builder, number: usize| {
                let records = std::mem::take(&mut *lock(&spills[number]));
                build_records(records, &mut state.builder, &mut state.part);
                self.add(number as u32, state);
            };
            self.on_threads(spills.len(), || self.builder(), work, |state| self.sum_up(state));
            lock(&self.in_order).close();
        }
    }

    fn builder(&self) -> Builder {
        Builder {
            builder: TreeBuilder::new(&self.options.epochs),
            part: Part::default(),
            by_shard: ByShard::default(),
        }
    }

    fn read_names(&self) -> ReadNames<'_> {
        ReadNames { names: NamesOfThread::new(&self.names), dictionaries: Default::default() }
    }

    /// Builds what one batch holds whole, and spills what belongs to this pass.
    fn build_batches(
        &self,
        spanning: &Spanning,
        (pass, passes): (usize, usize),
        spills: &[Mutex<Vec<Record>>],
    ) {
        let fate = |tree: u64| {
            if spanning.trees.contains(&tree) {
                if spill_of(tree) % passes == pass { Fate::Spill } else { Fate::Skip }
            } else if pass > 0 {
                Fate::Skip
            } else if !spanning.too_large.is_empty() && spanning.too_large.contains(&tree) {
                Fate::TooLarge
            } else {
                Fate::Build
            }
        };
        let start = || {
            let (batch, buffers) = (MessageBatch::default(), BatchBuffers::default());
            (self.read_names(), batch, buffers, Vec::new(), self.builder())
        };
        let work = |state: &mut (ReadNames<'_>, _, _, Vec<Record>, Builder), number: usize| {
            let (names, batch, buffers, spilled, state) = state;
            let task = &self.tasks[number];
            let read = self.read(task, Columns::Structure, names, batch, |batch_number, batch| {
                let spill = |record: Record| spilled.push(record);
                build_batch(batch, buffers, &mut state.builder, fate, spill, &mut state.part);
                for record in spilled.drain(..) {
                    lock(&spills[spill_of(record.tree)]).push(record);
                }
                if pass == 0 {
                    self.add(batch_number, state);
                }
            });
            if let Err(error) = read
                && pass == 0
            {
                lock(&self.unreadable).push(problem(&error));
            }
        };
        let finish = |(_, _, _, _, state)| {
            // A later pass builds nothing here, and what it counts was counted in the first.
            if pass == 0 {
                self.sum_up(state);
            }
        };
        self.on_threads(self.tasks.len(), start, work, finish);
        lock(&self.in_order).close();
    }

    /// Gives the batches of a row group to `work`, with their numbers.
    fn read(
        &self,
        task: &Task<'_>,
        columns: Columns,
        names: &mut ReadNames<'_>,
        batch: &mut MessageBatch,
        mut work: impl FnMut(u32, &MessageBatch),
    ) -> Result<(), EventsError> {
        let mut rows = task.reader.rows(task.row_group, columns)?;
        for number in task.first_batch.. {
            let ReadNames { names, dictionaries } = &mut *names;
            if !task.reader.next_batch(&mut rows, names, dictionaries, batch)? {
                break;
            }
            work(number, batch);
            if columns != Columns::Tree {
                let done = self.done.fetch_add(batch.len() as u64, Ordering::Relaxed);
                let done = done + batch.len() as u64;
                let total = self.total.load(Ordering::Relaxed);
                (self.options.progress)(Progress { done, total });
            }
        }
        Ok(())
    }

    /// Adds the trees and calls that a batch or a spill gave.
    fn add(&self, number: u32, state: &mut Builder) {
        let part = &mut state.part;
        self.matrix.add(&part.calls, &mut state.by_shard);
        // A copy has no room to spare, and the thread's own buffer stays where it is.
        let calls = match self.options.calls {
            KeepCalls::Yes => part.calls.clone(),
            KeepCalls::No => Calls::default(),
        };
        lock(&self.in_order).add(number, &part.trees, calls);
        part.calls.clear();
        part.trees.clear();
    }

    /// Adds the sums of a thread that is done.
    fn sum_up(&self, state: Builder) {
        let mut totals = lock(&self.totals);
        totals.0.add(&state.part.counts);
        totals.1.add_all(state.part.skew);
        totals.2.add_all(&state.part.problems);
        totals.3.add_all(&state.part.services);
    }

    fn finish(self) -> (Reconstruction, Vec<Problem>) {
        let InOrder { trees, calls, .. } = std::mem::take(&mut *lock(&self.in_order));
        let sessions = self.sessions(&trees);
        let matrix = self.matrix.into_cells();
        let (mut counts, skew, problems, services) = std::mem::take(&mut *lock(&self.totals));
        counts.sessions = sessions.len() as u64;
        let (names, new) = sorted_names(self.names.into_names());
        let number = |name: u32| new.get(name as usize).copied().unwrap_or(name);
        let mut whole = Reconstruction {
            names,
            counts,
            trees,
            sessions,
            matrix,
            calls,
            services: services.into_cells(number),
            skew: skew.into_pairs(number),
            problems: problems.into_sorted(),
        };
        renumber(&new, &mut whole.matrix, &mut [], &mut whole.trees);
        let parts: Vec<Mutex<&mut Calls>> = whole.calls.iter_mut().map(Mutex::new).collect();
        let renumber_part =
            |(): &mut (), number: usize| renumber_calls(&new, &mut lock(&parts[number]));
        threads::each(self.threads, parts.len(), || (), renumber_part, drop);
        let mut unreadable = self.unreadable.into_inner().unwrap_or_else(PoisonError::into_inner);
        unreadable.sort_by(|a, b| (&a.place, &a.reason).cmp(&(&b.place, &b.reason)));
        (whole, unreadable)
    }

    fn sessions(&self, trees: &Trees) -> Sessions {
        let parts: Vec<Mutex<Sessions>> = (0..self.threads).map(|_| Mutex::default()).collect();
        let work = |(): &mut (), number: usize| {
            *lock(&parts[number]) = sessions_of(trees, number, parts.len());
        };
        self.on_threads(parts.len(), || (), work, drop);
        let parts = parts.into_iter().map(|part| part.into_inner());
        Sessions::concat(parts.map(|part| part.unwrap_or_else(PoisonError::into_inner)).collect())
    }
}

fn spill_of(tree: u64) -> usize {
    (spread(tree) >> 56) as usize
}
