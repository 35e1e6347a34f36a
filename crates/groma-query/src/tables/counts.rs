//! Totals of the message log, each exact.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "trace",
    name: "counts",
    doc: "Totals of the message log, a row each.",
    columns: &[
        column("name", Type::Text, "What is counted."),
        column("count", Type::Integer, "How many."),
        column("doc", Type::Text, "What that means."),
    ],
    rows: |view, sheet| {
        let events = view.events();
        let c = &events.reconstruction.counts;
        let rows: [(&str, u64, &str); 24] = [
            ("records", c.records, "Records read."),
            (
                "records_left_out",
                c.records_left_out,
                "Records that hang nowhere; model.problems says why.",
            ),
            ("duplicates", c.duplicates, "Records that an end wrote again about the same message."),
            ("unknown_time", c.unknown_time, "Records without a time."),
            ("messages", c.messages, "Distinct messages."),
            ("both_ends", c.both_ends, "Messages that sender and receiver both logged."),
            (
                "local_messages",
                c.local_messages,
                "Messages inside one process; they are not traffic.",
            ),
            ("requests", c.requests, "Requests between processes."),
            ("replies", c.replies, "Replies between processes."),
            ("unknown_size", c.unknown_size, "Messages between processes whose size is not known."),
            ("bytes", c.bytes, "Bytes of messages between processes whose size is known."),
            ("calls", c.calls, "Requests with their replies, or one of them alone."),
            ("calls_whole", c.calls_whole, "Calls whose request and reply were both seen."),
            ("transactions", c.transactions, "Transactions seen."),
            (
                "transactions_timed",
                c.transactions_timed,
                "Transactions with a known first and last time.",
            ),
            ("children", c.children, "Transactions that have a parent in their tree."),
            ("early_children", c.early_children, "Children that start before their parent."),
            ("late_children", c.late_children, "Children that end after their parent."),
            ("missing_parents", c.missing_parents, "Parents that were named and never seen."),
            ("orphans", c.orphans, "Transactions whose parent was never seen."),
            ("cycles", c.cycles, "Cycles of parents, cut at the smallest id."),
            ("trees", c.trees, "Transaction trees."),
            (
                "trees_without_session",
                c.trees_without_session,
                "Trees that belong to no known session.",
            ),
            ("sessions", c.sessions, "Client sessions."),
        ];
        rows.into_iter().try_for_each(|(name, count, doc)| {
            sheet.push([Cell::Text(name), Cell::Integer(count as i64), Cell::Text(doc)])
        })
    },
};
