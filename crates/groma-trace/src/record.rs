//! One record of the log with its names numbered, as the reconstruction holds it.

use crate::MessageBatch;

/// A record; see [`crate::MessageRecord`] for what the fields mean and
/// [`MessageBatch`] for how absence is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Id of the message.
    pub message: u64,
    /// Message that it answers or was caused by; 0: none.
    pub parent_message: u64,
    /// Id of the tree.
    pub tree: u64,
    /// Id of the transaction.
    pub transaction: u64,
    /// Parent transaction; 0: root.
    pub parent_transaction: u64,
    /// Session; 0: not known.
    pub session: u64,
    /// Nanoseconds since 1970, or [`MessageBatch::TIME_UNKNOWN`].
    pub time: i64,
    /// Number of a name.
    pub process: u32,
    /// Number of a name.
    pub peer: u32,
    /// Number of a name, or [`MessageBatch::NAME_NONE`].
    pub service: u32,
    /// Bytes, or [`MessageBatch::BYTES_UNKNOWN`].
    pub bytes: u32,
    /// [`MessageBatch::FLAG_SENT`] and [`MessageBatch::FLAG_REPLY`].
    pub flags: u8,
}

impl Record {
    /// Row `row` of `batch`.
    pub fn of(batch: &MessageBatch, row: usize) -> Record {
        Record {
            message: batch.message[row],
            parent_message: batch.parent_message[row],
            tree: batch.tree[row],
            transaction: batch.transaction[row],
            parent_transaction: batch.parent_transaction[row],
            session: batch.session[row],
            time: batch.time[row],
            process: batch.process[row],
            peer: batch.peer[row],
            service: batch.service[row],
            bytes: batch.bytes[row],
            flags: batch.flags[row],
        }
    }

    pub(crate) fn sent(&self) -> bool {
        self.flags & MessageBatch::FLAG_SENT != 0
    }

    /// Whether the ids without which it hangs nowhere are there.
    pub(crate) fn complete(&self) -> bool {
        self.message != 0 && self.tree != 0 && self.transaction != 0
    }
}
