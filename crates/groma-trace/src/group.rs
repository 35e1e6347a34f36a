//! Puts the records of a batch together by tree.

/// Rows of one batch, tree by tree; keeps its buffers from batch to batch.
#[derive(Debug, Default)]
pub struct Grouping {
    trees: Vec<u64>,
    /// Rows of tree `i` are `rows[starts[i]..starts[i + 1]]`.
    starts: Vec<u32>,
    rows: Vec<u32>,
    /// Tree of each row, as an index into `trees`.
    tree_of_row: Vec<u32>,
    /// Open addressing: an index into `trees` plus one; 0: free.
    slots: Vec<u32>,
}

const SLOTS_MIN: usize = 1 << 12;

impl Grouping {
    /// Groups rows by `trees`, in the order in which the trees first appear; rows of a tree keep
    /// their order. Holds at most `u32::MAX` rows. Cost: about 5 ns per row.
    pub fn group(&mut self, trees: &[u64]) {
        self.number(trees);
        let mut start = 0;
        for count in &mut self.starts {
            start += std::mem::replace(count, start);
        }
        self.starts.push(start);
        self.rows.clear();
        self.rows.resize(trees.len(), 0);
        for (row, tree) in self.tree_of_row.iter().enumerate() {
            let next = &mut self.starts[*tree as usize];
            self.rows[*next as usize] = row as u32;
            *next += 1;
        }
        // Each start now stands where the next tree starts: shift them back.
        self.starts.rotate_right(1);
        self.starts[0] = 0;
        let last = self.starts.len() - 1;
        self.starts[last] = start;
    }

    /// Each tree with its number of rows, in the order in which they first appear. Cost: about half
    /// of [`Grouping::group`].
    pub fn count(&mut self, trees: &[u64]) -> impl Iterator<Item = (u64, u32)> {
        self.number(trees);
        self.trees.iter().copied().zip(self.starts.iter().copied())
    }

    /// Gives each tree a number and counts its rows; the counts are then in `starts`.
    fn number(&mut self, trees: &[u64]) {
        self.trees.clear();
        self.starts.clear();
        self.tree_of_row.clear();
        self.slots.clear();
        self.slots.resize(SLOTS_MIN, 0);
        let (mut last, mut last_index) = (0, u32::MAX);
        for tree in trees {
            if *tree != last || last_index == u32::MAX {
                last = *tree;
                last_index = self.index_of(*tree);
            }
            self.starts[last_index as usize] += 1;
            self.tree_of_row.push(last_index);
        }
    }

    fn index_of(&mut self, tree: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut slot = spread(tree) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => break,
                index if self.trees[index as usize - 1] == tree => return index - 1,
                _ => slot = (slot + 1) & mask,
            }
        }
        self.trees.push(tree);
        self.starts.push(0);
        self.slots[slot] = self.trees.len() as u32;
        if self.slots.len() < self.trees.len() * 2 {
            self.grow();
        }
        self.trees.len() as u32 - 1
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 4 - 1;
        self.slots.clear();
        self.slots.resize(mask + 1, 0);
        for (index, tree) in self.trees.iter().enumerate() {
            let mut slot = spread(*tree) as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = index as u32 + 1;
        }
    }

    /// How many trees there are.
    pub fn len(&self) -> usize {
        self.trees.len()
    }

    /// Whether there is no tree.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// Each tree with its rows.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u32])> {
        self.trees.iter().enumerate().map(|(index, tree)| {
            let (start, end) = (self.starts[index], self.starts[index + 1]);
            (*tree, &self.rows[start as usize..end as usize])
        })
    }
}

/// Spreads an id over 64 bits, so that neighbours part; the same on every machine.
pub fn spread(id: u64) -> u64 {
    let mixed = (id ^ (id >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}
