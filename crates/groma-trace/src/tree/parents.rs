//! Which transaction ran on behalf of which.

use super::{NONE, Part, TIME_UNKNOWN, TreeBuilder};
use crate::outcome::ProblemKind;

/// Buffers of the walk to the roots.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Ids of parents that were never seen, sorted, each once.
    pub(super) missing: Vec<u64>,
    /// Transactions on the way to a root, deepest first.
    way: Vec<u32>,
}

const DEPTH_UNKNOWN: u32 = u32::MAX;
/// It is on the way that is being walked: to meet it again is a cycle.
const DEPTH_ON_WAY: u32 = u32::MAX - 1;

impl TreeBuilder {
    /// Finds each transaction's parent and depth; cuts cycles.
    pub(super) fn link_parents(&mut self, tree: u64, part: &mut Part) {
        self.find_parents(part);
        let cycles = self.measure_depth();
        part.counts.cycles += cycles;
        part.problems.add(ProblemKind::ParentCycle, cycles, tree);
        for child in &self.transactions {
            let Some(parent) = self.transactions.get(child.parent as usize) else { continue };
            part.counts.children += 1;
            if child.first != TIME_UNKNOWN && parent.first != TIME_UNKNOWN {
                part.counts.early_children += u64::from(child.first < parent.first);
                part.counts.late_children += u64::from(parent.last < child.last);
            }
        }
    }

    fn find_parents(&mut self, part: &mut Part) {
        self.walk.missing.clear();
        for index in 0..self.transactions.len() {
            let (id, parent_id) = (self.transactions[index].id, self.transactions[index].parent_id);
            let is_root = parent_id == 0 || parent_id == id;
            let found = if is_root {
                None
            } else {
                self.transactions.binary_search_by_key(&parent_id, |one| one.id).ok()
            };
            if found.is_none() && !is_root {
                self.walk.missing.push(parent_id);
            }
            let transaction = &mut self.transactions[index];
            transaction.has_parent_id = !is_root;
            transaction.parent = found.map_or(NONE, |parent| parent as u32);
            transaction.depth = DEPTH_UNKNOWN;
        }
        part.counts.orphans += self.walk.missing.len() as u64;
        self.walk.missing.sort_unstable();
        self.walk.missing.dedup();
        part.counts.missing_parents += self.walk.missing.len() as u64;
    }

    /// Gives each transaction its distance from a root. A child of a missing parent stands one
    /// step below it. Gives the number of cycles that were cut.
    fn measure_depth(&mut self) -> u64 {
        let mut cycles = 0;
        for start in 0..self.transactions.len() as u32 {
            let mut at = start;
            while let Some(transaction) = self.transactions.get_mut(at as usize) {
                match transaction.depth {
                    DEPTH_UNKNOWN => {
                        transaction.depth = DEPTH_ON_WAY;
                        self.walk.way.push(at);
                        at = transaction.parent;
                    }
                    DEPTH_ON_WAY => {
                        cycles += 1;
                        self.cut_cycle(at);
                        break;
                    }
                    _ => break,
                }
            }
            // Whoever is popped has a parent that was measured before, or none.
            while let Some(index) = self.walk.way.pop() {
                let transaction = self.transactions[index as usize];
                let depth = match self.transactions.get(transaction.parent as usize) {
                    Some(parent) => parent.depth + 1,
                    None => u32::from(transaction.has_parent_id),
                };
                self.transactions[index as usize].depth = depth;
            }
        }
        cycles
    }

    /// Makes the transaction with the smallest id of the cycle through `at` a root, and puts it on
    /// top of the way, so that the others are measured from it.
    fn cut_cycle(&mut self, at: u32) {
        let way = &mut self.walk.way;
        let from = way.iter().rposition(|index| *index == at).unwrap_or(0);
        // Transactions are sorted by id: the smallest index has the smallest id.
        let cycle = &mut way[from..];
        let smallest = (0..cycle.len()).min_by_key(|place| cycle[*place]).unwrap_or(0);
        cycle.rotate_left(smallest + 1);
        if let Some(root) = cycle.last().copied() {
            let root = &mut self.transactions[root as usize];
            root.parent = NONE;
            root.has_parent_id = false;
        }
    }
}
