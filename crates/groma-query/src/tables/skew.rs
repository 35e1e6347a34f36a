//! How far the clocks of processes are apart.

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "trace",
    name: "skew",
    doc: "How far the clocks of processes are apart, from messages that both ends logged.",
    columns: &[
        column("a", Type::Text, "One process."),
        column("b", Type::Text, "The other one."),
        column("messages", Type::Integer, "Messages that both logged with a time."),
        column(
            "offset_seconds",
            Type::Float,
            "How far b's clock is ahead of a's; if messages went one way only, at least.",
        ),
        column("both_ways", Type::Boolean, "Whether messages went both ways."),
    ],
    rows: |view, sheet| {
        let events = view.events();
        let reconstruction = &events.reconstruction;
        let name = |index: u32| {
            reconstruction.names.get(index as usize).map_or(Cell::Null, |name| Cell::Text(name))
        };
        reconstruction.skew.iter().try_for_each(|pair| {
            sheet.push([
                name(pair.a),
                name(pair.b),
                Cell::Integer(pair.messages as i64),
                Cell::Float(pair.offset_nanos as f64 / 1e9),
                Cell::Boolean(pair.both_ways),
            ])
        })
    },
};
