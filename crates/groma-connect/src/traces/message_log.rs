//! Groma's message log as text: what the fields mean, whatever the file looks like.
//!
//! `docs/message-log.md` is the manual of the record. Fields may be left out or empty except
//! `process`, `direction`, `message` and `transaction`. A field that cannot be read is a problem; the
//! record goes on without it unless it is one of these four.
//!
//! Three things are derived when they are left out, from what was heard lately in the same input
//! ([`LOOK_BACK`] messages or transactions):
//! - `tree`: the first part of a hierarchical transaction id; else the transaction itself for a root,
//!   the parent's tree, or (if the parent is not known) the parent;
//! - `parent_transaction`: the hierarchical id without its last part;
//! - `reply`: true for a message that goes back the way its parent message came, as the same process
//!   tells it. A parent that was logged after it, or too long before, does not count.

use std::borrow::Cow;
use std::sync::Arc;

use groma_model::Timestamp;
use groma_trace::{Direction, MessageRecord, hierarchical_id, id_of_text};

use super::out::{NAME_LENGTH_MAX, Out};
use super::recent::Recent;
use super::{UNKNOWN, ids};

/// How many messages, and how many transactions, are remembered at least.
pub(super) const LOOK_BACK: usize = 1 << 18;

/// A field of the record: its name, and what others call it.
struct FieldName {
    name: &'static str,
    aliases: &'static [&'static str],
}

const fn named(name: &'static str, aliases: &'static [&'static str]) -> FieldName {
    FieldName { name, aliases }
}

/// In the order of [`Field`].
static NAMES: [FieldName; FIELD_COUNT] = [
    named("time", &["ts", "timestamp", "ts_ns", "time_ns"]),
    named("process", &["esb_process"]),
    named("direction", &["dir"]),
    named("peer", &["peer_ip:port", "peer_address"]),
    named("message", &["msg_id", "message_id"]),
    named("parent_message", &["parent_msg_id", "parent_message_id"]),
    named("reply", &["is_reply"]),
    named("tree", &["trace", "trace_id", "root_tx_id", "tree_id"]),
    named("transaction", &["tx_id", "transaction_id", "span_id"]),
    named("parent_transaction", &["parent_tx_id", "parent_transaction_id", "parent_span_id"]),
    named("session", &["session_id"]),
    named("service", &["operation"]),
    named("bytes", &["size", "size_bytes"]),
    named("status", &["status_code"]),
];

const FIELD_COUNT: usize = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Time,
    Process,
    Direction,
    Peer,
    Message,
    ParentMessage,
    Reply,
    Tree,
    Transaction,
    ParentTransaction,
    Session,
    Service,
    Bytes,
    Status,
}

/// The number of the field that is called so, below [`FIELD_COUNT`].
pub(super) fn field_of(name: &str) -> Option<usize> {
    NAMES.iter().position(|field| field.name == name || field.aliases.contains(&name))
}

/// Whether these are fields of a message log: those that must be there are.
pub(super) fn is_message_log<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let mut found = [false; FIELD_COUNT];
    names.filter_map(field_of).for_each(|field| found[field] = true);
    [Field::Process, Field::Direction, Field::Message, Field::Transaction]
        .iter()
        .all(|field| found[*field as usize])
}

/// A field as the file gives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Cell<'a> {
    /// Left out, empty or null.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    /// Any whole number of 64 bits, signed or not.
    Integer(i128),
    Boolean(bool),
    /// What no field is.
    Other(&'static str),
}

/// A record as the file gives it.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    cells: [Cell<'a>; FIELD_COUNT],
}

impl<'a> Row<'a> {
    pub(super) fn set(&mut self, field: usize, cell: Cell<'a>) {
        self.cells[field] = cell;
    }

    fn get(&self, field: Field) -> &Cell<'a> {
        &self.cells[field as usize]
    }
}

/// Makes records of rows, with a memory for what is derived.
pub(super) struct Reader {
    /// By message and process: which way it went, and to whom.
    messages: Recent<u64, Option<(Direction, u64)>>,
    /// Tree by transaction.
    trees: Recent<u64, u64>,
    unknown: Arc<str>,
}

impl Reader {
    pub(super) fn new() -> Reader {
        Reader {
            messages: Recent::new(LOOK_BACK),
            trees: Recent::new(LOOK_BACK),
            unknown: UNKNOWN.into(),
        }
    }

    /// The record of a row. `problems` gets what is wrong with fields that can be missed.
    pub(super) fn read(
        &mut self,
        row: &Row<'_>,
        out: &mut Out<'_>,
        problems: &mut Vec<String>,
    ) -> Result<MessageRecord, String> {
        let direction = read_direction(row.get(Field::Direction))?;
        let process = required(row, Field::Process, |cell| read_name(cell, out))?;
        let message = required(row, Field::Message, read_id)?;
        let (transaction, tree, parent_transaction) = self.read_transaction(row, problems)?;
        let mut optional = Optional { row, problems };
        let peer = optional.read(Field::Peer, |cell| read_name(cell, out));
        let peer = peer.unwrap_or_else(|| Arc::clone(&self.unknown));
        let parent_message = optional.read(Field::ParentMessage, read_id).unwrap_or(0);
        let said = optional.read(Field::Reply, read_boolean);
        let derived = self.is_reply(&process, direction, &peer, message, parent_message);
        Ok(MessageRecord {
            time: optional.read(Field::Time, read_time),
            direction,
            message,
            parent_message,
            reply: said.unwrap_or(derived),
            tree,
            transaction,
            parent_transaction,
            session: optional.read(Field::Session, read_id).unwrap_or(0),
            service: optional.read(Field::Service, |cell| read_name(cell, out)),
            bytes: optional.read(Field::Bytes, read_bytes),
            status: optional.read(Field::Status, read_status),
            process,
            peer,
        })
    }

    /// Transaction, tree and parent transaction.
    fn read_transaction(
        &mut self,
        row: &Row<'_>,
        problems: &mut Vec<String>,
    ) -> Result<(u64, u64, u64), String> {
        let transaction = required(row, Field::Transaction, read_id)?;
        let hierarchical = match row.get(Field::Transaction) {
            Cell::Text(text) if text.contains('-') => {
                hierarchical_id(text).filter(|_| is_hierarchical(text))
            }
            _ => None,
        };
        let mut optional = Optional { row, problems };
        let parent = optional
            .read(Field::ParentTransaction, read_id)
            .or(hierarchical.map(|(_, _, parent)| parent))
            .unwrap_or(0);
        let said = optional.read(Field::Tree, read_id);
        let tree = said.or(hierarchical.map(|(tree, _, _)| tree)).unwrap_or_else(|| match parent {
            0 => transaction,
            parent => self.trees.get(&parent).copied().unwrap_or(parent),
        });
        if said.is_none() {
            *self.trees.entry(transaction) = tree;
        }
        Ok((transaction, tree, parent))
    }

    /// Whether the message goes back the way its parent message came.
    fn is_reply(
        &mut self,
        process: &str,
        direction: Direction,
        peer: &str,
        message: u64,
        parent_message: u64,
    ) -> bool {
        let (process, peer) = (ids::of_name(process), ids::of_name(peer));
        *self.messages.entry(ids::of_parts(&[message, process])) = Some((direction, peer));
        let parent = self.messages.get(&ids::of_parts(&[parent_message, process]));
        parent_message != 0
            && parent.copied().flatten().is_some_and(|(parent_direction, parent_peer)| {
                parent_direction != direction && parent_peer == peer
            })
    }
}

/// Numbers joined by hyphens, as in 26-3-11; a UUID is not.
fn is_hierarchical(text: &str) -> bool {
    text.split('-').all(|part| part.len() <= 20 && part.bytes().all(|byte| byte.is_ascii_digit()))
        && !is_uuid(text)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

/// Reads fields that can be missed.
struct Optional<'a, 'row> {
    row: &'a Row<'row>,
    problems: &'a mut Vec<String>,
}

impl Optional<'_, '_> {
    fn read<T>(
        &mut self,
        field: Field,
        read: impl FnOnce(&Cell<'_>) -> Result<Option<T>, String>,
    ) -> Option<T> {
        match read(self.row.get(field)) {
            Ok(value) => value,
            Err(reason) => {
                self.problems.push(format!("{} {reason}", NAMES[field as usize].name));
                None
            }
        }
    }
}

fn required<T>(
    row: &Row<'_>,
    field: Field,
    read: impl FnOnce(&Cell<'_>) -> Result<Option<T>, String>,
) -> Result<T, String> {
    let name = NAMES[field as usize].name;
    match read(row.get(field)) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(format!("{name} is missing")),
        Err(reason) => Err(format!("{name} {reason}")),
    }
}

fn read_direction(cell: &Cell<'_>) -> Result<Direction, String> {
    match cell {
        Cell::Text(text) if matches!(&**text, "send" | "sent") => Ok(Direction::Send),
        Cell::Text(text) if matches!(&**text, "receive" | "recv" | "received") => {
            Ok(Direction::Receive)
        }
        Cell::Absent => Err("direction is missing".into()),
        _ => Err("direction is neither send nor receive".into()),
    }
}

fn read_name(cell: &Cell<'_>, out: &mut Out<'_>) -> Result<Option<Arc<str>>, String> {
    match cell {
        Cell::Absent => Ok(None),
        Cell::Text(text) if text.len() > NAME_LENGTH_MAX => {
            Err(format!("has {} bytes, more than {NAME_LENGTH_MAX}", text.len()))
        }
        Cell::Text(text) => {
            Ok(Some(text.trim()).filter(|it| !it.is_empty()).map(|it| out.name(it)))
        }
        _ => Err("is not a text".into()),
    }
}

fn read_id(cell: &Cell<'_>) -> Result<Option<u64>, String> {
    match cell {
        Cell::Absent => Ok(None),
        Cell::Text(text) => Ok(Some(id_of_text(text)).filter(|id| *id != 0)),
        // Parquet and Java have no unsigned numbers: one below zero keeps its 64 bits.
        Cell::Integer(number) => {
            let id = u64::try_from(*number).or_else(|_| i64::try_from(*number).map(|it| it as u64));
            id.map(|id| Some(id).filter(|id| *id != 0)).map_err(|_| "does not fit 64 bits".into())
        }
        _ => Err("is neither a number nor a text".into()),
    }
}

fn read_time(cell: &Cell<'_>) -> Result<Option<Timestamp>, String> {
    let nanos = |nanos: Option<i64>| {
        nanos.map(|nanos| Some(Timestamp(nanos))).ok_or_else(|| "does not fit 64 bits".into())
    };
    match cell {
        Cell::Absent => Ok(None),
        Cell::Integer(number) => nanos(i64::try_from(*number).ok()),
        Cell::Text(text) if is_integer(text) => nanos(text.parse().ok()),
        Cell::Text(text) => Timestamp::parse(text).map(Some).map_err(|_| {
            "is neither a time such as 2026-11-20T10:00:00Z nor nanoseconds since 1970".into()
        }),
        _ => Err("is neither a text nor a whole number".into()),
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_boolean(cell: &Cell<'_>) -> Result<Option<bool>, String> {
    match cell {
        Cell::Absent => Ok(None),
        Cell::Boolean(truth) => Ok(Some(*truth)),
        Cell::Text(text) if matches!(&**text, "true" | "t" | "1") => Ok(Some(true)),
        Cell::Text(text) if matches!(&**text, "false" | "f" | "0") => Ok(Some(false)),
        Cell::Integer(number @ (0 | 1)) => Ok(Some(*number == 1)),
        _ => Err("is neither true nor false".into()),
    }
}

fn read_bytes(cell: &Cell<'_>) -> Result<Option<u64>, String> {
    match cell {
        Cell::Absent => Ok(None),
        Cell::Integer(number) => {
            u64::try_from(*number).map(Some).map_err(|_| "is below zero".into())
        }
        Cell::Text(text) => text.parse().map(Some).map_err(|_| "is not a number of bytes".into()),
        _ => Err("is not a number of bytes".into()),
    }
}

fn read_status(cell: &Cell<'_>) -> Result<Option<i32>, String> {
    let wrong = || "is not a whole number of 32 bits".to_owned();
    match cell {
        Cell::Absent => Ok(None),
        Cell::Integer(number) => i32::try_from(*number).map(Some).map_err(|_| wrong()),
        Cell::Text(text) => text.parse().map(Some).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}
