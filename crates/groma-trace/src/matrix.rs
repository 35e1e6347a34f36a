//! The traffic matrix: who asked whom, how often and how much.

use crate::calls::{Call, Calls};
use crate::group::spread;

/// Traffic of one caller and callee in one epoch. All numbers are exact sums over
/// distinct messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MatrixCell {
    /// Name of who asked.
    pub caller: u32,
    /// Name of who was asked.
    pub callee: u32,
    /// How many changes of the topology were before it.
    pub epoch: u32,
    /// Requests, from caller to callee.
    pub requests: u64,
    /// Replies, from callee to caller.
    pub replies: u64,
    /// Bytes of the requests whose size is known.
    pub request_bytes: u64,
    /// Bytes of the replies whose size is known.
    pub reply_bytes: u64,
    /// Requests and replies without a known size.
    pub unknown_size: u64,
}

impl MatrixCell {
    fn of(call: &Call, epoch: u32) -> MatrixCell {
        let mut cell =
            MatrixCell { caller: call.caller, callee: call.callee, epoch, ..MatrixCell::default() };
        cell.add(call);
        cell
    }

    fn add(&mut self, call: &Call) {
        let tally = call.tally();
        self.requests += tally.requests;
        self.replies += tally.replies;
        self.request_bytes += tally.request_bytes;
        self.reply_bytes += tally.reply_bytes;
        self.unknown_size += tally.unknown_size;
    }

    fn is_free(&self) -> bool {
        self.requests == 0 && self.replies == 0
    }

    fn is_of(&self, call: &Call, epoch: u32) -> bool {
        self.caller == call.caller && self.callee == call.callee && self.epoch == epoch
    }
}

/// Cells that are being summed up: open addressing with the cells in place, because a log has
/// millions of them and each step to another place in memory costs more than the sum.
#[derive(Debug, Default)]
pub struct MatrixTable {
    /// A power of two of places, or none; a cell without requests and replies is free.
    places: Vec<Place>,
    used: usize,
}

/// A cell in a cache line of its own: one step to memory fetches all of it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Place(MatrixCell);

const PLACES_MIN: usize = 64;

impl MatrixTable {
    /// Adds a call; `hash` is its [`cell_hash`].
    pub fn add(&mut self, call: &Call, epoch: u32, hash: u64) {
        if self.places.len() * 3 <= self.used * 4 {
            self.grow();
        }
        let mask = self.places.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let cell = &mut self.places[place].0;
            if cell.is_free() {
                *cell = MatrixCell::of(call, epoch);
                self.used += 1;
                return;
            }
            if cell.is_of(call, epoch) {
                cell.add(call);
                return;
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let len = (self.places.len() * 2).max(PLACES_MIN);
        let old = std::mem::replace(&mut self.places, vec![Place::default(); len]);
        for Place(cell) in old.into_iter().filter(|place| !place.0.is_free()) {
            let mut place = hash_of_cell(&cell) as usize & (len - 1);
            while !self.places[place].0.is_free() {
                place = (place + 1) & (len - 1);
            }
            self.places[place] = Place(cell);
        }
    }

    /// Adds all calls.
    pub fn add_all(&mut self, calls: &Calls) {
        for (index, call) in calls.calls.iter().enumerate() {
            let epoch = u32::from(calls.epoch(index));
            self.add(call, epoch, cell_hash(call, epoch));
        }
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The cells, in no particular order.
    pub fn into_cells(self) -> Vec<MatrixCell> {
        let mut cells = Vec::with_capacity(self.used);
        let used = self.places.iter().map(|place| place.0).filter(|cell| !cell.is_free());
        cells.extend(used);
        cells
    }
}

/// Hash of the cell that a call belongs to.
pub fn cell_hash(call: &Call, epoch: u32) -> u64 {
    hash(call.caller, call.callee, epoch)
}

fn hash_of_cell(cell: &MatrixCell) -> u64 {
    hash(cell.caller, cell.callee, cell.epoch)
}

fn hash(caller: u32, callee: u32, epoch: u32) -> u64 {
    let parties = u64::from(caller) << 32 | u64::from(callee);
    spread(parties ^ u64::from(epoch).wrapping_mul(0xD6E8_FEB8_6659_FD93))
}
