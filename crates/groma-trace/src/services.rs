//! What was asked for, how often and how much.

use crate::MessageBatch;
use crate::calls::Call;

/// Traffic of all calls that asked for one service. All numbers are exact sums over distinct
/// messages between processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceCell {
    /// Name of what was asked for; [`MessageBatch::NAME_NONE`] if that is not known.
    pub service: u32,
    /// Requests.
    pub requests: u64,
    /// Replies.
    pub replies: u64,
    /// Bytes of the requests and replies whose size is known.
    pub bytes: u64,
    /// Requests and replies without a known size.
    pub unknown_size: u64,
}

/// Sums calls up by service.
#[derive(Debug, Clone, Default)]
pub struct ServiceTable {
    /// By number of the name; cells without requests and replies are left out in the end.
    named: Vec<ServiceCell>,
    unnamed: Option<ServiceCell>,
}

impl ServiceTable {
    /// Adds a call that asked for `service`.
    pub(crate) fn add(&mut self, service: u32, call: &Call) {
        let tally = call.tally();
        let cell = self.cell(service);
        cell.requests += tally.requests;
        cell.replies += tally.replies;
        cell.bytes += tally.request_bytes + tally.reply_bytes;
        cell.unknown_size += tally.unknown_size;
    }

    /// Adds what another part of the log showed.
    pub fn add_all(&mut self, other: &ServiceTable) {
        for from in other.cells() {
            let to = self.cell(from.service);
            to.requests += from.requests;
            to.replies += from.replies;
            to.bytes += from.bytes;
            to.unknown_size += from.unknown_size;
        }
    }

    /// One row per service, with names renumbered by `name`; sorted.
    pub fn into_cells(self, name: impl Fn(u32) -> u32) -> Vec<ServiceCell> {
        let renumbered = |cell: &ServiceCell| ServiceCell { service: name(cell.service), ..*cell };
        let mut cells: Vec<ServiceCell> = self.cells().map(renumbered).collect();
        cells.sort_unstable();
        cells
    }

    fn cells(&self) -> impl Iterator<Item = &ServiceCell> {
        let used = |cell: &&ServiceCell| cell.requests + cell.replies > 0;
        self.named.iter().chain(&self.unnamed).filter(used)
    }

    fn cell(&mut self, service: u32) -> &mut ServiceCell {
        if service == MessageBatch::NAME_NONE {
            return self.unnamed.get_or_insert(empty(service));
        }
        // Names are numbered one by one, so that the table is never longer than they are many.
        while self.named.len() <= service as usize {
            self.named.push(empty(self.named.len() as u32));
        }
        &mut self.named[service as usize]
    }
}

fn empty(service: u32) -> ServiceCell {
    ServiceCell { service, requests: 0, replies: 0, bytes: 0, unknown_size: 0 }
}
