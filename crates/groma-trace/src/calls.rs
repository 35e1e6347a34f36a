//! Calls: a request with its reply, in the order in which one caused the other.

use crate::MessageBatch;

/// A request with its reply; one of the two may be missing. Made in the order of a tree's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Name of who asked.
    pub caller: u32,
    /// Name of who was asked.
    pub callee: u32,
    /// Size of the request, or [`MessageBatch::BYTES_UNKNOWN`].
    pub request_bytes: u32,
    /// Size of the reply, or [`MessageBatch::BYTES_UNKNOWN`].
    pub reply_bytes: u32,
    /// Place in the tree, see the accessors.
    pub(crate) link: u32,
}

const LINK_TREE_START: u32 = 1 << 31;
const LINK_NO_REQUEST: u32 = 1 << 30;
const LINK_NO_REPLY: u32 = 1 << 29;
/// Calls further apart than this are not linked; a tree of that size is no tree.
const CARRIER_DISTANCE_MAX: usize = (1 << 29) - 1;

/// Which messages of a call were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Request and reply.
    Both,
    /// The request only.
    Request,
    /// The reply only.
    Reply,
}

impl Call {
    /// A call of which `seen` was seen, with its sizes; it starts no tree and has no carrier yet.
    pub fn new(caller: u32, callee: u32, sizes: (u32, u32), seen: Seen) -> Call {
        let link = match seen {
            Seen::Both => 0,
            Seen::Request => LINK_NO_REPLY,
            Seen::Reply => LINK_NO_REQUEST,
        };
        Call { caller, callee, request_bytes: sizes.0, reply_bytes: sizes.1, link }
    }

    /// The same call, `distance` calls behind the call on whose behalf it is made (0: none).
    #[must_use]
    pub fn carried_by(mut self, distance: usize) -> Call {
        let distance = if distance <= CARRIER_DISTANCE_MAX { distance as u32 } else { 0 };
        self.link = self.link & !(CARRIER_DISTANCE_MAX as u32) | distance;
        self
    }

    /// The same call as the first of its tree.
    #[must_use]
    pub fn starting_a_tree(mut self) -> Call {
        self.link |= LINK_TREE_START;
        self
    }

    /// Whether it is the first call of its tree.
    pub fn starts_tree(&self) -> bool {
        self.link & LINK_TREE_START != 0
    }

    /// How many places before it the call stands whose callee is this call's caller: whoever took
    /// that call makes this one. `None`: the tree shows no such call.
    pub fn carrier_distance(&self) -> Option<usize> {
        let distance = self.link as usize & CARRIER_DISTANCE_MAX;
        (distance != 0).then_some(distance)
    }

    /// Whether the request was seen.
    pub fn has_request(&self) -> bool {
        self.link & LINK_NO_REQUEST == 0
    }

    /// Whether the reply was seen.
    pub fn has_reply(&self) -> bool {
        self.link & LINK_NO_REPLY == 0
    }

    /// Requests, replies, their bytes, and how many of the two have no known size.
    pub(crate) fn tally(&self) -> CallTally {
        let part = |seen: bool, bytes: u32| match (seen, bytes) {
            (false, _) => (0, 0, 0),
            (true, MessageBatch::BYTES_UNKNOWN) => (1, 0, 1),
            (true, bytes) => (1, u64::from(bytes), 0),
        };
        let (requests, request_bytes, request_unknown) =
            part(self.has_request(), self.request_bytes);
        let (replies, reply_bytes, reply_unknown) = part(self.has_reply(), self.reply_bytes);
        let unknown_size = request_unknown + reply_unknown;
        CallTally { requests, replies, request_bytes, reply_bytes, unknown_size }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallTally {
    pub(crate) requests: u64,
    pub(crate) replies: u64,
    pub(crate) request_bytes: u64,
    pub(crate) reply_bytes: u64,
    pub(crate) unknown_size: u64,
}

/// Whole trees of calls, a tree's calls together and each behind its carrier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// The calls.
    pub calls: Vec<Call>,
    /// Epoch of each call; empty if all are of epoch 0.
    pub epochs: Vec<u16>,
}

impl Calls {
    /// Epoch of call `index`: how many changes of the topology were before it.
    pub fn epoch(&self, index: usize) -> u16 {
        self.epochs.get(index).copied().unwrap_or(0)
    }

    /// Forgets the calls, keeps the room.
    pub fn clear(&mut self) {
        self.calls.clear();
        self.epochs.clear();
    }

    pub(crate) fn push(&mut self, call: Call, epoch: u16) {
        if epoch != 0 || !self.epochs.is_empty() {
            self.epochs.resize(self.calls.len(), 0);
            self.epochs.push(epoch);
        }
        self.calls.push(call);
    }
}
