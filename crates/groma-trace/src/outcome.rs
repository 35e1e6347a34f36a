//! What a reconstruction gives: trees, sessions, calls, counts and what was wrong.

use std::fmt;
use std::sync::Arc;

use crate::calls::Calls;
use crate::matrix::MatrixCell;
use crate::services::ServiceCell;
use crate::skew::SkewPair;

/// All that hangs together in a log. Names are numbers into `names`.
#[derive(Debug, Clone, Default)]
pub struct Reconstruction {
    /// The names, sorted; each once.
    pub names: Vec<Arc<str>>,
    /// Totals over the whole log.
    pub counts: Counts,
    /// The transaction trees; a later part holds trees that go on over several parts of the log.
    pub trees: Trees,
    /// The client sessions, in no particular order.
    pub sessions: Sessions,
    /// The traffic matrix, in no particular order. Work inside one process is not in it.
    pub matrix: Vec<MatrixCell>,
    /// Traffic by what was asked for, sorted. Work inside one process is not in it.
    pub services: Vec<ServiceCell>,
    /// The calls in causal order, whole trees in each part. Empty if they were not asked for.
    pub calls: Vec<Calls>,
    /// Offsets between the clocks of processes, sorted by names.
    pub skew: Vec<SkewPair>,
    /// What was wrong with the log, each kind once.
    pub problems: Vec<TraceProblem>,
}

/// Totals, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records read.
    pub records: u64,
    /// Records left out because they hang nowhere; `problems` says why.
    pub records_left_out: u64,
    /// Records that an end wrote again about the same message.
    pub duplicates: u64,
    /// Records without a time.
    pub unknown_time: u64,
    /// Distinct messages.
    pub messages: u64,
    /// Messages that sender and receiver both logged.
    pub both_ends: u64,
    /// Messages inside one process; they are not in the matrix.
    pub local_messages: u64,
    /// Messages between processes that are requests.
    pub requests: u64,
    /// Messages between processes that are replies.
    pub replies: u64,
    /// Messages between processes whose size is not known.
    pub unknown_size: u64,
    /// Bytes of the messages between processes whose size is known.
    pub bytes: u64,
    /// Calls between processes: requests with their replies, or one of them alone.
    pub calls: u64,
    /// Calls whose request and reply were both seen.
    pub calls_whole: u64,
    /// Transactions seen.
    pub transactions: u64,
    /// Transactions with a known first and last time.
    pub transactions_timed: u64,
    /// Sum of the durations of those, in nanoseconds.
    pub transaction_nanos: u128,
    /// Transactions that have a parent in their tree.
    pub children: u64,
    /// Children whose first time is before their parent's.
    pub early_children: u64,
    /// Children whose last time is after their parent's.
    pub late_children: u64,
    /// Parents that were named and never seen: virtual nodes.
    pub missing_parents: u64,
    /// Transactions whose parent was named and never seen.
    pub orphans: u64,
    /// Cycles of parents; each was cut at its smallest id.
    pub cycles: u64,
    /// Transaction trees.
    pub trees: u64,
    /// Trees that belong to no known session.
    pub trees_without_session: u64,
    /// Sessions.
    pub sessions: u64,
}

macro_rules! add_fields {
    ($to:ident += $from:ident: $($field:ident)*) => { $($to.$field += $from.$field;)* };
}

impl Counts {
    /// Adds the totals of another part of the log.
    pub fn add(&mut self, other: &Counts) {
        add_fields!(self += other: records records_left_out duplicates unknown_time messages both_ends
            local_messages requests replies unknown_size bytes calls calls_whole transactions
            transactions_timed transaction_nanos children early_children late_children
            missing_parents orphans cycles trees trees_without_session sessions);
    }
}

/// Transaction trees in columns of the same length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trees {
    /// Id.
    pub id: Vec<u64>,
    /// Session; 0: not known.
    pub session: Vec<u64>,
    /// Transaction at the root: the earliest one without a parent.
    pub root: Vec<u64>,
    /// First time in the tree, or [`crate::MessageBatch::TIME_UNKNOWN`].
    pub start: Vec<i64>,
    /// Last time in the tree, or [`crate::MessageBatch::TIME_UNKNOWN`].
    pub end: Vec<i64>,
    /// Longest time between two records that follow each other, in nanoseconds.
    pub longest_silence: Vec<i64>,
    /// Name of what the root asked for, or [`crate::MessageBatch::NAME_NONE`].
    pub service: Vec<u32>,
    /// Transactions seen.
    pub transactions: Vec<u32>,
    /// Distinct messages.
    pub messages: Vec<u32>,
    /// Longest way from a root to a transaction, in steps; 0: only roots.
    pub depth: Vec<u32>,
    /// Parents that were named and never seen.
    pub missing_parents: Vec<u32>,
}

/// One row of [`Trees`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the columns of Trees say it")]
pub struct Tree {
    pub id: u64,
    pub session: u64,
    pub root: u64,
    pub start: i64,
    pub end: i64,
    pub longest_silence: i64,
    pub service: u32,
    pub transactions: u32,
    pub messages: u32,
    pub depth: u32,
    pub missing_parents: u32,
}

macro_rules! each_column {
    ($macro:ident) => {
        $macro!(id session root start end longest_silence service transactions messages depth
            missing_parents)
    };
}

impl Trees {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// Tree number `index`.
    pub fn get(&self, index: usize) -> Option<Tree> {
        if self.len() <= index {
            return None;
        }
        macro_rules! row { ($($column:ident)*) => { Tree { $($column: self.$column[index]),* } }; }
        Some(each_column!(row))
    }

    pub(crate) fn push(&mut self, tree: Tree) {
        macro_rules! push { ($($column:ident)*) => { $(self.$column.push(tree.$column);)* }; }
        each_column!(push);
    }

    /// Makes room for `count` more trees.
    pub fn reserve(&mut self, count: usize) {
        macro_rules! reserve {
            ($($column:ident)*) => { $(self.$column.reserve_exact(count);)* };
        }
        each_column!(reserve);
    }

    /// Appends the trees of another part.
    pub fn add_all(&mut self, other: &Trees) {
        macro_rules! add {
            ($($column:ident)*) => { $(self.$column.extend_from_slice(&other.$column);)* };
        }
        each_column!(add);
    }

    /// Forgets the trees, keeps the room.
    pub fn clear(&mut self) {
        macro_rules! clear { ($($column:ident)*) => { $(self.$column.clear();)* }; }
        each_column!(clear);
    }

    /// Time from first to last record in nanoseconds; `None` if no time is known.
    pub fn duration(&self, index: usize) -> Option<i64> {
        duration(*self.start.get(index)?, *self.end.get(index)?)
    }
}

/// Client sessions in columns of the same length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sessions {
    /// Id.
    pub id: Vec<u64>,
    /// Trees that belong to it.
    pub trees: Vec<u32>,
    /// Start of its first tree, or [`crate::MessageBatch::TIME_UNKNOWN`].
    pub start: Vec<i64>,
    /// End of its last tree, or [`crate::MessageBatch::TIME_UNKNOWN`].
    pub end: Vec<i64>,
}

impl Sessions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// Joins parts that have no session in common.
    pub fn concat(parts: Vec<Sessions>) -> Sessions {
        let mut all = Sessions::default();
        for mut part in parts {
            all.id.append(&mut part.id);
            all.trees.append(&mut part.trees);
            all.start.append(&mut part.start);
            all.end.append(&mut part.end);
        }
        all
    }

    /// Time from first start to last end in nanoseconds; `None` if no time is known.
    pub fn duration(&self, index: usize) -> Option<i64> {
        duration(*self.start.get(index)?, *self.end.get(index)?)
    }
}

fn duration(start: i64, end: i64) -> Option<i64> {
    (start != crate::MessageBatch::TIME_UNKNOWN).then(|| end.saturating_sub(start))
}

/// Something wrong with a log, told once with how often it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceProblem {
    /// What.
    pub kind: ProblemKind,
    /// How often.
    pub count: u64,
    /// Id of a tree in which it happened (the smallest of them); 0 if it has none.
    pub tree: u64,
}

/// What can be wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// A record has no message, tree or transaction id; it is left out.
    RecordIncomplete,
    /// A tree has more records than a tree can have; they are left out.
    TreeTooLarge,
    /// Transactions are each other's parents; the cycle is cut at its smallest id.
    ParentCycle,
    /// The messages of a transaction name several parents; the largest id is taken.
    ParentConflict,
    /// The records of a tree name several sessions; the largest id is taken.
    SessionConflict,
    /// More than one sender or receiver logged a message under one id; the earliest is taken.
    MessageConflict,
}

impl fmt::Display for TraceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ProblemKind::RecordIncomplete => {
                "records without message, tree or transaction id were left out"
            }
            ProblemKind::TreeTooLarge => "records of trees too large to be trees were left out",
            ProblemKind::ParentCycle => {
                "times transactions were each other's parents; cut at the smallest id"
            }
            ProblemKind::ParentConflict => {
                "transactions name several parents; the largest id was taken"
            }
            ProblemKind::SessionConflict => "trees name several sessions; the largest id was taken",
            ProblemKind::MessageConflict => {
                "messages were logged by several senders or receivers; the earliest was taken"
            }
        };
        write!(f, "{} {what} (tree {:x}, for one)", self.count, self.tree)
    }
}

/// Problems counted by kind.
#[derive(Debug, Clone, Default)]
pub struct Problems(Vec<TraceProblem>);

impl Problems {
    /// Counts a problem.
    pub fn add(&mut self, kind: ProblemKind, count: u64, tree: u64) {
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|problem| problem.kind == kind) {
            Some(problem) => {
                problem.count += count;
                problem.tree = problem.tree.min(tree);
            }
            None => self.0.push(TraceProblem { kind, count, tree }),
        }
    }

    /// Adds those of another part.
    pub fn add_all(&mut self, other: &Problems) {
        for problem in &other.0 {
            self.add(problem.kind, problem.count, problem.tree);
        }
    }

    /// The problems, sorted.
    pub fn into_sorted(mut self) -> Vec<TraceProblem> {
        self.0.sort();
        self.0
    }
}
