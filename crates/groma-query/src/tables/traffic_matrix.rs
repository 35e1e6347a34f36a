//! Who asked whom, how often and how much.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "traffic",
    name: "matrix",
    doc: "Who asked whom, how often and how much; each message counted once.",
    columns: &[
        column("caller", Type::Text, "Who asked."),
        column("callee", Type::Text, "Who was asked."),
        column("hop_kind", Type::Text, "What the two are: CLIENT->ESB, ESB->APP, ESB->ESB, ..."),
        column("requests", Type::Integer, "Messages from caller to callee."),
        column("replies", Type::Integer, "Messages from callee to caller."),
        column("request_bytes", Type::Integer, "Bytes of the requests whose size is known."),
        column("reply_bytes", Type::Integer, "Bytes of the replies whose size is known."),
        column("unknown_size", Type::Integer, "Messages whose size is not known."),
        column("epoch", Type::Integer, "How many changes of the topology were before it."),
    ],
    rows: |view, sheet| {
        let traffic = view.traffic();
        traffic.cells().iter().try_for_each(|cell| {
            sheet.push([
                Cell::Text(&traffic.party(cell.caller).name),
                Cell::Text(&traffic.party(cell.callee).name),
                Cell::Text(traffic.hop_kind(cell)),
                Cell::Integer(cell.requests as i64),
                Cell::Integer(cell.replies as i64),
                Cell::Integer(cell.request_bytes as i64),
                Cell::Integer(cell.reply_bytes as i64),
                Cell::Integer(cell.unknown_size as i64),
                Cell::Integer(cell.epoch.into()),
            ])
        })
    },
};
