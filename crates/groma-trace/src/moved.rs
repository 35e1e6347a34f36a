//! What a replay took from some cells and gave to others.

use rustc_hash::FxHashMap;

use crate::MatrixCell;

/// The difference between recorded sums and those of a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Sums of calls that do not count there any more, by where they counted. A place occurs once.
    /// `None`: so many moved that all were summed up anew.
    pub gone: Option<Vec<MatrixCell>>,
    /// Sums of the same calls, or of all, by where they count now. A place occurs once.
    pub come: Vec<MatrixCell>,
}

impl Moved {
    /// The recorded sums after the replay, those of new places last; places that nothing is left of are
    /// not there. Cost: a look-up for each recorded cell.
    pub fn applied_to(self, recorded: &[MatrixCell]) -> Vec<MatrixCell> {
        let Some(gone_cells) = self.gone else { return self.come };
        let by_place = |cells: &[MatrixCell]| -> FxHashMap<_, usize> {
            cells.iter().enumerate().map(|(index, cell)| (cell.place(), index)).collect()
        };
        let (gone, come) = (by_place(&gone_cells), by_place(&self.come));
        let mut is_new = vec![true; self.come.len()];
        let mut cells = Vec::with_capacity(recorded.len() + self.come.len());
        for cell in recorded {
            let mut cell = *cell;
            if let Some(index) = come.get(&cell.place()) {
                cell.add_cell(&self.come[*index]);
                is_new[*index] = false;
            }
            if let Some(index) = gone.get(&cell.place()) {
                cell.take_away(&gone_cells[*index]);
            }
            cells.extend(Some(cell).filter(|cell| !cell.is_free()));
        }
        cells.extend(self.come.iter().zip(is_new).filter(|(_, new)| *new).map(|(cell, _)| *cell));
        cells
    }
}
