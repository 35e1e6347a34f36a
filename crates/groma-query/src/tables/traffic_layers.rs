//! How high traffic climbs.

use std::collections::BTreeMap;

use crate::table::{Cell, Table, Type, column};
use crate::tally::Tally;
use crate::traffic::Reach;

pub(super) static TABLE: Table = Table {
    schema: "traffic",
    name: "layers",
    doc: "How high traffic climbs: its share by the highest layer on the way.",
    columns: &[
        column("hop_kind", Type::Text, "What the two ends are."),
        column(
            "reach",
            Type::Text,
            "host, access, distribution, core or exit; NULL: no way is known.",
        ),
        column("messages", Type::Integer, "Requests and replies."),
        column("bytes", Type::Integer, "Their bytes, as far as known."),
        column("share", Type::Float, "Share of the bytes of this kind of hop; NULL: it has none."),
    ],
    rows: |view, sheet| {
        let traffic = view.traffic();
        let mut reach: Vec<Reach<'_>> =
            traffic.epochs.iter().map(|epoch| Reach::new(&epoch.network)).collect();
        let mut sums: BTreeMap<(&str, Option<&str>), Tally> = BTreeMap::new();
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        for flow in &traffic.lanes {
            let hop_kind = traffic.hop_kind(&flow.cell);
            let reach = &mut reach[usize::from(flow.world)];
            sums.entry((hop_kind, flow.path.map(|path| reach.of(path))))
                .or_default()
                .add(&traffic, flow);
            *totals.entry(hop_kind).or_default() += flow.bytes();
        }
        for ((hop_kind, reach), sum) in sums {
            let total = totals[hop_kind];
            sheet.push([
                Cell::Text(hop_kind),
                reach.map_or(Cell::Null, Cell::Text),
                Cell::Integer(sum.messages as i64),
                Cell::Integer(sum.bytes as i64),
                if total == 0 { Cell::Null } else { Cell::Float(sum.bytes as f64 / total as f64) },
            ])?;
        }
        Ok(())
    },
};
