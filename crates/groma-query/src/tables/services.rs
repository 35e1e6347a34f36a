//! What was asked for, how often and how much.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "trace",
    name: "services",
    doc: "What was asked for, how often and how much; each message counted once.",
    columns: &[
        column("service", Type::Text, "What was asked for; NULL: not known."),
        column("requests", Type::Integer, "Messages that ask for it."),
        column("replies", Type::Integer, "Messages that answer those."),
        column("bytes", Type::Integer, "Bytes of the messages whose size is known."),
        column("unknown_size", Type::Integer, "Messages whose size is not known."),
    ],
    rows: |view, sheet| {
        let reconstruction = &view.events().reconstruction;
        reconstruction.services.iter().try_for_each(|cell| {
            let name = reconstruction.names.get(cell.service as usize);
            sheet.push([
                name.map_or(Cell::Null, |name| Cell::Text(name)),
                Cell::Integer(cell.requests as i64),
                Cell::Integer(cell.replies as i64),
                Cell::Integer(cell.bytes as i64),
                Cell::Integer(cell.unknown_size as i64),
            ])
        })
    },
};
