//! The way from batches to a reconstruction.

use std::sync::Arc;

use crate::outcome::{ProblemKind, Reconstruction, Trees};
use crate::{
    Calls, Grouping, MatrixCell, MatrixTable, MessageBatch, Part, Record, TREE_RECORDS_MAX,
    TreeBuilder, sessions_of,
};

/// Reconstructs a log that is in memory. `epochs` are the times at which the topology changed.
/// Gives the same as `groma_events::reconstruct`, which reads files on several threads.
pub fn reconstruct(batches: &[MessageBatch], epochs: &[i64]) -> Reconstruction {
    let mut all = MessageBatch::default();
    let mut records = Vec::new();
    for batch in batches {
        let names: Vec<u32> = batch.names.iter().map(|name| all.name(name)).collect();
        let number =
            |name: u32| names.get(name as usize).copied().unwrap_or(MessageBatch::NAME_NONE);
        records.extend((0..batch.len()).map(|row| {
            let record = Record::of(batch, row);
            Record {
                process: number(record.process),
                peer: number(record.peer),
                service: number(record.service),
                ..record
            }
        }));
    }
    let mut part = Part::default();
    let mut builder = TreeBuilder::new(epochs);
    part.counts.records = records.len() as u64;
    let incomplete = |record: &&Record| !record.complete();
    let worst = records.iter().filter(incomplete).map(|record| record.tree).min();
    records.retain(Record::complete);
    part.counts.records_left_out = part.counts.records - records.len() as u64;
    let left_out = part.counts.records_left_out;
    part.problems.add(ProblemKind::RecordIncomplete, left_out, worst.unwrap_or(0));
    build_records(records, &mut builder, &mut part);
    let mut table = MatrixTable::default();
    table.add_all(&part.calls);
    let mut whole = Reconstruction {
        counts: part.counts,
        sessions: sessions_of(&part.trees, 0, 1),
        trees: part.trees,
        matrix: table.into_cells(),
        calls: vec![part.calls],
        problems: part.problems.into_sorted(),
        ..Reconstruction::default()
    };
    whole.counts.sessions = whole.sessions.len() as u64;
    let (names, new) = sorted_names(all.names);
    whole.names = names;
    whole.skew = part.skew.into_pairs(|name| renumbered(&new, name));
    whole.services = part.services.into_cells(|name| renumbered(&new, name));
    renumber(&new, &mut whole.matrix, &mut whole.calls, &mut whole.trees);
    whole
}

/// Builds the trees of some records, by id of the tree. The records are complete, as
/// [`build_batch`] gives them to `spill`.
pub fn build_records(mut records: Vec<Record>, builder: &mut TreeBuilder, part: &mut Part) {
    records.sort_by_key(|record| record.tree);
    for tree in records.chunk_by(|a, b| a.tree == b.tree) {
        match tree.len() as u64 <= TREE_RECORDS_MAX {
            true => builder.build(tree, part),
            false => leave_out(tree[0].tree, tree.len(), part),
        }
    }
}

fn leave_out(tree: u64, records: usize, part: &mut Part) {
    part.counts.records_left_out += records as u64;
    part.problems.add(ProblemKind::TreeTooLarge, records as u64, tree);
}

/// Buffers of [`build_batch`].
#[derive(Debug, Default)]
pub struct BatchBuffers {
    grouping: Grouping,
    records: Vec<Record>,
}

/// What becomes of the records of a tree in [`build_batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The batch holds the whole tree: build it.
    Build,
    /// The tree goes on elsewhere: give the records to `spill`.
    Spill,
    /// Leave them out; someone counts them elsewhere.
    Skip,
    /// Leave them out: too many records have this id.
    TooLarge,
}

/// Builds the trees that `batch` holds whole, and hands the complete records of others to `spill`.
/// The names of the batch must be numbered as in the whole log.
pub fn build_batch(
    batch: &MessageBatch,
    buffers: &mut BatchBuffers,
    builder: &mut TreeBuilder,
    fate: impl Fn(u64) -> Fate,
    mut spill: impl FnMut(Record),
    part: &mut Part,
) {
    part.counts.records += batch.len() as u64;
    buffers.grouping.group(&batch.tree);
    for (tree, rows) in buffers.grouping.iter() {
        let fate = if tree == 0 { Fate::Build } else { fate(tree) };
        match fate {
            Fate::Skip => continue,
            Fate::TooLarge => {
                leave_out(tree, rows.len(), part);
                continue;
            }
            Fate::Build | Fate::Spill => {}
        }
        buffers.records.clear();
        for row in rows {
            let record = Record::of(batch, *row as usize);
            if record.complete() {
                buffers.records.push(record);
            }
        }
        let incomplete = (rows.len() - buffers.records.len()) as u64;
        part.counts.records_left_out += incomplete;
        part.problems.add(ProblemKind::RecordIncomplete, incomplete, tree);
        match fate {
            Fate::Build => builder.build(&buffers.records, part),
            _ => buffers.records.iter().for_each(|record| spill(*record)),
        }
    }
}

/// Sorts names; gives them with the new number of each old one.
pub fn sorted_names(names: Vec<Arc<str>>) -> (Vec<Arc<str>>, Vec<u32>) {
    let mut order: Vec<u32> = (0..names.len() as u32).collect();
    order.sort_by(|a, b| names[*a as usize].cmp(&names[*b as usize]));
    let mut new = vec![0; names.len()];
    for (number, old) in (0..).zip(&order) {
        new[*old as usize] = number;
    }
    (order.iter().map(|old| names[*old as usize].clone()).collect(), new)
}

fn renumbered(new: &[u32], name: u32) -> u32 {
    new.get(name as usize).copied().unwrap_or(MessageBatch::NAME_NONE)
}

/// Replaces the number of each name by `new[number]`.
pub fn renumber(new: &[u32], matrix: &mut [MatrixCell], calls: &mut [Calls], trees: &mut Trees) {
    for cell in matrix {
        renumber_cell(new, cell);
    }
    for part in calls {
        renumber_calls(new, part);
    }
    for service in &mut trees.service {
        *service = renumbered(new, *service);
    }
}

/// Replaces the number of each name by `new[number]`.
pub fn renumber_calls(new: &[u32], calls: &mut Calls) {
    for call in &mut calls.calls {
        call.caller = renumbered(new, call.caller);
        call.callee = renumbered(new, call.callee);
    }
}

fn renumber_cell(new: &[u32], cell: &mut MatrixCell) {
    cell.caller = renumbered(new, cell.caller);
    cell.callee = renumbered(new, cell.callee);
}
