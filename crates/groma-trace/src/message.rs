//! The message log: what one process wrote down about one message.
//!
//! A message that both ends log appears twice with the same `message` id and is counted once.
//! A *transaction* is a request, its reply, and all that was called on its behalf. A span is a
//! transaction whose request was received at its start and whose reply was sent at its end.

use std::sync::Arc;

use groma_model::Timestamp;
use rustc_hash::FxHashMap;

/// One record of the message log, as decoders give it.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageRecord {
    /// When, by the clock of `process`. `None`: the source does not say.
    pub time: Option<Timestamp>,
    /// Who wrote the record: the name of an instance, process, container, VM or host, or an address.
    pub process: Arc<str>,
    /// Whether `process` sent or received it.
    pub direction: Direction,
    /// The other end, as a name or as `ip:port`. Equal to `process` for work inside one process.
    pub peer: Arc<str>,
    /// Id of the message, the same at both ends; never 0.
    pub message: u64,
    /// The message that this one answers or was caused by; 0: none.
    pub parent_message: u64,
    /// Whether it answers a request (then it travels from callee to caller).
    pub reply: bool,
    /// Id of the transaction tree; never 0.
    pub tree: u64,
    /// Id of the transaction; never 0. May equal `tree` for the root.
    pub transaction: u64,
    /// The transaction on whose behalf it runs; 0: it is a root.
    pub parent_transaction: u64,
    /// The client session; 0: not known.
    pub session: u64,
    /// The called service or operation.
    pub service: Option<Arc<str>>,
    /// Size on the wire. `None`: not measured.
    pub bytes: Option<u64>,
    /// Status code as the source gives it (200, 0, ...). `None`: not known.
    pub status: Option<i32>,
}

/// Which end wrote the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The sender.
    Send,
    /// The receiver.
    Receive,
}

/// Records in columns, names in a dictionary: the form that is written, read and crunched.
/// All columns have the same length.
#[derive(Debug, Clone, Default)]
pub struct MessageBatch {
    /// What the numbers in `process`, `peer` and `service` mean.
    pub names: Vec<Arc<str>>,
    /// Nanoseconds since 1970, or [`MessageBatch::TIME_UNKNOWN`].
    pub time: Vec<i64>,
    /// Index into `names`.
    pub process: Vec<u32>,
    /// Index into `names`.
    pub peer: Vec<u32>,
    /// Index into `names`, or [`MessageBatch::NAME_NONE`].
    pub service: Vec<u32>,
    /// See [`MessageRecord::message`].
    pub message: Vec<u64>,
    /// 0: none.
    pub parent_message: Vec<u64>,
    /// See [`MessageRecord::tree`].
    pub tree: Vec<u64>,
    /// See [`MessageRecord::transaction`].
    pub transaction: Vec<u64>,
    /// 0: root.
    pub parent_transaction: Vec<u64>,
    /// 0: not known.
    pub session: Vec<u64>,
    /// Bytes, or [`MessageBatch::BYTES_UNKNOWN`].
    pub bytes: Vec<u32>,
    /// Status, or [`MessageBatch::STATUS_UNKNOWN`].
    pub status: Vec<i32>,
    /// [`MessageBatch::FLAG_SENT`] and [`MessageBatch::FLAG_REPLY`].
    pub flags: Vec<u8>,
    /// Finds a name again; follows `names` by itself.
    pub index: NameIndex,
}

/// Where a name stands in [`MessageBatch::names`].
#[derive(Debug, Clone, Default)]
pub struct NameIndex {
    places: FxHashMap<Arc<str>, u32>,
    /// How many of the batch's names are in `places`.
    known: usize,
}

impl MessageBatch {
    /// No time was given.
    pub const TIME_UNKNOWN: i64 = i64::MIN;
    /// No name was given.
    pub const NAME_NONE: u32 = u32::MAX;
    /// No size was given. A real size of this or more is kept as one less.
    pub const BYTES_UNKNOWN: u32 = u32::MAX;
    /// No status was given.
    pub const STATUS_UNKNOWN: i32 = i32::MIN;
    /// `process` sent the message; it received it otherwise.
    pub const FLAG_SENT: u8 = 1;
    /// The message answers a request.
    pub const FLAG_REPLY: u8 = 2;

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }
    /// Appends a record. A size too large for the column becomes the largest that fits.
    pub fn push(&mut self, record: &MessageRecord) {
        let process = self.name(&record.process);
        let peer = self.name(&record.peer);
        let service = record.service.as_ref().map_or(Self::NAME_NONE, |name| self.name(name));
        self.time.push(record.time.map_or(Self::TIME_UNKNOWN, |time| time.0));
        self.process.push(process);
        self.peer.push(peer);
        self.service.push(service);
        self.message.push(record.message);
        self.parent_message.push(record.parent_message);
        self.tree.push(record.tree);
        self.transaction.push(record.transaction);
        self.parent_transaction.push(record.parent_transaction);
        self.session.push(record.session);
        self.bytes.push(record.bytes.map_or(Self::BYTES_UNKNOWN, Self::bytes_kept));
        self.status.push(record.status.unwrap_or(Self::STATUS_UNKNOWN));
        let sent = if record.direction == Direction::Send { Self::FLAG_SENT } else { 0 };
        let reply = if record.reply { Self::FLAG_REPLY } else { 0 };
        self.flags.push(sent | reply);
    }

    /// The index of `name` in `names`, which grows if it is new.
    pub fn name(&mut self, name: &Arc<str>) -> u32 {
        let NameIndex { places, known } = &mut self.index;
        if self.names.len() < *known {
            places.clear();
            *known = 0;
        }
        for (place, name) in self.names.iter().enumerate().skip(*known) {
            places.entry(name.clone()).or_insert(place as u32);
        }
        let place = *places.entry(name.clone()).or_insert_with(|| {
            self.names.push(name.clone());
            self.names.len() as u32 - 1
        });
        *known = self.names.len();
        place
    }

    /// A size as the column keeps it.
    pub fn bytes_kept(bytes: u64) -> u32 {
        bytes.min(u64::from(Self::BYTES_UNKNOWN) - 1) as u32
    }

    /// Forgets the records, keeps the names.
    pub fn clear_records(&mut self) {
        self.time.clear();
        self.process.clear();
        self.peer.clear();
        self.service.clear();
        self.message.clear();
        self.parent_message.clear();
        self.tree.clear();
        self.transaction.clear();
        self.parent_transaction.clear();
        self.session.clear();
        self.bytes.clear();
        self.status.clear();
        self.flags.clear();
    }
}
