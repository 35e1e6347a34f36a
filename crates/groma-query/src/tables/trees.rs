//! Transaction trees, reconstructed from the message log.

use groma_model::Timestamp;
use groma_trace::MessageBatch;

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "trace",
    name: "trees",
    doc: "Transaction trees: all that was called on behalf of one request of a client.",
    columns: &[
        column("tree", Type::Text, "Its id."),
        column("session", Type::Text, "Session it belongs to; NULL: not known."),
        column("root", Type::Text, "Transaction at its root."),
        column("service", Type::Text, "What the root asked for; NULL: not known."),
        column("start_time", Type::Time, "First time in it; NULL: none is known."),
        column("end_time", Type::Time, "Last time in it; NULL: none is known."),
        column("duration_seconds", Type::Float, "From first to last; NULL: not known."),
        column(
            "longest_silence_seconds",
            Type::Float,
            "Longest time between two of its records; dormant above 60.",
        ),
        column("transactions", Type::Integer, "Transactions seen."),
        column("messages", Type::Integer, "Distinct messages."),
        column("depth", Type::Integer, "Longest way from a root to a transaction, in steps."),
        column(
            "missing_parents",
            Type::Integer,
            "Parents that were named and never seen: virtual nodes.",
        ),
    ],
    rows: |view, sheet| {
        let events = view.events();
        let (trees, names) = (&events.reconstruction.trees, &events.reconstruction.names);
        for index in 0..trees.len() {
            let Some(tree) = trees.get(index) else { break };
            sheet.push([
                id(tree.id),
                id(tree.session),
                id(tree.root),
                names.get(tree.service as usize).map_or(Cell::Null, |name| Cell::Text(name)),
                time(tree.start),
                time(tree.end),
                seconds(trees.duration(index)),
                seconds(trees.duration(index).map(|_| tree.longest_silence)),
                Cell::Integer(tree.transactions.into()),
                Cell::Integer(tree.messages.into()),
                Cell::Integer(tree.depth.into()),
                Cell::Integer(tree.missing_parents.into()),
            ])?;
        }
        Ok(())
    },
};

/// An id as tracers print it; 0 is none.
pub(super) fn id(id: u64) -> Cell<'static> {
    if id == 0 { Cell::Null } else { Cell::Owned(groma_trace::print_id(id)) }
}

pub(super) fn time(nanos: i64) -> Cell<'static> {
    if nanos == MessageBatch::TIME_UNKNOWN { Cell::Null } else { Cell::Time(Timestamp(nanos)) }
}

pub(super) fn seconds(nanos: Option<i64>) -> Cell<'static> {
    nanos.map_or(Cell::Null, |nanos| Cell::Float(nanos as f64 / 1e9))
}
