//! Client sessions, reconstructed from the message log.

use super::trees::{id, seconds, time};
use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "trace",
    name: "sessions",
    doc: "Client sessions: the trees that one client asked for, one after the other.",
    columns: &[
        column("session", Type::Text, "Its id."),
        column("trees", Type::Integer, "Trees that belong to it."),
        column("start_time", Type::Time, "Start of its first tree; NULL: not known."),
        column("end_time", Type::Time, "End of its last tree; NULL: not known."),
        column("duration_seconds", Type::Float, "From first start to last end; NULL: not known."),
    ],
    rows: |view, sheet| {
        let events = view.events();
        let sessions = &events.reconstruction.sessions;
        (0..sessions.len()).try_for_each(|index| {
            sheet.push([
                id(sessions.id[index]),
                Cell::Integer(sessions.trees[index].into()),
                time(sessions.start[index]),
                time(sessions.end[index]),
                seconds(sessions.duration(index)),
            ])
        })
    },
};
