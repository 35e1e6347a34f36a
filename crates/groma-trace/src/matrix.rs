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
    fn add(&mut self, call: &Call) {
        let tally = call.tally();
        self.requests += tally.requests;
        self.replies += tally.replies;
        self.request_bytes += tally.request_bytes;
        self.reply_bytes += tally.reply_bytes;
        self.unknown_size += tally.unknown_size;
    }

    /// What tells it from all others.
    pub(crate) fn place(&self) -> (u32, u32, u32) {
        (self.caller, self.callee, self.epoch)
    }

    pub(crate) fn add_cell(&mut self, other: &MatrixCell) {
        self.requests += other.requests;
        self.replies += other.replies;
        self.request_bytes += other.request_bytes;
        self.reply_bytes += other.reply_bytes;
        self.unknown_size += other.unknown_size;
    }

    /// Takes away what was added before.
    pub(crate) fn take_away(&mut self, part: &MatrixCell) {
        self.requests -= part.requests;
        self.replies -= part.replies;
        self.request_bytes -= part.request_bytes;
        self.reply_bytes -= part.reply_bytes;
        self.unknown_size -= part.unknown_size;
    }

    pub(crate) fn is_free(&self) -> bool {
        self.requests == 0 && self.replies == 0
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
    /// Adds a call to the cell of a caller, a callee and an epoch; `hash` is its [`cell_hash`].
    pub fn add(&mut self, call: &Call, place: (u32, u32, u32), hash: u64) {
        self.at(place, hash, |cell| cell.add(call));
    }

    /// Something of the cell that a hash leads to first, so that it is at hand when it is added to.
    pub fn glance(&self, hash: u64) -> u32 {
        let first = hash as usize & self.places.len().wrapping_sub(1);
        self.places.get(first).map_or(0, |place| place.0.caller)
    }

    /// Adds the sums of a cell.
    pub fn add_cell(&mut self, cell: &MatrixCell) {
        if !cell.is_free() {
            self.at(cell.place(), cell_hash(cell.place()), |sum| sum.add_cell(cell));
        }
    }

    /// Adds to the cell of a place, of which there is one afterwards.
    fn at(
        &mut self,
        (caller, callee, epoch): (u32, u32, u32),
        hash: u64,
        add: impl Fn(&mut MatrixCell),
    ) {
        if self.places.len() * 3 <= self.used * 4 {
            self.grow();
        }
        let mask = self.places.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let cell = &mut self.places[place].0;
            if cell.is_free() {
                *cell = MatrixCell { caller, callee, epoch, ..MatrixCell::default() };
                add(cell);
                self.used += 1;
                return;
            }
            if cell.place() == (caller, callee, epoch) {
                add(cell);
                return;
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let len = (self.places.len() * 2).max(PLACES_MIN);
        let old = std::mem::replace(&mut self.places, vec![Place::default(); len]);
        for Place(cell) in old.into_iter().filter(|place| !place.0.is_free()) {
            let mut place = cell_hash(cell.place()) as usize & (len - 1);
            while !self.places[place].0.is_free() {
                place = (place + 1) & (len - 1);
            }
            self.places[place] = Place(cell);
        }
    }

    /// Adds all calls.
    pub fn add_all(&mut self, calls: &Calls) {
        for (index, call) in calls.calls.iter().enumerate() {
            let place = (call.caller, call.callee, u32::from(calls.epoch(index)));
            self.add(call, place, cell_hash(place));
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

/// Hash of the cell of a caller, a callee and an epoch.
pub fn cell_hash((caller, callee, epoch): (u32, u32, u32)) -> u64 {
    let parties = u64::from(caller) << 32 | u64::from(callee);
    spread(parties ^ u64::from(epoch).wrapping_mul(0xD6E8_FEB8_6659_FD93))
}
